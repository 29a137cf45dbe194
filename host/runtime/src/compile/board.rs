//! Shows what is uploaded and compiled, for whom, in which phase and how far from its turn; and gives out the places to compile.
//!
//! The upload route begins a [`Job`], the install and the loading steps move it on, the admin API shows the [`Board`]. A job is gone with
//! whoever holds it, however that ends, and its place with it: a client that hangs up frees its place in the queue.
//!
//! It must not tell one tenant of another's jobs: what is shown is asked for by tenant, and a position counts those before it without
//! naming them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jackfield_domain::id::TenantId;
use jackfield_domain::refusal::{Code, Refusal};
use serde::Serialize;
use tokio::sync::oneshot;

use super::queue::{Full, JobId, Purpose, Queue, Room};

/// Compilers at once: each takes a core and up to a gigabyte.
const RUNNING_MAX: usize = 2;
/// Jobs that wait in all. After an upgrade that nobody prepared every call asks for one; more than that would wait for minutes, and the
/// next call asks again.
const WAITING_MAX: usize = 256;
/// Jobs of one tenant that wait, per purpose: a small part of the whole.
const WAITING_OF_ONE_MAX: usize = 16;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The component is on its way to us.
    Receiving,
    /// It is looked at before anything compiles it.
    Checking,
    /// It waits for its turn at a compiler.
    Waiting,
    /// A compiler works on it.
    Compiling,
    /// It is linked and asked what it is.
    Describing,
}

/// A job as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Counts jobs since the start.
    pub id: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// What for.
    pub purpose: Purpose,
    /// What is compiled, in the words of whoever began it.
    pub what: String,
    /// Where it is.
    pub phase: Phase,
    /// How many are compiled before it, and itself, while it waits.
    pub position: Option<usize>,
    /// Since it began.
    pub age_ms: u64,
    /// In this phase.
    pub phase_ms: u64,
}

/// How busy the compilers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Compilers that run.
    pub running: usize,
    /// Most that may.
    pub running_max: usize,
    /// Jobs that wait for one.
    pub waiting: usize,
    /// Most that may.
    pub waiting_max: usize,
    /// Artifacts made since the start.
    pub compiled: u64,
    /// Components that the compiler refused or died of.
    pub refused: u64,
    /// Jobs that were turned away because too much waited.
    pub turned_away: u64,
}

struct Entry {
    tenant: TenantId,
    purpose: Purpose,
    what: String,
    phase: Phase,
    began: Instant,
    moved: Instant,
    /// Told when its turn comes.
    turn: Option<oneshot::Sender<()>>,
}

struct State {
    queue: Queue,
    jobs: BTreeMap<JobId, Entry>,
    newest: JobId,
    totals: Totals,
}

/// All jobs. A copy of it is the same board.
#[derive(Clone)]
pub(crate) struct Board {
    state: Arc<Mutex<State>>,
}

/// One job; gone from the board when it is dropped.
pub struct Job {
    board: Board,
    id: JobId,
    tenant: TenantId,
    purpose: Purpose,
}

/// A place at a compiler, given back when it is dropped.
pub(crate) struct Turn<'a> {
    job: &'a Job,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self::with(Room { running: RUNNING_MAX, waiting: WAITING_MAX, waiting_of_one: WAITING_OF_ONE_MAX })
    }

    fn with(room: Room) -> Self {
        let totals = Totals { running_max: room.running, waiting_max: room.waiting, ..Totals::default() };
        let state = State { queue: Queue::new(room), jobs: BTreeMap::new(), newest: 0, totals };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a job down.
    pub(crate) fn begin(&self, tenant: &TenantId, purpose: Purpose, what: impl Into<String>, phase: Phase) -> Job {
        let now = Instant::now();
        let entry = Entry { tenant: tenant.clone(), purpose, what: what.into(), phase, began: now, moved: now, turn: None };
        let mut state = self.lock();
        state.newest += 1;
        let id = state.newest;
        state.jobs.insert(id, entry);
        Job { board: self.clone(), id, tenant: tenant.clone(), purpose }
    }

    /// What is under way, of one tenant or of all, oldest first.
    pub(crate) fn seen(&self, of: Option<&TenantId>) -> Vec<Seen> {
        let now = Instant::now();
        let ms = |since: Instant| u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX);
        let state = self.lock();
        let order = state.queue.order();
        let mine = state.jobs.iter().filter(|(_, entry)| of.is_none_or(|tenant| entry.tenant == *tenant));
        mine.map(|(id, entry)| Seen {
            id: *id,
            tenant: entry.tenant.clone(),
            purpose: entry.purpose,
            what: entry.what.clone(),
            phase: entry.phase,
            position: order.iter().position(|other| other == id).map(|before| before + 1),
            age_ms: ms(entry.began),
            phase_ms: ms(entry.moved),
        })
        .collect()
    }

    /// How busy the compilers are.
    pub(crate) fn totals(&self) -> Totals {
        let state = self.lock();
        Totals { running: state.queue.running(), waiting: state.queue.waiting(), ..state.totals }
    }

    /// Counts what came of a compiler.
    pub(crate) fn count(&self, is_compiled: bool) {
        let mut state = self.lock();
        let counter = if is_compiled { &mut state.totals.compiled } else { &mut state.totals.refused };
        *counter = counter.saturating_add(1);
    }
}

