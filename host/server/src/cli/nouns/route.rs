//! Speaks of default routes: static decisions for when no plugin answers, of a tenant or a flow.
//!
//! `cli::admin` runs its verbs. Routes are shown in the words of `explain`, so that what is set reads like what a caller will get.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::id::FlowName;
use serde_json::Value;

use crate::cli::explain::words;
use crate::cli::print::table;
use crate::cli::session::{Outcome, Session, Trouble, read_json};

/// Verbs of default routes.
#[derive(Debug, Subcommand)]
pub enum Route {
    /// Write them whole; each is tried with every provider before it is taken.
    Set {
        /// Whose.
        #[command(flatten)]
        level: Level,
        /// A file with a list of routes as JSON; "-" for standard input.
        file: PathBuf,
    },
    /// See them.
    Show(Level),
}

/// Whose.
#[derive(Debug, Args)]
pub struct Level {
    /// The flow's own; the tenant's where none is named.
    #[arg(long)]
    flow: Option<FlowName>,
}

impl Level {
    async fn path(&self, session: &Session) -> Result<String, Trouble> {
        match &self.flow {
            Some(flow) => session.inside(&format!("flows/{flow}/routes")).await,
            None => session.inside("routes").await,
        }
    }
}

impl Route {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Set { level, file } => {
                let answer = session.put(&level.path(session).await?, &read_json(&file).await?).await?;
                session.show(&answer, rows)
            }
            Self::Show(level) => session.show(&session.get(&level.path(session).await?, &[]).await?, rows),
        }
    }
}

fn rows(answer: &Value) -> String {
    let routes = answer.get("routes").cloned().unwrap_or(Value::Null);
    let Ok(routes) = serde_json::from_value::<DefaultRoutes>(routes) else { return answer.to_string() };
    let row = |route: &jackfield_domain::fallback::DefaultRoute| {
        vec![
            route.channel.as_str().to_owned(),
            route.language.clone().unwrap_or_else(|| "any".to_owned()),
            route.hours.as_ref().map_or_else(|| "always".to_owned(), ToString::to_string),
            words::actions(&route.open.actions),
            route.closed.as_ref().map_or_else(|| "as open".to_owned(), |closed| words::actions(&closed.actions)),
        ]
    };
    table(&["channel", "language", "hours", "open", "closed"], &routes.0.iter().map(row).collect::<Vec<_>>())
}
