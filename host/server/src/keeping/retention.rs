//! Forgets contacts that are older, or more, than their tenant's plan keeps.
//!
//! `serve` starts it beside the listeners. Once an hour it goes through all tenants for what is too old and counts what each keeps; in
//! between the commit step tells of each new contact, and a tenant that has more than its plan keeps loses the oldest that are over. So
//! neither the disk nor the store's index in memory grows with how often somebody calls. Tenants take turns step by step, and a tenant
//! whose contacts may not go yet holds up nobody.
//!
//! Which contact may go is the domain's rule, what goes with it the store's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jackfield_domain::contact::Moment;
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::retention::{Retention, may_go};
use jackfield_domain::tenant::Tenant;
use jackfield_store::{Forgotten, StoreFault};
use tokio::sync::watch;

use crate::app::App;

/// A tenant is above its bound for that long at most, where its contacts may go.
const EVERY: Duration = Duration::from_secs(1);
/// What is too old takes room for at most that long.
const ROUND_EVERY_MS: u64 = 60 * 60 * 1000;
/// Of each second: the rest is for whoever calls.
const AT_A_TIME: Duration = Duration::from_millis(250);
/// Steps without anything that may go before a tenant waits for the next second.
const VAIN_MAX: u32 = 4;
/// Tenants read at once.
const PAGE: usize = 200;

/// What is kept of each tenant.
pub struct Keeping {
    most: Retention,
    tenants: Mutex<HashMap<TenantId, Kept>>,
    forgotten: AtomicU64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    contacts: u64,
    /// Contacts in brief.
    briefs: u64,
    /// Where the next look goes on, so that contacts that stay are not looked at again and again.
    after: Option<ContactId>,
}

impl Keeping {
    /// `most` is what the platform keeps of anybody.
    pub fn new(most: Retention) -> Self {
        Self { most, tenants: Mutex::default(), forgotten: AtomicU64::new(0) }
    }

    /// A contact was written for the first time.
    pub fn began(&self, tenant: &TenantId) {
        self.more(tenant, |kept| kept.contacts += 1);
    }

    /// Contacts were written in brief.
    pub fn began_in_brief(&self, tenant: &TenantId, contacts: u64) {
        self.more(tenant, |kept| kept.briefs += contacts);
    }

    fn more(&self, tenant: &TenantId, count: impl FnOnce(&mut Kept)) {
        let mut tenants = self.tenants();
        match tenants.get_mut(tenant) {
            Some(kept) => count(kept),
            None => count(tenants.entry(tenant.clone()).or_default()),
        }
    }

