//! Speaks of tokens: make one that is shown this once, see who has which, take one back.
//!
//! `cli::admin` runs its verbs. A new token's text is the first line that is printed and stands alone on it, so that a script can take
//! it without reading a sentence.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::print::{items, table, text};
use crate::cli::session::{Outcome, Session, given, segment};
use crate::cli::when;

/// Verbs of tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make one. With --tenant it is confined to that tenant and those below it, without it as far as the token that asks.
    Create {
        /// What it is for.
        #[arg(long, default_value = "command line")]
        label: String,
        /// It opens nothing after so many days.
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
    },
    /// See those that the token reaches.
    List,
    /// Take one back, now.
    Revoke {
        /// Its id: the sixteen digits after jf_.
        id: String,
    },
}

impl Token {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Create { label, expires } => {
                let tenant = session.named_tenant().map(|tenant| json!(tenant));
                let body = given([("label", Some(json!(label))), ("tenant", tenant), ("expires_days", expires.map(Value::from))]);
                let answer = session.post("/v1/tokens", &body).await?;
                session.show(&answer, |answer| format!("{}\nit is shown this once; it opens {}", text(answer, "token"), reach(answer)))
            }
            Self::List => {
                let all = session.list("/v1/tokens").await?;
                let zone = jiff::tz::TimeZone::UTC;
                session.show(&all, |all| {
                    let row = |token: &Value| {
                        let moment =
                            |name: &str| token.get(name).and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::full(at, &zone));
                        vec![text(token, "id"), text(token, "label"), reach(token), moment("created"), moment("expires"), moment("revoked")]
                    };
                    table(&["id", "label", "opens", "made", "expires", "revoked"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Revoke { id } => {
                let answer = session.delete(&format!("/v1/tokens/{}", segment(&id))).await?;
                session.say(&answer, &format!("token {id} opens nothing any more"))
            }
        }
    }
}

fn reach(token: &Value) -> String {
    match token.pointer("/reach/tenant").and_then(Value::as_str) {
        Some(tenant) => format!("tenant {tenant}"),
        None => "everything".to_owned(),
    }
}
