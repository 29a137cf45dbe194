//! Keeps tenants as a file: `plan` says what would become other, `apply` makes it so, `plan --from-server` writes the file.
//!
//! `cli::admin` runs the two commands. A file is read and checked whole (`file`, `wanted`, `vetted`), compared with what the server has
//! (`found`, `release`, `checked`, `rehearsed`) and with what the last apply wrote (`applied`), and the difference is put into steps (`steps`) that `apply`
//! takes one by one. All of it goes through the public API: whoever may do a thing by hand may do it by a file, and nobody else.
//!
//! It must not print a secret, and must not write before everything that can be checked was checked.

mod applied;
mod apply;
mod checked;
mod file;
mod found;
mod order;
mod rehearsed;
mod release;
mod steps;
mod vetted;
mod wanted;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use self::applied::Record;
use self::apply::Hand;
use self::found::Found;
use self::steps::{Difference, Id, Kind, Step, What, difference};
use self::vetted::Above;
use self::wanted::Wanted;
use super::print::{items, text};
use super::session::{Outcome, Session, Trouble};
use super::{Globals, print, when};

/// What would become other.
#[derive(Debug, Args)]
pub struct Plan {
    /// A file of tenants (.yaml).
    #[arg(required_unless_present_any = ["schema", "from_server"])]
    file: Option<PathBuf>,
    /// As `apply --prune` would do it.
    #[arg(long)]
    prune: bool,
    /// Print the JSON Schema of files of tenants, for editors.
    #[arg(long, conflicts_with_all = ["file", "from_server", "prune"])]
    schema: bool,
    /// Print the file that the tenant would have: a plan of it has nothing to do.
    #[arg(long, conflicts_with_all = ["file", "prune"])]
    from_server: bool,
    /// With --from-server: write the components that flows run, and test cases, into this folder.
    #[arg(long, value_name = "DIR", requires = "from_server")]
    with_plugins: Option<PathBuf>,
}

/// What is made so.
#[derive(Debug, Args)]
pub struct Apply {
    /// A file of tenants (.yaml).
    file: PathBuf,
    /// Make releases live although they may do more than what is live.
    #[arg(long)]
    approve: bool,
    /// Take away what the server has in these tenants and the file lacks.
    #[arg(long)]
    prune: bool,
}

/// Prints the JSON Schema of files of tenants.
pub(crate) fn schema(mut out: Box<dyn Write + Send>) -> Outcome {
    let schema = serde_json::to_string_pretty(&file::schema()).map_err(|e| Trouble::Failed(e.to_string()))?;
    print::say(&mut *out, &schema);
    Ok(())
}

/// A file beside what the server has.
struct Compared {
    wanted: Wanted,
    found: Found,
    difference: Difference,
    record: Record,
    server: String,
}

impl Compared {
    async fn of(session: &Session, globals: &Globals, path: &Path, prune: bool) -> Result<Self, Trouble> {
        let tenants = file::read(path).map_err(Trouble::BadFile)?;
        let mut wanted = wanted::wanted(path, &tenants)?;
        let record = Record::read(path)?;
        let mut found = found::read(session, &wanted.tenants, &wanted.parents, &wanted.plugins).await?;
        for (tenant, parent) in &mut wanted.parents {
            if parent.is_none() && !found.tenants.contains_key(tenant) {
                *parent = Some(found::own(session).await?);
            }
        }
        checked::against(&wanted, &found)?;
        found.fill_in(&wanted.things);
        let above = Above::of(&tenants, &wanted, &found);
        for whole in &tenants {
            vetted::routes(whole, &above).map_err(|(place, why)| Trouble::BadFile(format!("{}:{place}: {why}", path.display())))?;
        }
        release::not_wider(&wanted, &found, prune)?;
        let known = checked::components(&wanted, &found, path).await?;
        release::add(&mut wanted, &found, &known, prune)?;
        checked::carried(&wanted, &found, &known)?;
        // A component that is one of the versions is no upload, whichever of them is the newest.
        let new: Vec<Id> = release::new_components(&wanted, &found).cloned().collect();
        for (id, value) in wanted.things.iter().filter(|(id, _)| id.kind == Kind::Plugin && !new.contains(id)) {
            found.things.insert(id.clone(), value.clone());
        }
        let server = globals.server.trim_end_matches('/').to_owned();
        let mut difference = difference(&wanted.tenants, &wanted.things, &found.things, &record.of(&server), prune);
        checked::moved(session, &difference).await?;
        rehearsed::hold(&tenants, &above, &wanted, &difference).await?;
        for step in difference.steps.iter_mut().filter(|step| !step.drifted.is_empty()) {
            step.edited = edited(session, &step.thing).await?;
        }
        Ok(Self { wanted, found, difference, record, server })
    }
}

