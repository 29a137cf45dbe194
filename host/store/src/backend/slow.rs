//! A backend in memory whose reads and commits take as long as a test says: a disk that hangs is no error, and nobody is told of it.
//!
//! Promises switch it while a server runs on it, to see who still answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, Page, Rows, RowsFault};

use super::memory::Memory;

/// Rows in memory behind a wait.
#[derive(Default)]
pub struct Slow {
    rows: Memory,
    read_ms: AtomicU64,
    commit_ms: AtomicU64,
}

impl Slow {
    /// From now on every read and every commit takes so much longer.
    pub fn takes(&self, read: Duration, commit: Duration) {
        let ms = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.read_ms.store(ms(read), Ordering::Relaxed);
        self.commit_ms.store(ms(commit), Ordering::Relaxed);
    }
}

async fn wait(ms: &AtomicU64) {
    let ms = ms.load(Ordering::Relaxed);
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

impl Rows for Slow {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>> {
        Box::pin(async move {
            wait(&self.read_ms).await;
            self.rows.get(key).await
        })
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        Box::pin(async move {
            wait(&self.read_ms).await;
            self.rows.scan(from, to, limit, newest_first).await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            wait(&self.commit_ms).await;
            self.rows.commit(batch).await
        })
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.rows.health()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        self.rows.close()
    }
}
