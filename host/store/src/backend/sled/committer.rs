//! Commits in groups: one thread takes what waits, applies it, syncs once, and acknowledges all.
//!
//! sled's `flush` hands pages to the disk and returns before the disk has them (it calls `sync_file_range`); so the group is flushed
//! and then the file is synced through a handle of our own, and only then does anybody hear of success. One thread, because a sync
//! costs the same for one batch and for a thousand, and because guards that are evaluated by one thread need no locks.
//!
//! An error of any of these, or a panic inside sled, is the end: a failed sync says nothing about what came before it, so it is never
//! tried again, and from then on nothing is acknowledged until the process is started anew.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ::sled::Db;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, RowsFault};
use tokio::sync::{mpsc, oneshot, watch};

use super::layout;
use crate::backend::groups::Groups;
use crate::backend::guard::{self, Changes, View};

/// Most batches of one group: so many waiters are woken at once, and a thousand share a sync as well as ten thousand would.
const GROUP_BATCHES_MAX: usize = 1_024;
/// A group that touches more rows than this begins no further batch: it must not take long to apply.
const GROUP_ROWS_SOFT_MAX: usize = 8_192;

/// Brings the file's bytes to the disk.
pub(crate) trait Syncing: Send {
    /// Returns when everything that was written to the file before is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// Does so with fdatasync.
pub(super) struct FileSync(pub(super) File);

impl Syncing for FileSync {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// A batch and who waits for it.
pub(super) struct Job {
    pub batch: Batch,
    pub done: oneshot::Sender<Result<(), CommitError>>,
}

/// The group that is on its way to the disk, for readers to wait for.
#[derive(Clone)]
pub(super) struct Flights {
    shared: Arc<Mutex<Flight>>,
    landed: watch::Sender<u64>,
}

#[derive(Default)]
struct Flight {
    number: u64,
    changes: Option<Arc<Changes>>,
    fault: Option<RowsFault>,
}

impl Default for Flights {
    fn default() -> Self {
        Self { shared: Arc::default(), landed: watch::Sender::new(0) }
    }
}

impl Flights {
    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn depart(&self, changes: Arc<Changes>) {
        let mut flight = self.flight();
        flight.number += 1;
        flight.changes = Some(changes);
    }

    fn land(&self) {
        let mut flight = self.flight();
        flight.changes = None;
        self.landed.send_replace(flight.number);
    }

    /// The rows that are on their way stay so for ever: nobody knows whether they arrived.
    fn crash(&self, fault: RowsFault) {
        let mut flight = self.flight();
        flight.fault.get_or_insert(fault);
        self.landed.send_replace(u64::MAX);
    }

    /// Whether anything is still acknowledged.
    pub(super) fn health(&self) -> Result<(), RowsFault> {
        self.flight().fault.clone().map_or(Ok(()), Err)
    }

    /// Waits until the group that touches what was read has landed.
    pub(super) async fn landed(&self, is_touched: impl Fn(&Changes) -> bool) -> Result<(), RowsFault> {
        let (changes, number) = {
            let flight = self.flight();
            (flight.changes.clone(), flight.number)
        };
        if !changes.is_some_and(|changes| is_touched(&changes)) {
            return Ok(());
        }
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.landed.subscribe().wait_for(|landed| *landed >= number).await;
        self.health()
    }
}

/// The thread that writes.
pub(super) struct Committer {
    pub db: Db,
    pub jobs: mpsc::Receiver<Job>,
    pub syncing: Box<dyn Syncing>,
    pub revision: u64,
    pub flights: Flights,
    pub groups: Arc<Groups>,
}

impl Committer {
    /// Works until nobody can send any more.
    pub(super) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let mut jobs = vec![first];
            let mut rows = jobs.first().map_or(0, |job| job.batch.writes.len());
            while jobs.len() < GROUP_BATCHES_MAX && rows < GROUP_ROWS_SOFT_MAX {
                let Ok(job) = self.jobs.try_recv() else { break };
                rows += job.batch.writes.len();
                jobs.push(job);
            }
            let outcome = match self.flights.health() {
                Ok(()) => catch_unwind(AssertUnwindSafe(|| self.group(&jobs)))
                    .unwrap_or_else(|_| Err(RowsFault { why: "sled panicked while it wrote".to_owned() })),
                Err(fault) => Err(fault),
            };
            match outcome {
                // Whoever does not wait any more has given up on the answer, not on the write.
                Ok(outcomes) => jobs.into_iter().zip(outcomes).for_each(|(job, outcome)| drop(job.done.send(outcome))),
                Err(fault) => {
                    tracing::error!(%fault, "the store acknowledges nothing any more; mend the disk and start again");
                    self.flights.crash(fault.clone());
                    jobs.into_iter().for_each(|job| drop(job.done.send(Err(CommitError::Fault(fault.clone())))));
                }
            }
        }
    }

    fn group(&mut self, jobs: &[Job]) -> Result<Vec<Result<(), CommitError>>, RowsFault> {
        let begun = Instant::now();
        let mut group = Changes::new();
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            let view = Overlay { db: &self.db, group: &group, failed: Cell::new(None) };
            let outcome = guard::evaluate(&job.batch, &view, &mut self.revision);
            if let Some(fault) = view.failed.take() {
                return Err(fault);
            }
            outcomes.push(outcome.map(|changes| group.extend(changes)));
        }
        if group.is_empty() {
            return Ok(outcomes);
        }
        let batch = layout::batch(&self.db, &group, self.revision)?;
        self.flights.depart(Arc::new(group));
        self.db.apply_batch(batch).map_err(|e| layout::fault(&e))?;
        self.db.flush().map_err(|e| layout::fault(&e))?;
        self.syncing.sync().map_err(|e| RowsFault { why: format!("the file cannot be synced: {e}") })?;
        self.flights.land();
        self.groups.landed(jobs.len(), begun.elapsed());
        Ok(outcomes)
    }
}

/// What is committed, and above it what this group is about to commit.
struct Overlay<'a> {
    db: &'a Db,
    group: &'a Changes,
    /// A read that failed is ours and ends everything; a batch that fails is its caller's and does not.
    failed: Cell<Option<RowsFault>>,
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Kept>, RowsFault> {
        if let Some(changed) = self.group.get(key) {
            return Ok(changed.clone());
        }
        layout::get(self.db, key).inspect_err(|fault| self.failed.set(Some(fault.clone())))
    }
}
