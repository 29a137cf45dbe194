//! Runs what was assigned (step 6): every attempt in a fresh sandbox, within one deadline.
//!
//! A trap is data here. The first attempt gets 60 % of the time where a last good release stands behind it, and all of it where none
//! does; the second runs only after a trap or a passed budget, with at least its floor left. Only the answering attempt's writes and
//! effects go on to the commit.

use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::budget::{FIRST_ATTEMPT_PERCENT, Limits, SECOND_ATTEMPT_FLOOR_MS};
use jackfield_domain::capability::{Answer, Effects, TapeEntry};
use jackfield_domain::capture::Capture;
use jackfield_domain::contact::Contact;
use jackfield_domain::contact::decision::{Action, Vetted};
use jackfield_domain::contact::event::Event;
use jackfield_domain::fallback::{AnsweredBy, Failure, FailureKind, World, vet};
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::Digest;
use jackfield_domain::ports::outbound::Errand;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::ports::spending::{Reserved, Spending as _};
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::quota::meter::Meter;
use jackfield_domain::quota::{Barred, Pass};
use jackfield_domain::tenant::hours::offset_minutes;
use jackfield_domain::trail::{AttemptRecord, Told};
use jackfield_providers::provider::Scene;
use jackfield_runtime::capability::live::{Live, LiveParts};
use jackfield_runtime::{Call, Function, Outcome, Ran};
use tracing::Instrument as _;

use super::assign::{Plan, Runnable};
use super::captured;
use super::parse::Parsed;
use super::render::scene;
use super::visit::Visit;
use crate::app::App;
use crate::metrics::step::Step;
use crate::quota::FUEL_FLOOR;
use crate::surroundings;

/// One attempt and what it left.
pub(super) struct Attempt {
    pub by: AnsweredBy,
    pub result: Result<Vetted, Failure>,
    pub record: AttemptRecord,
    pub effects: Effects,
    pub space: StateSpace,
    /// What it takes to run it again, where that may be kept.
    pub capture: Option<Capture>,
}

/// Step 6's gift.
pub(super) struct Tried {
    pub attempts: Vec<Attempt>,
    pub barred: Option<Barred>,
}

impl Tried {
    /// The next attempt never ran, and that is no failure of its release. What failed before it stays on record.
    fn overloaded(attempts: Vec<Attempt>) -> Self {
        let barred = attempts.is_empty().then_some(Barred::Overloaded);
        Self { attempts, barred }
    }
}

pub(super) async fn invoke(app: &App, visit: &Visit, event: &Arc<Event>, plan: Plan, parsed: &Parsed) -> Tried {
    let (pass, runnables) = match plan {
        Ok(plan) => plan,
        Err(barred) => return Tried { attempts: Vec::new(), barred: Some(barred) },
    };
    let mut attempts: Vec<Attempt> = Vec::with_capacity(runnables.len());
    let alone = runnables.len() == 1;
    let scene = scene(visit, parsed);
    for (at, runnable) in runnables.into_iter().enumerate() {
        let left = parsed.time_left().min(Duration::from_millis(limits_of(&runnable.of.release, &pass).wall_ms_max));
        let wall = if at == 0 && !alone { left.mul_f64(FIRST_ATTEMPT_PERCENT as f64 / 100.0) } else { left };
        let hopeless = attempts.last().is_some_and(|last| !last.result.as_ref().is_err_and(Failure::allows_second_attempt));
        if at > 0 && (hopeless || wall < Duration::from_millis(SECOND_ATTEMPT_FLOOR_MS)) {
            break;
        }
        if app.runtime.is_full(&visit.tenant.id, runnable.of.version.class, visit.priority()) {
            return Tried::overloaded(attempts);
        }
        let fuel_max = limits_of(&runnable.of.release, &pass).fuel_max;
        let fuel = match visit.quota.reserve(Meter::Fuel, fuel_max, FUEL_FLOOR.min(fuel_max)).await {
            Ok(fuel) => fuel,
            Err(barred) => {
                let barred = attempts.is_empty().then_some(barred);
                return Tried { attempts, barred };
            }
        };
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        // Large, and an event that is turned away must not carry the room for it along.
        let tried = Box::pin(attempt(app, visit, event, &pass, fuel, runnable, wall, number, parsed, &scene)).await;
        if tried.result.as_ref().is_err_and(|failure| failure.kind == FailureKind::Overloaded) {
            return Tried::overloaded(attempts);
        }
        attempts.push(tried);
    }
    Tried { attempts, barred: None }
}

