//! Keeps in memory what an event looks up and does not change: the tenant with those above it, its directory, its flows and releases,
//! its default routes.
//!
//! The pipeline asks for it with every event. Reading it from the store costs more than running a small plugin, and it changes when a
//! person changes it; the store counts an epoch for each tenant, and what was read is used as long as the epochs of the tenant and of
//! everyone above it stand still. So a change holds for the next event, as if nothing were kept. Bounded by weight; what is not used
//! goes first.
//!
//! It must not hold anything that events write: contacts, state, records, what was used of quotas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_domain::capture::CaptureRules;
use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::{Release, ReleaseNumber};
use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::directory::Directory;
use jackfield_store::{Level, RoutesRow, Store, StoreFault};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::directory;
use crate::quota::Levels;

/// Entries of directories that are kept in all: at about half a kilobyte each, a hundred megabytes at worst.
const ENTRIES_MAX: u64 = 200_000;
/// What a tenant weighs without any entry: its own rows, its routes, a few releases.
const OWN_ENTRIES: u64 = 20;
/// Tenants that are expected; the cache grows beyond.
const TENANTS_EXPECTED: usize = 1_000;
/// Releases that one tenant's surroundings keep; more are read again.
const RELEASES_MAX: usize = 64;

/// A release with what its version says of itself.
#[derive(Debug, Clone)]
pub struct Runnable {
    /// What the flow runs.
    pub release: Release,
    /// The version in it.
    pub version: Version,
    /// The release's settings once more, to be shared by its invocations and not copied for each.
    pub settings: Arc<Value>,
}

/// What was read of one tenant.
pub struct Surroundings {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// Those above it, the nearest first.
    pub ancestors: Arc<[Tenant]>,
    /// Its directory.
    pub directory: Arc<Directory>,
    /// The newest revision of the directory's rows.
    pub directory_revision: u64,
    /// The quotas that it meets, its own and those above it.
    pub levels: Arc<Levels>,
    /// What of it is captured.
    pub captures: CaptureRules,
    /// Of the tenant and of those above it, when it was read.
    epochs: Vec<(TenantId, u64)>,
    flows: Mutex<HashMap<FlowName, Arc<Flow>>>,
    releases: Mutex<HashMap<(FlowName, ReleaseNumber), Arc<Runnable>>>,
    routes: Mutex<HashMap<Level, Option<Arc<DefaultRoutes>>>>,
}

/// The surroundings of the tenants that were asked for lately.
pub struct Known {
    store: Store,
    kept: Cache<TenantId, Arc<Surroundings>, Entries>,
}

#[derive(Clone)]
struct Entries;

impl Weighter<TenantId, Arc<Surroundings>> for Entries {
    fn weight(&self, _id: &TenantId, kept: &Arc<Surroundings>) -> u64 {
        let directory = &kept.directory;
        let sizes = [directory.queues.len(), directory.people.len(), directory.hours.len(), directory.flows.len(), directory.numbers.len()];
        OWN_ENTRIES + sizes.iter().sum::<usize>() as u64
    }
}

impl Known {
    /// Knows nothing yet.
    pub fn new(store: Store) -> Self {
        Self { store, kept: Cache::with_weighter(TENANTS_EXPECTED, ENTRIES_MAX, Entries) }
    }

    /// A tenant's, as it is now; none where there is no such tenant.
    pub async fn of(&self, tenant: &TenantId) -> Result<Option<Arc<Surroundings>>, StoreFault> {
        if let Some(kept) = self.kept.get(tenant).filter(|kept| self.stands(kept)) {
            return Ok(Some(kept));
        }
        let Some(read) = self.read(tenant).await? else {
            self.kept.remove(tenant);
            return Ok(None);
        };
        let read = Arc::new(read);
        self.kept.insert(tenant.clone(), Arc::clone(&read));
        Ok(Some(read))
    }

    fn stands(&self, kept: &Surroundings) -> bool {
        kept.epochs.iter().all(|(tenant, epoch)| self.store.epoch(tenant) == *epoch)
    }

    async fn read(&self, id: &TenantId) -> Result<Option<Surroundings>, StoreFault> {
        let platform = self.store.platform();
        // Epochs before rows: what changes in between makes this reading stale at once, and never fresh by mistake.
        let mut epochs = vec![(id.clone(), self.store.epoch(id))];
        let Some(tenant) = platform.tenant(id).await?.map(|found| found.row) else { return Ok(None) };
        epochs.extend(tenant.ancestors.iter().map(|above| (above.clone(), self.store.epoch(above))));
        let mut ancestors = Vec::with_capacity(tenant.ancestors.len());
        for above in tenant.ancestors.iter().rev() {
            ancestors.extend(platform.tenant(above).await?.map(|found| found.row));
        }
        let (directory, directory_revision) = directory::read(&self.store, &tenant).await?;
        let levels = Arc::new(Levels::read(&self.store, &tenant).await?);
        let captures = self.store.tenant(id).get::<CaptureRules>(&()).await?.map(|found| found.row).unwrap_or_default();
        Ok(Some(Surroundings {
            captures,
            levels,
            tenant: Arc::new(tenant),
            ancestors: ancestors.into(),
            directory: Arc::new(directory),
            directory_revision,
            epochs,
            flows: Mutex::default(),
            releases: Mutex::default(),
            routes: Mutex::default(),
        }))
    }
}

fn open<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is kept is whole at every step.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Surroundings {
    /// One of its flows.
    pub async fn flow(&self, store: &Store, name: &FlowName) -> Result<Option<Arc<Flow>>, StoreFault> {
        if let Some(kept) = open(&self.flows).get(name) {
            return Ok(Some(Arc::clone(kept)));
        }
        let Some(found) = store.tenant(&self.tenant.id).get::<Flow>(name).await? else { return Ok(None) };
        let flow = Arc::new(found.row);
        open(&self.flows).insert(name.clone(), Arc::clone(&flow));
        Ok(Some(flow))
    }

    /// A release of a flow, with its version.
    pub async fn release(&self, store: &Store, flow: &FlowName, number: ReleaseNumber) -> Result<Option<Arc<Runnable>>, StoreFault> {
        let id = (flow.clone(), number);
        if let Some(kept) = open(&self.releases).get(&id) {
            return Ok(Some(Arc::clone(kept)));
        }
        let Some(release) = store.tenant(&self.tenant.id).get::<Release>(&id).await?.map(|found| found.row) else { return Ok(None) };
        let wanted = &release.version;
        let version = store.tenant(&wanted.tenant).get::<Version>(&(wanted.plugin.clone(), wanted.number)).await?;
        let Some(version) = version.map(|found| found.row) else { return Ok(None) };
        let settings = Arc::new(release.settings.clone());
        let runnable = Arc::new(Runnable { release, version, settings });
        let mut releases = open(&self.releases);
        if releases.len() < RELEASES_MAX {
            releases.insert(id, Arc::clone(&runnable));
        }
        Ok(Some(runnable))
    }

    /// The default routes of the tenant, or of one of its flows.
    pub async fn routes(&self, store: &Store, level: &Level) -> Result<Option<Arc<DefaultRoutes>>, StoreFault> {
        if let Some(kept) = open(&self.routes).get(level) {
            return Ok(kept.clone());
        }
        let found = store.tenant(&self.tenant.id).get::<RoutesRow>(level).await?.map(|found| Arc::new(found.row.routes));
        // Its levels are the flows that it has, and a contact's flow that is gone since.
        open(&self.routes).insert(level.clone(), found.clone());
        Ok(found)
    }
}
