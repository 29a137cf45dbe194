//! Makes captures of an event's attempts, and hands over those that are kept (step 10). Never awaited.
//!
//! A capture is begun before its attempt runs, because the guest is given the event as it is then, and finished with what it came to. What
//! never began is not captured: it says nothing of the plugin.

use jackfield_domain::capture::{Capture, FORMAT, Met, Why};
use jackfield_domain::contact::event::Event;
use jackfield_domain::fallback::{AnsweredBy, FailureKind};
use jackfield_runtime::{Call, Ran, came_to};

use super::parse::Parsed;
use super::settle::Settled;
use super::visit::Visit;
use crate::app::App;
use crate::surroundings::Runnable;

/// What is known before the attempt. None where nothing of this event may be kept.
pub(super) fn begin(app: &App, visit: &Visit, event: &Event, call: &Call, runnable: &Runnable) -> Option<Capture> {
    if visit.around.captures.off || visit.contact.gave_secrets || event.is_sensitive() {
        return None;
    }
    Some(Capture {
        format: FORMAT,
        why: Why::Sampled,
        contact: call.contact.as_ref().clone(),
        event: call.event.as_ref().clone(),
        function: call.function.as_str().to_owned(),
        release: call.release,
        version: runnable.release.version.clone(),
        digest: call.digest,
        class: call.class,
        engine: app.runtime.fingerprint().to_owned(),
        turn: call.turn,
        attempt: call.attempt,
        now: call.now,
        zone_offset_minutes: call.zone_offset_minutes,
        deadline: call.deadline,
        limits: call.limits,
        seed: hex::encode(call.seed),
        grants: call.grants.clone(),
        context: call.context.clone(),
        tape: Vec::new(),
        log: Vec::new(),
        came_to: jackfield_domain::capture::CameTo::Nothing,
        fuel: 0,
        bytes: 0,
    })
}

/// With what it came to, before that was judged; none where the guest never began, or was lost by its thread: that is the host's doing.
/// The tape is put in last, by whoever has read it.
pub(super) fn finish(begun: Option<Capture>, ran: &Ran) -> Option<Capture> {
    let capture = begun?;
    let never_began = match &ran.result {
        Err(failure) => matches!(failure.kind, FailureKind::Overloaded | FailureKind::NotReady) || ran.used.memory_bytes == 0,
        Ok(_) => false,
    };
    let came_to = || came_to(ran.result.clone());
    (!never_began).then(|| Capture {
        log: ran.log.clone(),
        came_to: came_to(),
        fuel: ran.used.fuel,
        bytes: ran.used.input_bytes.saturating_add(ran.used.output_bytes),
        ..capture
    })
}

/// Hands over what is kept of an event.
pub(super) fn keep(app: &App, visit: &Visit, settled: &mut Settled, parsed: &Parsed) {
    let captures = std::mem::take(&mut settled.captures);
    if captures.is_empty() {
        return;
    }
    let met = Met {
        failed: settled.attempts.iter().any(|attempt| attempt.failure.is_some()),
        fallback: settled.answered_by != AnsweredBy::Plugin,
        late: parsed.time_left().is_zero(),
    };
    let rules = &visit.around.captures;
    for capture in captures {
        if let Some(why) = rules.why(&capture.contact, &capture.event, visit.tenant.plan, met) {
            app.captures.keep(Capture { why, ..capture });
        }
    }
}

/// The same of what an observer was told, which nobody waits for.
pub(super) fn keep_observed(app: &App, visit: &Visit, capture: Option<Capture>, answered: bool) {
    let Some(capture) = capture else { return };
    let met = Met { failed: !answered, fallback: false, late: false };
    if let Some(why) = visit.around.captures.why(&capture.contact, &capture.event, visit.tenant.plan, met) {
        app.captures.keep(Capture { why, ..capture });
    }
}