    /// Contacts that are kept of all tenants, and how many were forgotten since the start.
    pub fn figures(&self) -> (u64, u64) {
        (self.tenants().values().map(|kept| kept.contacts + kept.briefs).sum(), self.forgotten.load(Ordering::Relaxed))
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Kept>> {
        // Nothing panics while it is held.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(&self, tenant: &TenantId, contacts: u64, briefs: u64) {
        let mut tenants = self.tenants();
        let kept = tenants.entry(tenant.clone()).or_default();
        (kept.contacts, kept.briefs) = (contacts, briefs);
    }

    fn kept(&self, tenant: &TenantId) -> Kept {
        self.tenants().get(tenant).copied().unwrap_or_default()
    }

    fn forgot(&self, tenant: &TenantId, forgotten: Forgotten) {
        self.forgotten.fetch_add(forgotten.contacts, Ordering::Relaxed);
        if let Some(kept) = self.tenants().get_mut(tenant) {
            kept.contacts = kept.contacts.saturating_sub(forgotten.contacts);
            kept.after = forgotten.next;
        }
    }

    fn forgot_briefs(&self, tenant: &TenantId, gone: u64) {
        self.forgotten.fetch_add(gone, Ordering::Relaxed);
        if let Some(kept) = self.tenants().get_mut(tenant) {
            kept.briefs = kept.briefs.saturating_sub(gone);
        }
    }

    /// Tenants that keep more than any plan lets the smallest keep: whether it is too much, their own plan says.
    fn many(&self) -> Vec<TenantId> {
        let least = Retention::of(jackfield_domain::budget::Plan::Standard).within(self.most).contacts_max;
        let are_many = |kept: &Kept| kept.contacts > least || kept.briefs > least;
        self.tenants().iter().filter(|(_, kept)| are_many(kept)).map(|(tenant, _)| tenant.clone()).collect()
    }
}

/// Goes on until the server stops.
pub(crate) async fn tend(app: Arc<App>, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut last_round = None;
    loop {
        let now = app.clock.now();
        let is_due = last_round.is_none_or(|last: Moment| now.saturating_sub(last) >= ROUND_EVERY_MS);
        if is_due {
            last_round = Some(now);
        }
        let (here, at, until) = (tokio::runtime::Handle::current(), Arc::clone(&app), stopped.clone());
        // Reading and opening contacts takes a processor, and nobody waits for it.
        let looked = app.runtime.spawn_behind(move || here.block_on(look(&at, is_due, &until))).await;
        if let Err(error) = looked {
            tracing::warn!(%error, "what plans do not keep was not forgotten");
        }
        // What ends the wait early is the stop, or a sender that is gone: both are the end.
        if tokio::time::timeout(EVERY, stopped.changed()).await.is_ok() {
            return Ok(());
        }
    }
}

async fn look(app: &App, is_due: bool, stopped: &watch::Receiver<bool>) {
    if is_due && let Err(fault) = round(app, stopped).await {
        tracing::warn!(%fault, "what is older than plans keep was not forgotten");
    }
    cut(app, stopped).await;
}

/// Looks at all tenants: forgets what is too old, and counts the rest.
async fn round(app: &App, stopped: &watch::Receiver<bool>) -> Result<(), StoreFault> {
    let mut after = None;
    loop {
        let page = app.store.platform().tenants(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.row.id.clone());
        for found in &page {
            // One tenant that is just being erased, or cannot be read, holds up nobody else.
            if let Err(fault) = old(app, stopped, &found.row).await {
                tracing::warn!(tenant = %found.row.id, %fault, "what is older than its plan keeps was not forgotten");
            }
            if *stopped.borrow() {
                return Ok(());
            }
        }
    }
}

/// Forgets what a tenant has that is too old, and counts the rest.
async fn old(app: &App, stopped: &watch::Receiver<bool>, tenant: &Tenant) -> Result<(), StoreFault> {
    let retention = Retention::of(tenant.plan).within(app.keeping.most);
    let (id, scope) = (&tenant.id, app.store.tenant(&tenant.id));
    let forgotten = too_old(app, stopped, id, retention).await?;
    if forgotten > 0 {
        tracing::info!(tenant = %id, contacts = forgotten, days = retention.days, "old contacts were forgotten");
    }
    let before = app.clock.now().saturating_sub(retention.span_ms());
    loop {
        let gone = scope.forget_briefs(u64::MAX, before).await?;
        app.keeping.forgot_briefs(id, gone);
        if gone == 0 || *stopped.borrow() {
            break;
        }
    }
    let dropped = scope.drop_captures_before(before).await?;
    if dropped > 0 {
        tracing::info!(tenant = %id, segments = dropped, "old captures were removed");
    }
    app.keeping.counted(id, scope.contacts_kept().await?, scope.briefs_kept().await?);
    Ok(())
}

async fn too_old(app: &App, stopped: &watch::Receiver<bool>, tenant: &TenantId, retention: Retention) -> Result<u64, StoreFault> {
    let (scope, now) = (app.store.tenant(tenant), app.clock.now());
    let (mut after, mut all) = (None, 0);
    while !*stopped.borrow() {
        let step = scope
            .forget_oldest(after.as_ref(), u64::MAX, |contact, last| may_go(contact, last, now) && retention.is_past(last, now))
            .await?;
        all += step.contacts;
        app.keeping.forgotten.fetch_add(step.contacts, Ordering::Relaxed);
        // Contacts stand in the order of their arrival, and none had its last event before it.
        after = step.next.filter(|next| retention.is_past(next.arrived_ms(), now));
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

/// Takes from the tenants that keep too many, one step each in turn, for as long as it may take.
async fn cut(app: &App, stopped: &watch::Receiver<bool>) {
    let begun = Instant::now();
    let mut turns: Vec<(TenantId, u32)> = app.keeping.many().into_iter().map(|tenant| (tenant, 0)).collect();
    while !turns.is_empty() {
        let mut again = Vec::new();
        for (tenant, vain) in turns {
            if begun.elapsed() > AT_A_TIME || *stopped.borrow() {
                return;
            }
            let stepped = step(app, &tenant).await.unwrap_or_else(|fault| {
                tracing::warn!(%tenant, %fault, "what is more than its plan keeps was not forgotten");
                None
            });
            match stepped {
                None => {}
                Some(0) if vain + 1 < VAIN_MAX => again.push((tenant, vain + 1)),
                Some(0) => {}
                Some(_) => again.push((tenant, 0)),
            }
        }
        turns = again;
    }
}

/// One look at a tenant's oldest contacts; none where it keeps no more than it may.
async fn step(app: &App, tenant: &TenantId) -> Result<Option<u64>, StoreFault> {
    let Some(around) = app.known.of(tenant).await? else {
        // It was erased, and all of its contacts with it.
        app.keeping.tenants().remove(tenant);
        return Ok(None);
    };
    let allowed = Retention::of(around.tenant.plan).within(app.keeping.most).contacts_max;
    let kept = app.keeping.kept(tenant);
    let too_brief = kept.briefs.saturating_sub(allowed);
    if too_brief > 0 {
        let gone = app.store.tenant(tenant).forget_briefs(too_brief, Moment::MAX).await?;
        app.keeping.forgot_briefs(tenant, gone);
    }
    let too_many = kept.contacts.saturating_sub(allowed);
    if too_many == 0 {
        return Ok(None);
    }
    let now = app.clock.now();
    let forgotten =
        app.store.tenant(tenant).forget_oldest(kept.after.as_ref(), too_many, |contact, last| may_go(contact, last, now)).await?;
    app.keeping.forgot(tenant, forgotten);
    if forgotten.contacts > 0 {
        tracing::debug!(%tenant, contacts = forgotten.contacts, allowed, "the oldest contacts were forgotten");
    }
    Ok(Some(forgotten.contacts))
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
