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

use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::contact::Moment;
use jackfield_domain::contact::open::Next;
use jackfield_domain::id::ConnectionId;
use jackfield_providers::provider::Reply;
use jackfield_store::StoreFault;

use crate::app::App;

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

/// What leaves.
pub enum Answered {
    /// A reply in the provider's form.
    Reply(Reply),
    /// A bare status: nothing may be told to a stranger.
    Bare(http::StatusCode),
}

/// Walks one event.
pub async fn answer(app: &std::sync::Arc<App>, received: Received) -> Answered {
    let connection = received.connection.clone();
    match walk(app, received).await {
        Ok(answered) => answered,
        Err(Stopped::TurnedAway(turned_away)) => turned_away.answer(app, &connection),
        Err(Stopped::Store(fault)) => {
            tracing::error!(%connection, %fault, "the store failed; the connection's static document leaves instead");
            app.statics.of(&connection).map_or(Answered::Bare(http::StatusCode::SERVICE_UNAVAILABLE), Answered::Reply)
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

async fn walk(app: &std::sync::Arc<App>, received: Received) -> Result<Answered, Stopped> {
    let resolved = resolve::resolve(app, &received).await?; // 2
    let parsed = parse::parse(app, &received, resolved).await?; // 3
    if !parsed.heard.expects_answer() {
        return observe::observe(app, parsed).await.map(Answered::Reply).map_err(Stopped::Store);
    }
    let patience = parsed.time_left();
    let in_turn = app.order.wait(&parsed.lane(), patience).await;
    if let Some(reply) = retry::answered_before(app, &parsed).await? {
        return Ok(Answered::Reply(reply));
    }
    let Some(_in_turn) = in_turn else {
        return settle::busy(app, parsed).await.map(Answered::Reply).map_err(Stopped::Store);
    };
    for run in 1..=RUNS_MAX {
        let mut visit = visit::load(app, &parsed).await?;
        let next = visit.hear(&parsed);
        let settled = match next {
            Next::Host { draft, note } => settle::host_step(app, &mut visit, draft, note).await?,
            Next::Ask(event) => {
                let admitted = admit::admit(&visit, &event, received_at(&parsed)); // 4
                let plan = assign::assign(app, &mut visit, admitted).await?; // 5
                let tried = invoke::invoke(app, &visit, &event, plan, &parsed).await; // 6
                settle::settle(app, &mut visit, event, tried).await? // 7
            }
            Next::Move { .. } => unreachable_move(),
        };
        let reply = render::render(&visit, &settled, &parsed); // 8
        match commit::commit(app, &mut visit, &settled, &reply, &parsed).await? { // 9
            commit::Outcome::Committed => {
                tell::tell(&visit, &settled, &parsed); // 10
                return Ok(Answered::Reply(reply));
            }
            commit::Outcome::Conflict if run < RUNS_MAX && parsed.time_left() > Duration::from_millis(200) => {}
            commit::Outcome::Conflict => break,
        }
    }
    settle::busy(app, parsed).await.map(Answered::Reply).map_err(Stopped::Store)
}
