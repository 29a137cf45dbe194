//! Notices which tenants' set-up a batch changes, so that what was read of it may be kept in memory until then.
//!
//! [`crate::Store::over`] puts it before the backend: every write of the store passes here, whoever makes it, so nothing can be changed
//! behind a cache's back. It counts an epoch for each tenant; a cache that has seen the epoch of all that it read is right.
//!
//! What every event writes - contacts, turns, replies, plugin state, counters - does not count: a cache of it would never hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_domain::id::TenantId;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Kept, Page, Rows, RowsFault, Write};

use crate::keys::{self, Table};

/// How often each tenant's set-up changed since the start.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    counted: Mutex<HashMap<TenantId, u64>>,
}

impl Epochs {
    /// 0 where nothing changed yet.
    pub(crate) fn of(&self, tenant: &TenantId) -> u64 {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).copied().unwrap_or_default()
    }

    fn count(&self, tenants: impl Iterator<Item = TenantId>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for tenant in tenants {
            *counted.entry(tenant).or_default() += 1;
        }
    }
}

/// Rows that are watched.
pub(crate) struct Watched {
    rows: Arc<dyn Rows>,
    epochs: Arc<Epochs>,
}

impl Watched {
    pub(crate) fn new(rows: Arc<dyn Rows>, epochs: Arc<Epochs>) -> Self {
        Self { rows, epochs }
    }
}

/// Tables whose rows a call looks up and does not write.
const SET_UP: [Table; 13] = [
    Table::Flow,
    Table::Plugin,
    Table::Version,
    Table::Release,
    Table::Queue,
    Table::QueueStatus,
    Table::Person,
    Table::Hours,
    Table::Closure,
    Table::Routes,
    Table::TenantBinding,
    Table::Quota,
    Table::CaptureRules,
];

fn changed(batch: &Batch) -> Vec<TenantId> {
    let mut tenants: Vec<TenantId> = Vec::new();
    for write in &batch.writes {
        let key = match write {
            Write::Put { key, .. } | Write::Delete { key, .. } => key,
            _ => continue,
        };
        let whose = SET_UP.iter().find_map(|table| keys::owner_in(key, *table)).or_else(|| keys::tenant_of_row(key));
        tenants.extend(whose.filter(|tenant| !tenants.contains(tenant)));
    }
    tenants
}

impl Rows for Watched {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>> {
        self.rows.get(key)
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        self.rows.scan(from, to, limit, newest_first)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        let tenants = changed(&batch);
        if tenants.is_empty() {
            return self.rows.commit(batch);
        }
        let (rows, epochs) = (Arc::clone(&self.rows), Arc::clone(&self.epochs));
        Box::pin(async move {
            // On a task of its own: a batch that was handed over becomes durable whether or not anybody still waits for it, and a cache that
            // was not told would go on with what stood before.
            let counted = tokio::spawn(async move {
                let committed = rows.commit(batch).await;
                // After the rows can be read, and whatever came of it: a cache that is dropped for nothing is read once more.
                epochs.count(tenants.into_iter());
                committed
            });
            counted.await.unwrap_or_else(|ended| Err(CommitError::Fault(RowsFault { why: format!("the commit's task ended: {ended}") })))
        })
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.rows.health()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        self.rows.close()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use jackfield_domain::ports::rows::Expect;

    use super::*;
    use crate::backend::slow::Slow;

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_set_up_is_made_and_counted_although_nobody_waits_for_it_any_more() {
        let (slow, epochs) = (Arc::new(Slow::default()), Arc::new(Epochs::default()));
        slow.takes(Duration::ZERO, Duration::from_secs(1));
        let watched = Watched::new(slow, Arc::clone(&epochs));
        let tenant: TenantId = "acme".parse().unwrap();
        let key = keys::tenant(&tenant, Table::Closure, b"");
        let put = Write::Put { key: key.clone(), value: Bytes::from_static(b"closed"), expect: Expect::Anything };
        let commit = watched.commit(Batch { writes: vec![put] });
        assert!(tokio::time::timeout(Duration::from_millis(1), commit).await.is_err(), "whoever asked is gone before it is done");
        assert_eq!(epochs.of(&tenant), 0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(epochs.of(&tenant), 1);
        assert!(watched.get(&key).await.unwrap().is_some());
    }
}
