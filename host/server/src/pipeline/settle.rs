//! Settles the event (step 7): whatever was tried, a decision comes of it.
//!
//! The rule is the domain's; here it is given the default routes of flow, tenant, ancestors and platform, each with its owner's
//! directory. They are read only where the plugin did not answer.

use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::capability::Effects;
use jackfield_domain::capture::Capture;
use jackfield_domain::contact::decision::{Action, Decision, Draft};
use jackfield_domain::contact::event::Event;
use jackfield_domain::fallback::{self, AnsweredBy, Case, DefaultRoute, DefaultRoutes, Step, World, vet};
use jackfield_domain::id::FlowName;
use jackfield_domain::ports::rows::CommitError;
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::quota::Barred;
use jackfield_domain::tenant::directory::Directory;
use jackfield_domain::trail::AttemptRecord;
use jackfield_providers::provider::Place;
use jackfield_store::StoreFault;

use super::invoke::Tried;
use super::parse::Parsed;
use super::visit::{self, Visit};
use super::{Outgoing, commit, render, retry};
use crate::app::App;

/// Step 7's gift.
pub(super) struct Settled {
    pub event: Event,
    pub decision: Decision,
    pub answered_by: AnsweredBy,
    pub barred: Option<Barred>,
    pub attempts: Vec<AttemptRecord>,
    /// What it takes to run the attempts again, as far as it may be kept.
    pub captures: Vec<Capture>,
    /// Of the answering attempt.
    pub effects: Option<(StateSpace, Effects)>,
    pub notes: Vec<String>,
    /// True where the host went on with what was open and no plugin was asked.
    pub by_host: bool,
    /// From the end of the request to the decision.
    pub took: Duration,
}

/// The routes of one level, with their owner's directory.
struct Level {
    by: AnsweredBy,
    routes: Arc<DefaultRoutes>,
    directory: Arc<Directory>,
}

pub(super) async fn settle(app: &App, visit: &mut Visit, event: Event, tried: Tried, parsed: &Parsed) -> Result<Settled, StoreFault> {
    let Tried { attempts, barred } = tried;
    let answered = attempts.iter().any(|attempt| attempt.result.is_ok());
    let levels = if answered { Vec::new() } else { levels(app, visit, parsed).await? };
    let mut records = Vec::with_capacity(attempts.len());
    let mut effects = Vec::with_capacity(attempts.len());
    let mut results = Vec::with_capacity(attempts.len());
    let mut captures = Vec::new();
    for attempt in attempts {
        if let Err(failure) = &attempt.result {
            visit.contact.failures.push(failure.code().to_owned());
        }
        results.push(fallback::Tried { by: attempt.by, result: attempt.result });
        records.push(attempt.record);
        captures.extend(attempt.capture);
        effects.push((attempt.space, attempt.effects));
    }
    let scene = render::scene(visit, parsed);
    let abilities = parsed.provider.abilities(&scene);
    let settled = fallback::settle(Case {
        attempts: results,
        barred,
        steps: steps(&levels),
        limits: &visit.tenant.limits,
        abilities: abilities.as_ref(),
        channel: visit.contact.channel,
        language: &visit.contact.language,
        now: parsed.at,
    });
    Ok(Settled {
        event,
        decision: settled.decision,
        answered_by: settled.answered_by,
        barred,
        attempts: records,
        captures,
        effects: settled.attempt.and_then(|at| effects.into_iter().nth(at)),
        notes: settled.passed_over,
        by_host: false,
        took: parsed.begun.elapsed(),
    })
}

