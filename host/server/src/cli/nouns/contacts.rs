//! Speaks of contacts: find one by what a person remembers of it, and see it.
//!
//! Someone complains: "I called yesterday at two minutes past five". So times are the tenant's wall clock, a moment means the ten
//! minutes around it, and the last digits of the caller are enough.

use clap::{Args, Subcommand};
use jackfield_cases::{Around, case_of};
use jackfield_domain::contact::Moment;
use jackfield_domain::contact::after::TURNED_AWAY;
use jackfield_domain::id::{ContactId, EntryName, FlowName};
use jackfield_domain::tenant::address::Address;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::explain;
use crate::cli::print::{items, table, text};
use crate::cli::session::{Outcome, Session, Trouble};
use crate::cli::when;

/// Verbs of contacts.
#[derive(Debug, Subcommand)]
pub enum Contacts {
    /// Find some, newest first.
    Find(Box<Find>),
    /// See one as it is kept. `jackfield explain` tells its story.
    Show {
        /// Which.
        id: ContactId,
    },
    /// Write a test case of one: what happened as steps, what was decided as expectations. `jackfield plugin test` runs it.
    Case {
        /// Which.
        id: ContactId,
    },
}

/// What is remembered.
#[derive(Debug, Args)]
pub struct Find {
    /// About when, in the tenant's zone: "yesterday 17:02", "17:02", "friday 9:05", 2026-11-20T17:02.
    #[arg(long, conflicts_with_all = ["from", "to", "today"])]
    at: Option<String>,
    /// How far before and after that.
    #[arg(long, default_value = "10m", requires = "at")]
    window: String,
    /// Not before.
    #[arg(long)]
    from: Option<String>,
    /// Not after.
    #[arg(long)]
    to: Option<String>,
    /// Since midnight of the tenant.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    today: bool,
    /// What was dialled.
    #[arg(long)]
    dialled: Option<Address>,
    /// Who called, whole.
    #[arg(long)]
    caller: Option<String>,
    /// The last digits of who called.
    #[arg(long, conflicts_with = "caller")]
    caller_ends: Option<String>,
    /// The provider's id, for example a CallSid.
    #[arg(long)]
    call_id: Option<String>,
    /// A queue that it reached.
    #[arg(long)]
    queue: Option<EntryName>,
    /// The flow that it was in.
    #[arg(long)]
    flow: Option<FlowName>,
    /// The release that it ran on.
    #[arg(long)]
    release: Option<u32>,
    /// A failure that it met, for example fuel-exceeded.
    #[arg(long)]
    failure: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Contacts {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Find(find) => find.run(session).await,
            Self::Show { id } => {
                let answer = explain::fetch(session, &id).await?;
                session.show(&answer, |answer| serde_json::to_string_pretty(answer).unwrap_or_else(|_| answer.to_string()))
            }
            Self::Case { id } => case(session, &id).await,
        }
    }
}

/// The contact with its tenant's directory and its release's settings, as a file of one case.
async fn case(session: &Session, id: &ContactId) -> Outcome {
    let answer = explain::fetch(session, id).await?;
    let story = explain::read(&answer)?;
    let contact = &story.contact;
    let base = format!("/v1/tenants/{}", contact.tenant);
    let rows = async |noun: &str| session.list(&format!("{base}/{noun}")).await.map(|all| items(&all).to_vec());
    let settings = match contact.release {
        Some(release) => {
            let release = session.get(&format!("{base}/flows/{}/releases/{release}", contact.flow), &[]).await?;
            release.get("settings").cloned().unwrap_or_default()
        }
        None => Value::Null,
    };
    let around = Around {
        zone: text(&answer, "zone"),
        settings,
        queues: rows("queues").await?,
        hours: rows("hours").await?,
        people: rows("people").await?,
    };
    let case = case_of(contact, &story.turns, &around).map_err(Trouble::Failed)?;
    session.show_text(&case)
}

