//! Keeps rows in sled, made durable by our own syncs, and shows nobody what a power cut could still take back.
//!
//! `opening` opens a folder with care, `committer` is the one thread that writes, `layout` says how a row lies in sled. Reads go to
//! sled directly; where they meet a row whose group is not on the disk yet, they wait for it, because an answer that is built on
//! such a row would acknowledge it.
//!
//! Nothing but the committer may ever write to the database.

mod committer;
mod layout;
mod opening;

pub(crate) use committer::Syncing;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ::sled::Db;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, Page, Rows, RowsFault};
use tokio::sync::{mpsc, oneshot};

use self::committer::{Committer, FileSync, Flights, Job};
use super::groups::Groups;
use super::guard::Changes;
use crate::fault::StoreFault;

/// Batches that may wait for the committer. One group takes as many; whoever comes later waits at the door.
const QUEUE_MAX: usize = 1_024;
/// sled's threads keep its file for a moment after the database is closed; so often is asked whether they have let go,
const RELEASE_ASKED_MAX: u32 = 1_000;
/// and so long is waited in between: five seconds in all, where a millisecond is usual.
const RELEASE_WAIT_MS: u64 = 5;

/// Rows in a folder.
pub(crate) struct Sled {
    /// None once it is closed.
    open: RwLock<Option<Opened>>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    flights: Flights,
    groups: Arc<Groups>,
}

struct Opened {
    db: Db,
    /// Held for as long as the database is open.
    lock: File,
    /// Our own handle of sled's file.
    file: File,
}

impl Sled {
    /// Opens the folder, or makes it.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreFault> {
        Self::open_with(dir, |file| Box::new(FileSync(file)))
    }

    /// Opens the folder with another way of syncing its file: the power-cut test watches, and its negative control leaves it out.
    pub(crate) fn open_with(dir: &Path, syncing: impl FnOnce(File) -> Box<dyn Syncing>) -> Result<Self, StoreFault> {
        let opening::Parts { db, lock, file } = opening::open(dir)?;
        let unusable = |why: String| StoreFault::Open { dir: dir.to_owned(), why };
        let revision = layout::last_revision(&db).map_err(|fault| unusable(fault.why))?;
        let own = file.try_clone().map_err(|e| unusable(e.to_string()))?;
        let flights = Flights::default();
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let groups = Arc::new(Groups::default());
        let syncing = syncing(file);
        let committer = Committer { db: db.clone(), jobs, syncing, revision, flights: flights.clone(), groups: Arc::clone(&groups) };
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(move || committer.run());
        let thread = thread.map_err(|e| unusable(format!("the committer's thread cannot be started: {e}")))?;
        Ok(Self {
            open: RwLock::new(Some(Opened { db, lock, file: own })),
            queue: Mutex::new(Some(queue)),
            committer: Mutex::new(Some(thread)),
            flights,
            groups,
        })
    }

    /// Where its groups are counted.
    pub(crate) fn groups(&self) -> Arc<Groups> {
        Arc::clone(&self.groups)
    }

    fn read<T>(&self, read: impl FnOnce(&Db) -> Result<T, RowsFault>) -> Result<T, RowsFault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        read(&open.as_ref().ok_or_else(closed)?.db)
    }

    /// What was read may be acknowledged once the group that may have written it is on the disk.
    async fn shown<T>(&self, read: T, is_touched: impl Fn(&Changes) -> bool) -> Result<T, RowsFault> {
        self.flights.landed(is_touched).await.map(|()| read)
    }

    async fn submit(&self, batch: Batch) -> Result<(), CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        let (done, outcome) = oneshot::channel();
        queue.send(Job { batch, done }).await.map_err(|_| self.stopped())?;
        drop(queue);
        outcome.await.map_err(|_| self.stopped())?
    }

    fn stopped(&self) -> RowsFault {
        self.flights.health().err().unwrap_or_else(closed)
    }
}

/// Lets go of the files, so that whoever opens the directory next does not meet sled's own lock.
async fn release(opened: Opened) {
    let Opened { db, lock, file } = opened;
    // Dropping the database writes and syncs once more, which may take a moment.
    let _ = tokio::task::spawn_blocking(move || drop(db)).await;
    for _ in 0..RELEASE_ASKED_MAX {
        if file.try_lock().is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(RELEASE_WAIT_MS)).await;
    }
    drop((file, lock));
}

fn closed() -> RowsFault {
    RowsFault { why: "it is closed".to_owned() }
}

impl Rows for Sled {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>> {
        Box::pin(async move {
            let kept = self.read(|db| layout::get(db, key))?;
            self.shown(kept, |changes| changes.contains_key(key)).await
        })
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        Box::pin(async move {
            if from >= to {
                return Ok(Page::new());
            }
            let page = self.read(|db| layout::scan(db, from, to, limit, newest_first))?;
            self.shown(page, |changes| changes.keys().any(|key| from <= key.as_slice() && key.as_slice() < to)).await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.submit(batch))
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.flights.health()?;
        self.read(|_| Ok(()))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        Box::pin(async move {
            drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
            let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread {
                let ended = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
                if !ended.unwrap_or(false) {
                    return Err(RowsFault { why: "the committer ended in disorder".to_owned() });
                }
            }
            let opened = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(opened) = opened {
                release(opened).await;
            }
            self.flights.health()
        })
    }
}

#[cfg(test)]
mod tests;
