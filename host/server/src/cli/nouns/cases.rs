//! Speaks of test cases that the server keeps: they must hold before an upload is kept and before a release becomes live.
//!
//! The files are those that `plugin test` runs on the developer's machine. Without a plugin's name they are for every plugin that the
//! tenant and those below it run.

use std::path::PathBuf;

use clap::Subcommand;
use jackfield_domain::id::{EntryName, FlowName, PluginName};
use serde_json::{Value, json};

use crate::cli::print::{items, plain, table, text};
use crate::cli::session::{Outcome, Session, Trouble, read};
use crate::cli::when;

/// Verbs of test cases.
#[derive(Debug, Subcommand)]
pub enum Cases {
    /// Keep files; one of the same name is replaced.
    Set {
        /// Files of test cases (.yaml); each is called as its file, without the ending.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The plugin whose cases they are [default: all plugins].
        #[arg(long)]
        plugin: Option<PluginName>,
    },
    /// See which are kept.
    List {
        /// The plugin whose cases they are [default: all plugins].
        #[arg(long)]
        plugin: Option<PluginName>,
    },
    /// Print one.
    Show {
        /// Which.
        name: EntryName,
        /// The plugin whose cases they are [default: all plugins].
        #[arg(long)]
        plugin: Option<PluginName>,
    },
    /// Forget one.
    Remove {
        /// Which.
        name: EntryName,
        /// The plugin whose cases they are [default: all plugins].
        #[arg(long)]
        plugin: Option<PluginName>,
    },
    /// Run, on the server, all that must hold for a version.
    Run {
        /// Which plugin.
        plugin: PluginName,
        /// Which version [default: the newest].
        #[arg(long)]
        plugin_version: Option<u32>,
        /// With the settings that a release of this flow would have now; without it, as an upload would.
        #[arg(long)]
        flow: Option<FlowName>,
    },
}

impl Cases {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Set { files, plugin } => {
                let base = base(session, plugin.as_ref()).await?;
                let mut kept = Vec::with_capacity(files.len());
                for path in &files {
                    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                    let name: EntryName =
                        stem.parse().map_err(|e| Trouble::Usage(format!("{}: its name would be that of the file: {e}", path.display())))?;
                    let yaml = read(path).await?;
                    kept.push(session.put_yaml(&format!("{base}/{name}"), yaml).await?);
                }
                session.show(&json!({ "items": kept }), |all| {
                    let line = |kept: &Value| {
                        let file = kept.get("file").unwrap_or(&Value::Null);
                        let how = if kept.get("new").and_then(Value::as_bool) == Some(true) { "kept" } else { "replaced" };
                        format!("{} is {how}: {} cases", text(file, "name"), text(file, "cases"))
                    };
                    items(all).iter().map(line).collect::<Vec<_>>().join("\n")
                })
            }
            Self::List { plugin } => {
                let zone = session.zone().await?;
                let all = session.get(&base(session, plugin.as_ref()).await?, &[]).await?;
                session.show(&all, |all| {
                    let row = |file: &Value| {
                        let when = file.get("written").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
                        vec![text(file, "name"), text(file, "cases"), text(file, "bytes"), when, text(file, "by")]
                    };
                    table(&["name", "cases", "bytes", "written", "by"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { name, plugin } => {
                let file = session.get(&format!("{}/{name}", base(session, plugin.as_ref()).await?), &[]).await?;
                session.show(&file, |file| text(file, "text").trim_end().to_owned())
            }
            Self::Remove { name, plugin } => {
                let answer = session.delete(&format!("{}/{name}", base(session, plugin.as_ref()).await?)).await?;
                session.say(&answer, &format!("{name} is forgotten"))
            }
            Self::Run { plugin, plugin_version, flow } => run(session, &plugin, plugin_version, flow.as_ref()).await,
        }
    }
}

async fn base(session: &Session, plugin: Option<&PluginName>) -> Result<String, Trouble> {
    match plugin {
        Some(plugin) => session.inside(&format!("plugins/{plugin}/cases")).await,
        None => session.inside("cases").await,
    }
}

async fn run(session: &Session, plugin: &PluginName, version: Option<u32>, flow: Option<&FlowName>) -> Outcome {
    let base = session.inside(&format!("plugins/{plugin}")).await?;
    let number = match version {
        Some(number) => json!(number),
        None => session.get(&base, &[]).await?.get("newest").cloned().unwrap_or(Value::Null),
    };
    let held = session.post(&format!("{base}/versions/{number}/cases"), &json!({ "flow": flow })).await?;
    session.show(&held, |held| told(held, &number))?;
    let count = |name: &str| held.get(name).and_then(Value::as_u64).unwrap_or_default();
    match (count("cases"), count("wrong")) {
        (0, _) => Err(Trouble::Usage(format!(
            "no case was run for {plugin}: `jackfield cases set FILE --plugin {plugin}` keeps some, and those that need settings run with --flow"
        ))),
        (_, 0) => Ok(()),
        (_, wrong) => Err(Trouble::Differs(usize::try_from(wrong).unwrap_or(usize::MAX))),
    }
}

fn told(held: &Value, number: &Value) -> String {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for file in list(held, "files") {
        lines.push(text(&file, "file"));
        for case in list(&file, "cases") {
            let wrong = list(&case, "wrong");
            let mark = if wrong.is_empty() { "ok   " } else { "WRONG" };
            lines.push(format!("  {mark} {} ({} fuel)", text(&case, "name"), text(&case, "fuel")));
            lines.extend(wrong.iter().map(|wrong| format!("        ! step {}: {}", text(wrong, "step"), text(wrong, "why"))));
        }
    }
    lines.extend(list(held, "left_out").iter().map(|file| format!("{} needs the settings of a release: not run", plain(file))));
    let unreached = held.get("unreached").unwrap_or(&Value::Null);
    for (what, name) in [("the choice", "choices"), ("the event", "events")] {
        lines.extend(list(unreached, name).iter().map(|missed| format!("no case reached {what} {}", plain(missed))));
    }
    lines.push(format!("version {number}: {} cases, {} wrong", text(held, "cases"), text(held, "wrong")));
    lines.join("\n")
}
