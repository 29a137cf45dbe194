//! Keeps what each tenant has to itself: idle connections, TLS sessions, places for requests, breakers.
//!
//! The gate asks for a tenant's [`Client`]. Nothing of it is ever another tenant's, so that neither a connection nor a resumed session nor
//! a host's opinion of one passes to another. All is bounded: tenants that are remembered, connections that idle - in all and for each
//! tenant - and for how long.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jackfield_domain::flow::egress::Target;
use jackfield_domain::id::TenantId;
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;

use super::breaker::Breakers;
use super::dial::Line;

/// Tenants whose connections are kept: those that were busy within the last minutes.
const CLIENTS_MAX: usize = 1_024;
/// Requests of one tenant at once, about ten contacts that ask three services each: the next waits within its own time.
pub(super) const TENANT_REQUESTS_MAX: usize = 32;
/// Idle connections of one tenant.
const TENANT_IDLE_MAX: usize = 8;
/// Idle connections of all: a tenth of the open files that a Linux gives a process at the least.
pub(super) const IDLE_MAX: usize = 256;
/// Shorter than what servers grant, so that a connection is rarely found closed.
const IDLE_FOR: Duration = Duration::from_secs(20);
/// TLS sessions of one tenant that can be resumed.
const SESSIONS_MAX: usize = 32;

struct Idle {
    target: Target,
    line: Line,
    since: Instant,
    _place: OwnedSemaphorePermit,
}

/// What one tenant has to itself.
pub(super) struct Client {
    pub(super) tls: TlsConnector,
    /// For requests at once.
    pub(super) places: Arc<Semaphore>,
    breakers: Mutex<Breakers>,
    idle: Mutex<VecDeque<Idle>>,
    /// For idle connections of all tenants.
    idle_places: Arc<Semaphore>,
    used: AtomicU64,
}

impl Client {
    fn new(config: &ClientConfig, idle_places: Arc<Semaphore>) -> Self {
        let mut config = config.clone();
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            places: Arc::new(Semaphore::new(TENANT_REQUESTS_MAX)),
            breakers: Mutex::default(),
            idle: Mutex::default(),
            idle_places,
            used: AtomicU64::new(0),
        }
    }

    /// Its breakers.
    pub(super) fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection to exactly that host and port, in that scheme.
    pub(super) fn take(&self, target: &Target, fits: impl Fn(&Line) -> bool) -> Option<Line> {
        let mut idle = self.lock();
        idle.retain(|idle| !idle.line.sender.is_closed() && idle.since.elapsed() < IDLE_FOR);
        let at = idle.iter().rposition(|idle| idle.target == *target && fits(&idle.line))?;
        idle.remove(at).map(|idle| idle.line)
    }

    /// Keeps a connection for the next request, where there is room.
    pub(super) fn give_back(&self, target: Target, line: Line) {
        let mut idle = self.lock();
        if idle.len() >= TENANT_IDLE_MAX {
            idle.pop_front();
        }
        if let Ok(place) = Arc::clone(&self.idle_places).try_acquire_owned() {
            idle.push_back(Idle { target, line, since: Instant::now(), _place: place });
        }
    }

    fn sweep(&self) {
        self.lock().retain(|idle| !idle.line.sender.is_closed() && idle.since.elapsed() < IDLE_FOR);
    }
}

/// All tenants' clients.
pub(super) struct Clients {
    config: ClientConfig,
    idle_places: Arc<Semaphore>,
    clock: AtomicU64,
    all: Mutex<HashMap<TenantId, Arc<Client>>>,
}

impl Clients {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { config, idle_places: Arc::new(Semaphore::new(IDLE_MAX)), clock: AtomicU64::new(0), all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Client>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's own.
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Client> {
        let mut all = self.lock();
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        if !all.contains_key(tenant) && all.len() >= CLIENTS_MAX {
            // Whoever sends just now keeps its client anyway: it holds it.
            let oldest = all.iter().min_by_key(|(_, client)| client.used.load(Ordering::Relaxed)).map(|(tenant, _)| tenant.clone());
            if let Some(oldest) = oldest {
                all.remove(&oldest);
            }
        }
        let client = all.entry(tenant.clone()).or_insert_with(|| Arc::new(Client::new(&self.config, Arc::clone(&self.idle_places))));
        client.used.store(used, Ordering::Relaxed);
        Arc::clone(client)
    }

    /// A tenant's, if it has one: for looking.
    pub(super) fn known(&self, tenant: &TenantId) -> Option<Arc<Client>> {
        self.lock().get(tenant).cloned()
    }

    /// Closes what has idled too long.
    pub(super) fn sweep(&self) {
        let all: Vec<Arc<Client>> = self.lock().values().cloned().collect();
        all.iter().for_each(|client| client.sweep());
    }

    /// Tenants, idle connections and open breakers.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        let all: Vec<Arc<Client>> = self.lock().values().cloned().collect();
        let now = Instant::now();
        let open = all.iter().map(|client| client.breakers().open(now)).sum();
        (all.len(), IDLE_MAX.saturating_sub(self.idle_places.available_permits()), open)
    }
}
