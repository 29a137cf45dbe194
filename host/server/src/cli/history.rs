//! Tells who changed what of a tenant's set-up, and when.

use clap::Args;
use serde_json::Value;

use super::print::{items, plain, text};
use super::session::{Outcome, Session};
use super::when;

/// What is asked.
#[derive(Debug, Args)]
pub struct History {
    /// Of what: hours, hours/shop, queue/sales, person, settings, settings/main, routes, closure, flow/main [default: everything].
    thing: Option<String>,
    /// At most so many changes.
    #[arg(long, default_value = "50")]
    limit: u32,
}

impl History {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        if let Some(thing) = &self.thing {
            query.push(("thing", thing));
        }
        let path = session.inside("history").await?;
        let zone = session.zone().await?;
        let all = session.get(&path, &query).await?;
        session.show(&all, |all| {
            let told = |edit: &Value| {
                let at = edit.get("at").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
                let changes = edit.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
                let lines: String = changes.iter().map(|line| format!("\n    {}", plain(line))).collect();
                format!("{at}  {} by {}{lines}", text(edit, "thing"), text(edit, "by"))
            };
            let told: Vec<String> = items(all).iter().map(told).collect();
            if told.is_empty() { "nothing was changed".to_owned() } else { told.join("\n") }
        })
    }
}
