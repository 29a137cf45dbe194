//! Commits in groups: one thread takes what waits, writes it into the journal, syncs once, and acknowledges all.
//!
//! What the disk has is then ahead of sled until `settler` has taken it there: sled writes whole leaves for every row, and its `flush`
//! hands pages to the disk and returns before the disk has them. The journal is two files that take turns: one is written while the
//! other's generation is settled. One thread, because a sync costs the same for one batch and for a thousand, and because guards that are
//! evaluated by one thread need no locks.
//!
//! An error of any of these, or a panic, is the end: see `health`.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

use ::sled::Db;
use jackfield_domain::ports::rows::{Batch, CommitError, KEY_BYTES_MAX, Kept, RowsFault, Write};
use tokio::sync::{mpsc, oneshot};

use super::ahead::Ahead;
use super::health::Health;
use super::journal::{Journal, ROW_WEIGHT};
use super::layout;
use super::settler::{Complete, Haste};
use crate::backend::groups::Groups;
use crate::backend::guard::{self, Changes, View};

/// Most batches of one group: so many waiters are woken at once, and a thousand share a sync as well as ten thousand would.
const GROUP_BATCHES_MAX: usize = 1_024;
/// A group that touches more rows than this, or more bytes, begins no further batch: it must not take long to write.
const GROUP_ROWS_SOFT_MAX: usize = 8_192;
pub(super) const GROUP_WEIGHT_SOFT_MAX: usize = 4 * 1024 * 1024;

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

/// How much the journal's files hold, by what it takes in memory while it is ahead of sled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// A file with so much is complete, once the other is settled.
    pub complete_bytes: u64,
    /// A file with so much waits until the other is settled.
    pub wait_bytes: u64,
}

/// A batch and who waits for it.
pub(super) struct Job {
    pub batch: Batch,
    pub done: oneshot::Sender<Result<(), CommitError>>,
}

impl Job {
    /// What it takes in memory, at most, while it is ahead of sled.
    fn weight(&self) -> usize {
        let of = |write: &Write| {
            let value = if let Write::Put { value, .. } = write { value.len() } else { 0 };
            KEY_BYTES_MAX + value + ROW_WEIGHT as usize
        };
        self.batch.writes.iter().map(of).sum()
    }
}

/// The thread that settles, as the committer sees it.
pub(super) struct Settling {
    pub complete: Sender<Complete>,
    pub done: Receiver<()>,
    pub haste: Arc<Haste>,
    pub groups: Arc<Groups>,
    /// Weight of the generation that it was given and is not done with.
    pub busy_with: Option<u64>,
}

impl Settling {
    /// True where a generation can be given to it: waits, where it must.
    fn is_free(&mut self, must_wait: bool) -> Result<bool, RowsFault> {
        if self.busy_with.is_some() && (self.done.try_recv().is_ok() || (must_wait && self.wait()?)) {
            self.busy_with = None;
        }
        Ok(self.busy_with.is_none())
    }

    /// Until it is done.
    fn wait(&self) -> Result<bool, RowsFault> {
        let begun = Instant::now();
        self.haste.awaited(true);
        self.done.recv().map_err(|_| ended())?;
        self.haste.awaited(false);
        self.groups.waited(begun.elapsed());
        Ok(true)
    }

    fn settle(&mut self, complete: Complete, weight: u64) -> Result<(), RowsFault> {
        self.busy_with = Some(weight);
        self.complete.send(complete).map_err(|_| ended())
    }
}

/// It has told `health` why.
fn ended() -> RowsFault {
    RowsFault { why: "what was written cannot be settled any more".to_owned() }
}

/// The thread that writes.
pub(super) struct Committer {
    pub db: Db,
    pub jobs: mpsc::Receiver<Job>,
    /// The one that is being written, and the other.
    pub journals: [Journal; 2],
    pub ahead: Arc<Ahead>,
    pub settling: Settling,
    pub sizes: Sizes,
    pub revision: u64,
    pub health: Health,
    pub groups: Arc<Groups>,
}

