//! Speaks of queues and people: the entries of a tenant's directory that plugins point at by name.
//!
//! `cli::admin` runs their verbs. The two share a file because they are the same to a person: a name, a label and where it leads.
//! Hours, which are written in a file, have their own.

use clap::{Args, Subcommand};
use jackfield_domain::id::EntryName;
use serde_json::{Map, Value, json};

use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, Trouble, given};

/// Verbs of queues.
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// Make one, or write it anew.
    Set(SetQueue),
    /// See those of the tenant.
    List,
    /// See one.
    Show {
        /// Which.
        name: EntryName,
    },
    /// Tell how one stands, where no provider tells it.
    Status {
        /// Which.
        name: EntryName,
        /// Who waits.
        #[arg(long)]
        waiting: u32,
        /// Agents who could take a contact.
        #[arg(long)]
        staffed: u32,
        /// The longest wait, in seconds.
        #[arg(long, default_value_t = 0)]
        oldest_s: u64,
    },
    /// Delete one that no default route names.
    Delete {
        /// Which.
        name: EntryName,
    },
}

/// A queue.
#[derive(Debug, Args)]
pub struct SetQueue {
    /// Unique within the tenant.
    name: EntryName,
    /// What people call it [default: its name].
    #[arg(long)]
    label: Option<String>,
    /// BCP 47 tag of the agents' language.
    #[arg(long)]
    language: Option<String>,
    /// The hours that it keeps.
    #[arg(long)]
    hours: Option<EntryName>,
    /// What a provider calls it, for example twilio=WW0123; may be repeated.
    #[arg(long, value_name = "PROVIDER=ID")]
    provider_id: Vec<String>,
}

/// Verbs of people.
#[derive(Debug, Subcommand)]
pub enum Person {
    /// Make one, or write it anew.
    Set {
        /// Unique within the tenant.
        name: EntryName,
        /// What people call them [default: the name].
        #[arg(long)]
        label: Option<String>,
        /// A number in E.164, or a SIP address.
        #[arg(long)]
        address: String,
    },
    /// See those of the tenant.
    List,
    /// See one.
    Show {
        /// Who.
        name: EntryName,
    },
    /// Delete one.
    Delete {
        /// Who.
        name: EntryName,
    },
}

impl Queue {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("queues").await?;
        match self {
            Self::Set(queue) => set_queue(session, &base, queue).await,
            Self::List => {
                let names = ["name", "label", "language", "hours", "provider_ids"];
                list(session, &base, &names).await
            }
            Self::Show { name } => show(session, &format!("{base}/{name}")).await,
            Self::Status { name, waiting, staffed, oldest_s } => {
                let body = json!({ "waiting": waiting, "staffed": staffed, "oldest_ms": oldest_s.saturating_mul(1_000) });
                let answer = session.put(&format!("{base}/{name}/status"), &body).await?;
                session.say(&answer, &format!("queue {name}: {waiting} waiting, {staffed} staffed"))
            }
            Self::Delete { name } => {
                let answer = session.delete(&format!("{base}/{name}")).await?;
                session.say(&answer, &format!("queue {name} is deleted"))
            }
        }
    }
}

async fn set_queue(session: &Session, base: &str, queue: SetQueue) -> Outcome {
    let mut ids = Map::new();
    for pair in &queue.provider_id {
        let Some((provider, id)) = pair.split_once('=') else {
            return Err(Trouble::Usage(format!("--provider-id {pair:?} is not PROVIDER=ID")));
        };
        ids.insert(provider.to_owned(), json!(id));
    }
    let label = queue.label.unwrap_or_else(|| queue.name.to_string());
    let body = given([
        ("label", Some(json!(label))),
        ("language", queue.language.map(Value::from)),
        ("hours", queue.hours.map(|hours| json!(hours))),
        ("provider_ids", Some(Value::Object(ids))),
    ]);
    let answer = session.put(&format!("{base}/{}", queue.name), &body).await?;
    session.say(&answer, &format!("queue {} is set", queue.name))
}

impl Person {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("people").await?;
        match self {
            Self::Set { name, label, address } => {
                let label = label.unwrap_or_else(|| name.to_string());
                let answer = session.put(&format!("{base}/{name}"), &json!({ "label": label, "address": address })).await?;
                session.say(&answer, &format!("person {name} is set"))
            }
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let row = |person: &Value| {
                        let address = person.pointer("/address/raw").and_then(Value::as_str).unwrap_or("-");
                        vec![text(person, "name"), text(person, "label"), address.to_owned()]
                    };
                    table(&["name", "label", "address"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { name } => show(session, &format!("{base}/{name}")).await,
            Self::Delete { name } => {
                let answer = session.delete(&format!("{base}/{name}")).await?;
                session.say(&answer, &format!("person {name} is deleted"))
            }
        }
    }
}

async fn list(session: &Session, path: &str, names: &[&str]) -> Outcome {
    let all = session.list(path).await?;
    session.show(&all, |all| {
        let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
        table(names, &rows)
    })
}

async fn show(session: &Session, path: &str) -> Outcome {
    session.show(&session.get(path, &[]).await?, |entry| match entry {
        Value::Object(entry) => {
            fields(&entry.iter().map(|(name, value)| (name.as_str(), crate::cli::print::plain(value))).collect::<Vec<_>>())
        }
        other => other.to_string(),
    })
}
