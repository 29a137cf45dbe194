//! Speaks of secrets: values that plugins send by handle and nobody sees again.
//!
//! A value comes from a file or standard input and never from the command line, where every process of the machine could read it.

use std::path::PathBuf;

use clap::Subcommand;
use jackfield_domain::id::EntryName;
use serde_json::{Value, json};

use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, read_secret};
use crate::cli::when;

/// Verbs of secrets.
#[derive(Debug, Subcommand)]
pub enum SecretVerb {
    /// Give one, or give it anew; its hosts are always given with it.
    Set {
        /// The handle by which plugins name it.
        handle: EntryName,
        /// A file with the value; "-" for standard input.
        #[arg(long)]
        value_file: PathBuf,
        /// A host that it may be sent to, for example api.example.com or api.example.com:8443; may be repeated.
        #[arg(long = "host", required = true)]
        hosts: Vec<String>,
    },
    /// See those of the tenant, without their values.
    List,
    /// See one, without its value.
    Show {
        /// Which.
        handle: EntryName,
    },
    /// Delete one; plugins that send it are told that there is none.
    Delete {
        /// Which.
        handle: EntryName,
    },
}

impl SecretVerb {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("secrets").await?;
        match self {
            Self::Set { handle, value_file, hosts } => {
                let body = json!({ "value": read_secret(&value_file).await?, "hosts": hosts });
                let answer = session.put(&format!("{base}/{handle}"), &body).await?;
                session.show(&answer, |answer| format!("secret {handle} is set; it is sent to {}", text(answer, "hosts")))
            }
            Self::List => {
                let zone = session.zone().await?;
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let row = |secret: &Value| {
                        let given = secret.get("given").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
                        vec![text(secret, "handle"), text(secret, "hosts"), given, text(secret, "by")]
                    };
                    table(&["handle", "hosts", "given", "by"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { handle } => {
                let zone = session.zone().await?;
                session.show(&session.get(&format!("{base}/{handle}"), &[]).await?, |secret| {
                    let given = secret.get("given").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
                    fields(&[
                        ("handle", text(secret, "handle")),
                        ("hosts", text(secret, "hosts")),
                        ("given", given),
                        ("by", text(secret, "by")),
                    ])
                })
            }
            Self::Delete { handle } => {
                let answer = session.delete(&format!("{base}/{handle}")).await?;
                session.say(&answer, &format!("secret {handle} is deleted"))
            }
        }
    }
}
