//! Shows what a tenant may really use: its own quota and those above it, with what was used of each.
//!
//! The admin API answers with it. The least limit decides, so it is named with its level. A level above the asking token's reach shows
//! its limit and whether it is used up, because that bars; what it used is the business of others.

use jackfield_domain::id::TenantId;
use jackfield_domain::ports::permits::Permits as _;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::quota::meter::{Meter, Period};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::tenant::Tenant;
use jackfield_store::{Store, StoreFault};
use serde::Serialize;

use super::Quotas;
use super::levels::{Due, Levels};

/// What is said with every answer about AI tokens.
pub const OVERSHOOT: &str = "AI tokens are counted after they were spent and bar the next event; the limit is passed at most by the \
                             tokens of the events that were in flight";

/// How a tenant's quotas stand.
#[derive(Debug, Serialize)]
pub struct Effective {
    tenant: TenantId,
    meters: Vec<MeterView>,
    rates: Vec<RateView>,
    concurrency: Vec<ConcurrencyView>,
    counts: Vec<CountView>,
    overshoot: &'static str,
}

/// One meter in one period.
#[derive(Debug, Serialize)]
pub struct MeterView {
    meter: Meter,
    period: Period,
    /// The least limit of all levels.
    limit: u64,
    /// Whose it is.
    limited_by: TenantId,
    /// What can be used now: the least of what the levels have left that the token may see, and 0 where any is used up.
    left: u64,
    levels: Vec<LevelView>,
}

/// One level of it.
#[derive(Debug, Serialize)]
struct LevelView {
    level: TenantId,
    window: String,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_limit: Option<u64>,
    used_up: bool,
    #[serde(flatten)]
    inside: Option<Inside>,
}

/// What only those see who reach the level.
#[derive(Debug, Serialize)]
struct Inside {
    /// What counts against the limit.
    used: u64,
    /// Beyond the limit: exempt, or reported afterwards.
    over: u64,
    /// As the ledger has it, leases included.
    granted: u64,
    /// Granted, and not used yet.
    leased: u64,
    left: u64,
}

#[derive(Debug, Serialize)]
struct RateView {
    level: TenantId,
    per_second: u32,
    burst: u32,
}

#[derive(Debug, Serialize)]
struct ConcurrencyView {
    level: TenantId,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CountView {
    level: TenantId,
    thing: Thing,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl Quotas {
    /// How a tenant's quotas stand, for somebody who reaches some of its levels.
    pub async fn effective(&self, store: &Store, tenant: &Tenant, reaches: impl Fn(&TenantId) -> bool) -> Result<Effective, StoreFault> {
        let levels = Levels::read(store, tenant).await?;
        let now = self.clock.now();
        let mut meters = Vec::new();
        for meter in Meter::ALL {
            let dues = levels.dues(meter);
            for period in Period::ALL {
                let of: Vec<&Due<'_>> = dues.iter().filter(|due| due.period == period).collect();
                meters.extend(self.meter(meter, period, &of, &reaches).await?);
            }
        }
        let mut concurrency = Vec::new();
        let mut rates = Vec::new();
        for (level, row) in levels.set() {
            if let Some(rate) = row.quota.rate {
                rates.push(RateView { level: level.clone(), per_second: rate.per_second, burst: rate.burst });
            }
            if let Some(limit) = row.quota.concurrency {
                let live = if reaches(level) { Some(self.live.live(level, now).await) } else { None };
                concurrency.push(ConcurrencyView { level: level.clone(), limit, live });
            }
        }
        let counts = counts(store, &levels, &reaches).await?;
        Ok(Effective { tenant: tenant.id.clone(), meters, rates, concurrency, counts, overshoot: OVERSHOOT })
    }

    async fn meter(
        &self,
        meter: Meter,
        period: Period,
        dues: &[&Due<'_>],
        reaches: &impl Fn(&TenantId) -> bool,
    ) -> Result<Option<MeterView>, StoreFault> {
        let Some(least) = dues.iter().min_by_key(|due| due.limit) else { return Ok(None) };
        let (limit, limited_by) = (least.limit, least.tenant.clone());
        let mut left = limit;
        let mut levels = Vec::with_capacity(dues.len());
        for due in dues {
            let view = self.level(due, reaches(due.tenant)).await.map_err(StoreFault::from)?;
            left = match &view {
                LevelView { used_up: true, .. } => 0,
                LevelView { inside: Some(inside), .. } => left.min(inside.left),
                LevelView { inside: None, .. } => left,
            };
            levels.push(view);
        }
        Ok(Some(MeterView { meter, period, limit, limited_by, left, levels }))
    }

    async fn level(&self, due: &Due<'_>, reached: bool) -> Result<LevelView, RowsFault> {
        let now = self.clock.now();
        let (window, held) = self.spender.till().show(due, now);
        let (balance, leased) = match held {
            Some(held) => held,
            None => (self.spender.read(&due.account(now)).await?, 0),
        };
        let used = balance.used().saturating_sub(leased);
        let left = due.limit.saturating_sub(used);
        let inside = reached.then_some(Inside { used, over: balance.over, granted: balance.granted, leased, left });
        let text_limit = Some(due.text_limit).filter(|text| *text != due.limit);
        Ok(LevelView { level: due.tenant.clone(), window: window.name, limit: due.limit, text_limit, used_up: left == 0, inside })
    }
}

async fn counts(store: &Store, levels: &Levels, reaches: &impl Fn(&TenantId) -> bool) -> Result<Vec<CountView>, StoreFault> {
    let mut counts = Vec::new();
    for level in &levels.0 {
        for thing in Thing::ALL {
            let limit = level.row.as_ref().and_then(|row| row.quota.counts.get(&thing).copied());
            let count = if reaches(&level.tenant) { Some(store.platform().things(&level.tenant, thing).await?.count) } else { None };
            if limit.is_some() || count.is_some_and(|count| count > 0) {
                counts.push(CountView { level: level.tenant.clone(), thing, limit, count });
            }
        }
    }
    Ok(counts)
}
