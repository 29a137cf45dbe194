//! Answers one event: the walk from a provider's request to its reply, in ten steps.
//!
//! The webhook calls [`answer`] with what it received (step 1); the reply leaves through it. Each step is a file, takes what the one
//! before gave and calls no other, but that `busy`, `observe`, `behind` and `brief` take several of them where no walk goes on. Before the
//! signature holds (2, 3) nothing is written for a stranger; from 4 on everything settles, so that whatever a plugin does, the customer
//! gets the best answer left inside the provider's deadline. Nothing is called acknowledged before step 9 made it durable; what overload
//! turns away is answered first and written down behind (`behind`).

pub mod behind;
pub mod brief;
pub mod order;

mod admit;
mod assign;
mod captured;
mod commit;
mod invoke;
mod observe;
mod parse;
mod render;
mod resolve;
mod retry;
mod settle;
mod tell;
mod visit;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::ConnectionId;
use jackfield_domain::quota::Barred;
use jackfield_domain::trail::AttemptRecord;
use jackfield_providers::provider::Reply;
use jackfield_store::StoreFault;
use tracing::Instrument as _;
use tracing::field::display;

use crate::app::App;
use crate::in_flight::Seat;
use crate::metrics::step::{Step, timed, timed_now};

pub(crate) use commit::unwritten;
pub use parse::TurnedAway;

/// Step 1's gift: a request whose body is complete and bounded.
#[derive(Debug)]
pub struct Received {
    /// From the path.
    pub connection: ConnectionId,
    /// What follows it in the path, for example "voice".
    pub tail: String,
    /// The request's.
    pub method: http::Method,
    /// As on the request line.
    pub path_and_query: String,
    /// The request's.
    pub headers: http::HeaderMap,
    /// Raw.
    pub body: Bytes,
    /// Who sent it, as far as the machine or a trusted proxy says.
    pub peer: Option<IpAddr>,
    /// When it was complete, for the contact.
    pub at: Moment,
    /// The same, for deadlines.
    pub begun: Instant,
}

/// How often an event is run again because a plugin's compare-and-set lost against another contact's.
const RUNS_MAX: u32 = 3;
/// How long a walk may take before anybody knows whose it is: the shortest time that any provider waits, less its way.
const UNKNOWN_PATIENCE: Duration = Duration::from_millis(1_500);
/// What a static document needs to be there in time.
const LAST_MOMENT: Duration = Duration::from_millis(250);
/// With less than this left an event is not run again.
const RUN_FLOOR: Duration = Duration::from_millis(200);

/// A reply in the provider's form, new or kept from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// HTTP status.
    pub status: u16,
    /// Empty where there is no body.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// Beside the content type.
    pub headers: Vec<(String, String)>,
}

impl From<Reply> for Outgoing {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, content_type: reply.content_type.to_owned(), body: reply.body, headers: reply.headers }
    }
}

/// What leaves.
pub enum Answered {
    /// A reply in the provider's form.
    Reply(Outgoing),
    /// A bare status: nothing may be told to a stranger.
    Bare(http::StatusCode),
}

impl Answered {
    fn status(&self) -> u16 {
        match self {
            Self::Reply(reply) => reply.status,
            Self::Bare(status) => status.as_u16(),
        }
    }
}

