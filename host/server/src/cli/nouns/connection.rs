//! Speaks of connections: accounts at providers, their secrets that nobody sees again, and the requests that they turned away.
//!
//! Secrets come from a file or standard input and never from the command line, where every process of the machine could read them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackfield_domain::id::ConnectionId;
use serde_json::{Value, json};

use crate::cli::nouns::alone;
use crate::cli::print::{fields, items, plain, table, text};
use crate::cli::session::{Outcome, Session, given, read_json, read_secret};
use crate::cli::when;

/// Verbs of connections.
#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Make one.
    Create(Create),
    /// See those of the tenant.
    List,
    /// See one.
    Show {
        /// Which.
        id: ConnectionId,
    },
    /// Change one; what is not named stays. An empty text removes.
    Set(Set),
    /// Add the next secret, or remove the last one. Both are good until the old one is removed.
    Rotate(Rotate),
    /// See the last requests that it turned away, and why.
    Refusals {
        /// Which.
        id: ConnectionId,
    },
    /// Set what an address that nobody bound gets: a draft as JSON.
    Unbound {
        /// Which.
        id: ConnectionId,
        /// A file with a draft, "-" for standard input; without it the route is removed.
        file: Option<PathBuf>,
    },
    /// Write what answers its calls while this server is away: documents to host elsewhere, an index and how to do it.
    Fallback {
        /// Which.
        id: ConnectionId,
        /// The folder to write; a new one, or one that an earlier run wrote.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Delete one that no address uses.
    Delete {
        /// Which.
        id: ConnectionId,
    },
}

/// A new connection.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, part of its webhook URLs.
    id: ConnectionId,
    /// The provider, for example twilio.
    #[arg(long)]
    provider: String,
    /// The account's id at the provider.
    #[arg(long)]
    account: Option<String>,
    /// Under which the provider reaches this platform, for example https://voice.example.com.
    #[arg(long)]
    public_url: String,
    /// A file with the secret that signs its requests; "-" for standard input. Left out where its requests carry none.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    /// What the trail calls the secret.
    #[arg(long, default_value = "first")]
    secret_name: String,
    /// wss URL of the AI speaker.
    #[arg(long)]
    speaker_url: Option<String>,
    /// The provider's name of the voice that speaks where a prompt names none.
    #[arg(long)]
    voice: Option<String>,
    /// What the provider lets a connection choose, as name=value; again for each.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
}

/// What changes.
#[derive(Debug, Args)]
pub struct Set {
    /// Which.
    id: ConnectionId,
    /// The account's id at the provider.
    #[arg(long)]
    account: Option<String>,
    /// Under which the provider reaches this platform.
    #[arg(long)]
    public_url: Option<String>,
    /// wss URL of the AI speaker.
    #[arg(long)]
    speaker_url: Option<String>,
    /// The provider's name of the voice.
    #[arg(long)]
    voice: Option<String>,
    /// What the provider lets a connection choose, as name=value; an empty value removes. Again for each.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
}

/// Secrets in and out.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Which.
    id: ConnectionId,
    /// The name of a secret to add.
    #[arg(long, requires = "secret_file", required_unless_present = "remove")]
    add: Option<String>,
    /// A file with it; "-" for standard input.
    #[arg(long, requires = "add")]
    secret_file: Option<PathBuf>,
    /// The name of a secret to remove.
    #[arg(long)]
    remove: Option<String>,
}

fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write an option as name=value".to_owned()),
    }
}

/// An empty text is a null: it removes.
fn or_null(text: String) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

impl Connection {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("connections").await?;
        match self {
            Self::Create(new) => create(session, &base, new).await,
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let names = ["id", "provider", "account", "public_url"];
                    let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
                    table(&names, &rows)
                })
            }
            Self::Show { id } => session.show(&session.get(&format!("{base}/{id}"), &[]).await?, card),
            Self::Set(set) => {
                let body = given([
                    ("account", set.account.map(or_null)),
                    ("public_url", set.public_url.map(Value::from)),
                    ("speaker_url", set.speaker_url.map(or_null)),
                    ("voice", set.voice.map(or_null)),
                    ("options", Some(set.options.into_iter().map(|(name, value)| (name, or_null(value))).collect::<Value>())),
                ]);
                session.show(&session.patch(&format!("{base}/{}", set.id), &body).await?, card)
            }
            Self::Rotate(rotate) => {
                let added = match (rotate.add, rotate.secret_file) {
                    (Some(name), Some(file)) => Some(json!({ "name": name, "value": read_secret(&file).await? })),
                    _ => None,
                };
                let body = given([("add_secret", added), ("remove_secret", rotate.remove.map(Value::from))]);
                session.show(&session.patch(&format!("{base}/{}", rotate.id), &body).await?, card)
            }
            Self::Refusals { id } => refusals(session, &base, &id).await,
            Self::Unbound { id, file } => {
                let path = format!("{base}/{id}/unbound");
                let answer = match file {
                    Some(file) => session.put(&path, &read_json(&file).await?).await?,
                    None => session.delete(&path).await?,
                };
                session.say(&answer, &format!("connection {id}: the route for unbound addresses is changed"))
            }
            Self::Fallback { id, out } => alone::write(session, &base, &id, &out).await,
            Self::Delete { id } => {
                let answer = session.delete(&format!("{base}/{id}")).await?;
                session.say(&answer, &format!("connection {id} is deleted"))
            }
        }
    }
}

async fn create(session: &Session, base: &str, new: Create) -> Outcome {
    let secrets = match &new.secret_file {
        Some(file) => json!([{ "name": new.secret_name, "value": read_secret(file).await? }]),
        None => json!([]),
    };
    let body = given([
        ("id", Some(json!(new.id))),
        ("provider", Some(json!(new.provider))),
        ("account", new.account.map(Value::from)),
        ("public_url", Some(json!(new.public_url))),
        ("secrets", Some(secrets)),
        ("speaker_url", new.speaker_url.map(Value::from)),
        ("voice", new.voice.map(Value::from)),
        ("options", Some(new.options.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Value>())),
    ]);
    session.show(&session.post(base, &body).await?, card)
}

async fn refusals(session: &Session, base: &str, id: &ConnectionId) -> Outcome {
    let zone = session.zone().await?;
    let all = session.get(&format!("{base}/{id}/refusals"), &[]).await?;
    session.show(&all, |all| {
        if items(all).is_empty() {
            return "none since the server started".to_owned();
        }
        let one = |item: &Value| {
            let at = item.get("at").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::full(at, &zone));
            let lines = fields(&[
                ("  what", text(item, "detail")),
                ("  url", text(item, "url_seen")),
                ("  signed as", text(item, "forms_tried")),
                ("  headers", text(item, "header_names")),
            ]);
            format!("{at}  {}\n{lines}", text(item, "code"))
        };
        items(all).iter().map(one).collect::<Vec<_>>().join("\n")
    })
}

fn card(connection: &Value) -> String {
    let names = ["id", "tenant", "provider", "account", "public_url", "webhook", "speaker_url", "voice", "options"];
    let mut pairs: Vec<(&str, String)> = names.into_iter().map(|name| (name, text(connection, name))).collect();
    let secrets = connection.get("secrets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = secrets.iter().map(|secret| text(secret, "name")).collect();
    pairs.push(("secrets", format!("{} (never shown)", if named.is_empty() { "none".to_owned() } else { named.join(", ") })));
    pairs.push((
        "unbound",
        connection.get("unbound").filter(|unbound| !unbound.is_null()).map_or_else(|| "a bare status".to_owned(), plain),
    ));
    fields(&pairs)
}
