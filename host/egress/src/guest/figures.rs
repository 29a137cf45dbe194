//! Counts what plugins' requests came to, and how long they took, per host and release.
//!
//! The gate tells it of every request; the admin API shows it as `flow egress`, metrics read the totals. The figures live in memory and
//! begin anew with the process: what is charged stands in the usage, what happened in the trail. They are bounded for each tenant by
//! forgetting what was used least lately, because a pattern allows any number of hosts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::egress::Target;
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::request::RequestRecord;
use serde::Serialize;

/// Hosts and releases of one tenant.
const TENANT_SERIES_MAX: usize = 64;
/// Tenants that are remembered.
const TENANTS_MAX: usize = 512;
/// All together: a thousand of about ten kilobytes each.
const SERIES_MAX: usize = 1_024;
/// No request takes longer: an invocation ends before.
const TOOK_US_MAX: u64 = 60_000_000;
/// Two digits: a p99 of 1.2 s is not 1.3 s.
const DIGITS: u8 = 2;

/// What a release's requests to one host came to since the process began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostFigures {
    /// Which release.
    pub release: ReleaseNumber,
    /// Scheme, host and port.
    pub host: String,
    /// Of the first request that is counted.
    pub since: Moment,
    /// How many.
    pub requests: u64,
    /// How many by outcome: a class of status such as "2xx", or an error's code.
    pub outcomes: BTreeMap<String, u64>,
    /// Bytes of requests.
    pub sent_bytes: u64,
    /// Bytes of responses.
    pub received_bytes: u64,
    /// Half took no longer, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// True where the breaker keeps requests from it now.
    pub open: bool,
}

/// What all requests came to since the process began: for metrics, where a label of a tenant or a host would be without bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressCounts {
    /// By outcome: a class of status, or an error's code. A closed list.
    pub outcomes: BTreeMap<String, u64>,
    /// Bytes of requests.
    pub sent_bytes: u64,
    /// Bytes of responses.
    pub received_bytes: u64,
    /// Under way now.
    pub in_flight: usize,
    /// Connections that idle now.
    pub idle: usize,
    /// Tenants that have a client now.
    pub clients: usize,
    /// Hosts that a breaker keeps requests from now, each for one tenant.
    pub open: usize,
}

struct Series {
    since: Moment,
    used: u64,
    took: Option<Histogram<u32>>,
    outcomes: BTreeMap<String, u64>,
    sent_bytes: u64,
    received_bytes: u64,
}

type Place = (FlowName, ReleaseNumber, Target);

#[derive(Default)]
struct Kept {
    clock: u64,
    series: usize,
    tenants: HashMap<TenantId, HashMap<Place, Series>>,
    totals: EgressCounts,
}

/// All figures.
#[derive(Default)]
pub(super) struct Figures(Mutex<Kept>);

/// "2xx", or the error's code.
fn class(outcome: &str) -> String {
    match outcome.as_bytes() {
        [first @ b'1'..=b'9', _, _] => format!("{}xx", char::from(*first)),
        _ => outcome.to_owned(),
    }
}

impl Figures {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one request; one that never had a target counts in the totals alone.
    pub(super) fn count(
        &self,
        tenant: &TenantId,
        flow: &FlowName,
        release: ReleaseNumber,
        target: Option<&Target>,
        record: &RequestRecord,
        now: Moment,
    ) {
        let mut kept = self.lock();
        let class = class(&record.outcome);
        *kept.totals.outcomes.entry(class.clone()).or_default() += 1;
        kept.totals.sent_bytes = kept.totals.sent_bytes.saturating_add(record.sent_bytes);
        kept.totals.received_bytes = kept.totals.received_bytes.saturating_add(record.received_bytes);
        let Some(target) = target else { return };
        let series = kept.series_of(tenant, (flow.clone(), release, target.clone()), now);
        *series.outcomes.entry(class).or_default() += 1;
        series.sent_bytes = series.sent_bytes.saturating_add(record.sent_bytes);
        series.received_bytes = series.received_bytes.saturating_add(record.received_bytes);
        if let Some(took) = &mut series.took {
            took.saturating_record(record.took_us.clamp(1, TOOK_US_MAX));
        }
    }

    /// A flow's, by release and host. `open` tells of the breakers.
    pub(super) fn of(&self, tenant: &TenantId, flow: &FlowName, open: impl Fn(&Target) -> bool) -> Vec<HostFigures> {
        let kept = self.lock();
        let Some(series) = kept.tenants.get(tenant) else { return Vec::new() };
        let mut all: Vec<HostFigures> = series
            .iter()
            .filter(|((of, ..), _)| of == flow)
            .map(|((_, release, target), series)| {
                let at = |quantile: f64| series.took.as_ref().map_or(0, |took| took.value_at_quantile(quantile));
                HostFigures {
                    release: *release,
                    host: target.to_string(),
                    since: series.since,
                    requests: series.outcomes.values().sum(),
                    outcomes: series.outcomes.clone(),
                    sent_bytes: series.sent_bytes,
                    received_bytes: series.received_bytes,
                    p50_us: at(0.5),
                    p99_us: at(0.99),
                    max_us: series.took.as_ref().map_or(0, Histogram::max),
                    open: open(target),
                }
            })
            .collect();
        all.sort_by(|one, other| (one.release, &one.host).cmp(&(other.release, &other.host)));
        all
    }