impl Committer {
    /// Works until nobody can send any more, and then has everything settled.
    pub(super) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let (mut rows, mut weight) = (first.batch.writes.len(), first.weight());
            let mut jobs = vec![first];
            while jobs.len() < GROUP_BATCHES_MAX && rows < GROUP_ROWS_SOFT_MAX && weight < GROUP_WEIGHT_SOFT_MAX {
                let Ok(job) = self.jobs.try_recv() else { break };
                rows += job.batch.writes.len();
                weight += job.weight();
                jobs.push(job);
            }
            let outcome = match self.health.health() {
                Ok(()) => catch_unwind(AssertUnwindSafe(|| self.group(&jobs)))
                    .unwrap_or_else(|_| Err(RowsFault { why: "the committer panicked while it wrote".to_owned() })),
                Err(fault) => Err(fault),
            };
            match outcome {
                // Whoever does not wait any more has given up on the answer, not on the write.
                Ok(outcomes) => jobs.into_iter().zip(outcomes).for_each(|(job, outcome)| drop(job.done.send(outcome))),
                Err(fault) => {
                    self.ended(fault.clone());
                    jobs.into_iter().for_each(|job| drop(job.done.send(Err(CommitError::Fault(fault.clone())))));
                }
            }
            if let Err(fault) = self.turn() {
                self.ended(fault);
            }
        }
        if self.health.health().is_ok() && self.close().is_err() {
            tracing::error!("what was written last could not be settled; the next start does it");
        }
    }

    fn ended(&self, fault: RowsFault) {
        if self.health.health().is_ok() {
            tracing::error!(%fault, "the store acknowledges nothing any more; mend the disk and start again");
        }
        self.health.end(fault);
    }

    fn group(&mut self, jobs: &[Job]) -> Result<Vec<Result<(), CommitError>>, RowsFault> {
        let begun = Instant::now();
        let mut group = Changes::new();
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            let view = Overlay { db: &self.db, ahead: &self.ahead, group: &group, failed: Cell::new(None) };
            let outcome = guard::evaluate(&job.batch, &view, &mut self.revision);
            if let Some(fault) = view.failed.take() {
                return Err(fault);
            }
            outcomes.push(outcome.map(|changes| group.extend(changes)));
        }
        if group.is_empty() {
            return Ok(outcomes);
        }
        let [journal, _] = &mut self.journals;
        if let Err(error) = journal.append(&group, self.revision) {
            let fault = RowsFault { why: format!("the journal cannot be written: {error}") };
            // First, so that nobody reads what is in doubt as known; then it is told.
            self.health.end_in_doubt(fault.clone(), group);
            tracing::error!(%fault, "the store acknowledges nothing any more; mend the disk and start again");
            return Err(fault);
        }
        let generation = journal.generation();
        self.ahead.add(generation, group);
        self.groups.landed(jobs.len(), begun.elapsed());
        Ok(outcomes)
    }

    /// Lets the files take turns where the one is full and the other settled.
    fn turn(&mut self) -> Result<(), RowsFault> {
        let [journal, _] = &self.journals;
        let weight = journal.weight();
        if weight >= self.sizes.complete_bytes && self.settling.is_free(weight >= self.sizes.wait_bytes)? {
            self.complete()?;
        }
        let [journal, _] = &self.journals;
        self.groups.ahead(journal.weight() + self.settling.busy_with.unwrap_or(0));
        Ok(())
    }

    /// Has what is being written settled, and goes on in the other file.
    fn complete(&mut self) -> Result<(), RowsFault> {
        self.journals.reverse();
        let [next, complete] = &mut self.journals;
        next.begin(complete.generation() + 1, complete.records());
        self.settling.settle(Complete { generation: complete.generation(), revision: self.revision }, complete.weight())
    }

    /// Has everything settled.
    fn close(&mut self) -> Result<(), RowsFault> {
        self.settling.is_free(true)?;
        self.complete()?;
        self.settling.is_free(true).map(drop)
    }
}

/// What is committed, and above it what this group is about to commit.
struct Overlay<'a> {
    db: &'a Db,
    ahead: &'a Ahead,
    group: &'a Changes,
    /// A read that failed is ours and ends everything; a batch that fails is its caller's and does not.
    failed: Cell<Option<RowsFault>>,
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Kept>, RowsFault> {
        if let Some(changed) = self.group.get(key) {
            return Ok(changed.clone());
        }
        if let Some(ahead) = self.ahead.get(key) {
            return Ok(ahead);
        }
        layout::get(self.db, key).inspect_err(|fault| self.failed.set(Some(fault.clone())))
    }
}
