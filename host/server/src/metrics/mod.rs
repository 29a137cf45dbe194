//! Counts what happens for whoever watches over time, in a number of series that nobody outside can raise.
//!
//! The webhook, the pipeline and the runtime's callers count here; [`page`] shows it to Prometheus. Every label's value is a word of
//! our own source (`&'static str`) - a provider, a step, a code - so no plugin, caller or tenant can make a series; the one exception,
//! tenants, has a fixed number of seats in [`busiest`]. What is exact and by tenant, flow and release is usage, not this.
//!
//! It must not be a process global: tests run several servers at once.

pub mod busiest;
pub mod page;
pub mod process;
mod rooms;
pub mod step;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jackfield_domain::id::TenantId;
use jackfield_domain::quota::Barred;
use jackfield_domain::trail::{AttemptRecord, Turn};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::busiest::{Busiest, Counted};
use self::step::Step;
use crate::telemetry::{Dropped, Drops};

/// Names and values of a series: words of our own source.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Upper ends in seconds: from what a table look-up takes to the longest that a provider waits.
const SECONDS: [f64; 16] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    events: Family<Labels<1>, Counter>,
    barred: Family<Labels<1>, Counter>,
    failures: Family<Labels<1>, Counter>,
    steps: Family<Labels<1>, Histogram>,
    invocations: Family<Labels<1>, Counter>,
    conflicts: Counter,
    repeats: Counter,
    in_brief: Counter,
    fuel: Counter,
    /// Tenants with series of their own.
    pub busiest: Busiest,
    drops: OnceLock<Arc<Drops>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Nothing counted yet. So many tenants get series of their own.
    pub fn new(tenants_max: usize) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("jackfield"),
            requests: Family::default(),
            events: Family::default(),
            barred: Family::default(),
            failures: Family::default(),
            steps: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            invocations: Family::default(),
            conflicts: Counter::default(),
            repeats: Counter::default(),
            in_brief: Counter::default(),
            fuel: Counter::default(),
            busiest: Busiest::new(tenants_max),
            drops: OnceLock::new(),
        };
        metrics.registry.register("requests", "Requests of providers, by provider and status class", metrics.requests.clone());
        metrics.registry.register("events", "Events that were answered, by who answered", metrics.events.clone());
        metrics.registry.register("barred", "Events for which no plugin ran, by why", metrics.barred.clone());
        metrics.registry.register("failures", "Invocations that failed, by code", metrics.failures.clone());
        metrics.registry.register("step_seconds", "How long an event's steps took", metrics.steps.clone());
        metrics.registry.register("invocations", "Runs of plugins, by what was asked", metrics.invocations.clone());
        metrics.registry.register(
            "commit_conflicts",
            "Commits that met a conflict, so that the event ran again",
            metrics.conflicts.clone(),
        );
        metrics.registry.register("repeats", "Repeated events that got the reply that they had", metrics.repeats.clone());
        let in_brief = metrics.in_brief.clone();
        metrics.registry.register("events_in_brief", "Events that overload turned away and that are kept in brief", in_brief);
        metrics.registry.register("fuel", "Fuel as charged", metrics.fuel.clone());
        metrics
    }

    /// What was dropped is counted elsewhere, and shown here.
    pub fn show_drops(&self, drops: Arc<Drops>) {
        // One process has one log; a second call would name the same.
        let _ = self.drops.set(drops);
    }

    fn dropped(&self) -> Dropped {
        self.drops.get().map(|drops| drops.counted()).unwrap_or_default()
    }

    /// A request of a provider was answered. `provider` is none where no connection was found.
    pub fn request(&self, provider: Option<&'static str>, status: u16) {
        let class = match status / 100 {
            2 => "2xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        };
        self.requests.get_or_create(&[("provider", provider.unwrap_or("unknown")), ("status", class)]).inc();
    }

    /// A step took so long.
    pub fn took(&self, step: Step, time: Duration) {
        self.steps.get_or_create(&[("step", step.as_str())]).observe(time.as_secs_f64());
    }

    /// A commit met a conflict.
    pub fn conflict(&self) {
        self.conflicts.inc();
    }

    /// A repeated event got the reply that it had.
    pub fn repeat(&self) {
        self.repeats.inc();
    }

    /// So many events are durable in brief.
    pub fn in_brief(&self, events: u64) {
        self.in_brief.inc_by(events);
    }

    /// An event was answered before its contact was kept, so that no trail says why.
    pub fn unkept(&self, barred: Barred) {
        self.barred.get_or_create(&[("code", barred.code())]).inc();
    }

    /// An entry of the trail is durable.
    pub fn turn(&self, tenant: &TenantId, turn: &Turn) {
        let mut counted = Counted::default();
        for attempt in turn.attempts.iter().chain(&turn.lost) {
            self.attempt(attempt);
            counted.fuel = counted.fuel.saturating_add(attempt.used.fuel);
        }
        if let Some(by) = turn.answered_by {
            let by = if turn.is_host_step() { "host" } else { by.as_str() };
            self.events.get_or_create(&[("answered_by", by)]).inc();
            counted.events = 1;
            counted.fallbacks = u64::from(!matches!(by, "host" | "plugin"));
        }
        if let Some(barred) = turn.barred {
            self.barred.get_or_create(&[("code", barred.code())]).inc();
        }
        self.busiest.count(tenant, counted);
    }

    fn attempt(&self, attempt: &AttemptRecord) {
        let function = match attempt.function.as_str() {
            "router.handle" => "router.handle",
            "observer.notify" => "observer.notify",
            "assistant.prompt" => "assistant.prompt",
            _ => "other",
        };
        self.invocations.get_or_create(&[("function", function)]).inc();
        if let Some(failure) = &attempt.failure {
            self.failures.get_or_create(&[("code", failure.code())]).inc();
        }
        self.took(Step::Guest, Duration::from_micros(attempt.used.wall_us));
        self.fuel.inc_by(attempt.used.fuel);
    }
}
