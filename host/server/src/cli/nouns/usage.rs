//! Speaks of usage: what ran and what it cost, by the tenant's local day, flow and release.
//!
//! `cli::admin` runs it. Counters have names that the server chooses, so a column is made for every name that comes.

use clap::Args;
use serde_json::Value;

use crate::cli::print::{items, table, text};
use crate::cli::session::{Outcome, Session};
use crate::cli::when;

/// Which days.
#[derive(Debug, Args)]
pub struct Usage {
    /// The first local day, for example 2026-11-01 [default: today].
    #[arg(long)]
    from: Option<String>,
    /// The last local day [default: today].
    #[arg(long)]
    to: Option<String>,
}

impl Usage {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let zone = session.zone().await?;
        let today: String = when::short(session.now(), &zone).chars().take(10).collect();
        let (from, to) = (self.from.unwrap_or_else(|| today.clone()), self.to.unwrap_or(today));
        let path = session.inside("usage").await?;
        let answer = session.get(&path, &[("from", &from), ("to", &to)]).await?;
        session.show(&answer, rows)
    }
}

/// One column for every counter that any row has: counters are added over time.
fn rows(answer: &Value) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in items(answer) {
        if let Some(Value::Object(counts)) = row.get("counts") {
            names.extend(counts.keys().map(String::as_str).filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
    }
    names.sort_unstable();
    let heads: Vec<&str> = ["day", "flow", "release"].into_iter().chain(names.iter().copied()).collect();
    let row = |row: &Value| {
        let counts = row.get("counts").unwrap_or(&Value::Null);
        let fixed = ["day", "flow", "release"].into_iter().map(|name| text(row, name));
        fixed.chain(names.iter().map(|name| text(counts, name))).collect::<Vec<_>>()
    };
    table(&heads, &items(answer).iter().map(row).collect::<Vec<_>>())
}
