//! Runs what was captured again: `jackfield replay CONTACT`, and `jackfield replay --flow NAME --from ... --to ...` for a window.
//!
//! The first answers "was it really so, and what if?", step by step; the second "what would the new release have done?", with a line of
//! progress on standard error. Both send nothing and write nothing but what they cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use jackfield_domain::capture::{Class, Tallied};
use jackfield_domain::id::{ContactId, FlowName};
use serde_json::{Value, json};

use super::explain;
use super::print::{items, plain, table, text};
use super::session::{Outcome, Session, Trouble};
use super::when;

/// What is replayed.
#[derive(Debug, Args)]
pub struct Replay {
    /// One contact.
    #[arg(required_unless_present = "flow", conflicts_with = "flow")]
    contact: Option<ContactId>,
    /// Only this turn of it.
    #[arg(long, conflicts_with = "flow")]
    turn: Option<u32>,
    /// What a question is to be told instead, merged into the answer: directory.get-hours={"open":false}.
    #[arg(long, value_name = "QUESTION=JSON", conflicts_with = "flow")]
    tell: Vec<String>,
    /// All contacts of a flow within a window.
    #[arg(long, requires = "from")]
    flow: Option<FlowName>,
    /// From when: "yesterday 9:00", "monday", 2026-11-20T17:02; in the tenant's zone.
    #[arg(long)]
    from: Option<String>,
    /// Until when; now where it is left out.
    #[arg(long, requires = "from")]
    to: Option<String>,
    /// Another release to try; the one that ran where it is left out.
    #[arg(long)]
    release: Option<u32>,
}

impl Replay {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match (&self.contact, &self.flow) {
            (Some(contact), _) => self.one(session, contact).await,
            (None, Some(flow)) => self.window(session, flow).await,
            (None, None) => Err(Trouble::Usage("say which contact, or which flow with --flow".to_owned())),
        }
    }

    async fn one(&self, session: &Session, contact: &ContactId) -> Outcome {
        let story = explain::fetch(session, contact).await?;
        let tenant = story.pointer("/contact/tenant").and_then(Value::as_str).unwrap_or_default().to_owned();
        let zone = session.zone_of(&tenant).await?;
        let mut answers = BTreeMap::new();
        for tell in &self.tell {
            let wrong =
                || Trouble::Usage(format!("--tell {tell:?}: it takes a question and JSON, as directory.get-hours={{\"open\":false}}"));
            let (name, patch) = tell.split_once('=').ok_or_else(wrong)?;
            let patch: Value = serde_json::from_str(patch).map_err(|_| wrong())?;
            answers.insert(name.trim().to_owned(), patch);
        }
        let body = json!({ "turn": self.turn, "release": self.release, "answers": answers });
        let replayed = session.post(&format!("/v1/tenants/{tenant}/contacts/{contact}/replay"), &body).await?;
        session.show(&replayed, |replayed| {
            let steps: String = items(replayed).iter().map(|item| step_by_step(item, &zone)).collect();
            let notes = replayed.get("notes").and_then(Value::as_array).into_iter().flatten();
            steps + &notes.map(|note| format!("note: {}\n", plain(note))).collect::<String>()
        })
    }

    async fn window(&self, session: &Session, flow: &FlowName) -> Outcome {
        let zone = session.zone().await?;
        let now = session.now();
        let read = |name: &str, words: &str| {
            let moment = when::parse(words, &zone, now);
            moment.ok_or_else(|| Trouble::Usage(format!("--{name} {words:?} is no time; try \"yesterday 17:02\" or 2026-11-20T17:02")))
        };
        let from = read("from", self.from.as_deref().unwrap_or("today"))?;
        let to = self.to.as_deref().map_or(Ok(now), |words| read("to", words))?;
        let path = session.inside(&format!("flows/{flow}/replay")).await?;
        let (mut tallied, mut examples, mut cursor) = (Tallied::default(), Vec::new(), Value::Null);
        loop {
            let page = session.post(&path, &json!({ "from": from, "to": to, "release": self.release, "cursor": cursor })).await?;
            let part = page.get("tallied").cloned().unwrap_or_default();
            let part: Tallied =
                serde_json::from_value(part).map_err(|e| Trouble::Failed(format!("the server's answer is not understood: {e}")))?;
            tallied.merge(part);
            examples.extend(items(&page).iter().cloned());
            cursor = page.get("next").cloned().unwrap_or_default();
            let count = |name: &str| page.get(name).and_then(Value::as_u64).unwrap_or_default();
            session.tell(&progress(tallied.replayed, count("done"), count("of")));
            if cursor.is_null() {
                break;
            }
        }
        let whole = json!({ "tallied": tallied, "items": examples });
        session.show(&whole, |_| report(&tallied, &examples))
    }
}

/// A bar as wide as thirty characters.
fn progress(replayed: u64, done: u64, of: u64) -> String {
    const WIDE: u64 = 30;
    let full = (WIDE * done.min(of)).checked_div(of).unwrap_or(WIDE);
    let bar: String = (0..WIDE).map(|at| if at < full { '#' } else { '.' }).collect();
    format!("[{bar}] {replayed} replayed, {done} of {of} segments")
}