    /// Of everybody; what is under way is filled in by the gate.
    pub(super) fn totals(&self) -> EgressCounts {
        self.lock().totals.clone()
    }
}

impl Kept {
    fn series_of(&mut self, tenant: &TenantId, place: Place, now: Moment) -> &mut Series {
        self.clock += 1;
        let known = self.tenants.get(tenant).is_some_and(|series| series.contains_key(&place));
        if !known {
            self.make_room(tenant);
            self.series += 1;
        }
        let fresh = || Series {
            since: now,
            used: 0,
            // Its bounds are constants, so it can be made; without it there would be counts and no times.
            took: Histogram::new_with_bounds(1, TOOK_US_MAX, DIGITS).ok(),
            outcomes: BTreeMap::new(),
            sent_bytes: 0,
            received_bytes: 0,
        };
        let series = self.tenants.entry(tenant.clone()).or_default().entry(place).or_insert_with(fresh);
        series.used = self.clock;
        series
    }

    fn make_room(&mut self, tenant: &TenantId) {
        let own = self.tenants.get(tenant).map_or(0, HashMap::len);
        if own >= TENANT_SERIES_MAX {
            self.forget_oldest_of(&tenant.clone());
        } else if self.series >= SERIES_MAX || (own == 0 && self.tenants.len() >= TENANTS_MAX) {
            // Whoever was longest without a request gives up all of its own, so that nobody who keeps sending loses anything to others.
            let last = |series: &HashMap<Place, Series>| series.values().map(|series| series.used).max().unwrap_or_default();
            let quietest = self.tenants.iter().filter(|(id, _)| *id != tenant).min_by_key(|(_, series)| last(series));
            if let Some(quietest) = quietest.map(|(id, _)| id.clone()) {
                self.series -= self.tenants.remove(&quietest).map_or(0, |series| series.len());
            }
        }
    }

    fn forget_oldest_of(&mut self, tenant: &TenantId) {
        let Some(series) = self.tenants.get_mut(tenant) else { return };
        let oldest = series.iter().min_by_key(|(_, series)| series.used).map(|(place, _)| place.clone());
        if oldest.and_then(|oldest| series.remove(&oldest)).is_some() {
            self.series -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::flow::egress::Scheme;

    fn record(outcome: &str, took_us: u64) -> RequestRecord {
        RequestRecord { outcome: outcome.to_owned(), took_us, sent_bytes: 10, received_bytes: 100, ..RequestRecord::default() }
    }

    fn target(host: &str) -> Target {
        Target { scheme: Scheme::Https, host: host.parse().unwrap(), port: 443 }
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn p99_is_seen_per_host_and_release() {
        let (figures, acme, main) = (Figures::default(), tenant("acme"), "main".parse().unwrap());
        for number in 1..=1_000_u64 {
            figures.count(&acme, &main, 1, Some(&target("a.example")), &record("200", number * 1_000), 7);
        }
        figures.count(&acme, &main, 2, Some(&target("a.example")), &record("timeout", 3_000_000), 9);
        figures.count(&acme, &"other".parse().unwrap(), 1, Some(&target("a.example")), &record("200", 1), 9);
        let of = figures.of(&acme, &main, |_| false);
        assert_eq!(of.len(), 2);
        assert_eq!((of[0].release, of[0].host.as_str(), of[0].requests, of[0].since), (1, "https://a.example:443", 1_000, 7));
        assert!((985_000..=1_000_000).contains(&of[0].p99_us), "{:?}", of[0]);
        assert!((495_000..=510_000).contains(&of[0].p50_us), "{:?}", of[0]);
        assert_eq!((of[0].sent_bytes, of[0].received_bytes, of[0].outcomes["2xx"]), (10_000, 100_000, 1_000));
        assert_eq!((of[1].release, of[1].outcomes["timeout"]), (2, 1));
        assert!(figures.of(&tenant("other"), &main, |_| false).is_empty(), "another tenant's figures are its own");
        assert_eq!(figures.totals().outcomes["2xx"], 1_001);
    }

    #[test]
    fn ever_new_hosts_and_tenants_take_bounded_room() {
        let (figures, main) = (Figures::default(), "main".parse().unwrap());
        for number in 0..1_000 {
            figures.count(&tenant("loud"), &main, 1, Some(&target(&format!("h{number}.example"))), &record("200", 1), 0);
        }
        assert_eq!(figures.of(&tenant("loud"), &main, |_| false).len(), TENANT_SERIES_MAX);
        for number in 0..2_000 {
            for host in 0..4 {
                figures.count(&tenant(&format!("t{number}")), &main, 1, Some(&target(&format!("h{host}.example"))), &record("200", 1), 0);
            }
        }
        let kept = figures.lock();
        assert!(kept.tenants.len() <= TENANTS_MAX && kept.series <= SERIES_MAX, "{} {}", kept.tenants.len(), kept.series);
        assert_eq!(kept.series, kept.tenants.values().map(HashMap::len).sum::<usize>());
    }
}
