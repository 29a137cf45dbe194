//! Tells who watches (step 10): one line of log per event. Never awaited, and nothing depends on it.
//!
//! Tenant and contact stand in the span that the line is in.

use super::parse::Parsed;
use super::settle::Settled;
use super::visit::Visit;

pub(super) fn tell(visit: &Visit, settled: &Settled, parsed: &Parsed) {
    let fuel: u64 = settled.attempts.iter().map(|attempt| attempt.used.fuel).sum();
    let failure = settled.attempts.first().and_then(|attempt| attempt.failure.as_ref()).map_or("", |failure| failure.code());
    tracing::info!(
        flow = %visit.contact.flow,
        release = visit.contact.release,
        event = settled.event.name(),
        answered_by = settled.answered_by.as_str(),
        failure,
        fuel,
        took_us = parsed.begun.elapsed().as_micros(),
        "answered"
    );
}
