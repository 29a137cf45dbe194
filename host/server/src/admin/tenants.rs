//! Answers for tenants: made below a parent, seen, changed, erased.
//!
//! A tenant's own people may name things; what a tenant costs and whether it runs - plan, standing, existence - is decided above it.
//! Limits are resolved along the ancestors here, when something is written, and again for everyone below when a plan changes, so that
//! a call never walks a tree.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::budget::Plan;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::token::Reach;
use jackfield_domain::tenant::{DEPTH_MAX, Standing, Tenant};
use jackfield_store::Found;
use serde::{Deserialize, Serialize};

use super::addresses;
use super::door::body::Body;
use super::door::guard::{Asked, Inside};
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::door::words;
use crate::app::App;
use crate::quota::things;

/// Most tenants below one: what a change of its plan rewrites and a list of it holds in memory.
const BELOW_MAX: usize = 10_000;
/// A batch takes 1,000 writes and a tenant two.
const REWRITTEN_AT_ONCE: usize = 400;

/// A new tenant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    id: TenantId,
    label: String,
    parent: Option<TenantId>,
    zone: Option<String>,
    language: Option<String>,
    plan: Option<Plan>,
}

/// What changes; what is absent stays.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantChange {
    label: Option<String>,
    zone: Option<String>,
    language: Option<String>,
    plan: Option<Plan>,
    standing: Option<Standing>,
}

pub(crate) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let (after, limit) = asked.paging::<TenantId>()?;
    let rows = match &asked.principal.reach {
        Reach::Platform => app.store.platform().tenants(after.as_ref(), limit).await.map_err(unread)?,
        Reach::Tenant(own) => {
            let own = asked.principal.tenant(&app, own).await?;
            let mut all = below(&app, &own.row.id).await?;
            all.push(own);
            all.sort_by(|a, b| a.row.id.cmp(&b.row.id));
            all.into_iter().filter(|found| after.as_ref().is_none_or(|after| found.row.id > *after)).take(limit).collect()
        }
    };
    reply::page(&rows, limit, |tenant| tenant.id.to_string())
}

/// All tenants below one, parents before their children.
pub(crate) async fn below(app: &App, id: &TenantId) -> Result<Vec<Found<Tenant>>, Problem> {
    let platform = app.store.platform();
    let mut all: Vec<Found<Tenant>> = Vec::new();
    let mut level = vec![id.clone()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for parent in level {
            let children = platform.children(&parent, BELOW_MAX).await.map_err(unread)?;
            next.extend(children.iter().map(|child| child.row.id.clone()));
            all.extend(children);
            if all.len() > BELOW_MAX {
                return Err(Problem::new(Code::LimitReached, format!("tenant {id} has more than {BELOW_MAX} tenants below it")));
            }
        }
        level = next;
    }
    Ok(all)
}

pub(crate) async fn create(State(app): State<Arc<App>>, asked: Asked, Body(new): Body<NewTenant>) -> Answer {
    asked.no_query()?;
    words::label("label", &new.label)?;
    let parent_id = match (&new.parent, &asked.principal.reach) {
        (Some(parent), _) => parent.clone(),
        (None, Reach::Platform) => TenantId::platform(),
        (None, Reach::Tenant(own)) => own.clone(),
    };
    let parent = asked.principal.tenant(&app, &parent_id).await?;
    let mut ancestors = parent.row.ancestors.clone();
    ancestors.push(parent.row.id.clone());
    if ancestors.len() > DEPTH_MAX {
        return Err(Problem::at(
            Code::LimitReached,
            "parent",
            format!("a tenant has at most {DEPTH_MAX} ancestors, the platform included"),
        ));
    }
    let plan = new.plan.unwrap_or(Plan::Standard);
    let tenant = Tenant {
        id: new.id,
        parent: Some(parent.row.id.clone()),
        ancestors,
        label: new.label,
        zone: new.zone.unwrap_or_else(|| parent.row.zone.clone()),
        language: new.language.unwrap_or_else(|| parent.row.language.clone()),
        plan,
        limits: plan.limits().within(parent.row.limits),
        standing: Standing::Active,
        created: app.clock.now(),
    };
    words::zone("zone", &tenant.zone)?;
    words::language("language", &tenant.language)?;
    let platform = app.store.platform();
    if platform.tenant(&tenant.id).await.map_err(unread)?.is_some() {
        return Err(taken(&tenant.id));
    }
    let above = app.store.tenant(&parent.row.id);
    let checked = Expect::Revision(parent.revision);
    let change = || above.change().platform(|platform| platform.check_tenant(&parent.row.id, checked).tenant(&tenant, Expect::Absent));
    things::commit(&app.store, &things::path(&parent.row), &[(Thing::Subtenants, 1)], change).await?;
    let found = asked.principal.tenant(&app, &tenant.id).await?;
    reply::row(StatusCode::CREATED, &found.row, found.revision)
}

