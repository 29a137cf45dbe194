//! Enforces what a tenant may use over time: leases, rates, permits and counts of things.
//!
//! The pipeline makes an [`EventQuota`] for each event and asks it at admission, before each attempt and inside capabilities; the
//! admin API sets quotas, shows how they stand and counts things as they are made. `serve` starts [`tend`], counts live contacts again
//! at start, and gives the leases back at the end.
//!
//! A spend counts for the tenant and everyone above it. What is granted is durable before it is used, so a crash forfeits at most
//! the leases that were out, and never lets anybody have more. Rates and permits live in memory alone.

mod event;
mod levels;
mod permits;
mod rates;
mod spending;
#[cfg(test)]
mod tests;
pub mod things;
mod till;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::Clock;
use jackfield_domain::ports::ledger::Ledger;
use jackfield_domain::quota::meter::Period;
use jackfield_domain::quota::window::Window;
use jackfield_store::{Store, StoreFault};
use tokio::sync::watch;

pub use event::{EventQuota, FUEL_FLOOR};
pub use levels::{Level, Levels};

use crate::app::App;

/// Leases of windows that are over go back within that time: for whoever looks at what was used.
const TEND_EVERY: Duration = Duration::from_secs(60);
/// Old windows are removed so often.
const SWEEP_EVERY_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Windows are shown for so many days after they ended: hours for two days, days for two months, months and notices for a year.
const KEPT_DAYS: [(Period, u64); 3] = [(Period::Hour, 2), (Period::Day, 62), (Period::Month, 400)];
/// Notices stay for a year and a month.
const NOTICES_KEPT_DAYS: u64 = 400;
/// An account that was not looked at for so long is read again: its memory is worth more.
const IDLE_MS: u64 = 2 * 60 * 60 * 1_000;
/// Tenants read at once.
const PAGE: usize = 200;

/// The quotas of this process.
pub struct Quotas {
    spender: spending::Spender,
    rates: rates::Rates,
    live: permits::Live,
    clock: Arc<dyn Clock>,
}

/// How the quotas of this process stand, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Grants of the ledger since the start.
    pub grants: u64,
    /// Accounts in memory.
    pub accounts: usize,
    /// Units of all meters that are granted and not used.
    pub leased: u64,
}

impl Quotas {
    /// Over a ledger.
    pub fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { spender: spending::Spender::new(ledger), rates: rates::Rates::default(), live: permits::Live::default(), clock })
    }

    /// Counts what the store says: the contacts that are live, and, once, the things that there are.
    pub async fn begin(&self, store: &Store) -> Result<(), StoreFault> {
        things::count_once(store).await?;
        self.live.rebuild(store, self.clock.now()).await
    }

    /// Gives back what was not used. Nothing can be spent afterwards.
    pub async fn end(&self) {
        self.spender.give_back(true, self.clock.now()).await;
    }

    /// Forgets what an erased tenant holds in this process: its leases, and its permits at those above it.
    pub fn forget_tenant(&self, tenant: &TenantId) {
        self.spender.till().forget_tenant(tenant);
        self.live.forget_tenant(tenant);
    }

    /// How they stand.
    pub fn figures(&self) -> Figures {
        let (accounts, leased) = self.spender.till().held();
        Figures { grants: self.spender.grants(), accounts, leased }
    }
}

/// Gives back what windows left that are over, and removes what nobody asks for any more, until the server stops.
pub(crate) async fn tend(app: Arc<App>, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut swept = app.clock.now();
    loop {
        // What ends the wait early is the stop, or a sender that is gone: both are the end.
        if tokio::time::timeout(TEND_EVERY, stopped.changed()).await.is_ok() {
            return Ok(());
        }
        let now = app.clock.now();
        app.quotas.spender.give_back(false, now).await;
        app.quotas.spender.till().forget_idle(now.saturating_sub(IDLE_MS));
        if now.saturating_sub(swept) >= SWEEP_EVERY_MS {
            swept = now;
            if let Err(fault) = sweep(&app, now).await {
                tracing::warn!(%fault, "old windows of quotas were not removed");
            }
        }
    }
}

async fn sweep(app: &App, now: Moment) -> Result<(), StoreFault> {
    app.quotas.live.sweep(&app.store, now).await?;
    let days = |days: u64| now.saturating_sub(days.saturating_mul(DAY_MS));
    // Named in UTC: half a day more or less is nothing here.
    let before: Vec<(Period, String)> =
        KEPT_DAYS.iter().map(|(period, kept)| (*period, Window::at(*period, "UTC", days(*kept)).name)).collect();
    let mut after = None;
    loop {
        let page = app.store.platform().tenants(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.row.id.clone());
        for found in &page {
            app.store.tenant(&found.row.id).sweep_ledger(&before, days(NOTICES_KEPT_DAYS)).await?;
        }
    }
}
