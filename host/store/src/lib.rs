//! Keeps everything that must survive: tenants, flows, contacts with their trails, plugin state, components.
//!
//! The server opens a [`Store`] and hands it to the pipeline and the admin API. They take a scope once ([`Store::tenant`],
//! [`Store::platform`]) and read rows by their nouns or commit a [`Change`]; nobody outside builds a key. Below stand the domain's
//! ports, `Rows` and `Blobs`: sled and files in production, maps in tests, one suite for both.
//!
//! It is the only crate that names a database. It must not decide anything about contacts, and it never acknowledges what a power
//! cut could take back.

mod backend;
mod blobs;
mod captures;
mod change;
mod erase;
mod fault;
mod instance;
mod keys;
mod pulse;
mod rows;
mod scope;
mod seal;
#[cfg(test)]
mod tests;
mod transfer;

pub use backend::conformance;
pub use backend::groups::GroupFigures;
#[cfg(any(test, feature = "power-cut"))]
pub use backend::power_cut;
#[cfg(any(test, feature = "power-cut"))]
pub use backend::slow::Slow;
pub use captures::Segment;
pub use change::{Change, Counter};
pub use fault::StoreFault;
pub use jackfield_domain::ports::rows::{CommitError, Expect};
pub use keys::{Table, in_words};
pub use rows::{Found, Level, QueueStatusRow, Retry, RetryId, RoutesRow, Row, SettingsRow};
pub use scope::brief::{BRIEF_MAX, Briefs};
pub use scope::contact::{ContactPage, ContactQuery, PAGE_MAX, SCAN_ROWS_MAX};
pub use scope::forget::{FORGET_STEP, Forgotten};
pub use scope::platform::{PlatformChange, PlatformStore};
pub use scope::tenant::TenantStore;
pub use scope::things::{Counted, is_count};
pub use scope::usage::UsageRow;
pub use seal::{BadMasterKey, MasterKey};
pub use transfer::Transferred;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jackfield_domain::id::{ConnectionId, TenantId};
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::ports::ledger::Ledger;
use jackfield_domain::ports::outbound::Secrets;
use jackfield_domain::ports::rows::Rows;
use jackfield_domain::ports::state::State;
use jackfield_domain::tenant::address::{Address, Binding};
use jackfield_domain::tenant::connection::Connection;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tokio::sync::OnceCell;

use scope::{addresses, brief, contact, ledger, platform, secrets, state, tenant, things, usage};

/// Memory in bytes that rows may take on their way from the journal to where they stay; see decision 33.
pub const AHEAD_BYTES_MAX: u64 = backend::sled::AHEAD_BYTES_MAX;

