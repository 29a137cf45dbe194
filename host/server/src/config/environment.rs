//! Reads the environment: the only file that does, so that what a process depends on is a list and not a search.
//!
//! The composition root calls it once. (`JACKFIELD_SERVER` and `JACKFIELD_TOKEN` belong to the command line's own parser.)

use jackfield_domain::tenant::connection::Secret;

/// What the environment may hold.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `JACKFIELD_MASTER_KEY`: 64 hexadecimal digits; wins over the master key file.
    pub master_key: Option<Secret>,
    /// `JACKFIELD_LOG`: a filter for the log, for example "info,jackfield_server=debug".
    pub log_filter: Option<String>,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    pub fn read() -> Self {
        Self { master_key: std::env::var("JACKFIELD_MASTER_KEY").ok().map(Secret::new), log_filter: std::env::var("JACKFIELD_LOG").ok() }
    }
}