impl Find {
    async fn run(self, session: &Session) -> Outcome {
        let zone = session.zone().await?;
        let (from, to) = self.range(&zone, session.now())?;
        let limit = self.limit.to_string();
        let pairs = [
            ("from", from.map(when::rfc3339)),
            ("to", to.map(when::rfc3339)),
            ("address", self.dialled.map(|address| address.to_string())),
            ("caller", self.caller),
            ("caller_suffix", self.caller_ends),
            ("call_id", self.call_id),
            ("queue", self.queue.map(|queue| queue.to_string())),
            ("flow", self.flow.map(|flow| flow.to_string())),
            ("release", self.release.map(|release| release.to_string())),
            ("failure", self.failure),
            ("limit", Some(limit)),
        ];
        let query: Vec<(&str, &str)> = pairs.iter().filter_map(|(name, value)| value.as_deref().map(|value| (*name, value))).collect();
        let path = session.inside("contacts").await?;
        let found = session.get(&path, &query).await?;
        session.show(&found, |found| rows(found, &zone))
    }

    /// The moments that are meant, in the tenant's zone.
    fn range(&self, zone: &TimeZone, now: Moment) -> Result<(Option<Moment>, Option<Moment>), Trouble> {
        let read = |name: &str, words: &str| {
            let moment = when::parse(words, zone, now);
            moment.ok_or_else(|| Trouble::Usage(format!("--{name} {words:?} is no time; try \"yesterday 17:02\" or 2026-11-20T17:02")))
        };
        if let Some(words) = &self.at {
            let about = read("at", words)?;
            let window = when::duration_ms(&self.window)
                .ok_or_else(|| Trouble::Usage(format!("--window {:?} is no time; try 10m or 1h", self.window)))?;
            return Ok((Some(about.saturating_sub(window)), Some(about.saturating_add(window))));
        }
        if self.today {
            return Ok((when::day_begins(now, zone), None));
        }
        let from = self.from.as_deref().map(|words| read("from", words)).transpose()?;
        let to = self.to.as_deref().map(|words| read("to", words)).transpose()?;
        Ok((from, to))
    }
}

fn rows(found: &Value, zone: &TimeZone) -> String {
    let row = |contact: &Value| {
        let at = |name: &str| contact.get(name).and_then(Value::as_u64);
        let started = at("started").map_or_else(|| "-".to_owned(), |at| when::short(at, zone));
        let is_brief = contact.get("end_cause").and_then(Value::as_str) == Some(TURNED_AWAY);
        let lasted = match (at("started"), at("ended")) {
            _ if is_brief => "in brief".to_owned(),
            (Some(from), Some(to)) => when::span(to.saturating_sub(from)),
            _ => "runs".to_owned(),
        };
        let from =
            contact.pointer("/arrival/customer/address/raw").and_then(Value::as_str).filter(|raw| !raw.is_empty()).unwrap_or("withheld");
        vec![
            started,
            from.to_owned(),
            text(contact, "address"),
            text(contact, "flow"),
            text(contact, "release"),
            lasted,
            text(contact, "queues"),
            text(contact, "failures"),
            text(contact, "id"),
        ]
    };
    let heads = ["began", "from", "dialled", "flow", "release", "lasted", "queues", "failures", "contact"];
    let mut shown = table(&heads, &items(found).iter().map(row).collect::<Vec<_>>());
    if found.get("next").is_some_and(|next| !next.is_null()) {
        shown.push_str("there may be more: narrow the search, or raise --limit\n");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: Contacts,
    }

    fn find(args: &[&str]) -> Find {
        let line = Line::try_parse_from(["contacts", "find"].iter().chain(args)).unwrap();
        match line.verb {
            Contacts::Find(find) => *find,
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_remembered_moment_is_the_ten_minutes_around_it() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let now = moment("2026-11-21T12:00:00Z");
        let range = find(&["--at", "yesterday 17:02"]).range(&zone, now).unwrap();
        assert_eq!(range, (Some(moment("2026-11-20T21:52:00Z")), Some(moment("2026-11-20T22:12:00Z"))));
        let range = find(&["--at", "yesterday 17:02", "--window", "1h"]).range(&zone, now).unwrap();
        assert_eq!(range, (Some(moment("2026-11-20T21:02:00Z")), Some(moment("2026-11-20T23:02:00Z"))));
        let range = find(&["--today"]).range(&zone, now).unwrap();
        assert_eq!(range, (Some(moment("2026-11-21T05:00:00Z")), None));
        assert!(find(&["--at", "teatime"]).range(&zone, now).is_err());
        assert!(Line::try_parse_from(["contacts", "find", "--at", "now", "--today"]).is_err());
    }

    fn moment(text: &str) -> Moment {
        Moment::try_from(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap()
    }
}
