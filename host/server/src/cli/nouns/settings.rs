//! Speaks of settings: a JSON object of a tenant or a flow, written whole.
//!
//! `cli::admin` runs its verbs. They are printed as JSON and read as JSON, so that what `show` prints can be edited and given to `set`;
//! there are no verbs for single values, because two people who each set one would not see each other.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackfield_domain::id::FlowName;
use serde_json::Value;

use crate::cli::print::text;
use crate::cli::session::{Outcome, Session, read_json};

/// Verbs of settings.
#[derive(Debug, Subcommand)]
pub enum Settings {
    /// See them.
    Show(Level),
    /// Write them whole. Releases keep what they were made with; a new release takes these.
    Set {
        /// Whose.
        #[command(flatten)]
        level: Level,
        /// A file with a JSON object; "-" for standard input.
        file: PathBuf,
    },
}

/// Whose.
#[derive(Debug, Args)]
pub struct Level {
    /// The flow's own settings; the tenant's where none is named.
    #[arg(long)]
    flow: Option<FlowName>,
}

impl Level {
    async fn path(&self, session: &Session) -> Result<String, crate::cli::session::Trouble> {
        match &self.flow {
            Some(flow) => session.inside(&format!("flows/{flow}/settings")).await,
            None => session.inside("settings").await,
        }
    }
}

impl Settings {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Show(level) => {
                let answer = session.get(&level.path(session).await?, &[]).await?;
                session.show(&answer, |answer| {
                    let value = answer.get("value").unwrap_or(&Value::Null);
                    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
                })
            }
            Self::Set { level, file } => {
                let answer = session.put(&level.path(session).await?, &read_json(&file).await?).await?;
                session.show(&answer, |answer| {
                    format!("settings revision {}; `jackfield flow release` makes a release that uses it", text(answer, "revision"))
                })
            }
        }
    }
}