/// What a came-to says in a line.
fn outcome(side: &Value) -> String {
    let to = side.pointer("/came_to/to");
    match side.pointer("/came_to/came").and_then(Value::as_str).unwrap_or_default() {
        "draft" => {
            let actions = to.and_then(|to| to.get("actions")).and_then(Value::as_array).cloned().unwrap_or_default();
            let names: Vec<String> = actions.iter().map(|action| text(action, "do")).collect();
            format!("{} ({})", names.join(", "), to.map(|to| text(to, "reason")).unwrap_or_default())
        }
        "failed" => format!("failed: {}", to.map(|to| text(to, "code")).unwrap_or_default()),
        "persona" => "a persona".to_owned(),
        _ => "nothing".to_owned(),
    }
}

const TOLD_CHARS_MAX: usize = 160;

fn step_by_step(item: &Value, zone: &jiff::tz::TimeZone) -> String {
    let at = item.get("at").and_then(Value::as_u64).map_or_else(String::new, |at| when::short(at, zone));
    let observer = if text(item, "function") == "observer.notify" { " of the observer" } else { "" };
    let mut told = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        told,
        "turn {}, attempt {}{}: {} at {at}, release {}, captured because {}",
        text(item, "turn"),
        text(item, "attempt"),
        observer,
        text(item, "event"),
        text(item, "release"),
        text(item, "why")
    );
    for (nth, step) in item.get("steps").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let answer = step.get("told").map(Value::to_string).unwrap_or_default();
        let short: String = answer.chars().take(TOLD_CHARS_MAX).collect();
        let more = if short.len() < answer.len() { "…" } else { "" };
        let _ = writeln!(told, "  {:>3}. {} -> {short}{more}", nth + 1, text(step, "asked"));
    }
    let side = |name: &str| item.get(name).cloned().unwrap_or_default();
    let (captured, replayed) = (side("captured"), side("replayed"));
    let _ = writeln!(told, "  then  {}, {} fuel", outcome(&captured), text(&captured, "fuel"));
    let _ = writeln!(told, "  now   {}, {} fuel", outcome(&replayed), text(&replayed, "fuel"));
    if let Some(unmatched) = item.get("unmatched").filter(|unmatched| !unmatched.is_null()) {
        let taped = unmatched.get("taped").and_then(Value::as_str).unwrap_or("nothing");
        let _ = writeln!(told, "  question {}: it asked {} where the tape has {taped}", text(unmatched, "at"), text(unmatched, "asked"));
    }
    let _ = writeln!(told, "  {}", in_words(&text(item, "class")));
    told
}

fn in_words(class: &str) -> String {
    let words = match Class::ALL.into_iter().find(|known| known.as_str() == class) {
        Some(Class::Identical) => "the same, to the last instruction where nothing was changed",
        Some(Class::Decision) => "another decision, from the same answers",
        Some(Class::Unmatched) => "it asked something else, so the tape does not decide",
        Some(Class::Failure) => "it fails where it did not, or fails otherwise",
        Some(Class::Mended) => "it answers where it failed",
        Some(Class::Run) => "the same decision by another way: a fault of ours, please report it",
        Some(Class::Engine) => "run by another engine than the captured one",
        None => "",
    };
    format!("{class}: {words}")
}

fn report(tallied: &Tallied, examples: &[Value]) -> String {
    let mut told = format!("{} replayed, {} decide differently\n\n", tallied.replayed, tallied.different);
    let classes: Vec<Vec<String>> =
        tallied.classes.iter().map(|(class, count)| vec![class.as_str().to_owned(), count.to_string()]).collect();
    told.push_str(&table(&["class", "contacts' turns"], &classes));
    let counted = |heading: &str, counts: &BTreeMap<String, u64>| {
        let lines: String = counts.iter().map(|(name, count)| format!("  {count} x {name}\n")).collect();
        if lines.is_empty() { lines } else { format!("\n{heading}\n{lines}") }
    };
    told.push_str(&counted("failures that were none", &tallied.new_failures));
    told.push_str(&counted("not replayed", &tallied.not_replayed));
    let spread = |name: &str, fuels: &[u64]| {
        let mut fuels = fuels.to_vec();
        fuels.sort_unstable();
        let at = |per_mille: usize| fuels.get((fuels.len() * per_mille / 1_000).min(fuels.len().saturating_sub(1))).map_or(0, |fuel| *fuel);
        vec![name.to_owned(), at(500).to_string(), at(950).to_string(), at(990).to_string(), at(1_000).to_string()]
    };
    told.push('\n');
    told.push_str(&table(
        &["fuel", "p50", "p95", "p99", "most"],
        &[spread("then", &tallied.fuel_before), spread("now", &tallied.fuel_now)],
    ));
    if !examples.is_empty() {
        let row = |item: &Value| {
            let side = |name: &str| item.get(name).map(outcome).unwrap_or_default();
            vec![text(item, "contact"), text(item, "turn"), text(item, "class"), side("captured"), side("replayed")]
        };
        told.push('\n');
        told.push_str(&table(&["contact", "turn", "class", "then", "now"], &examples.iter().map(row).collect::<Vec<_>>()));
    }
    told
}
