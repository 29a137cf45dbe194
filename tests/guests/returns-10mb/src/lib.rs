//! Answers with ten megabytes of text.

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

/// Fits into the memory of the standard plan, and is far beyond every output limit.
const TEXT_BYTES: usize = 10_000_000;

struct Returns10Mb;

impl Guest for Returns10Mb {
    const NAME: &str = "returns-10mb";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(say("x".repeat(TEXT_BYTES), "ten megabytes"))
    }
}

commit!(Returns10Mb);
