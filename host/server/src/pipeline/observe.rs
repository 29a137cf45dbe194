//! Takes what expects no answer: the end of a contact, the status of a message.
//!
//! It does not wait for the contact's turn, unless nobody has written the contact yet, and holds nobody up. What happened is durable before the provider is told so; the plugin's
//! observer hears of it afterwards, in the contact's order, at most once.

use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::capture::Capture;
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::open::event_of;
use jackfield_domain::contact::{Contact, Phase};
use jackfield_domain::fallback::AnsweredBy;
use jackfield_domain::ports::rows::{CommitError, Expect, RowsFault};
use jackfield_domain::ports::spending::Spending as _;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::meter::Meter;
use jackfield_domain::tenant::hours::offset_minutes;
use jackfield_domain::trail::{AttemptRecord, Times, Turn};
use jackfield_domain::usage::Entry;
use jackfield_providers::provider::Reply;
use jackfield_runtime::capability::live::Live;
use jackfield_runtime::{Call, Function};
use jackfield_store::StoreFault;
use tracing::Instrument as _;

use super::parse::Parsed;
use super::visit::{self, Visit};
use super::{admit, assign, captured, commit, invoke, retry};
use crate::app::App;
use crate::metrics::step::Step;
use crate::quota::FUEL_FLOOR;

/// How often the contact is read again because its turn wrote it meanwhile.
const TRIES_MAX: u32 = 5;
/// An observer has no caller who waits; it still ends.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn observe(app: &Arc<App>, parsed: Parsed) -> Result<Reply, StoreFault> {
    let reply = parsed.provider.acknowledge(&parsed.asked);
    if retry::answered_before(app, &parsed).await?.is_some() {
        return Ok(reply);
    }
    let event = event_of(parsed.heard.clone());
    let mut begins = Some(());
    for _ in 0..TRIES_MAX {
        let Some(visit) = visit::load(app, &parsed).await?.existing() else {
            // The contact may be about to be written, behind a reply that has left or by an event that still runs: its end must not be
            // lost for that.
            if begins.take().is_none() {
                return Ok(reply);
            }
            match app.order.wait(&parsed.lane(), parsed.time_left()).await {
                Some(_turn) => continue,
                // Somebody else still writes the contact. To say that the report was kept would lose it.
                None => return Err(StoreFault::Rows(RowsFault { why: "the contact is not written yet".to_owned() })),
            }
        };
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
    let turn = entry(app, visit, event, parsed, Vec::new());
    let ends = matches!(event, Event::Ended(_)) && visit.contact.phase != Phase::Ended;
    let mut change = scope.change().put(&kept, commit::first_reply(visit, parsed)).turn(&turn);
    change = commit::count(change, visit, &turn, Entry::Reported { ended: ends });
    if visit.contact.phase == Phase::Ended
        && let Some(revision) = visit.revision
    {
        // One that is over may be forgotten in this moment; nothing must be written under it then.
        change = change.check::<Contact>(&visit.contact.id, Expect::Revision(revision));
    }
    if let Event::Ended(ended) = event {
        let over = Contact { phase: Phase::Ended, ended: Some(parsed.at), end_cause: Some(ended.cause.clone()), ..visit.contact.clone() };
        change = change.put(&over, visit.revision.map_or(Expect::Absent, Expect::Revision));
        change = change.platform(|platform| platform.over(&over.id));
    }
    change.commit().await?;
    if matches!(event, Event::Ended(_)) {
        visit.quota.over(&visit.contact.id);
    }
    app.metrics.turn(&visit.tenant.id, &turn);
    app.tail.turn(&visit.tenant.id, &turn);
    Ok(())
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
        shortage: visit.quota.shortage(),
        attempts,
        lost: Vec::new(),
        reported: Vec::new(),
        decision: None,
        reason: String::new(),
        answered_by: None,
        notes: Vec::new(),
        directory_revision: visit.directory_revision,
        reply: None,
        times: Times::default(),
        trace: parsed.trace.clone(),
    }
}

