//! Answers one event: the walk from a provider's request to its reply, in ten steps.
//!
//! The webhook calls [`answer`] with what it received (step 1); the reply leaves through it. Each step is a file, takes what the one
//! before gave and calls no other. Before the signature holds (2, 3) a stranger costs a status and a counter; from 4 on everything
//! settles, so that whatever a plugin does, the customer gets the best answer left inside the provider's deadline. Nothing is called
//! acknowledged before step 9 made it durable.

pub mod order;

mod admit;
mod assign;
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

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::ConnectionId;
use jackfield_providers::provider::Reply;
use jackfield_store::StoreFault;

use crate::app::App;

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
    /// When it was complete, for the contact.
    pub at: Moment,
    /// The same, for deadlines.
    pub begun: Instant,
}

/// How often an event is run again because a plugin's compare-and-set lost against another contact's.
const RUNS_MAX: u32 = 3;
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
}

impl From<Reply> for Outgoing {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, content_type: reply.content_type.to_owned(), body: reply.body }
    }
}

/// What leaves.
pub enum Answered {
    /// A reply in the provider's form.
    Reply(Outgoing),
    /// A bare status: nothing may be told to a stranger.
    Bare(http::StatusCode),
}

/// Walks one event.
pub async fn answer(app: &Arc<App>, received: Received) -> Answered {
    let connection = received.connection.clone();
    match walk(app, received).await {
        Ok(answered) => answered,
        Err(Stopped::TurnedAway(turned_away)) => turned_away.answer(app, &connection),
        Err(Stopped::Store(fault)) => {
            tracing::error!(%connection, %fault, "the store failed; the connection's static document leaves instead");
            app.statics.of(&connection).map_or(Answered::Bare(http::StatusCode::SERVICE_UNAVAILABLE), |reply| Answered::Reply(reply.into()))
        }
    }
}

/// Why a walk ends before its reply.
enum Stopped {
    /// Before the signature held, or at an address that is nobody's.
    TurnedAway(TurnedAway),
    /// Ours.
    Store(StoreFault),
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

async fn walk(app: &Arc<App>, received: Received) -> Result<Answered, Stopped> {
    let resolved = resolve::resolve(app, &received).await?; // 2
    let parsed = parse::parse(app, &received, resolved).await?; // 3
    if parsed.ignored {
        return Ok(Answered::Reply(parsed.provider.acknowledge().into()));
    }
    if !parsed.heard.expects_answer() {
        return Ok(Answered::Reply(observe::observe(app, parsed).await?.into()));
    }
    if parsed.step.as_ref().is_some_and(|step| step.place.is_for_target()) {
        return Ok(Answered::Reply(render::whisper(app, &parsed).await?.into()));
    }
    let patience = parsed.time_left();
    let in_turn = app.order.wait(&parsed.lane(), patience).await;
    if let Some(reply) = retry::answered_before(app, &parsed).await? {
        return Ok(Answered::Reply(reply));
    }
    let Some(_in_turn) = in_turn else {
        return Ok(Answered::Reply(settle::busy(app, &parsed).await?.into()));
    };
    for run in 1..=RUNS_MAX {
        let mut visit = visit::load(app, &parsed).await?;
        let settled = match visit.hear(app, parsed.heard.clone()).await? {
            visit::Turn::Host { draft, note } => settle::host_step(app, &mut visit, draft, note, &parsed).await?,
            visit::Turn::Ask(event) => {
                let admitted = admit::admit(&visit, &event, parsed.at); // 4
                let plan = assign::assign(app, &mut visit, admitted).await?; // 5
                let tried = invoke::invoke(app, &visit, &event, plan, &parsed).await; // 6
                settle::settle(app, &mut visit, event, tried, &parsed).await? // 7
            }
        };
        let reply = render::render(&visit, &settled, &parsed); // 8
        let outcome = commit::commit(app, &mut visit, &settled, &reply, &parsed).await?; // 9
        if outcome == commit::Outcome::Committed {
            tell::tell(&visit, &settled, &parsed); // 10
            return Ok(Answered::Reply(reply.into()));
        }
        tracing::info!(tenant = %parsed.tenant, run, "the commit met a conflict");
        if parsed.time_left() < RUN_FLOOR {
            break;
        }
    }
    Ok(Answered::Reply(settle::busy(app, &parsed).await?.into()))
}
