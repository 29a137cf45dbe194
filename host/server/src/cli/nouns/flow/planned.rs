//! Speaks of what a flow is to run later, for a while, or for some callers alone.
//!
//! Times are sent as they were typed: which moment they mean in the tenant's zone, and whether they can be meant at all, the server says.

use clap::Subcommand;
use jackfield_domain::id::{AliasName, FlowName};
use serde_json::{Value, json};

use crate::cli::print::{items, plain, table, text};
use crate::cli::session::{Outcome, Session};
use crate::cli::when;

/// Verbs of test callers.
#[derive(Debug, Subcommand)]
pub enum TestCallers {
    /// Have a caller's next contacts run what an alias points at.
    Add {
        /// Of which flow.
        name: FlowName,
        /// Who, for example +14155550100.
        caller: String,
        /// Which alias.
        #[arg(long, default_value = "staging")]
        alias: AliasName,
    },
    /// Treat a caller like everybody again.
    Remove {
        /// Of which flow.
        name: FlowName,
        /// Who.
        caller: String,
    },
    /// See them.
    List {
        /// Of which flow.
        name: FlowName,
    },
}

pub(super) async fn plan(
    session: &Session,
    base: &str,
    name: &FlowName,
    release: Option<u32>,
    (at, until): (&str, Option<&str>),
    approve: bool,
) -> Outcome {
    let number = match release {
        Some(number) => json!(number),
        None => session.get(&format!("{base}/{name}"), &[]).await?.get("newest").cloned().unwrap_or(Value::Null),
    };
    let body = json!({ "release": number, "at": at, "until": until, "approve": approve });
    let zone = session.zone().await?;
    let answer = session.post(&format!("{base}/{name}/planned"), &body).await?;
    session.show(&answer, |answer| {
        let planned = answer.get("planned").cloned().unwrap_or_default();
        let notes = answer.get("notes").map(plain).filter(|notes| notes != "-").map(|notes| format!("\nnote: {notes}")).unwrap_or_default();
        let when = |field: &str| planned.get(field).and_then(Value::as_u64).map(|at| when::short(at, &zone));
        let until = when("until").map_or_else(String::new, |until| format!(" until {until}"));
        format!(
            "flow {name}: plan {} has release {number} route from {}{until}{notes}",
            text(&planned, "id"),
            when("from").unwrap_or_default()
        )
    })
}

pub(super) async fn calendar(session: &Session, base: &str, name: &FlowName) -> Outcome {
    let zone = session.zone().await?;
    let answer = session.get(&format!("{base}/{name}/planned"), &[]).await?;
    session.show(&answer, |answer| {
        let when = |planned: &Value, field: &str| {
            planned.get(field).and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone))
        };
        let row = |planned: &Value| {
            let (from, until) = (when(planned, "from"), when(planned, "until"));
            vec![text(planned, "id"), text(planned, "release"), from, until, text(planned, "by"), when(planned, "set")]
        };
        let rows: Vec<_> = items(answer).iter().map(row).collect();
        let now = format!("release {} routes now, release {} is live\n\n", text(answer, "routes_now"), text(answer, "live"));
        now + &table(&["plan", "release", "from", "until", "by", "planned"], &rows)
    })
}

impl TestCallers {
    pub(super) async fn run(self, session: &Session, base: &str) -> Outcome {
        // A number's plus means a blank in a path.
        let at = |name: &FlowName, caller: &str| {
            format!("{base}/{name}/test-callers/{}", caller.replace('%', "%25").replace('+', "%2B").replace('/', "%2F"))
        };
        match self {
            Self::Add { name, caller, alias } => {
                let answer = session.put(&at(&name, &caller), &json!({ "alias": alias })).await?;
                session.show(&answer, |answer| format!("flow {name}: contacts of {} run what {alias} points at", text(answer, "caller")))
            }
            Self::Remove { name, caller } => {
                let answer = session.delete(&at(&name, &caller)).await?;
                session.say(&answer, &format!("flow {name}: {caller} is like everybody again"))
            }
            Self::List { name } => {
                let all = session.list(&format!("{base}/{name}/test-callers")).await?;
                session.show(&all, |all| {
                    let row = |tested: &Value| vec![text(tested, "caller"), text(tested, "alias")];
                    table(&["caller", "alias"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
        }
    }
}