/// Walks one event. It holds the seat for as long as it walks, whether or not anybody still waits for it.
pub async fn answer(app: &Arc<App>, received: Received, seat: Seat) -> Answered {
    let connection = received.connection.clone();
    let begun = received.begun;
    let (answered, known) = in_time(app, received, seat).await;
    let answered = match answered {
        Ok(answered) => answered,
        Err(Stopped::TurnedAway(turned_away)) => turned_away.answer(app, &connection),
        // Nobody hears the answer to a report. An acknowledgement would say that it was kept; whoever reads this may tell it again.
        Err(stopped) if known.is_report => {
            tracing::error!(%connection, why = stopped.why(), "a report could not be kept; it is answered with 503");
            Answered::Bare(http::StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(stopped) => {
            tracing::error!(%connection, why = stopped.why(), "the connection's static document leaves instead of an answer");
            the_static_one(app, &connection)
        }
    };
    app.metrics.request(known.provider, answered.status());
    app.metrics.took(Step::Whole, begun.elapsed());
    answered
}

fn the_static_one(app: &App, connection: &ConnectionId) -> Answered {
    app.statics.of(connection).map_or(Answered::Bare(http::StatusCode::SERVICE_UNAVAILABLE), |reply| Answered::Reply(reply.into()))
}

/// Walks, and ends waiting just before the provider does. The walk is a task of its own and always goes to its end, also where the
/// provider hangs up before: what is late may be durable a moment later, and then a retry gets it; a commit that is broken off would
/// be neither done nor undone.
async fn in_time(app: &Arc<App>, received: Received, seat: Seat) -> (Result<Answered, Stopped>, Known) {
    let deadline = Arc::new(Deadline::default());
    let begun = received.begun;
    let (walker, told) = (Arc::clone(app), Arc::clone(&deadline));
    let span = tracing::Span::current();
    let walking = async move {
        let walked = walk(&walker, received, &told).await;
        drop(seat);
        walked
    };
    let mut walking = app.walks.spawn(walking.instrument(span));
    let first = tokio::time::timeout_at((begun + UNKNOWN_PATIENCE).into(), &mut walking).await;
    let ended = match (first, deadline.provider.get()) {
        (Ok(ended), _) => Some(ended),
        (Err(_), None) => None,
        (Err(_), Some((_, ms))) => {
            let until = begun + Duration::from_millis(*ms).saturating_sub(LAST_MOMENT).max(UNKNOWN_PATIENCE);
            tokio::time::timeout_at(until.into(), &mut walking).await.ok()
        }
    };
    let answered = match ended {
        Some(Ok(answered)) => answered,
        Some(Err(_)) => Err(Stopped::Panicked),
        None => Err(Stopped::TooSlow),
    };
    let is_report = deadline.is_report.load(Ordering::Relaxed);
    (answered, Known { provider: deadline.provider.get().map(|(name, _)| *name), is_report })
}

/// Whose request it is and how long they wait, once that is known.
#[derive(Default)]
struct Deadline {
    provider: std::sync::OnceLock<(&'static str, u64)>,
    is_report: AtomicBool,
}

/// What was known of a request when its walk ended.
struct Known {
    provider: Option<&'static str>,
    /// True where it tells something and nothing is rendered in answer.
    is_report: bool,
}

/// Why a walk ends before its reply.
enum Stopped {
    /// Nothing was durable before the provider would have given up.
    TooSlow,
    /// A mistake of ours.
    Panicked,
    /// Before the signature held, or at an address that is nobody's.
    TurnedAway(TurnedAway),
    /// Ours.
    Store(StoreFault),
}

impl Stopped {
    fn why(&self) -> String {
        match self {
            Self::TooSlow => "it was not durable in time".to_owned(),
            Self::Panicked => "the walk panicked".to_owned(),
            Self::TurnedAway(_) => "it was turned away".to_owned(),
            Self::Store(fault) => format!("the store failed: {fault}"),
        }
    }
}

impl From<StoreFault> for Stopped {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<TurnedAway> for Stopped {
    fn from(turned_away: TurnedAway) -> Self {
        Self::TurnedAway(turned_away)
    }
}

async fn walk(app: &Arc<App>, received: Received, deadline: &Deadline) -> Result<Answered, Stopped> {
    let metrics = &app.metrics;
    let resolved = timed(metrics, Step::Resolve, resolve::resolve(app, &received)).await?; // 2
    let _ = deadline.provider.set((resolved.provider.name(), resolved.provider.deadline_ms(&resolved.connection)));
    let parsed = timed(metrics, Step::Parse, parse::parse(app, &received, resolved)).await?; // 3
    let span = tracing::Span::current();
    span.record("tenant", display(&parsed.tenant));
    span.record("contact", parsed.contact.map(display));
    if !parsed.heard.expects_answer() {
        deadline.is_report.store(true, Ordering::Relaxed);
        return Ok(Answered::Reply(timed(metrics, Step::Report, Box::pin(observe::observe(app, parsed))).await?.into()));
    }
    if parsed.step.as_ref().is_some_and(|step| step.place.is_for_target()) {
        return Ok(Answered::Reply(render::whisper(app, &parsed).await?.into()));
    }
    let seat = app.in_flight.of(&parsed.tenant);
    // Without a seat nothing waits: a turn that is free now is taken, so that what leaves is kept like any other answer.
    let patience = seat.as_ref().map_or(Duration::ZERO, |_| parsed.time_left());
    let in_turn = timed(metrics, Step::Turn, app.order.wait(&parsed.lane(), patience)).await;
    if let Some(reply) = retry::answered_before(app, &parsed).await? {
        return Ok(Answered::Reply(reply));
    }
    let Some(in_turn) = in_turn else {
        let barred = if seat.is_some() { Barred::ContactBusy } else { Barred::Overloaded };
        return Ok(Answered::Reply(settle::busy(app, &parsed, barred, Vec::new()).await?));
    };
    let mut lost = Vec::new();
    for run in 1..=RUNS_MAX {
        let mut visit = timed(metrics, Step::Load, visit::load(app, &parsed)).await?;
        visit.lost.clone_from(&lost);
        if run == 1 && parsed.contact.is_none() {
            span.record("contact", display(&visit.contact.id));
        }
        let mut settled = match visit.hear(app, parsed.provider, parsed.heard.clone()).await? {
            visit::Turn::Host { draft, note } => settle::host_step(app, &mut visit, draft, note, &parsed).await?,
            visit::Turn::Ask(event) => {
                let admitted = match seat {
                    Some(_) => timed(metrics, Step::Admit, admit::admit(&visit, &event, parsed.at)).await, // 4
                    None => Err(Barred::Overloaded),
                };
                let plan = timed(metrics, Step::Assign, assign::assign(app, &mut visit, admitted, &parsed)).await?; // 5
                let tried = timed(metrics, Step::Invoke, invoke::invoke(app, &visit, &event, plan, &parsed)).await; // 6
                timed(metrics, Step::Settle, settle::settle(app, &mut visit, Arc::unwrap_or_clone(event), tried, &parsed)).await? // 7
            }
        };
        if let Some(place) = behind::place(app, &settled) {
            let reply = behind::answer(app, place, visit, settled, parsed, (in_turn, seat)).await;
            return Ok(Answered::Reply(reply.into()));
        }
        let reply = timed_now(metrics, Step::Render, || render::render(&visit, &settled, &parsed)); // 8
        if seat.is_none() && settled.barred == Some(Barred::Overloaded) {
            // It would wait for the disk on a seat of the whole host, past what its tenant may hold of them.
            metrics.unkept(Barred::Overloaded);
            return Ok(Answered::Reply(reply.into()));
        }
        let outcome = timed(metrics, Step::Commit, commit::commit(app, &mut visit, &settled, &reply, &parsed)).await?; // 9
        if outcome == commit::Outcome::Committed {
            tell::tell(app, &visit, &mut settled, &parsed); // 10
            return Ok(Answered::Reply(reply.into()));
        }
        tracing::info!(run, "the commit met a conflict");
        metrics.conflict();
        lost.extend(settled.attempts.into_iter().map(AttemptRecord::lost));
        if parsed.time_left() < RUN_FLOOR {
            break;
        }
    }
    Ok(Answered::Reply(settle::busy(app, &parsed, Barred::ContactBusy, lost).await?))
}
