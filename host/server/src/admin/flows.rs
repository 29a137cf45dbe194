//! Answers for flows: a tenant's named, routable units.
//!
//! A flow that was deleted leaves its releases, because trails name them by number. One that is made again under the same name goes on
//! counting, so that a number never means two things.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::flow::release::Release;
use jackfield_domain::flow::settings::SettingsRevision;
use jackfield_domain::flow::{Flow, FlowKind};
use jackfield_domain::id::FlowName;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::ENTRIES_MAX;
use jackfield_store::{Found, RoutesRow, SettingsRow};
use serde::{Deserialize, Serialize};

use super::addresses;
use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::door::words;
use super::history;
use crate::app::App;
use crate::quota::things;

/// Releases read at a time where the newest of a deleted flow is looked for.
const SCAN_STEP: usize = 500;

/// A new flow.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFlow {
    name: FlowName,
    label: String,
    kind: Option<FlowKind>,
}

/// What changes; what is absent stays.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowChange {
    label: Option<String>,
    kind: Option<FlowKind>,
}

/// The flow that the path names.
pub(crate) async fn named(inside: &Inside) -> Result<Found<Flow>, Problem> {
    let name: FlowName = inside.asked.part("flow")?;
    inside.store.get::<Flow>(&name).await.map_err(unread)?.ok_or_else(|| Problem::not_found("flow", &name))
}

pub(crate) async fn list(inside: Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<FlowName>()?;
    let rows = inside.store.list::<Flow>(after.as_ref(), limit).await.map_err(unread)?;
    reply::page(&rows, limit, |flow| flow.name.to_string())
}

pub(crate) async fn create(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewFlow>) -> Answer {
    inside.asked.no_query()?;
    words::label("label", &new.label)?;
    if inside.store.get::<Flow>(&new.name).await.map_err(unread)?.is_some() {
        return Err(Problem::at(Code::Conflict, "name", format!("flow {} exists; PATCH changes it", new.name)));
    }
    if inside.store.list::<Flow>(None, ENTRIES_MAX).await.map_err(unread)?.len() >= ENTRIES_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {ENTRIES_MAX} flows")));
    }
    let now = app.clock.now();
    let former = inside.store.settings(&Some(new.name.clone())).await.map_err(unread)?;
    let revision = former.as_ref().map_or(0, |former| former.row.settings.revision.saturating_add(1));
    let flow = Flow {
        tenant: inside.tenant.id.clone(),
        newest: newest_release(&inside, &new.name).await?,
        name: new.name,
        label: new.label,
        kind: new.kind.unwrap_or(FlowKind::Inbound),
        aliases: std::collections::BTreeMap::new(),
        history: Vec::new(),
        settings_revision: revision,
        planned: Vec::new(),
        test_callers: std::collections::BTreeMap::new(),
        withdrawn: std::collections::BTreeSet::new(),
        created: now,
    };
    let edit = history::edit(&app, &inside, format!("flow/{}", flow.name), None, Some(&flow))?;
    let change = || {
        let change = history::with(inside.store.change().put(&flow, Expect::Absent), edit.as_ref());
        if revision == 0 {
            return change;
        }
        // Settings of the flow that had the name before are not this one's.
        let value = serde_json::json!({});
        let settings = SettingsRevision { revision, value, written: now, by: inside.asked.principal.label.clone() };
        change.put(&SettingsRow { level: Some(flow.name.clone()), settings }, Expect::Absent)
    };
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Flows, 1)], change).await?;
    let found = inside.store.get::<Flow>(&flow.name).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(StatusCode::CREATED, &found.row, found.revision)
}

/// The newest release of a flow that once had that name; 0 where there was none.
async fn newest_release(inside: &Inside, name: &FlowName) -> Result<u32, Problem> {
    let mut newest = 0;
    loop {
        let step = inside.store.list::<Release>(Some(&(name.clone(), newest)), SCAN_STEP).await.map_err(unread)?;
        let count = step.len();
        let own: Vec<u32> = step.into_iter().filter(|found| found.row.flow == *name).map(|found| found.row.number).collect();
        newest = own.last().copied().unwrap_or(newest);
        if own.len() < count || count < SCAN_STEP {
            return Ok(newest);
        }
    }
}

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let mut found = named(&inside).await?;
    found.row.settle(app.clock.now());
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn change(State(app): State<Arc<App>>, inside: Inside, Body(change): Body<FlowChange>) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let was = found.row.clone();
    let mut flow = found.row;
    if let Some(label) = change.label {
        words::label("label", &label)?;
        flow.label = label;
    }
    flow.kind = change.kind.unwrap_or(flow.kind);
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    let found = named(&inside).await?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let name = found.row.name.clone();
    let bindings = addresses::held_or_claimed(&app, &inside.tenant.id).await?;
    if let Some(binding) = bindings.iter().find(|binding| binding.flows().any(|flow| *flow == name)) {
        let detail = format!("address {} goes to flow {name}, or is to; release or move it first", binding.address);
        return Err(Problem::at(Code::InUse, "flow", detail));
    }
    let edit = history::edit(&app, &inside, format!("flow/{name}"), Some(&found.row), None)?;
    let change = || {
        let change = inside.store.change().delete::<Flow>(&name, expect).delete::<RoutesRow>(&Some(name.clone()), Expect::Anything);
        history::with(change, edit.as_ref())
    };
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Flows, -1)], change).await?;
    reply::done()
}