impl State {
    fn step(&mut self, job: JobId, phase: Phase) {
        if let Some(entry) = self.jobs.get_mut(&job) {
            (entry.phase, entry.moved) = (phase, Instant::now());
        }
    }

    /// Tells everybody whose turn has come.
    fn call(&mut self) {
        while let Some(job) = self.queue.next() {
            let turn = self.jobs.get_mut(&job).and_then(|entry| entry.turn.take());
            // Whoever is gone will drop its job, which leaves the queue; until then the place is only late.
            let is_heard = turn.is_some_and(|turn| turn.send(()).is_ok());
            if is_heard { self.step(job, Phase::Compiling) } else { self.queue.leave(job) }
        }
    }
}

impl Job {
    /// Whose it is.
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// It has come so far.
    pub(crate) fn step(&self, phase: Phase) {
        self.board.lock().step(self.id, phase);
    }

    /// Waits for its turn at a compiler, or is turned away at once.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Refusal> {
        let (sender, called) = oneshot::channel();
        {
            let mut state = self.board.lock();
            if let Err(full) = state.queue.enter(self.id, &self.tenant, self.purpose) {
                state.totals.turned_away = state.totals.turned_away.saturating_add(1);
                let whose = match full {
                    Full::Whole => "too many components wait for a compiler",
                    Full::Tenant => "too many components of this tenant wait for a compiler",
                };
                return Err(Refusal::new(Code::Busy, format!("{whose}; try again in a moment")));
            }
            state.step(self.id, Phase::Waiting);
            if let Some(entry) = state.jobs.get_mut(&self.id) {
                entry.turn = Some(sender);
            }
            state.call();
        }
        // Made before the wait: whoever stops waiting leaves the queue by dropping it.
        let turn = Turn { job: self };
        match called.await {
            Ok(()) => Ok(turn),
            Err(_) => Err(Refusal::new(Code::Busy, "the compilers have stopped; try again")),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.job.board.lock();
        state.queue.leave(self.job.id);
        state.call();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut state = self.board.lock();
        state.jobs.remove(&self.id);
        state.queue.leave(self.id);
        state.call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn board() -> Board {
        Board::with(Room { running: 1, waiting: 2, waiting_of_one: 2 })
    }

    fn begin(board: &Board, tenant: &str) -> Job {
        board.begin(&tenant.parse().unwrap(), Purpose::Upload, "ivr", Phase::Receiving)
    }

    #[test]
    fn a_job_is_seen_in_its_phase_and_place_by_its_tenant_alone() {
        let board = board();
        let (first, second, other) = (begin(&board, "acme"), begin(&board, "acme"), begin(&board, "other"));
        let Poll::Ready(Ok(turn)) = poll(pin!(first.turn())) else { panic!("it is empty") };
        let mut waiting = Box::pin(second.turn());
        let mut behind = Box::pin(other.turn());
        assert!(poll(waiting.as_mut()).is_pending() && poll(behind.as_mut()).is_pending());
        let seen = board.seen(Some(&"acme".parse().unwrap()));
        let told: Vec<_> = seen.iter().map(|seen| (seen.phase, seen.position)).collect();
        assert_eq!(told, [(Phase::Compiling, None), (Phase::Waiting, Some(1))]);
        assert_eq!(board.seen(Some(&"other".parse().unwrap()))[0].position, Some(2));
        assert_eq!(board.seen(None).len(), 3);
        drop(turn);
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!((board.totals().running, board.totals().waiting), (1, 0), "the place was given on");
        assert!(matches!(poll(behind.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn whoever_hangs_up_gives_the_place_to_the_next() {
        let board = board();
        let (first, second, third) = (begin(&board, "a"), begin(&board, "b"), begin(&board, "c"));
        let Poll::Ready(Ok(turn)) = poll(pin!(first.turn())) else { panic!("it is empty") };
        let mut gone = Box::pin(second.turn());
        let mut next = Box::pin(third.turn());
        assert!(poll(gone.as_mut()).is_pending() && poll(next.as_mut()).is_pending());
        drop(gone);
        assert_eq!(board.totals().waiting, 1);
        drop(turn);
        let Poll::Ready(Ok(turn)) = poll(next.as_mut()) else { panic!("the place is lost") };
        drop((turn, second, first));
        assert_eq!(board.seen(None).len(), 1);
    }

    #[test]
    fn too_much_is_turned_away_at_once_and_counted() {
        let board = board();
        let jobs: Vec<Job> = ["a", "b", "c", "d"].iter().map(|name| begin(&board, name)).collect();
        let mut turns: Vec<_> = jobs.iter().map(|job| Box::pin(job.turn())).collect();
        let told: Vec<_> = turns.iter_mut().map(|turn| poll(turn.as_mut()).map(|turn| turn.map(std::mem::forget))).collect();
        assert!(matches!(told[0], Poll::Ready(Ok(()))));
        assert!(told[1].is_pending() && told[2].is_pending());
        assert!(matches!(&told[3], Poll::Ready(Err(refusal)) if refusal.code == Code::Busy));
        assert_eq!(board.totals().turned_away, 1);
    }
}