/// The host's own next step; where its world refuses it, the default routes answer.
pub(super) async fn host_step(app: &App, visit: &mut Visit, draft: Draft, note: String, parsed: &Parsed) -> Result<Settled, StoreFault> {
    let scene = render::scene(visit, parsed);
    let abilities = parsed.provider.abilities(&scene);
    let world = World { directory: &visit.directory, limits: &visit.tenant.limits, listed: None, abilities: abilities.as_ref() };
    let result = vet(draft, &world);
    let levels = if result.is_ok() { Vec::new() } else { levels(app, visit, parsed).await? };
    let settled = fallback::settle(Case {
        attempts: vec![fallback::Tried { by: AnsweredBy::Plugin, result }],
        barred: None,
        steps: steps(&levels),
        limits: &visit.tenant.limits,
        abilities: abilities.as_ref(),
        channel: visit.contact.channel,
        language: &visit.contact.language,
        now: parsed.at,
    });
    let mut notes = vec![format!("the host went on by itself: {note}")];
    notes.extend(settled.passed_over);
    Ok(Settled {
        event: jackfield_domain::contact::open::event_of(parsed.heard.clone()),
        decision: settled.decision,
        answered_by: settled.answered_by,
        barred: None,
        attempts: Vec::new(),
        captures: Vec::new(),
        effects: None,
        notes,
        by_host: true,
        took: parsed.begun.elapsed(),
    })
}

/// Too many events of one contact, or of a tenant and no turn: the default routes answer at once, and the contact stays as it is. Whoever has
/// the turn may have answered this very event meanwhile; then that is the answer.
pub(super) async fn busy(app: &App, parsed: &Parsed, barred: Barred, lost: Vec<AttemptRecord>) -> Result<Outgoing, StoreFault> {
    let mut visit = visit::load(app, parsed).await?;
    visit.lost = lost;
    let event = jackfield_domain::contact::open::event_of(parsed.heard.clone());
    let tried = Tried { attempts: Vec::new(), barred: Some(barred) };
    let settled = settle(app, &mut visit, event, tried, parsed).await?;
    let reply = render::render(&visit, &settled, parsed);
    // An event that came before its contact was kept has nothing to be noted with; the one before it will make the contact.
    if visit.revision.is_none() {
        app.metrics.unkept(barred);
        return Ok(reply.into());
    }
    match commit::note(app, &visit, &settled, &reply, parsed).await {
        Ok(()) => Ok(reply.into()),
        Err(CommitError::Conflict { .. }) => Ok(retry::answered_before(app, parsed).await?.unwrap_or_else(|| reply.into())),
        Err(other) => Err(commit::unwritten(other)),
    }
}

fn steps(levels: &[Level]) -> Vec<Step<'_>> {
    levels.iter().map(|level| Step { by: level.by, routes: &level.routes, directory: &level.directory }).collect()
}

/// A customer who waits in a queue keeps waiting: a default route would take the place away that the customer has waited for.
fn keep_waiting(visit: &Visit) -> Vec<Level> {
    let open = Draft { actions: vec![Action::Keep], reason: "the customer keeps waiting in the queue".to_owned() };
    let route = DefaultRoute { channel: visit.contact.channel, language: None, hours: None, open, closed: None };
    vec![Level { by: AnsweredBy::PlatformDefault, routes: Arc::new(DefaultRoutes(vec![route])), directory: visit.directory.clone() }]
}

async fn levels(app: &App, visit: &Visit, parsed: &Parsed) -> Result<Vec<Level>, StoreFault> {
    if parsed.step.as_ref().is_some_and(|step| step.place == Place::QueueWait) {
        return Ok(keep_waiting(visit));
    }
    let mut levels = Vec::new();
    let own: [(AnsweredBy, Option<FlowName>); 2] =
        [(AnsweredBy::FlowDefault, Some(visit.contact.flow.clone())), (AnsweredBy::TenantDefault, None)];
    for (by, of) in own {
        if let Some(routes) = visit.around.routes(&app.store, &of).await? {
            levels.push(Level { by, routes, directory: visit.directory.clone() });
        }
    }
    for above in visit.ancestors.iter() {
        let by = if above.parent.is_none() { AnsweredBy::PlatformDefault } else { AnsweredBy::TenantDefault };
        let Some(around) = app.known.of(&above.id).await? else { continue };
        if let Some(routes) = around.routes(&app.store, &None).await? {
            levels.push(Level { by, routes, directory: Arc::clone(&around.directory) });
        }
    }
    Ok(levels)
}
