//! Reads a tenant's directory: queues, people, hours, flows, own numbers and the closure that is in force for it.
//!
//! The pipeline's [`crate::surroundings`] read it whenever it changed, the admin API to vet default routes. A closure of an ancestor counts for the tenant,
//! because a platform must be able to close what stands on it.

use std::collections::BTreeMap;

use jackfield_domain::flow::Flow;
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::address::{AddressKind, Binding};
use jackfield_domain::tenant::directory::{Closure, Directory, ENTRIES_MAX, Person, Queue, QueueStatus};
use jackfield_domain::tenant::hours::Hours;
use jackfield_store::{Store, StoreFault, TenantStore};

/// Most own numbers that may be shown as caller id.
const NUMBERS_MAX: usize = 10_000;

/// The directory, and the newest revision of its rows.
pub async fn read(store: &Store, tenant: &Tenant) -> Result<(Directory, u64), StoreFault> {
    let scope = store.tenant(&tenant.id);
    let mut newest = 0;
    let queues = by_name(&scope, &mut newest, |row: &Queue| row.name.to_string()).await?;
    let people = by_name(&scope, &mut newest, |row: &Person| row.name.to_string()).await?;
    let mut hours = by_name(&scope, &mut newest, |row: &Hours| row.name.to_string()).await?;
    inherit_hours(store, tenant, &mut newest, &mut hours).await?;
    let flows = scope.list::<Flow>(None, ENTRIES_MAX).await?.into_iter().map(|found| found.row.name.to_string()).collect();
    let numbers = store.platform().bindings_of(&tenant.id, NUMBERS_MAX).await?;
    let own = scope.get::<Closure>(&()).await?;
    let mut closures_above = Vec::new();
    for id in tenant.ancestors.iter().rev() {
        closures_above.extend(store.tenant(id).get::<Closure>(&()).await?);
    }
    newest = own.iter().chain(&closures_above).map(|found| found.revision).fold(newest, u64::max);
    let statuses = scope.queue_statuses().await?;
    let directory = Directory {
        tenant: Some(tenant.id.clone()),
        queues,
        queue_statuses: statuses.into_iter().map(|(name, status): (_, QueueStatus)| (name, status)).collect(),
        people,
        hours,
        flows,
        numbers: numbers.into_iter().filter(is_number).map(|binding| binding.address.value().to_owned()).collect(),
        zone: tenant.zone.clone(),
        closure: own.map(|found| found.row),
        closures_above: closures_above.into_iter().map(|found| found.row).collect(),
    };
    Ok((directory, newest))
}

/// Hours of a name that the tenant has not are those of the nearest above it that has, by the clock of whoever made them; its own stand
/// within those above.
async fn inherit_hours(store: &Store, tenant: &Tenant, newest: &mut u64, hours: &mut BTreeMap<String, Hours>) -> Result<(), StoreFault> {
    for above in tenant.ancestors.iter().rev() {
        let Some(owner) = store.platform().tenant(above).await?.map(|found| found.row) else { continue };
        for (name, theirs) in by_name(&store.tenant(above), newest, |row: &Hours| row.name.to_string()).await? {
            let theirs = Hours { zone: theirs.zone.clone().or_else(|| Some(owner.zone.clone())), ..theirs };
            match hours.get_mut(&name) {
                Some(ours) => ours.within.push(theirs),
                None => _ = hours.insert(name, theirs),
            }
        }
    }
    Ok(())
}

fn is_number(binding: &Binding) -> bool {
    binding.address.kind == AddressKind::Number
}

async fn by_name<R: jackfield_store::Row>(
    scope: &TenantStore,
    newest: &mut u64,
    name: impl Fn(&R) -> String,
) -> Result<BTreeMap<String, R>, StoreFault> {
    let rows = scope.list::<R>(None, ENTRIES_MAX).await?;
    Ok(rows
        .into_iter()
        .map(|found| {
            *newest = (*newest).max(found.revision);
            (name(&found.row), found.row)
        })
        .collect())
}
