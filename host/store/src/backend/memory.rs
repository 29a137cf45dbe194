//! Keeps rows in memory: the reference that says what every backend must do.
//!
//! Tests and the demo's dry runs use it. It promises everything that the port asks except to survive, and does so in the most obvious
//! way: one ordered map behind one lock. A backend that differs from it is wrong, or this one is; there is no third.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, Page, Rows, RowsFault};

use super::guard::{self, View};

/// Rows in memory.
#[derive(Default)]
pub(crate) struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    rows: BTreeMap<Vec<u8>, Kept>,
    revision: u64,
    closed: bool,
}

impl View for BTreeMap<Vec<u8>, Kept> {
    fn get(&self, key: &[u8]) -> Result<Option<Kept>, RowsFault> {
        Ok(BTreeMap::get(self, key).cloned())
    }
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing is half-done where a holder could panic, so a poisoned lock holds whole rows.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, batch: &Batch) -> Result<(), CommitError> {
        let inner = &mut *self.inner();
        inner.open()?;
        for (key, kept) in guard::evaluate(batch, &inner.rows, &mut inner.revision)? {
            match kept {
                Some(kept) => inner.rows.insert(key, kept),
                None => inner.rows.remove(&key),
            };
        }
        Ok(())
    }

    fn scan_now(&self, from: &[u8], to: &[u8], limit: usize, newest_first: bool) -> Page {
        if from >= to {
            return Page::new();
        }
        let inner = self.inner();
        let range = inner.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let copy = |(key, kept): (&Vec<u8>, &Kept)| (key.clone(), kept.clone());
        if newest_first { range.rev().take(limit).map(copy).collect() } else { range.take(limit).map(copy).collect() }
    }
}

impl Inner {
    fn open(&self) -> Result<(), RowsFault> {
        if self.closed { Err(RowsFault { why: "it is closed".to_owned() }) } else { Ok(()) }
    }
}

impl Rows for Memory {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>> {
        Box::pin(async move { Ok(self.inner().rows.get(key).cloned()) })
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        Box::pin(async move { Ok(self.scan_now(from, to, limit, newest_first)) })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move { self.commit_now(&batch) })
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.inner().open()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        Box::pin(async move {
            self.inner().closed = true;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_reference_does_what_every_backend_must_do() {
        crate::backend::conformance::run(|| Arc::new(Memory::default())).await;
    }
}
