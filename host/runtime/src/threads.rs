//! Owns the guests' threads: an async runtime for each lane, apart from those of webhooks, admin and timers. And some for what the host does
//! by itself while nobody on a call waits: hashing and checking an upload is tens of milliseconds between two looks at anything else, and on a
//! webhook's thread a call stood behind it. Nothing that is waited for under a lock, and no child, is begun there: it would inherit how far
//! the thread stands behind.
//!
//! The runtime starts them and runs every guest on those of its lane. A busy guest holds its thread for a while; the threads on which
//! anybody else waits must never be those. That lanes differ in how far the kernel puts them behind others is the whole point of them:
//! a guest that does not let go can only be stopped by the kernel.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::runtime::RuntimeFault;
use crate::turnstile::Lane;

/// How many polls a worker makes from its own queue before it looks at the shared one, where new guests arrive. Each poll of a busy
/// guest is a whole stretch of fuel, so the usual thirty-one would let a new guest wait for milliseconds.
const SHARED_QUEUE_INTERVAL: u32 = 1;
/// A worker looks at its timers and wakers after so many polls; each poll of a busy guest is a whole stretch of fuel, so the
/// usual sixty-one would let a timer wait for ten milliseconds.
const EVENT_INTERVAL: u32 = 4;
/// What the threads of the host's own work are called, and how many they are at most: an upload or two, what is kept, what is forgotten.
const BEHIND: &str = "behind";
pub(crate) const BEHIND_THREADS_MAX: usize = 4;
/// How far: behind webhooks, and not so far that a lock which it holds for a moment is held for long.
const BEHIND_NICE: i32 = 10;

/// The threads of all lanes.
pub(crate) struct Guests {
    lanes: [Threads; Lane::ALL.len()],
    behind: Threads,
}

struct Threads {
    handle: Handle,
    /// Taken by whoever stops them. They are let go without waiting for them: the one who stops them may be a thread of another
    /// async runtime, which must not block.
    running: Mutex<Option<Runtime>>,
}

impl Guests {
    /// Starts them, for so many workers.
    pub(crate) fn start(workers: usize) -> Result<Self, RuntimeFault> {
        let [express, usual, slow] = Lane::ALL.map(|lane| Threads::start(lane, workers));
        Ok(Self { lanes: [express?, usual?, slow?], behind: Threads::behind()? })
    }

    /// Those of a lane.
    pub(crate) fn of(&self, lane: Lane) -> &Handle {
        let [express, usual, slow] = &self.lanes;
        match lane {
            Lane::Express => &express.handle,
            Lane::Usual => &usual.handle,
            Lane::Slow => &slow.handle,
        }
    }

    /// Those of each lane.
    pub(crate) fn handles(&self) -> [Handle; Lane::ALL.len()] {
        Lane::ALL.map(|lane| self.of(lane).clone())
    }

    /// Those of the host's own work that nobody on a call waits for: it holds its thread, by `spawn_blocking`.
    pub(crate) fn behind(&self) -> &Handle {
        &self.behind.handle
    }

    /// Lets them go; what still runs is dropped at its next yield.
    pub(crate) fn stop(&self) {
        self.lanes.iter().chain([&self.behind]).for_each(Threads::stop);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Threads {
    fn start(lane: Lane, workers: usize) -> Result<Self, RuntimeFault> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(lane.threads(workers)).event_interval(EVENT_INTERVAL).global_queue_interval(SHARED_QUEUE_INTERVAL);
        Self::build(builder.enable_time(), lane.as_str(), lane.nice())
    }

    /// Nothing is awaited here: there are only threads that may be held.
    fn behind() -> Result<Self, RuntimeFault> {
        Self::build(Builder::new_current_thread().max_blocking_threads(BEHIND_THREADS_MAX), BEHIND, BEHIND_NICE)
    }

    fn build(builder: &mut Builder, name: &str, nice: i32) -> Result<Self, RuntimeFault> {
        let running = builder.thread_name(name).on_thread_start(move || step_back(nice)).build();
        let running = running.map_err(|source| RuntimeFault::Io { what: format!("threads for {name}"), source })?;
        Ok(Self { handle: running.handle().clone(), running: Mutex::new(Some(running)) })
    }

    fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.shutdown_background();
        }
    }
}

/// Puts a thread behind the others of this process. Where the system does not let us, it runs beside them.
fn step_back(nice: i32) {
    if nice > 0 {
        let _as_before = rustix::process::nice(nice);
    }
}

/// Ends a task when whoever waits for it goes away: a dropped webhook must not leave a guest running.
pub(crate) struct EndWithMe<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for EndWithMe<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