/// Names of tenants are unique on the platform, so that one is taken shows; whose it is does not.
fn taken(id: &TenantId) -> Problem {
    Problem::at(Code::Conflict, "id", format!("the name {id} is taken; choose another"))
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    reply::row(StatusCode::OK, &inside.tenant, inside.revision)
}

pub(crate) async fn change(State(app): State<Arc<App>>, inside: Inside, Body(change): Body<TenantChange>) -> Answer {
    let Inside { asked, tenant: before, revision, .. } = inside;
    asked.no_query()?;
    let expect = asked.expect(Some(&Found { row: (), revision }))?;
    let mut tenant = before.clone();
    if let Some(label) = change.label {
        words::label("label", &label)?;
        tenant.label = label;
    }
    if let Some(zone) = change.zone {
        words::zone("zone", &zone)?;
        tenant.zone = zone;
    }
    if let Some(language) = change.language {
        words::language("language", &language)?;
        tenant.language = language;
    }
    if change.plan.is_some() || change.standing.is_some() {
        asked.principal.demand_above(&before, "the plan and the standing")?;
        is_no_platform(&before, "the plan and the standing of the platform cannot be changed")?;
    }
    tenant.standing = change.standing.unwrap_or(tenant.standing);
    let platform = app.store.platform();
    match change.plan.filter(|plan| *plan != tenant.plan) {
        None => platform.change().tenant(&tenant, expect).commit().await.map_err(uncommitted)?,
        Some(plan) => change_plan(&app, tenant, plan, expect).await?,
    }
    let found = asked.principal.tenant(&app, &before.id).await?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

/// Writes a tenant with another plan and everyone below it with what that leaves them. A growing plan is written from above, a
/// shrinking one from below, so that no child ever has more than its parent, even if we are cut short; repeating finishes it.
async fn change_plan(app: &App, mut tenant: Tenant, plan: Plan, expect: Expect) -> Result<(), Problem> {
    let platform = app.store.platform();
    let parent = tenant.parent.clone().unwrap_or_else(TenantId::platform);
    let ceiling = platform.tenant(&parent).await.map_err(unread)?.ok_or_else(Problem::stale)?.row.limits;
    let shrinks = plan.limits().within(tenant.limits) == plan.limits();
    tenant.plan = plan;
    tenant.limits = plan.limits().within(ceiling);
    let everyone_below = below(app, &tenant.id).await?;
    let mut rewritten = vec![(tenant, expect)];
    for found in everyone_below {
        let Found { row: mut child, revision } = found;
        let above = rewritten.iter().map(|(tenant, _)| tenant).find(|above| Some(&above.id) == child.parent.as_ref());
        child.limits = child.plan.limits().within(above.ok_or_else(Problem::stale)?.limits);
        rewritten.push((child, Expect::Revision(revision)));
    }
    if shrinks {
        rewritten.reverse();
    }
    for batch in rewritten.chunks(REWRITTEN_AT_ONCE) {
        let change = batch.iter().fold(platform.change(), |change, (tenant, expect)| change.tenant(tenant, *expect));
        change.commit().await.map_err(uncommitted)?;
    }
    Ok(())
}

pub(crate) async fn erase(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let Inside { asked, tenant, revision, .. } = inside;
    asked.no_query()?;
    asked.expect(Some(&Found { row: (), revision }))?;
    asked.principal.demand_above(&tenant, "the end")?;
    is_no_platform(&tenant, "the platform cannot be erased")?;
    let platform = app.store.platform();
    if let Some(child) = platform.children(&tenant.id, 1).await.map_err(unread)?.first() {
        return Err(Problem::at(Code::InUse, "tenant", format!("tenant {} is above tenant {}; erase that first", tenant.id, child.row.id)));
    }
    if let Some(binding) = addresses::held_or_claimed(&app, &tenant.id).await?.first() {
        let detail = format!("address {} still goes to tenant {}, or is claimed by it; release it first", binding.address, tenant.id);
        return Err(Problem::at(Code::InUse, "tenant", detail));
    }
    let erased = platform.erase(&tenant.id).await;
    // Also where it was cut short: it is finished later, and the tenant is gone already.
    if !matches!(erased, Err(CommitError::Conflict { .. })) {
        app.quotas.forget_tenant(&tenant.id);
    }
    erased.map_err(uncommitted)?;
    tracing::warn!(tenant = %tenant.id, by = %asked.principal.label, "a tenant was erased");
    reply::done()
}

fn is_no_platform(tenant: &Tenant, detail: &str) -> Result<(), Problem> {
    if tenant.parent.is_none() { Err(Problem::at(Code::Invalid, "tenant", detail)) } else { Ok(()) }
}
