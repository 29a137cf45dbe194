//! Names what differs between those who speak TwiML: whose word a sentence is, which parameter says what, which nouns there are.
//!
//! Twilio and Telnyx each have one and hand it to the parser and to the renderer, which have no name of a provider of their own. A table and
//! not a trait, because a dialect decides nothing: where two of them part, the shared code has an arm that can be read beside the other. A
//! bound that a provider documents nowhere is Twilio's, for whose documents these verbs were made.

use super::form::Form;
use crate::provider::Unreadable;

/// What a form says of the caller's attestation.
pub(crate) type Attestation = fn(&Form<'_>) -> Result<Option<&'static str>, Unreadable>;

/// One way to speak TwiML.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// As connections and the ids of queues name it.
    pub(crate) name: &'static str,
    /// As sentences name it.
    pub(crate) called: &'static str,
    /// The parameter that names the caller.
    pub(crate) caller_name: &'static str,
    /// STIR/SHAKEN, by whatever parameters.
    pub(crate) attestation: Attestation,
    /// True where `Dial` has the noun `Client`.
    pub(crate) has_clients: bool,
    /// True where a queue may be a workflow that routes by skills.
    pub(crate) has_workflows: bool,
    /// True where a queue plays a sound that it is given; else it is given a document.
    pub(crate) queues_play: bool,
    /// True where a `Gather` is known to come back with nothing too. Else the next verb has to bring that.
    pub(crate) tells_silence: bool,
    /// For how many seconds a target may ring, at least and at most.
    pub(crate) ring_seconds: (u64, u64),
    /// For how many seconds two may talk, at least and at most.
    pub(crate) talk_seconds: (u64, u64),
}

/// Twilio's own: ten minutes of ringing and four hours of talk are the most that its `Dial` takes.
pub(crate) const TWILIO: Dialect = Dialect {
    name: super::NAME,
    called: "Twilio",
    caller_name: "CallerName",
    attestation,
    has_clients: true,
    has_workflows: true,
    queues_play: true,
    tells_silence: true,
    ring_seconds: (1, 600),
    talk_seconds: (1, 14_400),
};

/// STIR/SHAKEN, as in `TN-Validation-Passed-A`.
fn attestation(form: &Form<'_>) -> Result<Option<&'static str>, Unreadable> {
    Ok(form.one("StirVerstat")?.map(|verdict| match verdict.strip_prefix("TN-Validation-Passed-") {
        Some(level) if level.starts_with('A') => "A",
        Some(level) if level.starts_with('B') => "B",
        Some(level) if level.starts_with('C') => "C",
        _ if verdict.starts_with("TN-Validation-Failed") => "failed",
        _ => "none",
    }))
}
