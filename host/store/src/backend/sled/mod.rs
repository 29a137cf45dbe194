//! Keeps rows in sled, made durable by our own syncs, and shows nobody what a power cut could still take back.
//!
//! `opening` opens a folder with care, `committer` is the one thread that acknowledges, once `journal` has it on the disk; what is there is
//! `ahead` of sled until `settler` has taken it there, and `layout` says how a row lies in sled. Reads look ahead first and then into sled.
//!
//! Nothing but the settler may ever write to the database.

mod ahead;
mod committer;
mod health;
mod journal;
mod layout;
mod opening;
mod settler;

pub(crate) use committer::{Sizes, Syncing};

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ::sled::Db;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, Page, Rows, RowsFault};
use tokio::sync::{mpsc, oneshot};

use self::ahead::Ahead;
use self::committer::{Committer, FileSync, Job, Settling};
use self::health::Health;
use self::settler::Settler;
use super::groups::Groups;
use crate::fault::StoreFault;

/// Batches that may wait for the committer. One group takes as many; whoever comes later waits at the door.
const QUEUE_MAX: usize = 1_024;
/// Eight megabytes in memory are some thousand events: their rows meet in sled's leaves, of which each is then written once. What is in both
/// files is in memory as well, and read again after a kill.
const SIZES: Sizes = Sizes { complete_bytes: 8 * 1024 * 1024, wait_bytes: 64 * 1024 * 1024 };
/// Memory that rows on their way to sled take at most: what is in both files, each with the group that came last. An import's
/// batches are larger, and nothing else runs beside one.
pub(crate) const AHEAD_BYTES_MAX: u64 = 2 * SIZES.wait_bytes + 2 * committer::GROUP_WEIGHT_SOFT_MAX as u64;
/// sled's threads keep its file for a moment after the database is closed; so often is asked whether they have let go,
const RELEASE_ASKED_MAX: u32 = 1_000;
/// and so long is waited in between: five seconds in all, where a millisecond is usual.
const RELEASE_WAIT_MS: u64 = 5;

/// Rows in a folder.
pub(crate) struct Sled {
    /// None once it is closed.
    open: RwLock<Option<Opened>>,
    ahead: Arc<Ahead>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    health: Health,
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
        Self::open_with(dir, SIZES, |_, file| Box::new(FileSync(file)))
    }

    /// Opens the folder with other sizes and another way of syncing its files, which are named by their paths within it: the power-cut test
    /// watches, and its negative control leaves it out.
    pub(crate) fn open_with(dir: &Path, sizes: Sizes, syncing: impl FnMut(&str, File) -> Box<dyn Syncing>) -> Result<Self, StoreFault> {
        let opening::Parts { settled, journals, revision, lock, file } = opening::open(dir, syncing)?;
        let db = settled.db.clone();
        let (ahead, health, groups, haste) = (Arc::<Ahead>::default(), Health::default(), Arc::<Groups>::default(), Arc::default());
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (to_settle, complete) = std::sync::mpsc::channel();
        let (settled_one, done) = std::sync::mpsc::channel();
        let settling = Settling { complete: to_settle, done, haste: Arc::clone(&haste), groups: Arc::clone(&groups), busy_with: None };
        let settler = Settler { settled, ahead: Arc::clone(&ahead), complete, done: settled_one, haste, health: health.clone() };
        let committer = Committer {
            db: db.clone(),
            jobs,
            journals,
            ahead: Arc::clone(&ahead),
            settling,
            sizes,
            revision,
            health: health.clone(),
            groups: Arc::clone(&groups),
        };
        let thread = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            started.map_err(|e| StoreFault::Open { dir: dir.to_owned(), why: format!("the {name}'s thread cannot be started: {e}") })
        };
        let threads = vec![thread("settler", Box::new(|| settler.run()))?, thread("committer", Box::new(|| committer.run()))?];
        Ok(Self {
            open: RwLock::new(Some(Opened { db, lock, file })),
            ahead,
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
            health,
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

    async fn submit(&self, batch: Batch) -> Result<(), CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        let (done, outcome) = oneshot::channel();
        queue.send(Job { batch, done }).await.map_err(|_| self.stopped())?;
        drop(queue);
        outcome.await.map_err(|_| self.stopped())?
    }

    fn stopped(&self) -> RowsFault {
        self.health.health().err().unwrap_or_else(closed)
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
            self.health.is_known(|in_doubt| in_doubt.contains_key(key))?;
            self.read(|db| self.ahead.get(key).map_or_else(|| layout::get(db, key), Ok))
        })
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        Box::pin(async move {
            if from >= to {
                return Ok(Page::new());
            }
            self.health.is_known(|in_doubt| in_doubt.keys().any(|key| from <= key.as_slice() && key.as_slice() < to))?;
            self.read(|db| {
                // Ahead first: a row that is let go meanwhile is in sled by then.
                let ahead = self.ahead.range(from, to, limit, newest_first);
                ahead::merged(ahead, layout::scan(db, from, to, newest_first), limit, newest_first)
            })
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.submit(batch))
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.health.health()?;
        self.read(|_| Ok(()))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        Box::pin(async move {
            drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
            let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
            let ended =
                tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|thread| thread.join().err()).count() == 0).await;
            if !ended.unwrap_or(false) {
                return Err(RowsFault { why: "a thread of the store ended in disorder".to_owned() });
            }
            let opened = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(opened) = opened {
                release(opened).await;
            }
            self.health.health()
        })
    }
}

#[cfg(test)]
mod tests;
