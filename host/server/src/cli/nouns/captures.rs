//! Speaks of captures: what of a tenant's contacts is kept so that it can be run again.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::print::{fields, text};
use crate::cli::session::{Outcome, Session};

/// Verbs of captures.
#[derive(Debug, Subcommand)]
pub enum Captures {
    /// See the tenant's rules.
    Show,
    /// Set them: what is not named stays as it is.
    Set {
        /// Capture nothing at all: "on" or "off".
        #[arg(long, value_parser = ["on", "off"])]
        capture: Option<String>,
        /// The part of contacts that is captured whole, at most the plan's.
        #[arg(long)]
        percent: Option<u8>,
    },
    /// Capture every contact of a customer from now on.
    Flag {
        /// The number, or the customer's name at the provider.
        customer: String,
    },
    /// Stop doing so.
    Unflag {
        /// The number, or the customer's name at the provider.
        customer: String,
    },
}

impl Captures {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let path = session.inside("captures").await?;
        let rules = session.get(&path, &[]).await?;
        let revision = rules.get("revision").and_then(Value::as_u64).filter(|revision| *revision > 0);
        let (mut off, mut percent) = (rules.get("off").cloned(), rules.get("percent").cloned());
        let mut flagged = rules.get("flagged").and_then(Value::as_array).cloned().unwrap_or_default();
        match self {
            Self::Show => return session.show(&rules, human),
            Self::Set { capture, percent: part } => {
                off = capture.map(|capture| json!(capture == "off")).or(off);
                percent = part.map(|part| json!(part)).or(percent);
            }
            Self::Flag { customer } => flagged.push(json!(customer)),
            Self::Unflag { customer } => {
                let digits = |text: &str| text.trim_start_matches('+').to_owned();
                flagged.retain(|kept| kept.as_str().is_none_or(|kept| digits(kept) != digits(&customer)));
            }
        }
        let wanted = json!({ "off": off, "percent": percent, "flagged": flagged });
        let set = session.put_if(&path, &wanted, revision).await?;
        session.show(&set, human)
    }
}

fn human(rules: &Value) -> String {
    let is_off = rules.get("off").and_then(Value::as_bool).unwrap_or_default();
    let percent =
        rules.get("percent").and_then(Value::as_u64).map_or_else(|| "as the plan says".to_owned(), |percent| format!("{percent} %"));
    fields(&[
        (
            "captured",
            if is_off { "nothing".to_owned() } else { "failures, fallbacks, what was late, flagged customers, a sample".to_owned() },
        ),
        ("sample", percent),
        ("flagged", text(rules, "flagged")),
    ])
}
