//! Erases a tenant so that nothing of it can be read again, even from a copy of the disk, and a crash half-way is finished later.
//!
//! The admin API calls it through the platform's store. First one batch puts a tombstone in the place of the tenant's key: from
//! that moment sealed rows are noise, and every write of the tenant that is under way conflicts. Then the rows go, range by range; then
//! the tombstone says that it is done. Opening a store finishes what a crash left.
//!
//! It must not touch blobs: the same component may be another tenant's too.

use std::sync::Arc;

use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{BATCH_WRITES_MAX, Batch, CommitError, Expect, Write};
use jackfield_domain::tenant::address::Address;
use serde_json::Value;

use crate::fault::{StoreFault, uncommitted};
use crate::keys::{self, Range, Table};
use crate::platform::{PlatformStore, split_owner};
use crate::seal::{Keyring, is_tombstone, tombstone};
use crate::things;
use crate::{Shared, TenantStore};

/// Keys read and removed at a time.
const STEP: usize = BATCH_WRITES_MAX / 2;

/// Erases a tenant. Refuses with a conflict where the tenant does not exist. One at a time: whoever finishes what another has finished
/// already would take the rows of a new tenant of that name.
pub(crate) async fn erase(shared: &Arc<Shared>, tenant: &TenantId) -> Result<(), CommitError> {
    let _alone = shared.erasing.lock().await;
    let row = keys::platform(Table::Tenant, tenant.as_str().as_bytes());
    let Some(kept) = shared.rows.get(&row).await? else { return Err(CommitError::Conflict { key: row }) };
    let mut writes = vec![
        Write::Put { key: Keyring::row_of(tenant), value: tombstone(false), expect: Expect::Anything },
        Write::Delete { key: row, expect: Expect::Revision(kept.revision) },
    ];
    if let Some(parent) = parent_of(&kept.value) {
        writes.push(Write::Delete { key: keys::tenant(&parent, Table::Child, tenant.as_str().as_bytes()), expect: Expect::Anything });
    }
    // What goes with the tenant makes room above it, at once and once: a thing that is made meanwhile conflicts with this batch.
    writes.extend(things::given_back(shared, tenant, &kept.value).await?);
    shared.rows.commit(Batch { writes }).await?;
    shared.keyring.forget(tenant);
    // Opened with its key, and nobody may ever ask for them again.
    shared.connections.clear();
    let finished = finish(shared, tenant).await;
    // They are not sealed, and their rows go only now: until then an event reads them again.
    shared.bindings.clear();
    finished
}

/// Finishes erasures that a crash or a fault of the disk cut short; says how many.
pub(crate) async fn resume(shared: &Arc<Shared>) -> Result<usize, StoreFault> {
    let _alone = shared.erasing.lock().await;
    let mut finished = 0;
    let whole = Range::of_prefix(keys::platform(Table::DataKey, &[]));
    let mut cut_short = Vec::new();
    let mut range = whole.clone();
    loop {
        let page = shared.rows.scan(&range.from, &range.to, STEP, false).await?;
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        cut_short.extend(page.into_iter().filter(|(_, kept)| is_tombstone(&kept.value) == Some(false)));
        tokio::task::yield_now().await;
    }
    for (key, kept) in cut_short {
        let name = key.strip_prefix(whole.from.as_slice()).and_then(|name| std::str::from_utf8(name).ok());
        if let (Some(false), Some(Ok(tenant))) = (is_tombstone(&kept.value), name.map(str::parse::<TenantId>)) {
            finish(shared, &tenant).await.map_err(crate::fault::fault_of)?;
            // As in the erasure itself; nothing of it may stay readable.
            shared.keyring.forget(&tenant);
            shared.connections.clear();
            shared.bindings.clear();
            finished += 1;
        }
    }
    Ok(finished)
}

async fn finish(shared: &Arc<Shared>, tenant: &TenantId) -> Result<(), CommitError> {
    // Noise by now, as everything that was sealed with the tenant's key.
    let scope = TenantStore { shared: Arc::clone(shared), id: tenant.clone() };
    scope.drop_captures(|_| true).await.map_err(uncommitted)?;
    // Rows of the platform's scope that belong to the tenant: they say so in their values.
    remove_where(shared, &Range::of_prefix(keys::platform(Table::Connection, &[])), |key, value| {
        split_owner(key, value).is_ok_and(|(owner, _)| owner == *tenant)
    })
    .await?;
    let_go(shared, tenant).await?;
    for table in [Table::Released, Table::Token, Table::Call, Table::ContactHome, Table::BriefHome, Table::Live] {
        let whose = |value: &Value| names_tenant(table, value, tenant);
        let range = Range::of_prefix(keys::platform(table, &[]));
        remove_where(shared, &range, |_, value| serde_json::from_slice(value).is_ok_and(|value| whose(&value))).await?;
    }
    remove_where(shared, &keys::all_of(tenant), |_, _| true).await?;
    let put = Write::Put { key: Keyring::row_of(tenant), value: tombstone(true), expect: Expect::Anything };
    shared.rows.commit(Batch { writes: vec![put] }).await
}

/// Takes the tenant out of every address. What it held is the oldest other claim's, if there is one; what it claimed is no more contested
/// by it. Whoever binds or proves one in the same moment meets a conflict here, and it is looked at again.
async fn let_go(shared: &Arc<Shared>, tenant: &TenantId) -> Result<(), CommitError> {
    let platform = PlatformStore { shared: Arc::clone(shared) };
    let mut after: Option<Address> = None;
    loop {
        let page = platform.bindings(after.as_ref(), STEP).await.map_err(uncommitted)?;
        let Some(last) = page.last() else { return Ok(()) };
        let mut reached = Some(last.row.address.clone());
        for found in page.into_iter().filter(|found| found.row.everybody().any(|one| one == tenant)) {
            let change = match found.row.clone().without(tenant) {
                Some(left) => platform.change().rebind(&found.row, &left, Expect::Revision(found.revision)),
                None => platform.change().unbind(&found.row, Expect::Revision(found.revision)),
            };
            match change.commit().await {
                Ok(()) => {}
                Err(CommitError::Conflict { .. }) => {
                    reached.clone_from(&after);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        after = reached;
        // A page is read without a pause, and on the thread that does it nobody is answered meanwhile.
        tokio::task::yield_now().await;
    }
}

fn names_tenant(table: Table, value: &Value, tenant: &TenantId) -> bool {
    let named = match table {
        Table::Live | Table::Released => value.get("tenant"),
        Table::Token => value.get("reach").and_then(|reach| reach.get("tenant")),
        Table::Call => value.get(0),
        _ => Some(value),
    };
    named.and_then(Value::as_str) == Some(tenant.as_str())
}

fn parent_of(tenant: &[u8]) -> Option<TenantId> {
    let value: Value = serde_json::from_slice(tenant).ok()?;
    value.get("parent")?.as_str()?.parse().ok()
}

async fn remove_where(shared: &Shared, range: &Range, is_meant: impl Fn(&[u8], &[u8]) -> bool) -> Result<(), CommitError> {
    let mut range = range.clone();
    loop {
        let page = shared.rows.scan(&range.from, &range.to, STEP, false).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        range = range.after(last);
        let meant = page.into_iter().filter(|(key, kept)| is_meant(key, &kept.value));
        let writes: Vec<Write> = meant.map(|(key, _)| Write::Delete { key, expect: Expect::Anything }).collect();
        if !writes.is_empty() {
            shared.rows.commit(Batch { writes }).await?;
        }
        // As above: most pages hold nothing of this tenant.
        tokio::task::yield_now().await;
    }
}
