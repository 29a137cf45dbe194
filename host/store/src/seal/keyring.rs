//! Keeps the tenants' keys: wrapped by the master key in the database, unwrapped in memory for as long as the store is open.
//!
//! Every typed read and write asks it. A tenant's key is made by the first write that needs one. Erasing a tenant puts a tombstone in
//! the key's place; because every batch of a tenant checks the revision of its key, a write that was under way then conflicts and
//! leaves nothing behind that nobody could read.
//!
//! It must not give out a key of an erased tenant, however late the question comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{Batch, CommitError, Expect, Kept, Rows, Write};
use zeroize::Zeroizing;

use super::{DataKey, MasterKey, random, unreadable};
use crate::fault::{StoreFault, fault_of};
use crate::keys::{self, Table};

/// First byte of a wrapped key's row: a key.
const WRAPPED: u8 = 1;
/// First byte of a wrapped key's row: the tenant was erased, and its rows may still have to be removed.
const ERASING: u8 = 2;
/// First byte of a wrapped key's row: the tenant was erased and nothing of it is left; the name may be used again.
const ERASED: u8 = 3;

/// A tenant's key, and the revision of the row that wraps it.
#[derive(Clone)]
pub(crate) struct Held {
    pub key: Arc<DataKey>,
    pub revision: u64,
}

/// All keys that were asked for.
pub(crate) struct Keyring {
    rows: Arc<dyn Rows>,
    master: DataKey,
    held: Mutex<HashMap<TenantId, Held>>,
}

/// What stands in a key's place once its tenant is erased.
pub(crate) fn tombstone(finished: bool) -> Bytes {
    Bytes::copy_from_slice(&[if finished { ERASED } else { ERASING }])
}

/// Whether that is a tombstone, and if so whether all of the tenant's rows are gone.
pub(crate) fn is_tombstone(value: &[u8]) -> Option<bool> {
    match value {
        [ERASING] => Some(false),
        [ERASED] => Some(true),
        _ => None,
    }
}

impl Keyring {
    pub(crate) fn new(rows: Arc<dyn Rows>, master: &MasterKey) -> Self {
        Self { rows, master: master.key(), held: Mutex::new(HashMap::new()) }
    }

    /// The key that wraps: it also seals the platform's own secrets.
    pub(crate) fn master(&self) -> &DataKey {
        &self.master
    }

    /// Where a tenant's wrapped key is.
    pub(crate) fn row_of(tenant: &TenantId) -> Vec<u8> {
        keys::platform(Table::DataKey, tenant.as_str().as_bytes())
    }

    /// A tenant's key, if it has one.
    pub(crate) async fn find(&self, tenant: &TenantId) -> Result<Option<Held>, StoreFault> {
        if let Some(held) = self.held().get(tenant) {
            return Ok(Some(held.clone()));
        }
        let row = Self::row_of(tenant);
        let Some(kept) = self.rows.get(&row).await? else { return Ok(None) };
        let held = self.unwrap(tenant, &row, &kept)?;
        Ok(Some(self.hold(tenant, held)))
    }

    /// A tenant's key, made now where it has none.
    pub(crate) async fn of(&self, tenant: &TenantId) -> Result<Held, StoreFault> {
        loop {
            if let Some(held) = self.find(tenant).await? {
                return Ok(held);
            }
            let row = Self::row_of(tenant);
            let value = self.wrap_new(&row)?;
            let put = Write::Put { key: row, value, expect: Expect::Absent };
            match self.rows.commit(Batch { writes: vec![put] }).await {
                // Somebody else was first: theirs counts.
                Ok(()) | Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(fault_of(error)),
            }
        }
    }

    /// A new key, wrapped, for a tenant whose name was free again.
    pub(crate) fn wrap_new(&self, row: &[u8]) -> Result<Bytes, StoreFault> {
        let key: Zeroizing<[u8; 32]> = random()?;
        let mut value = vec![WRAPPED];
        value.extend_from_slice(&self.master.seal(row, &*key)?);
        Ok(Bytes::from(value))
    }

    /// Forgets a key: its tenant is erased, or its row changed.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.held().remove(tenant);
    }

    fn unwrap(&self, tenant: &TenantId, row: &[u8], kept: &Kept) -> Result<Held, StoreFault> {
        if is_tombstone(&kept.value).is_some() {
            return Err(StoreFault::Erased(tenant.clone()));
        }
        let [WRAPPED, wrapped @ ..] = &*kept.value else {
            return Err(unreadable(row, "it is wrapped in a way that this version does not know"));
        };
        let plain = self.master.open(row, wrapped)?;
        let bytes: &[u8; 32] = plain.as_slice().try_into().map_err(|_| unreadable(row, "it has the wrong length"))?;
        Ok(Held { key: Arc::new(DataKey::from_bytes(bytes)), revision: kept.revision })
    }

    /// A slow reader must not put an older key over a newer one.
    fn hold(&self, tenant: &TenantId, held: Held) -> Held {
        let mut all = self.held();
        let kept = all.entry(tenant.clone()).or_insert_with(|| held.clone());
        if kept.revision < held.revision {
            *kept = held;
        }
        kept.clone()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TenantId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
