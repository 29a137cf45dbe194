//! Puts the admin API under a person's fingers: `jackfield <noun> <verb>`.
//!
//! The program's parser flattens [`AdminCommand`] beside the server's own commands and calls [`run`]. Each noun is a file with its
//! verbs; what is sent and what comes back is the public API and nothing else, so that whatever the command line can do, a program
//! can. With `--json` the API's own JSON is printed.

pub mod admin;
mod bench;
pub mod explain;
pub mod history;
pub mod kit;
pub mod logs;
pub mod nouns;
pub mod plan;
pub mod prepare;
pub mod replay;

mod print;
mod session;
mod waiting;
mod when;

pub use admin::{AdminCommand, run};

use clap::Args;
use jackfield_domain::id::TenantId;

/// What holds for every command that talks to a server.
#[derive(Clone, Args)]
pub struct Globals {
    /// Where the server's admin API is.
    #[arg(long, global = true, env = "JACKFIELD_SERVER", default_value = "http://127.0.0.1:8081", value_name = "URL")]
    pub server: String,
    /// The token to show there.
    #[arg(long, global = true, env = "JACKFIELD_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The tenant that is meant; the token's own where it is confined to one.
    #[arg(long, global = true, env = "JACKFIELD_TENANT")]
    pub tenant: Option<TenantId>,
    /// Print the API's JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

impl std::fmt::Debug for Globals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Globals")
            .field("server", &self.server)
            .field("tenant", &self.tenant)
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