/// The store. A copy of it is the same store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What every scope holds on to.
pub(crate) struct Shared {
    pub rows: Arc<dyn Rows>,
    pub blobs: Arc<dyn Blobs>,
    /// Segments of captures.
    pub captures: Arc<dyn ObjectStore>,
    pub keyring: seal::Keyring,
    pub instance: OnceCell<instance::Instance>,
    pub lanes: state::Lanes,
    /// Connections as they were opened last, for [`PlatformStore::connection_shared`].
    pub connections: quick_cache::sync::Cache<ConnectionId, rows::Found<Arc<Connection>>>,
    /// Bindings as they were read last, for [`PlatformStore::binding_shared`].
    pub bindings: quick_cache::sync::Cache<Address, rows::Found<Arc<Binding>>>,
    pub epochs: Arc<backend::watched::Epochs>,
    /// Held by whoever erases.
    pub erasing: tokio::sync::Mutex<()>,
    /// None where the backend has no groups.
    pub groups: Option<Arc<backend::groups::Groups>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the data directory, or makes it. Faults say what to do.
    pub async fn open(dir: &Path, master: MasterKey) -> Result<Self, StoreFault> {
        let place = dir.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let rows = backend::sled::Sled::open(&place)?;
            let blobs = blobs::KeptBlobs::folder(&place.join(blobs::FOLDER))?;
            let captures = blobs::folder(&place.join(captures::FOLDER))?;
            Ok::<_, StoreFault>((rows, blobs, captures))
        });
        let opened = opening.await.map_err(|e| StoreFault::Open { dir: dir.to_owned(), why: format!("opening was interrupted: {e}") })?;
        let (rows, blobs, captures) = opened?;
        let groups = rows.groups();
        let store = Self::counted(Arc::new(rows), Arc::new(blobs), Arc::new(captures), master, Some(groups));
        if let Err(fault) = store.begin().await {
            store.close().await;
            return Err(fault);
        }
        Ok(store)
    }

    /// What is wrong is told before anything is written: half an import, another layout, another master key.
    async fn begin(&self) -> Result<(), StoreFault> {
        transfer::check_whole(&self.shared).await?;
        instance::of(&self.shared).await?;
        self.finish_erasures().await.map(drop)
    }

    /// Finishes erasures that were cut short, and says how many there were: a start does it, and whoever tends the store now and then.
    pub async fn finish_erasures(&self) -> Result<usize, StoreFault> {
        erase::resume(&self.shared).await
    }

    /// In memory, for tests: it does everything but survive.
    pub async fn memory(master: MasterKey) -> Self {
        Self::over(Arc::new(backend::memory::Memory::default()), Arc::new(blobs::KeptBlobs::memory()), master)
    }

    /// In memory, with a switch that makes it as slow as a disk can be.
    #[cfg(any(test, feature = "power-cut"))]
    pub async fn slow(master: MasterKey) -> (Self, Arc<Slow>) {
        let slow = Arc::new(Slow::default());
        (Self::over(slow.clone(), Arc::new(blobs::KeptBlobs::memory()), master), slow)
    }

    /// Over backends of the caller's choice.
    pub fn over(rows: Arc<dyn Rows>, blobs: Arc<dyn Blobs>, master: MasterKey) -> Self {
        Self::counted(rows, blobs, Arc::new(InMemory::new()), master, None)
    }

    fn counted(
        rows: Arc<dyn Rows>,
        blobs: Arc<dyn Blobs>,
        captures: Arc<dyn ObjectStore>,
        master: MasterKey,
        groups: Option<Arc<backend::groups::Groups>>,
    ) -> Self {
        let epochs = Arc::new(backend::watched::Epochs::default());
        let rows: Arc<dyn Rows> = Arc::new(backend::watched::Watched::new(rows, Arc::clone(&epochs)));
        let keyring = seal::Keyring::new(Arc::clone(&rows), &master);
        let (instance, lanes) = (OnceCell::new(), state::Lanes::default());
        let connections = quick_cache::sync::Cache::new(platform::CONNECTIONS_OPEN_MAX);
        let bindings = quick_cache::sync::Cache::new(addresses::BINDINGS_READ_MAX);
        let erasing = tokio::sync::Mutex::default();
        Self {
            shared: Arc::new(Shared { rows, blobs, captures, keyring, instance, lanes, connections, bindings, epochs, erasing, groups }),
        }
    }

    /// One tenant's scope.
    pub fn tenant(&self, id: &TenantId) -> TenantStore {
        TenantStore { shared: Arc::clone(&self.shared), id: id.clone() }
    }

    /// The platform's scope.
    pub fn platform(&self) -> PlatformStore {
        PlatformStore { shared: Arc::clone(&self.shared) }
    }

    /// Changes whenever something of a tenant's set-up did: the tenant itself, its flows and releases, its directory, its addresses,
    /// its default routes. What was read of them while it stood may be kept until it changes.
    pub fn epoch(&self, tenant: &TenantId) -> u64 {
        self.shared.epochs.of(tenant)
    }

    /// Components by their digests.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.shared.blobs)
    }

    /// Plugin state, for reading.
    pub fn state(&self) -> Arc<dyn State> {
        Arc::new(state::KeptState { shared: Arc::clone(&self.shared) })
    }

    /// How the backend's groups of batches went since the start; none where it has no groups.
    pub fn groups(&self) -> Option<GroupFigures> {
        self.shared.groups.as_ref().map(|groups| groups.figures())
    }

    /// What was granted of quotas.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(ledger::KeptLedger { shared: Arc::clone(&self.shared) })
    }

    /// Tenants' secrets, for whoever sends them.
    pub fn secrets(&self) -> Arc<dyn Secrets> {
        Arc::new(secrets::KeptSecrets(self.clone()))
    }

    /// Whether writes are still acknowledged.
    pub fn health(&self) -> Result<(), StoreFault> {
        Ok(self.shared.rows.health()?)
    }

    /// Finishes what was begun and lets go of the files. Later writes fail.
    pub async fn close(&self) {
        if let Err(fault) = self.shared.rows.close().await {
            tracing::error!(%fault, "the store did not close in order; nothing acknowledged is lost");
        }
    }
}
