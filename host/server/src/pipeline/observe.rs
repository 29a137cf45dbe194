//! Takes what expects no answer: the end of a contact, the status of a message.
//!
//! It does not wait for the contact's turn and holds nobody up. What happened is durable before the provider is told so; the plugin's
//! observer hears of it afterwards, in the contact's order, at most once.

use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::open::event_of;
use jackfield_domain::contact::{Contact, Phase};
use jackfield_domain::fallback::AnsweredBy;
use jackfield_domain::ports::rows::{CommitError, Expect, RowsFault};
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::tenant::hours::offset_minutes;
use jackfield_domain::trail::{AttemptRecord, Times, Turn};
use jackfield_providers::provider::Reply;
use jackfield_runtime::capability::live::Live;
use jackfield_runtime::{Call, Function};
use jackfield_store::StoreFault;

use super::parse::Parsed;
use super::visit::{self, Visit};
use super::{admit, assign, commit, invoke, retry};
use crate::app::App;

/// How often the contact is read again because its turn wrote it meanwhile.
const TRIES_MAX: u32 = 5;
/// An observer has no caller who waits; it still ends.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn observe(app: &Arc<App>, parsed: Parsed) -> Result<Reply, StoreFault> {
    let reply = parsed.provider.acknowledge();
    if retry::answered_before(app, &parsed).await?.is_some() {
        return Ok(reply);
    }
    let event = event_of(parsed.heard.clone());
    for _ in 0..TRIES_MAX {
        let Some(visit) = visit::load(app, &parsed).await?.existing() else { return Ok(reply) };
        match write(app, &visit, &event, &parsed, &reply).await {
            Ok(()) => {
                notify_later(app.clone(), parsed, event);
                return Ok(reply);
            }
            Err(CommitError::Conflict { .. }) if retry::answered_before(app, &parsed).await?.is_some() => return Ok(reply),
            Err(CommitError::Conflict { .. }) => {}
            Err(other) => return Err(commit::unwritten(other)),
        }
    }
    Err(StoreFault::Rows(RowsFault { why: "the contact was written too often meanwhile".to_owned() }))
}

async fn write(app: &App, visit: &Visit, event: &Event, parsed: &Parsed, reply: &Reply) -> Result<(), CommitError> {
    let scope = app.store.tenant(&visit.tenant.id);
    let kept = commit::kept_reply(visit, reply, parsed);
    let mut change = scope.change().put(&kept, Expect::Absent).turn(&entry(app, visit, event, parsed, Vec::new()));
    if let Event::Ended(ended) = event {
        let over = Contact { phase: Phase::Ended, ended: Some(parsed.at), end_cause: Some(ended.cause.clone()), ..visit.contact.clone() };
        change = change.put(&over, visit.revision.map_or(Expect::Absent, Expect::Revision));
    }
    change.commit().await
}

fn entry(app: &App, visit: &Visit, event: &Event, parsed: &Parsed, attempts: Vec<AttemptRecord>) -> Turn {
    Turn {
        contact: visit.contact.id,
        at: parsed.at,
        sequence: app.next_sequence(),
        turn: visit.contact.turn,
        event: event.masked(),
        rule: parsed.rule.clone(),
        flow: visit.contact.flow.clone(),
        release: visit.contact.release,
        arm: None,
        verified_with: parsed.verified_with.clone(),
        barred: None,
        attempts,
        decision: None,
        reason: String::new(),
        answered_by: None,
        notes: Vec::new(),
        directory_revision: visit.directory_revision,
        reply: None,
        times: Times::default(),
    }
}

/// Runs the plugin's observer, where it has one, in the contact's order.
fn notify_later(app: Arc<App>, parsed: Parsed, event: Event) {
    tokio::spawn(async move {
        let Some(_turn) = app.order.wait(&parsed.lane(), PATIENCE).await else {
            tracing::warn!(tenant = %parsed.tenant, "an observer was not told: the contact was busy");
            return;
        };
        if let Err(fault) = notify(&app, &parsed, &event).await {
            tracing::error!(tenant = %parsed.tenant, %fault, "an observer's writes were lost");
        }
    });
}

async fn notify(app: &App, parsed: &Parsed, event: &Event) -> Result<(), StoreFault> {
    let Some(mut visit) = visit::load(app, parsed).await?.existing() else { return Ok(()) };
    let admitted = admit::admit(&visit, event, parsed.at);
    let Ok((pass, runnables)) = assign::assign(app, &mut visit, admitted).await? else { return Ok(()) };
    let Some(runnable) = runnables.into_iter().next().filter(|runnable| runnable.version.exports.contains("observer")) else {
        return Ok(());
    };
    let limits = runnable.release.limits.within(*pass.limits());
    let space = StateSpace {
        tenant: visit.tenant.id.clone(),
        owner: runnable.release.version.tenant.clone(),
        plugin: runnable.release.version.plugin.clone(),
        contact: visit.contact.id,
    };
    let mut seed = [0; 32];
    let _ = getrandom::fill(&mut seed);
    let parts =
        invoke::live_parts(app, &visit, &runnable.release.settings, &space, &limits, &runnable.version.metadata.outcomes, parsed).await;
    let wall = Duration::from_millis(limits.wall_ms_max);
    let call = Call {
        digest: runnable.version.digest,
        class: runnable.version.class,
        function: Function::Notify,
        contact: visit.contact.clone(),
        event: event.clone(),
        release: runnable.release.number,
        turn: visit.contact.turn,
        attempt: 1,
        now: parsed.at,
        zone_offset_minutes: offset_minutes(&visit.tenant.zone, parsed.at),
        deadline: parsed.at.saturating_add(limits.wall_ms_max),
        limits,
        wall,
        seed,
        grants: runnable.release.grants.clone(),
        capabilities: Box::new(Live::new(parts)),
        context: None,
    };
    let ran = app.runtime.call(&pass, call).await;
    let record = AttemptRecord {
        by: AnsweredBy::Plugin,
        release: runnable.release.number,
        version: runnable.release.version,
        function: "observer.notify".to_owned(),
        seed: hex::encode(seed),
        failure: ran.result.as_ref().err().cloned(),
        used: ran.used,
        limits,
        told: ran.tape.iter().map(invoke::told).collect(),
        log: ran.log,
    };
    let told = Turn { notes: vec!["the plugin's observer was told".to_owned()], ..entry(app, &visit, event, parsed, vec![record]) };
    let mut change = app.store.tenant(&visit.tenant.id).change().turn(&told);
    if ran.result.is_ok() {
        change = change.state(&space, &ran.effects.writes, parsed.at);
    }
    change.commit().await.map_err(commit::unwritten)
}
