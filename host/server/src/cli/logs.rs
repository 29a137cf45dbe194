//! Follows what a tenant's plugins write and decide.

use clap::Args;
use jackfield_domain::id::{ContactId, FlowName};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::print::{items, plain, text};
use super::session::{Outcome, Session};
use super::when;

/// What is followed.
#[derive(Debug, Args)]
pub struct Logs {
    /// Go on until interrupted. Without it, what the newest contacts left is told once.
    #[arg(long, short)]
    follow: bool,
    /// Of one flow alone.
    #[arg(long)]
    flow: Option<FlowName>,
    /// Of one contact alone.
    #[arg(long)]
    contact: Option<ContactId>,
    /// Without `--follow`: of so many contacts.
    #[arg(long, default_value = "10", conflicts_with = "follow")]
    contacts: u32,
}

impl Logs {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        if self.follow { self.follow(session).await } else { self.newest(session).await }
    }

    async fn follow(self, session: &Session) -> Outcome {
        let path = session.inside("logs").await?;
        let zone = session.zone().await?;
        let (flow, contact) = (self.flow.map(|flow| flow.to_string()), self.contact.map(|contact| contact.to_string()));
        let mut after: Option<String> = None;
        loop {
            let query: Vec<(&str, &str)> = [("after", after.as_deref()), ("flow", flow.as_deref()), ("contact", contact.as_deref())]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            let news = session.get(&path, &query).await?;
            if after.is_none() {
                session.tell("following; every line is in the contact's trail as well (`jackfield explain`)");
            }
            let lost = news.get("lost").and_then(Value::as_u64).unwrap_or_default();
            if lost > 0 {
                session.tell(&format!("up to {lost} lines are missing here; they are in the trail"));
            }
            for line in items(&news) {
                session.show(line, |line| told(line, &zone))?;
            }
            after = Some(text(&news, "next"));
        }
    }

    /// From the trail, the oldest of them first.
    async fn newest(self, session: &Session) -> Outcome {
        let path = session.inside("logs").await?;
        let zone = session.zone().await?;
        let (flow, contact) = (self.flow.map(|flow| flow.to_string()), self.contact.map(|contact| contact.to_string()));
        let contacts = self.contacts.to_string();
        let mut query = vec![("past", contacts.as_str())];
        query.extend(flow.as_deref().map(|flow| ("flow", flow)));
        query.extend(contact.as_deref().map(|contact| ("contact", contact)));
        let lines = session.get(&path, &query).await?;
        items(&lines).iter().try_for_each(|line| session.show(line, |line| told(line, &zone)))
    }
}

fn told(line: &Value, zone: &TimeZone) -> String {
    let at = line.get("at").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, zone));
    let what = match text(line, "what").as_str() {
        "log" => text(line, "level"),
        "failed" => format!("FAILED {}", text(line, "code")),
        "answered" => {
            let by = text(line, "by");
            let actions = line.get("actions").map(plain).unwrap_or_default();
            let barred = line.get("barred").and_then(Value::as_str).map(|barred| format!(" ({barred})")).unwrap_or_default();
            format!("{} -> {actions} by {by}{barred}", text(line, "event"))
        }
        _ => text(line, "event"),
    };
    let fields = line.get("fields").and_then(Value::as_array).into_iter().flatten();
    let fields: String = fields.filter_map(|pair| Some(format!(" {}={}", pair.get(0).map(plain)?, pair.get(1).map(plain)?))).collect();
    let message = line.get("message").and_then(Value::as_str).filter(|text| !text.is_empty()).map(|text| format!(": {text}"));
    format!("{at} {} {}/{} {what}{}{fields}", text(line, "flow"), text(line, "contact"), text(line, "turn"), message.unwrap_or_default())
}
