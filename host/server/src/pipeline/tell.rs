//! Tells who watches (step 10): one line of log per event, and what it takes to run it again. Never awaited, and nothing depends on it.
//!
//! Tenant and contact stand in the span that the line is in.

use super::captured;
use super::parse::Parsed;
use super::settle::Settled;
use super::visit::Visit;
use crate::app::App;

pub(super) fn tell(app: &App, visit: &Visit, settled: &mut Settled, parsed: &Parsed) {
    captured::keep(app, visit, settled, parsed);
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