#[expect(clippy::too_many_arguments, reason = "one attempt is told all of its event, and a struct would only rename the list")]
async fn attempt(
    app: &App,
    visit: &Visit,
    event: &Arc<Event>,
    pass: &Pass,
    fuel: Reserved,
    runnable: Runnable,
    wall: Duration,
    number: u32,
    parsed: &Parsed,
    scene: &Scene<'_>,
) -> Attempt {
    let Runnable { by, of } = runnable;
    let (release, version) = (&of.release, &of.version);
    // What the quota has left may be less than the budget: then the attempt gets that.
    let limits = Limits { fuel_max: fuel.amount(), ..limits_of(release, pass) };
    let mut seed = [0; 32];
    // An all-zero seed is as deterministic as any other; what matters is that the trail names it.
    let _ = getrandom::fill(&mut seed);
    let space = space(visit, release);
    let about = Arc::new(visit.contact.clone());
    let call = Call {
        digest: version.digest,
        class: version.class,
        priority: visit.priority(),
        function: Function::Handle,
        contact: Arc::clone(&about),
        event: Arc::clone(event),
        release: release.number,
        turn: visit.turn(),
        attempt: number,
        now: parsed.at,
        zone_offset_minutes: offset_minutes(&visit.tenant.zone, parsed.at),
        deadline: parsed.at.saturating_add(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
        limits,
        wall,
        seed,
        grants: release.grants.clone(),
        capabilities: Box::new(Live::new(live_parts(app, visit, &about, &of, &space, &limits, parsed).await)),
        context: None,
    };
    let span = span(visit, visit.turn(), &number, release.number);
    let begun = captured::begin(app, visit, event, &call, &of);
    let ran = app.runtime.call(pass, call).instrument(span).await;
    let capture = captured::finish(begun, &ran);
    let Ran { result, used, tape, log, effects, waited } = ran;
    visit.quota.settle(fuel, used.fuel);
    visit.quota.owe(Meter::AiTokens, tokens(&effects)).await;
    app.metrics.took(Step::Place, waited);
    let abilities = parsed.provider.abilities(scene);
    let listed = Some(version.metadata.actions.as_slice());
    let world = World { directory: &visit.directory, limits: &limits, listed, abilities: abilities.as_ref() };
    let result = match result.and_then(|outcome| judge(outcome, &world)) {
        Ok(vetted) => pay_messages(visit, vetted).await,
        failed => failed,
    };
    if !result.as_ref().is_err_and(|failure| matches!(failure.kind, FailureKind::Overloaded | FailureKind::NotReady)) {
        app.runtime.came_to(&visit.tenant.id, result.is_ok());
    }
    let record = AttemptRecord {
        by,
        release: release.number,
        version: release.version.clone(),
        function: "router.handle".to_owned(),
        seed: hex::encode(seed),
        failure: result.as_ref().err().cloned(),
        used,
        limits,
        told: tape.iter().map(told).collect(),
        log,
        outcomes: if result.is_ok() { effects.outcomes.clone() } else { Vec::new() },
        tokens: effects.tokens.clone(),
    };
    let capture = capture.map(|capture| Capture { tape, ..capture });
    Attempt { by, result, record, effects, space, capture }
}

fn judge(outcome: Outcome, world: &World<'_>) -> Result<Vetted, Failure> {
    match outcome {
        Outcome::Draft(draft) => vet(draft, world),
        Outcome::Persona(_) | Outcome::Nothing => Err(Failure::new(FailureKind::BrokeAbi, "router.handle gave back no decision")),
    }
}

/// Messages that a decision sends are spent before it is one.
async fn pay_messages(visit: &Visit, vetted: Vetted) -> Result<Vetted, Failure> {
    let sent = vetted.draft().actions.iter().filter(|action| matches!(action, Action::SendMessage(_))).count() as u64;
    match visit.quota.spend(Meter::Messages, sent).await {
        Ok(()) => Ok(vetted),
        Err(_) => Err(Failure::new(FailureKind::QuotaExceeded, format!("it would send {sent} messages; the quota has not so many left"))),
    }
}

/// AI tokens that a run reported.
pub(super) fn tokens(effects: &Effects) -> u64 {
    effects.tokens.iter().fold(0, |sum, tokens| sum.saturating_add(tokens.input).saturating_add(tokens.output))
}

/// Where a release's plugin keeps its values for a contact.
pub(super) fn space(visit: &Visit, release: &Release) -> StateSpace {
    StateSpace {
        tenant: visit.tenant.id.clone(),
        owner: release.version.tenant.clone(),
        plugin: release.version.plugin.clone(),
        contact: visit.contact.id,
    }
}

/// What the lines and the spans of an invocation stand in: its id is the contact's with the turn and the attempt.
pub(super) fn span(visit: &Visit, turn: u32, attempt: &dyn std::fmt::Display, release: u32) -> tracing::Span {
    let invocation = format_args!("{}/{turn}/{attempt}", visit.contact.id);
    tracing::error_span!("attempt", %invocation, flow = %visit.contact.flow, release)
}

pub(super) async fn live_parts(
    app: &App,
    visit: &Visit,
    contact: &Arc<Contact>,
    runnable: &surroundings::Runnable,
    space: &StateSpace,
    limits: &Limits,
    parsed: &Parsed,
) -> LiveParts {
    let (release, version) = (&runnable.release, &runnable.version);
    let scope = app.store.tenant(&visit.tenant.id);
    // Without the key a bucket is still stable within the tenant.
    let salt_key = scope.salt_key().await.unwrap_or_default();
    let (customer, before) = (visit.contact.arrival.customer.address.raw.clone(), visit.contact.id);
    LiveParts {
        settings: Arc::clone(&runnable.settings),
        directory: visit.directory.clone(),
        state: app.store.state(),
        space: space.clone(),
        contact: Arc::clone(contact),
        limits: *limits,
        now: parsed.at,
        outcomes: version.metadata.outcomes.clone(),
        salt_key,
        last_seen: Box::pin(async move { scope.last_seen(&customer, &before).await.map_err(|fault| RowsFault { why: fault.to_string() }) }),
        outbound: Arc::new(app.gate.clone()),
        errand: Errand {
            tenant: visit.tenant.id.clone(),
            flow: release.flow.clone(),
            release: release.number,
            rules: Arc::new(release.egress.clone()),
            body_bytes_max: limits.http_bytes_max,
            spending: visit.quota.clone(),
        },
    }
}

/// The limits of a release's invocation: its own, cut to what was granted, with the longer time where it may wait for others.
pub(super) fn limits_of(release: &Release, pass: &Pass) -> Limits {
    let limits = release.limits.within(*pass.limits());
    if release.grants.contains(&Grant::Http) { limits.with_http() } else { limits }
}

/// What the trail keeps of a call: digests, and a gist of what gives nothing away.
pub(super) fn told(entry: &TapeEntry) -> Told {
    let gist = match &entry.answer {
        Answer::Truth(truth) => Some(truth.to_string()),
        Answer::Hours(Some(hours)) => Some(match (&hours.exception, hours.open) {
            (Some(exception), true) => format!("open ({exception})"),
            (Some(exception), false) => format!("closed ({exception})"),
            (None, true) => "open".to_owned(),
            (None, false) => "closed".to_owned(),
        }),
        Answer::Hours(None) | Answer::Queue(None) | Answer::Person(None) | Answer::Entry(None) | Answer::Json(None) => {
            Some("none".to_owned())
        }
        Answer::Queue(Some(queue)) => Some(queue.name.to_string()),
        Answer::Closure(closure) => Some(closure.as_ref().map_or("not closed", |_| "closed by emergency").to_owned()),
        Answer::Bucket(bucket) => Some(bucket.to_string()),
        Answer::Denied(denial) => Some(format!("{denial:?}").to_lowercase()),
        _ => None,
    };
    let answer = serde_json::to_vec(&entry.answer).map(|json| Digest::of(&json)).unwrap_or_else(|_| Digest::of(b""));
    let requests = match &entry.answer {
        Answer::Sent(sent) => sent.iter().map(|sent| sent.record.clone()).collect(),
        _ => Vec::new(),
    };
    Told { name: entry.name.clone(), ask: entry.ask, answer, gist, requests }
}