/// Who edited a thing last, and when, as far as the server keeps it.
async fn edited(session: &Session, id: &Id) -> Result<Option<String>, Trouble> {
    let Some(thing) = id.in_history() else { return Ok(None) };
    let path = format!("/v1/tenants/{}/history", id.tenant);
    let edits = session.get(&path, &[("thing", &thing), ("limit", "1")]).await?;
    let Some(edit) = items(&edits).first() else { return Ok(None) };
    let zone = session.zone_of(id.tenant.as_str()).await?;
    let at = edit.get("at").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
    Ok(Some(format!("last edited {at} by {}", text(edit, "by"))))
}

impl Plan {
    pub(crate) fn is_about_the_form(&self) -> bool {
        self.schema
    }

    /// The one that writes the file.
    pub(crate) fn from_server(with_plugins: Option<PathBuf>) -> Self {
        Self { file: None, prune: false, schema: false, from_server: true, with_plugins }
    }

    pub(crate) async fn run(self, session: &Session, globals: &Globals) -> Outcome {
        let Some(path) = self.file else { return written::run(session, self.with_plugins.as_deref()).await };
        let Compared { difference, .. } = Compared::of(session, globals, &path, self.prune).await?;
        session.show(&json!(difference), |_| told(&difference))?;
        match difference.steps.len() {
            0 => Ok(()),
            steps => Err(Trouble::Steps(steps)),
        }
    }
}

impl Apply {
    pub(crate) async fn run(self, session: &Session, globals: &Globals) -> Outcome {
        let Compared { wanted, found, difference, mut record, server } = Compared::of(session, globals, &self.file, self.prune).await?;
        if !self.approve {
            checked::approved(&wanted, &found, &difference)?;
        }
        let values = checked::values(&wanted, &found, &difference).await?;
        let changed_settings =
            difference.steps.iter().map(|step| &step.thing).filter(|id| id.kind == Kind::FlowSettings).cloned().collect();
        let mut hand = Hand {
            session,
            wanted: &wanted,
            found: &found,
            values,
            approve: self.approve,
            prune: self.prune,
            uploaded: BTreeMap::new(),
            changed_settings,
            carried: BTreeSet::new(),
        };
        let (mut done, mut failure) = (Vec::new(), None);
        for step in &difference.steps {
            session.tell(&line(step));
            match hand.take(step).await {
                Ok(notes) => done.push(json!({ "step": step, "notes": notes })),
                Err(trouble) => {
                    failure = Some((step, trouble));
                    break;
                }
            }
        }
        let left = difference.steps.get(done.len()..).unwrap_or_default();
        record.take(&server, &wanted.things, |id| !left.iter().any(|step| step.thing == *id));
        let written = record.write(&self.file);
        let answer = json!({
            "done": done, "failed": failure.as_ref().map(|(step, trouble)| json!({ "step": step, "why": trouble.tell() })),
            "left": left.iter().skip(1).collect::<Vec<_>>(), "kept": difference.kept,
        });
        session.show(&answer, |answer| outcome(answer, &difference, failure.as_ref().map(|(step, _)| *step), left))?;
        // What was done is told first: a record that cannot be kept undoes nothing of it.
        failure.map_or(written, |(_, trouble)| Err(trouble))
    }
}

/// One line of a plan.
fn line(step: &Step) -> String {
    let mark = match (step.drifted.is_empty(), step.what) {
        (false, _) => "!",
        (_, What::Add) => "+",
        (_, What::Change) => "~",
        (_, What::Remove) => "-",
    };
    let drifted = if step.drifted.is_empty() {
        String::new()
    } else {
        let edited = step.edited.as_ref().map(|edited| format!(", {edited}")).unwrap_or_default();
        format!(" (drifted since the last apply: {}{edited})", step.drifted.join(", "))
    };
    let changes = if step.changes.is_empty() { String::new() } else { format!(": {}", step.changes.join("; ")) };
    format!("{mark} {}{drifted}{changes}", step.thing)
}

fn told(difference: &Difference) -> String {
    let mut lines: Vec<String> = difference.steps.iter().map(line).collect();
    lines.extend(difference.kept.iter().map(|id| format!("  {id}: not in the file, kept")));
    if difference.steps.is_empty() {
        lines.push("nothing to do".to_owned());
    }
    lines.join("\n")
}

fn outcome(answer: &Value, difference: &Difference, failed: Option<&Step>, left: &[Step]) -> String {
    let mut lines: Vec<String> = difference.kept.iter().map(|id| format!("  {id}: not in the file, kept")).collect();
    let done = answer.get("done").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (one, step) in done.iter().zip(&difference.steps) {
        lines.push(format!("done    {}", line(step)));
        let notes = one.get("notes").and_then(Value::as_array).into_iter().flatten();
        lines.extend(notes.filter_map(Value::as_str).map(|note| format!("          note: {note}")));
    }
    if let Some(failed) = failed {
        lines.push(format!("FAILED  {}", line(failed)));
        lines.extend(left.iter().skip(1).map(|step| format!("left    {}", line(step))));
        lines.push("nothing was taken back; the same command goes on from there".to_owned());
    } else if difference.steps.is_empty() {
        lines.push("nothing to do".to_owned());
    }
    lines.join("\n")
}
