//! Takes what is ahead to sled, behind the committer's back: a few rows at a time, each time synced, and then lets them go.
//!
//! A few, because sled writes over places that only its next sync makes obsolete: what lies between two of our syncs must not fill a
//! segment of its log, or a power cut could take what was settled long before and stands in no journal any more. Between two turns it
//! rests as long as the last one took, so that the journal has the disk for at least half of the time; where the committer waits for it,
//! it does not rest.
//!
//! It does not stand behind other threads either: beside guests that fill the processors it would fall behind until everybody waits for it.
//!
//! `opening` settles what a kill left in the same way. It must not be stopped by an error: the first one is the end, as a failed sync is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::sled::Db;
use jackfield_domain::ports::rows::RowsFault;

use super::ahead::{Ahead, Covering};
use super::committer::Syncing;
use super::health::Health;
use super::layout;

/// Rows of one turn, and bytes of values after which it takes no further one: with the leaves around them less than a segment of sled's
/// log, which has 512 KiB.
const TURN_ROWS_MAX: usize = 64;
const TURN_BYTES_SOFT_MAX: usize = 128 * 1024;
/// The longest rest.
const REST_MAX: Duration = Duration::from_millis(100);

/// Sled, and what brings its file to the disk.
pub(super) struct Settled {
    pub db: Db,
    pub syncing: Box<dyn Syncing>,
}

impl Settled {
    /// Brings rows to sled and to the disk; `after` is called after each turn with its rows.
    pub(super) fn take(
        &mut self,
        generation: u64,
        revision: u64,
        rows: &[Covering],
        mut after: impl FnMut(&[Covering], Duration),
    ) -> Result<(), RowsFault> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (turn, later) = rest.split_at(turn(rest));
            rest = later;
            let begun = Instant::now();
            turn.iter().try_for_each(|(key, kept)| layout::write(&self.db, key, kept.as_ref()))?;
            self.sync()?;
            after(turn, begun.elapsed());
        }
        // Only now: until then the whole generation counts.
        layout::reach(&self.db, layout::Reached { revision, generation })?;
        self.sync()
    }

    fn sync(&mut self) -> Result<(), RowsFault> {
        self.db.flush().map_err(|e| layout::fault(&e))?;
        self.syncing.sync().map_err(|e| RowsFault { why: format!("sled's file cannot be synced: {e}") })
    }
}

/// How many of these rows one turn takes.
fn turn(rows: &[Covering]) -> usize {
    let mut bytes = 0;
    let fitting = rows.iter().take(TURN_ROWS_MAX).take_while(|(_, kept)| {
        let fits = bytes <= TURN_BYTES_SOFT_MAX;
        bytes += kept.as_ref().map_or(0, |kept| kept.value.len());
        fits
    });
    fitting.count()
}

/// A generation that is complete: its journal may be written over once it is settled.
pub(super) struct Complete {
    pub generation: u64,
    /// The last that was given in it.
    pub revision: u64,
}

/// Whether the committer waits for what is being settled.
#[derive(Default)]
pub(super) struct Haste {
    is_awaited: Mutex<bool>,
    changed: Condvar,
}

impl Haste {
    /// The committer begins to wait, or has what it waited for.
    pub(super) fn awaited(&self, is_awaited: bool) {
        *self.is_awaited.lock().unwrap_or_else(PoisonError::into_inner) = is_awaited;
        self.changed.notify_all();
    }

    /// Rests so long, or until somebody waits.
    fn rest(&self, lasting: Duration) {
        let is_awaited = self.is_awaited.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(is_awaited, lasting, |is_awaited| !*is_awaited));
    }
}

/// The thread that settles.
pub(super) struct Settler {
    pub settled: Settled,
    pub ahead: Arc<Ahead>,
    pub complete: Receiver<Complete>,
    /// Told of every generation that is settled.
    pub done: Sender<()>,
    pub haste: Arc<Haste>,
    pub health: Health,
}

impl Settler {
    /// Works until no further generation can come, or until an error.
    pub(super) fn run(mut self) {
        while let Ok(complete) = self.complete.recv() {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.settle(&complete)))
                .unwrap_or_else(|_| Err(RowsFault { why: "sled panicked while it wrote".to_owned() }));
            if let Err(fault) = outcome {
                tracing::error!(%fault, "the store acknowledges nothing any more; mend the disk and start again");
                self.health.end(fault);
                return;
            }
            if self.done.send(()).is_err() {
                return;
            }
        }
    }

    fn settle(&mut self, complete: &Complete) -> Result<(), RowsFault> {
        let Complete { generation, revision } = *complete;
        let rows = self.ahead.of(generation);
        let (ahead, haste) = (&self.ahead, &self.haste);
        self.settled.take(generation, revision, &rows, |turn, took| {
            ahead.let_go(generation, turn);
            haste.rest(took.min(REST_MAX));
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jackfield_domain::ports::rows::Kept;

    use super::*;

    #[test]
    fn a_turn_is_short_and_never_empty() {
        let row = |bytes: usize| (b"k".to_vec(), Some(Kept { value: Bytes::from(vec![0; bytes]), revision: 1 }));
        assert_eq!(turn(&vec![row(100); 1_000]), TURN_ROWS_MAX);
        assert_eq!(turn(&vec![row(512 * 1024); 3]), 1);
        assert_eq!(turn(&vec![row(50_000); 9]), 3);
        assert_eq!(turn(&vec![(b"k".to_vec(), None); 9]), 9);
    }
}