/// Runs the plugin's observer, where it has one, in the contact's order.
fn notify_later(app: Arc<App>, parsed: Parsed, event: Event) {
    // Nobody waits for it, so it is the first to go where the tenant has too much at once.
    let Some(seat) = app.in_flight.of(&parsed.tenant) else {
        return tracing::warn!("an observer was not told: the tenant has too much at once");
    };
    // Its own span, because the request that it belongs to ends before it.
    let span = tracing::error_span!("observer", tenant = %parsed.tenant, contact = parsed.contact.map(display));
    let told = async move {
        let _seat = seat;
        let Some(_turn) = app.order.wait(&parsed.lane(), PATIENCE).await else {
            tracing::warn!("an observer was not told: the contact was busy");
            return;
        };
        if let Err(fault) = notify(&app, &parsed, &event).await {
            tracing::error!(%fault, "an observer's writes were lost");
        }
    };
    tokio::spawn(told.instrument(span));
}

async fn notify(app: &App, parsed: &Parsed, event: &Event) -> Result<(), StoreFault> {
    let Some(mut visit) = visit::load(app, parsed).await?.existing() else { return Ok(()) };
    let admitted = admit::may_run(&visit, event, parsed.at);
    let Ok((pass, runnables)) = assign::assign(app, &mut visit, admitted, parsed).await? else { return Ok(()) };
    let Some(runnable) = runnables.into_iter().next().filter(|runnable| runnable.of.version.exports.contains("observer")) else {
        return Ok(());
    };
    let (release, version) = (&runnable.of.release, &runnable.of.version);
    let mut limits = invoke::limits_of(release, &pass);
    let Ok(fuel) = visit.quota.reserve(Meter::Fuel, limits.fuel_max, FUEL_FLOOR.min(limits.fuel_max)).await else { return Ok(()) };
    limits.fuel_max = fuel.amount();
    let space = invoke::space(&visit, release);
    let mut seed = [0; 32];
    let _ = getrandom::fill(&mut seed);
    let about = Arc::new(visit.contact.clone());
    let parts = invoke::live_parts(app, &visit, &about, &runnable.of, &space, &limits, parsed).await;
    let call = Call {
        digest: version.digest,
        class: version.class,
        priority: Priority::Background,
        function: Function::Notify,
        contact: about,
        event: Arc::new(event.clone()),
        release: release.number,
        turn: visit.contact.turn,
        attempt: 1,
        now: parsed.at,
        zone_offset_minutes: offset_minutes(&visit.tenant.zone, parsed.at),
        deadline: parsed.at.saturating_add(limits.wall_ms_max),
        limits,
        wall: Duration::from_millis(limits.wall_ms_max),
        seed,
        grants: release.grants.clone(),
        capabilities: Box::new(Live::new(parts)),
        context: None,
    };
    let span = invoke::span(&visit, visit.contact.turn, &"observer", release.number);
    let begun = captured::begin(app, &visit, event, &call, &runnable.of);
    let ran = app.runtime.call(&pass, call).instrument(span).await;
    let capture = captured::finish(begun, &ran);
    visit.quota.settle(fuel, ran.used.fuel);
    visit.quota.owe(Meter::AiTokens, invoke::tokens(&ran.effects)).await;
    app.metrics.took(Step::Place, ran.waited);
    let answered = ran.result.is_ok();
    let record = AttemptRecord {
        by: AnsweredBy::Plugin,
        release: release.number,
        version: release.version.clone(),
        function: "observer.notify".to_owned(),
        seed: hex::encode(seed),
        failure: ran.result.as_ref().err().cloned(),
        used: ran.used,
        limits,
        told: ran.tape.iter().map(invoke::told).collect(),
        log: ran.log,
        outcomes: if answered { ran.effects.outcomes.clone() } else { Vec::new() },
        tokens: ran.effects.tokens.clone(),
    };
    let told = Turn { notes: vec!["the plugin's observer was told".to_owned()], ..entry(app, &visit, event, parsed, vec![record]) };
    let mut change = app.store.tenant(&visit.tenant.id).change().turn(&told);
    change = commit::count(change, &visit, &told, Entry::Observed);
    if answered {
        change = change.state(&space, &ran.effects.writes, parsed.at);
    }
    change.commit().await.map_err(commit::unwritten)?;
    app.metrics.turn(&visit.tenant.id, &told);
    app.tail.turn(&visit.tenant.id, &told);
    captured::keep_observed(app, &visit, capture.map(|capture| Capture { tape: ran.tape, ..capture }), answered);
    Ok(())
}
