//! Counts the things that a tenant and those below it have, in the batch in which a thing is made or goes.
//!
//! The admin API reads a count with its revision, asks the domain's rule, and puts both the check and the addition into its batch: two
//! that race for the last place cannot both have it. Where no limit stands there is no check, and additions never conflict, so that
//! the platform's own row is no bottleneck. A tenant that is erased gives back what it had, in the batch that ends it.

use std::collections::BTreeMap;

use bytes::Bytes;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect, RowsFault, Write};
use jackfield_domain::quota::things::Thing;
use serde_json::Value;

use crate::Shared;
use crate::backend::guard::sums_of;
use crate::change::Step;
use crate::fault::StoreFault;
use crate::keys::{self, Table, texts};
use crate::platform::{PlatformChange, PlatformStore};
use crate::tenant::unreadable;

/// The name of the sum in a count's row.
const COUNT: &str = "count";
/// Where it stands that all counts were made: those of a store from before there were any are counted once.
const COUNTED: &[u8] = b"things-counted";

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// So many.
    pub count: u64,
    /// The row's, for a check; that nothing is there where nothing was counted yet.
    pub expect: Expect,
}

/// True where a batch met a conflict over a count or a quota: its maker looks again and tries again.
pub fn is_count(error: &CommitError) -> bool {
    matches!(error, CommitError::Conflict { key } if keys::is_in(key, Table::Things) || keys::is_in(key, Table::Quota))
}

fn key_of(level: &TenantId, thing: Thing) -> Vec<u8> {
    keys::tenant(level, Table::Things, &texts([thing.as_str()]))
}

impl PlatformStore {
    /// How many of a thing a tenant and those below it have.
    pub async fn things(&self, level: &TenantId, thing: Thing) -> Result<Counted, StoreFault> {
        let key = key_of(level, thing);
        let Some(kept) = self.shared.rows.get(&key).await? else { return Ok(Counted { count: 0, expect: Expect::Absent }) };
        let count = count_of(&key, &kept.value)?;
        Ok(Counted { count, expect: Expect::Revision(kept.revision) })
    }

    /// True where every thing of this store is counted.
    pub async fn things_are_counted(&self) -> Result<bool, StoreFault> {
        Ok(self.shared.rows.get(&keys::platform(Table::Meta, COUNTED)).await?.is_some())
    }
}

fn count_of(key: &[u8], value: &[u8]) -> Result<u64, StoreFault> {
    let sums = sums_of(value).map_err(|why| unreadable(key, &why))?;
    Ok(sums.get(COUNT).copied().and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

fn add(key: Vec<u8>, by: i64) -> Write {
    Write::Add { key, by: BTreeMap::from([(COUNT.to_owned(), by)]) }
}

impl PlatformChange {
    /// Counts things that are made or, where negative, go.
    pub fn count_things(mut self, level: &TenantId, thing: Thing, by: i64) -> Self {
        self.steps.push(Step::Ready(add(key_of(level, thing), by)));
        self
    }

    /// Refuses the batch where a count is no longer as it was read.
    pub fn check_things(mut self, level: &TenantId, thing: Thing, expect: Expect) -> Self {
        self.steps.check(key_of(level, thing), expect);
        self
    }

    /// Refuses the batch where a tenant's quota is no longer as it was read.
    pub fn check_quota(mut self, level: &TenantId, expect: Expect) -> Self {
        self.steps.check(keys::tenant(level, Table::Quota, &[]), expect);
        self
    }

    /// Sets a count, whatever it was: for the one time when all are made.
    pub fn set_things(mut self, level: &TenantId, thing: Thing, count: u64) -> Self {
        self.steps.delete(key_of(level, thing), Expect::Anything);
        self.count_things(level, thing, i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Remembers that all counts were made.
    pub fn things_counted(mut self) -> Self {
        self.steps.mark(keys::platform(Table::Meta, COUNTED), Bytes::new());
        self
    }
}

/// What an erased tenant's end adds to the batch: everyone above it has so much less, and one subtenant less.
pub(crate) async fn given_back(shared: &Shared, tenant: &TenantId, row: &[u8]) -> Result<Vec<Write>, CommitError> {
    let fault = |why: String| CommitError::Fault(RowsFault { why });
    let row: Value = serde_json::from_slice(row).map_err(|e| fault(format!("tenant {tenant} cannot be read: {:?}", e.classify())))?;
    let above: Vec<TenantId> = row.get("ancestors").and_then(|above| serde_json::from_value(above.clone()).ok()).unwrap_or_default();
    let mut writes = Vec::new();
    for thing in Thing::ALL {
        let key = key_of(tenant, thing);
        let mut gone = i64::from(thing == Thing::Subtenants);
        match shared.rows.get(&key).await? {
            Some(kept) => {
                let count = count_of(&key, &kept.value).map_err(crate::fault::uncommitted)?;
                gone = gone.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
                writes.push(Write::Check { key, expect: Expect::Revision(kept.revision) });
            }
            None => writes.push(Write::Check { key, expect: Expect::Absent }),
        }
        if gone > 0 {
            writes.extend(above.iter().map(|level| add(key_of(level, thing), -gone)));
        }
    }
    Ok(writes)
}
