//! Speaks of business hours: written whole from a file, and asked whether they are open.
//!
//! `cli::admin` runs its verbs. Whether it is open is asked of the server and not computed here, although the rule is at hand: the
//! answer must be the one that a call would get.

use std::path::PathBuf;

use clap::Subcommand;
use jackfield_domain::id::EntryName;
use serde_json::Value;

use crate::cli::print::{items, plain, table, text};
use crate::cli::session::{Outcome, Session, Trouble, read_json};
use crate::cli::when;

/// Verbs of hours.
#[derive(Debug, Subcommand)]
pub enum Hours {
    /// Make them, or write them anew.
    Set {
        /// Unique within the tenant.
        name: EntryName,
        /// A file with zone, weekly intervals and exceptions as JSON; "-" for standard input.
        file: PathBuf,
    },
    /// See those of the tenant.
    List,
    /// See one.
    Show {
        /// Which.
        name: EntryName,
    },
    /// Ask whether it is open.
    At {
        /// Which.
        name: EntryName,
        /// When, for example "2026-12-25 10:00" or "now".
        #[arg(default_value = "now")]
        time: String,
    },
    /// Delete one that nothing names.
    Delete {
        /// Which.
        name: EntryName,
    },
}

impl Hours {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("hours").await?;
        match self {
            Self::Set { name, file } => {
                let answer = session.put(&format!("{base}/{name}"), &read_json(&file).await?).await?;
                session.say(&answer, &format!("hours {name} are set"))
            }
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let count = |hours: &Value, name: &str| hours.get(name).and_then(Value::as_array).map_or(0, Vec::len).to_string();
                    let row =
                        |hours: &Value| vec![text(hours, "name"), text(hours, "zone"), count(hours, "weekly"), count(hours, "exceptions")];
                    table(&["name", "zone", "intervals", "exceptions"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { name } => {
                let answer = session.get(&format!("{base}/{name}"), &[]).await?;
                session.show(&answer, card)
            }
            Self::At { name, time } => at(session, &base, &name, &time).await,
            Self::Delete { name } => {
                let answer = session.delete(&format!("{base}/{name}")).await?;
                session.say(&answer, &format!("hours {name} are deleted"))
            }
        }
    }
}

async fn at(session: &Session, base: &str, name: &EntryName, time: &str) -> Outcome {
    let zone = session.zone().await?;
    let asked =
        when::parse(time, &zone, session.now()).ok_or_else(|| Trouble::Usage(format!("{time:?} is no time; try \"2026-12-25 10:00\"")))?;
    let answer = session.get(&format!("{base}/{name}/at"), &[("time", &when::rfc3339(asked))]).await?;
    session.show(&answer, |answer| {
        let state = if answer.get("open").and_then(Value::as_bool).unwrap_or_default() { "open" } else { "closed" };
        let exception = answer.get("exception").and_then(Value::as_str).map(|label| format!(" ({label})")).unwrap_or_default();
        let changes =
            answer.get("changes_at").and_then(Value::as_u64).map(|at| format!(" until {}", when::full(at, &zone))).unwrap_or_default();
        format!("{}: {name} is {state}{exception}{changes}", when::full(asked, &zone))
    })
}

fn card(hours: &Value) -> String {
    const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let list = |name: &str| hours.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for interval in list("weekly") {
        let day = interval.get("weekday").and_then(Value::as_u64).and_then(|day| usize::try_from(day).ok());
        let day = day.and_then(|day| day.checked_sub(1)).and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or("?");
        rows.push(vec![day.to_owned(), format!("{} to {}", text(interval, "from"), text(interval, "to"))]);
    }
    for exception in list("exceptions") {
        let open = exception.get("open").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let open: Vec<String> = open.iter().map(|span| plain(span).replace(", ", " to ")).collect();
        let open = if open.is_empty() { "closed".to_owned() } else { open.join(", ") };
        rows.push(vec![format!("{} {}", text(exception, "date"), text(exception, "label")), open]);
    }
    let zone = hours.get("zone").and_then(Value::as_str).unwrap_or("the tenant's");
    format!("{} in {zone} time\n{}", text(hours, "name"), table(&["day", "open"], &rows))
}
