//! Counts things as they are made and as they go, for their tenant and everyone above it.
//!
//! The admin API's handlers commit through [`commit`], or put a [`Counting`] into a batch of their own. The domain says whether there
//! may be one more; the batch holds the quota and the count to what was read, so that two cannot take the last place, and where no
//! limit stands it holds nothing and meets nobody.

use std::collections::HashMap;

use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::quota::meter::QuotaRow;
use jackfield_domain::quota::things::{Thing, allow};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::token::Reach;
use jackfield_store::{Change, PlatformChange, Row, Store, StoreFault, TenantStore, is_count};

use crate::admin::door::problem::{Problem, uncommitted, unread};

/// How often a batch is made again because somebody else was counted meanwhile; each time somebody's was done.
pub(crate) const RACES_MAX: usize = 50;
/// Rows read at a time where everything is counted once.
const PAGE: usize = 1_000;
/// Tenants whose counts are written in one batch: two writes for each thing, and a batch has a thousand.
const SET_AT_ONCE: usize = 80;

/// What a batch adds to counts, and what it holds them to.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    level: TenantId,
    thing: Thing,
    by: i64,
    quota: Option<Expect>,
    count: Option<Expect>,
}

/// The levels that count what a tenant has: itself, then everyone above it.
pub(crate) fn path(tenant: &Tenant) -> Vec<TenantId> {
    std::iter::once(&tenant.id).chain(tenant.ancestors.iter().rev()).cloned().collect()
}

impl Counting {
    /// Asks whether the levels of a path may have so many more of these, or counts that they have so many less.
    pub(crate) async fn of(store: &Store, path: &[TenantId], things: &[(Thing, i64)]) -> Result<Self, Problem> {
        let mut parts = Vec::with_capacity(path.len() * things.len());
        for level in path {
            let row = store.tenant(level).get::<QuotaRow>(&()).await.map_err(unread)?;
            let quota = row.as_ref().map_or(Expect::Absent, |found| Expect::Revision(found.revision));
            for (thing, by) in things.iter().copied().filter(|(_, by)| *by != 0) {
                let limit = row.as_ref().and_then(|found| found.row.quota.counts.get(&thing).copied());
                let mut part = Part { level: level.clone(), thing, by, quota: None, count: None };
                if let Ok(more) = u64::try_from(by) {
                    part.quota = Some(quota);
                    if limit.is_some() {
                        let counted = store.platform().things(level, thing).await.map_err(unread)?;
                        allow(level, thing, limit, counted.count, more)?;
                        part.count = Some(counted.expect);
                    }
                }
                parts.push(part);
            }
        }
        Ok(Self { parts })
    }

    /// Into the batch.
    pub(crate) fn put(&self, change: PlatformChange) -> PlatformChange {
        self.parts.iter().fold(change, |mut change, part| {
            if let Some(expect) = part.quota {
                change = change.check_quota(&part.level, expect);
            }
            if let Some(expect) = part.count {
                change = change.check_things(&part.level, part.thing, expect);
            }
            change.count_things(&part.level, part.thing, part.by)
        })
    }
}

/// Commits a batch that makes or removes things, and counts them in it. A race for a count is run again, any other conflict is not.
pub(crate) async fn commit(store: &Store, path: &[TenantId], things: &[(Thing, i64)], change: impl Fn() -> Change) -> Result<(), Problem> {
    for _ in 0..RACES_MAX {
        let counting = Counting::of(store, path, things).await?;
        match change().platform(|platform| counting.put(platform)).commit().await {
            Err(error) if is_count(&error) => {}
            Err(error) => return Err(uncommitted(error)),
            Ok(()) => return Ok(()),
        }
    }
    Err(Problem::Refused(Refusal::new(Code::Busy, "too many things are being made at once; try again")))
}

/// Counts everything that there is, where that was never done: a store from before there were counts.
pub(super) async fn count_once(store: &Store) -> Result<(), StoreFault> {
    let platform = store.platform();
    if platform.things_are_counted().await? {
        return Ok(());
    }
    let mut tenants: HashMap<TenantId, Vec<TenantId>> = HashMap::new();
    let mut after = None;
    loop {
        let page = platform.tenants(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.row.id.clone());
        tenants.extend(page.iter().map(|found| (found.row.id.clone(), path(&found.row))));
    }
    let mut counts: HashMap<(TenantId, Thing), u64> = HashMap::new();
    let mut count = |levels: &[TenantId], thing: Thing, by: u64| {
        for level in levels {
            *counts.entry((level.clone(), thing)).or_default() += by;
        }
    };
    for (id, levels) in &tenants {
        let scope = store.tenant(id);
        count(levels, Thing::Flows, all(&scope, |flow: &Flow| flow.name.clone(), |_| 1).await?);
        let of = |version: &Version| (version.plugin.clone(), version.number);
        count(levels, Thing::Versions, all(&scope, of, |_| 1).await?);
        count(levels, Thing::ComponentBytes, all(&scope, of, |version| version.bytes).await?);
        count(levels, Thing::Addresses, platform.bindings_of(id, usize::MAX).await?.len() as u64);
        count(levels.get(1..).unwrap_or_default(), Thing::Subtenants, 1);
    }
    let mut after: Option<String> = None;
    loop {
        let page = platform.tokens(after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.row.id.clone());
        for token in page.into_iter().map(|found| found.row).filter(|token| token.revoked.is_none()) {
            let of = match token.reach {
                Reach::Platform => TenantId::platform(),
                Reach::Tenant(tenant) => tenant,
            };
            count(tenants.get(&of).map(Vec::as_slice).unwrap_or_default(), Thing::Tokens, 1);
        }
    }
    let counts: Vec<((TenantId, Thing), u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    for part in counts.chunks(SET_AT_ONCE * Thing::ALL.len()) {
        let change = part.iter().fold(platform.change(), |change, ((level, thing), count)| change.set_things(level, *thing, *count));
        change.commit().await.map_err(crate::pipeline::unwritten)?;
    }
    platform.change().things_counted().commit().await.map_err(crate::pipeline::unwritten)
}

/// The sum over all rows of a noun in a tenant's scope.
async fn all<R: Row>(scope: &TenantStore, id: impl Fn(&R) -> R::Id, weight: impl Fn(&R) -> u64) -> Result<u64, StoreFault> {
    let (mut sum, mut after) = (0_u64, None);
    loop {
        let page = scope.list::<R>(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(sum) };
        after = Some(id(&last.row));
        sum = page.iter().fold(sum, |sum, found| sum.saturating_add(weight(&found.row)));
    }
}
