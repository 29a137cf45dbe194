//! Reads where to ask, what to say and where to send.
//!
//! The host has checked settings against `settings.schema.json` before a release exists.

use serde::Deserialize;

/// All settings.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    /// Whom to ask; the number is added as a query parameter.
    pub(crate) url: String,
    /// The handle of the secret that goes along as a bearer token.
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// How long to wait at most.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// With `{name}` in it.
    pub(crate) greeting: String,
    /// For everybody else.
    pub(crate) general_greeting: String,
    /// For everybody else.
    pub(crate) queue: String,
    /// Queues that the service may choose; what it says besides is not followed.
    #[serde(default)]
    pub(crate) queues: Vec<String>,
}

fn timeout_ms() -> u64 {
    1_500
}
