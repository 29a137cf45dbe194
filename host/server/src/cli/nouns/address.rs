//! Speaks of addresses: what is dialled, through which connection it answers, and to which flow it goes.
//!
//! `cli::admin` runs its verbs. An address is checked here by the domain's own rule, so that a mistyped number never travels; what the
//! provider will do in a lesser way than the plugin asks comes back as notes and is shown.

use clap::Subcommand;
use jackfield_domain::id::{ConnectionId, FlowName};
use jackfield_domain::tenant::address;
use serde_json::json;

use crate::cli::print::{items, plain, table, text};
use crate::cli::session::{Outcome, Session, given, read_text, segment};

/// Verbs of addresses.
#[derive(Debug, Subcommand)]
pub enum Address {
    /// Bind one to a flow.
    Bind {
        /// +18005551234 for a voice number, else channel:kind:value.
        address: address::Address,
        /// The only connection through which it answers.
        #[arg(long)]
        connection: ConnectionId,
        /// Where its contacts go.
        #[arg(long)]
        flow: FlowName,
        /// No quota bars its contacts: an emergency line. Set from above the tenant.
        #[arg(long)]
        priority: bool,
    },
    /// Bind many to a flow: all of them, or none.
    BindMany {
        /// A file with an address on each line; "-" for standard input.
        file: std::path::PathBuf,
        /// The only connection through which they answer.
        #[arg(long)]
        connection: ConnectionId,
        /// Where their contacts go.
        #[arg(long)]
        flow: FlowName,
    },
    /// Let one go elsewhere: now, at a time, or with the first verified contact through the new connection.
    Move {
        /// Which.
        address: address::Address,
        /// The connection through which it answers then.
        #[arg(long)]
        connection: ConnectionId,
        /// Where its contacts go then.
        #[arg(long)]
        flow: FlowName,
        /// When, for example 2026-12-01T08:00, by the tenant's clock.
        #[arg(long, conflicts_with = "with_first_contact")]
        at: Option<String>,
        /// As soon as the new connection brings a contact.
        #[arg(long)]
        with_first_contact: bool,
    },
    /// See those of the tenant.
    List,
    /// Let one go; it can then be bound elsewhere.
    Release {
        /// Which.
        address: address::Address,
    },
}

impl Address {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("addresses").await?;
        match self {
            Self::Bind { address, connection, flow, priority } => {
                let answer = session
                    .post(
                        &base,
                        &given([
                            ("address", Some(json!(address))),
                            ("connection", Some(json!(connection))),
                            ("flow", Some(json!(flow))),
                            ("priority", priority.then_some(json!(true))),
                        ]),
                    )
                    .await?;
                session.show(&answer, |answer| {
                    let notes = answer.get("notes").map(plain).filter(|notes| notes != "-").map(|notes| format!("\nnote: {notes}"));
                    format!("{address} goes to flow {flow}{}", notes.unwrap_or_default())
                })
            }
            Self::BindMany { file, connection, flow } => {
                let text = read_text(&file).await?;
                let addresses: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
                let base = session.inside("address-batches").await?;
                let answer = session.post(&base, &json!({ "addresses": addresses, "connection": connection, "flow": flow })).await?;
                session.say(&answer, &format!("{} addresses go to flow {flow}", addresses.len()))
            }
            Self::Move { address, connection, flow, at, with_first_contact } => {
                let body = given([
                    ("connection", Some(json!(connection))),
                    ("flow", Some(json!(flow))),
                    ("at", at.clone().map(serde_json::Value::from)),
                    ("with_first_contact", with_first_contact.then_some(json!(true))),
                ]);
                let answer = session.put(&format!("{base}/{}", segment(&address.to_string())), &body).await?;
                let when = match (at, with_first_contact) {
                    (Some(at), _) => format!("from {at} on"),
                    (None, true) => format!("with the first contact through {connection}"),
                    (None, false) => "now".to_owned(),
                };
                session.say(&answer, &format!("{address} goes to flow {flow} {when}"))
            }
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let names = ["address", "flow", "connection", "priority", "proven"];
                    let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
                    table(&names, &rows)
                })
            }
            Self::Release { address } => {
                let answer = session.delete(&format!("{base}/{}", segment(&address.to_string()))).await?;
                session.say(&answer, &format!("{address} is nobody's now"))
            }
        }
    }
}
