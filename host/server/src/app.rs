//! Puts the rooms together: store, runtime, clock, and what lives in memory between requests.
//!
//! `serve` makes one [`App`] and hands it to the webhook, the admin API and nothing else; tests make their own with another clock or
//! store. It decides nothing: a rule in here would be a rule that no step owns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jackfield_domain::id::ConnectionId;
use jackfield_domain::ports::Clock;
use jackfield_domain::retention::Retention;
use jackfield_egress::guest::Gate;
use jackfield_providers::provider::Reply;
use jackfield_runtime::Runtime;
use jackfield_store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::admin::gate::Rehearsals;
use crate::config::telemetry::Telemetry;
use crate::health::Health;
use crate::in_flight::InFlight;
use crate::keeping::captures::Captures;
use crate::keeping::retention::Keeping;
use crate::machine::memory::Memory;
use crate::metrics::Metrics;
use crate::pipeline::behind::Behind;
use crate::pipeline::brief::Crowd;
use crate::pipeline::order::Order;
use crate::quota::Quotas;
use crate::refusals::RefusalLog;
use crate::surroundings::Known;
use crate::telemetry::tail::Tail;

/// Searches of contacts at once.
const SEARCHES_MAX: usize = 2;
/// Changes of the set-up at once, whose clients may have hung up: with bodies of a quarter of a megabyte some megabytes.
const CHANGES_MAX: usize = 64;

/// Everything that a request may need.
pub struct App {
    /// What is kept.
    pub store: Store,
    /// What of it is looked up with every event.
    pub known: Known,
    /// What runs guests.
    pub runtime: Runtime,
    /// What plugins' requests go through.
    pub gate: Gate,
    /// What tenants may use over time.
    pub quotas: Arc<Quotas>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who was turned away lately.
    pub refusals: RefusalLog,
    /// What is being answered now.
    pub in_flight: InFlight,
    /// What is counted for whoever watches.
    pub metrics: Metrics,
    /// What is told, and to whom.
    pub telemetry: Telemetry,
    /// Whose test cases run now.
    pub rehearsals: Rehearsals,
    /// What is held for those who follow a tenant.
    pub tail: Tail,
    /// Whose turn it is, per contact.
    pub order: Order,
    /// How many contacts are kept of each tenant.
    pub keeping: Keeping,
    /// What it takes to run invocations again.
    pub captures: Captures,
    /// Searches for contacts that run at once: they take turns, and leave the threads behind calls to uploads as well.
    pub searches: Arc<Semaphore>,
    /// The changes of the set-up that are on their way, whether or not anybody still waits for them.
    pub changes: TaskTracker,
    /// Changes that are on their way at once.
    pub changes_room: Arc<Semaphore>,
    /// The events that walk now, whether or not anybody still waits for them.
    pub walks: TaskTracker,
    /// What was answered and is not written down yet.
    pub behind: Behind,
    /// What of it is kept in brief.
    pub crowd: Crowd,
    /// How the process does, and how near its end it is.
    pub health: Health,
    /// What of the machine's memory it may take, once that is known.
    pub memory: OnceLock<Memory>,
    /// What each connection answers when the store does not.
    pub statics: Statics,
    sequence: AtomicU32,
}

impl App {
    /// Puts it together.
    pub fn new(
        store: Store,
        runtime: Runtime,
        gate: Gate,
        clock: Arc<dyn Clock>,
        in_flight_max: usize,
        keep_most: Retention,
        telemetry: Telemetry,
    ) -> Arc<Self> {
        Arc::new(Self {
            known: Known::new(store.clone()),
            captures: Captures::begin(store.clone(), runtime.clone()),
            quotas: Quotas::new(store.ledger(), Arc::clone(&clock)),
            store,
            runtime,
            gate,
            clock,
            refusals: RefusalLog::default(),
            in_flight: InFlight::new(in_flight_max),
            metrics: Metrics::new(telemetry.metrics_tenants_max),
            telemetry,
            rehearsals: Rehearsals::default(),
            tail: Tail::default(),
            order: Order::default(),
            keeping: Keeping::new(keep_most),
            searches: Arc::new(Semaphore::new(SEARCHES_MAX)),
            changes: TaskTracker::new(),
            changes_room: Arc::new(Semaphore::new(CHANGES_MAX)),
            walks: TaskTracker::new(),
            behind: Behind::default(),
            crowd: Crowd::default(),
            health: Health::default(),
            memory: OnceLock::new(),
            statics: Statics::default(),
            sequence: AtomicU32::new(0),
        })
    }

    /// A number that orders what happens within one millisecond of this process.
    pub fn next_sequence(&self) -> u32 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }
}

/// Each connection's static fallback document, held in memory: it leaves when the store cannot be written, so it must not need it.
#[derive(Debug, Default)]
pub struct Statics {
    kept: Mutex<HashMap<ConnectionId, (u64, Reply)>>,
}

impl Statics {
    /// Keeps a connection's document as of a revision; `render` is called only for a new one.
    pub fn keep(&self, connection: &ConnectionId, revision: u64, render: impl FnOnce() -> Reply) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(connection).is_none_or(|(kept_revision, _)| *kept_revision != revision) {
            kept.insert(connection.clone(), (revision, render()));
        }
    }

    /// A connection's document, if it ever answered since the start.
    pub fn of(&self, connection: &ConnectionId) -> Option<Reply> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(connection).map(|(_, reply)| reply.clone())
    }
}
