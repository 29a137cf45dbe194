//! Speaks of addresses: what is dialled, through which connection it answers, and to which flow it goes.
//!
//! `cli::admin` runs its verbs. An address is checked here by the domain's own rule, so that a mistyped number never travels; what the
//! provider will do in a lesser way than the plugin asks comes back as notes and is shown.

use clap::Subcommand;
use jackfield_domain::id::{ConnectionId, FlowName};
use jackfield_domain::tenant::address;
use serde_json::json;

use crate::cli::print::{items, plain, table, text};
use crate::cli::session::{Outcome, Session, given, segment};

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
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let names = ["address", "flow", "connection", "priority"];
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
