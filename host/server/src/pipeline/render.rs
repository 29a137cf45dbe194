//! Renders the decision in the provider's form (step 8). It cannot fail: a decision is valid by construction.

use jackfield_domain::contact::open::Begun;
use jackfield_domain::quota::Barred;
use jackfield_providers::provider::{Place, Ran, Reply, Scene};

use jackfield_store::StoreFault;

use super::parse::Parsed;
use super::settle::Settled;
use super::visit::{self, Visit};
use crate::app::App;

/// What a document is rendered for.
pub(super) fn scene<'a>(visit: &'a Visit, parsed: &'a Parsed) -> Scene<'a> {
    Scene {
        connection: &parsed.connection,
        contact: visit.contact.id,
        turn: visit.turn(),
        place: parsed.step.as_ref().map_or(Place::Main, |step| step.place),
        language: &visit.contact.language,
        entry: Some(&visit.contact.address),
        caller: &visit.contact.arrival.customer.address,
        directory: &visit.directory,
        asked: &parsed.asked,
        ran: None,
        now: parsed.at,
        alone: false,
    }
}

pub(super) fn render(visit: &Visit, settled: &Settled, parsed: &Parsed) -> Reply {
    parsed.provider.render(&settled.decision, &Scene { ran: Some(ran(visit, settled)), ..scene(visit, parsed) })
}

/// What is told of it where the provider tells anybody.
pub(super) fn ran<'a>(visit: &Visit, settled: &'a Settled) -> Ran<'a> {
    Ran {
        release: visit.contact.release,
        answered_by: settled.answered_by,
        barred: settled.barred.map(Barred::code),
        attempts: &settled.attempts,
    }
}

/// What a dialled target hears on its own leg. No plugin is asked, and the contact does not change.
pub(super) async fn whisper(app: &App, parsed: &Parsed) -> Result<Reply, StoreFault> {
    let visit = visit::load(app, parsed).await?;
    let transfer = visit.contact.open.as_ref().and_then(|open| match &open.begun {
        Begun::Transfer { transfer, .. } => Some(transfer),
        _ => None,
    });
    Ok(parsed.provider.render_whisper(transfer, &parsed.heard, &scene(&visit, parsed)))
}
