//! Writes the log: one line per event, to standard error, for people on a terminal and as JSON for collectors.
//!
//! `serve` starts it once. Secrets never reach it, because the types that hold them do not print.

use tracing_subscriber::EnvFilter;

/// What is logged where nobody says.
const FILTER: &str = "info";

/// Starts logging. A filter that cannot be read is reported and replaced.
pub fn start(filter: Option<&str>, json: bool) {
    let chosen = EnvFilter::try_new(filter.unwrap_or(FILTER));
    let unreadable = chosen.as_ref().err().map(ToString::to_string);
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(chosen.unwrap_or_else(|_| EnvFilter::new(FILTER)));
    // A second start in one process, as tests do it, keeps the first.
    let _ = if json { builder.json().try_init() } else { builder.compact().with_target(false).try_init() };
    if let Some(why) = unreadable {
        tracing::warn!(why, "JACKFIELD_LOG cannot be read; logging at info");
    }
}
