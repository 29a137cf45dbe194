//! Reads what is so just now in every room: the process, the listeners, the runtime, the compiler, the store, quotas, the way out.
//!
//! The page of metrics calls it at each scrape. Every room counts for itself and knows nothing of metrics; here its numbers get names.
//! A label's value is a word of our own source or a key of a closed list, but for the busiest tenants, of whom there are as many as
//! there are seats.

use jackfield_store::GroupFigures;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::process;
use crate::app::App;

/// All tenants without series of their own; no tenant can be called so.
const OTHERS: &str = "(other)";

/// A family with one label.
type By<M> = Family<[(&'static str, String); 1], M>;

/// Reads all of them.
pub(super) fn read(now: &mut Registry, app: &App, process: &process::Process) {
    of_the_process(now, process);
    of_the_doors(now, app);
    of_the_runtime(now, app);
    of_the_compiler(now, app);
    of_the_store(now, app);
    of_quotas(now, app);
    of_the_way_out(now, app);
    of_tenants(now, app);
}

fn gauge(now: &mut Registry, name: &'static str, help: &'static str, value: u64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    now.register(name, help, gauge);
}

fn counter(now: &mut Registry, name: &'static str, help: &'static str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    now.register(name, help, counter);
}

fn of_the_process(now: &mut Registry, process: &process::Process) {
    for (name, help, value) in [
        ("process_resident_bytes", "Resident memory", process.resident_bytes),
        ("process_threads", "Threads", process.threads),
        ("process_open_files", "Open files, sockets among them", process.open_files),
        ("process_maps", "Memory maps", process.maps),
    ] {
        if let Some(value) = value {
            gauge(now, name, help, value);
        }
    }
}

fn of_the_runtime(now: &mut Registry, app: &App) {
    let (busy, resident) = (app.runtime.busy(), app.runtime.resident());
    gauge(now, "guests_running", "Guests that hold a share of a worker", u64::from(busy.running));
    gauge(now, "guests_waiting", "Events that wait for a share of a worker", busy.waiting as u64);
    gauge(now, "artifacts_loaded", "Compiled plugins that are mapped", resident.artifacts as u64);
    gauge(now, "artifact_bytes", "Bytes of compiled plugins that are mapped", resident.bytes);
    gauge(now, "artifact_bytes_max", "Bytes of compiled plugins that may be mapped", resident.bytes_max);
}

fn of_the_doors(now: &mut Registry, app: &App) {
    let (open, turned_away) = (By::<Gauge>::default(), By::<Counter>::default());
    for door in app.health.doors() {
        let labels = [("door", door.name.to_owned())];
        open.get_or_create(&labels).set(i64::try_from(door.connections).unwrap_or(i64::MAX));
        turned_away.get_or_create(&labels).inc_by(door.turned_away);
    }
    now.register("connections_open", "Open connections, by listener", open);
    now.register("connections_turned_away", "Connections that were turned away because their peer had too many", turned_away);
    gauge(now, "events_in_flight", "Requests of providers that are being answered", app.in_flight.now() as u64);
    let dropped = app.metrics.dropped();
    counter(now, "log_lines_dropped", "Lines of the log that nobody took in time", dropped.lines);
    counter(now, "spans_dropped", "Spans of traces that nobody took in time", dropped.spans);
}

fn of_the_compiler(now: &mut Registry, app: &App) {
    let compiler = app.runtime.compile_totals();
    gauge(now, "compiles_running", "Compilers that run", compiler.running as u64);
    gauge(now, "compiles_waiting", "Components that wait for a compiler", compiler.waiting as u64);
    counter(now, "compiles_made", "Components that were compiled", compiler.compiled);
    counter(now, "compiles_refused", "Components that the compiler refused or that ended it", compiler.refused);
    counter(now, "compiles_turned_away", "Components that found the queue full", compiler.turned_away);
}

fn of_quotas(now: &mut Registry, app: &App) {
    let quotas = app.quotas.figures();
    counter(now, "ledger_grants", "Leases that the ledger granted", quotas.grants);
    gauge(now, "ledger_accounts", "Accounts of quotas in memory", quotas.accounts as u64);
    gauge(now, "ledger_leased", "Units of all meters that are granted and not used", quotas.leased);
}

fn of_the_way_out(now: &mut Registry, app: &App) {
    let egress = app.gate.counts();
    let requests = By::<Counter>::default();
    for (outcome, count) in egress.outcomes {
        requests.get_or_create(&[("outcome", outcome)]).inc_by(count);
    }
    now.register("egress_requests", "Requests of plugins, by what came of them", requests);
    counter(now, "egress_sent_bytes", "Bytes of plugins' requests", egress.sent_bytes);
    counter(now, "egress_received_bytes", "Bytes of their responses", egress.received_bytes);
    gauge(now, "egress_in_flight", "Requests of plugins that are under way", egress.in_flight as u64);
    gauge(now, "egress_idle", "Connections to the outside that idle", egress.idle as u64);
    gauge(now, "egress_clients", "Tenants that have a client", egress.clients as u64);
    gauge(now, "egress_broken", "Hosts that a breaker keeps requests from", egress.open as u64);
}

fn of_the_store(now: &mut Registry, app: &App) {
    let (kept, forgotten) = app.keeping.figures();
    gauge(now, "contacts_kept", "Contacts that are kept with their trails", kept);
    counter(now, "contacts_forgotten", "Contacts that were older or more than their tenant's plan keeps", forgotten);
    let captures = app.captures.counts();
    counter(now, "captures_kept", "Invocations that can be run again", captures.kept);
    counter(now, "captures_dropped", "Captures that found no room", captures.dropped);
    counter(now, "captures_lost", "Captures that could not be put", captures.lost);
    gauge(now, "store_healthy", "1 while the store acknowledges", u64::from(app.store.health().is_ok()));
    if let Some(figures) = app.store.groups() {
        gauge(now, "store_ahead_bytes", "Bytes of the journal that are not settled", figures.ahead_bytes);
        counter(now, "store_waits", "Times that commits waited until something was settled", figures.waits);
        counter(now, "store_waited_ms", "Milliseconds that they waited", figures.waited_us / 1_000);
        now.register_collector(Box::new(Groups(figures)));
    }
}

/// The committer's groups: it counts them itself, because the store knows no metrics.
#[derive(Debug)]
struct Groups(GroupFigures);

impl Collector for Groups {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(figures) = self;
        let by_time: Vec<(f64, u64)> = figures.by_time.iter().map(|(to_us, count)| (seconds(*to_us), *count)).collect();
        encoder
            .encode_descriptor("store_commit_seconds", "From the first batch of a group to its sync", None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(figures.took_us as f64 / 1e6, figures.groups, &by_time, None)?;
        let by_size: Vec<(f64, u64)> =
            figures.by_size.iter().map(|(to, count)| (if *to == u64::MAX { f64::INFINITY } else { *to as f64 }, *count)).collect();
        encoder
            .encode_descriptor("store_group_batches", "Batches that shared one sync", None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(figures.batches as f64, figures.groups, &by_size, None)
    }
}

/// The last bucket has no end, which the encoder knows as infinity.
fn seconds(us: u64) -> f64 {
    if us == u64::MAX { f64::INFINITY } else { us as f64 / 1e6 }
}

fn of_tenants(now: &mut Registry, app: &App) {
    let (tenants, others) = app.metrics.busiest.counted();
    let named = tenants.into_iter().map(|(tenant, counted)| (tenant.to_string(), counted));
    let (events, fallbacks, fuel) = (By::<Counter>::default(), By::<Counter>::default(), By::<Counter>::default());
    for (tenant, counted) in named.chain([(OTHERS.to_owned(), others)]) {
        let labels = [("tenant", tenant)];
        for (family, value) in [(&events, counted.events), (&fallbacks, counted.fallbacks), (&fuel, counted.fuel)] {
            family.get_or_create(&labels).inc_by(value);
        }
    }
    now.register("tenant_events", "Events that were answered, of the busiest tenants", events);
    now.register("tenant_fallbacks", "Of them those that another than the plugin answered", fallbacks);
    now.register("tenant_fuel", "Fuel as charged, of the busiest tenants", fuel);
}
