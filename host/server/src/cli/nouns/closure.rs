//! Speaks of the emergency closure: the switch above all plugins of a tenant and those below it.
//!
//! `cli::admin` runs its verbs. Without any flag it closes in the strict way, in which no plugin runs: who types this in an emergency
//! should get what the word says.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::print::text;
use crate::cli::session::{Outcome, Session, Trouble, given};
use crate::cli::when;

/// Verbs of the closure.
#[derive(Debug, Subcommand)]
pub enum Closure {
    /// Close.
    Set {
        /// Why.
        reason: String,
        /// When it ends by itself, for example "2026-11-21 18:00".
        #[arg(long)]
        until: Option<String>,
        /// Let plugins run: they can ask for the closure and decide by themselves.
        #[arg(long)]
        ask_plugins: bool,
    },
    /// See whether it is in force.
    Show,
    /// Open again.
    Lift,
}

impl Closure {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let path = session.inside("closure").await?;
        match self {
            Self::Set { reason, until, ask_plugins } => {
                let until = match until {
                    None => None,
                    Some(words) => {
                        let zone = session.zone().await?;
                        let end = when::parse(&words, &zone, session.now());
                        Some(json!(when::rfc3339(
                            end.ok_or_else(|| Trouble::Usage(format!("{words:?} is no time; try \"2026-11-21 18:00\"")))?
                        )))
                    }
                };
                let body = given([("reason", Some(json!(reason))), ("until", until), ("bypass", Some(json!(!ask_plugins)))]);
                let answer = session.put(&path, &body).await?;
                session.say(
                    &answer,
                    if ask_plugins { "closed; plugins run and can ask" } else { "closed; every contact gets the default routes" },
                )
            }
            Self::Show => {
                let zone = session.zone().await?;
                let answer = session.get(&path, &[]).await?;
                session.show(&answer, |closure| {
                    let moment = |name: &str| closure.get(name).and_then(Value::as_u64).map(|at| when::full(at, &zone));
                    let until = moment("until").map_or_else(|| "until it is lifted".to_owned(), |until| format!("until {until}"));
                    let since = moment("since").unwrap_or_else(|| "-".to_owned());
                    format!("closed since {since} {until} by {}: {}", text(closure, "by"), text(closure, "reason"))
                })
            }
            Self::Lift => {
                let answer = session.delete(&path).await?;
                session.say(&answer, "open again")
            }
        }
    }
}
