//! Shows what a tenant has after inheritance: settings, hours, default routes and limits, each with where it comes from.
//!
//! For whoever asks "why does this department do that?". It reads with the same rules as releases and calls, so that what is shown is what
//! the next release takes and the next call meets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::inherited::in_force;
use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{Closure, ENTRIES_MAX};
use jackfield_domain::tenant::hours::Hours;
use jackfield_store::RoutesRow;
use serde_json::{Value, json};

use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use super::settings::{borrowed, flow_level, tenants_levels};
use crate::app::App;

/// Of a tenant, or with `flow` of one of its flows.
pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["flow"])?;
    let flow = match query.get("flow") {
        Some(name) => Some(named(&inside, name).await?),
        None => None,
    };
    let mut levels = tenants_levels(&app, &inside.tenant).await?;
    if let Some(flow) = &flow {
        levels.push((format!("flow {}", flow.name), flow_level(&inside, flow).await?));
    }
    reply::plain(json!({
        "tenant": inside.tenant.id,
        "flow": flow.as_ref().map(|flow| &flow.name),
        "plan": inside.tenant.plan,
        "limits": inside.tenant.limits,
        "settings": in_force(&borrowed(&levels)),
        "hours": hours(&app, &inside).await?,
        "closure": closure(&app, &inside).await?,
        "routes": routes(&app, &inside, flow.as_ref()).await?,
    }))
}

async fn named(inside: &Inside, name: &str) -> Result<Flow, Problem> {
    let name: FlowName =
        name.parse().map_err(|error: jackfield_domain::id::BadId| Problem::at(Code::Invalid, "flow", error.to_string()))?;
    let found = inside.store.get::<Flow>(&name).await.map_err(unread)?;
    found.map(|found| found.row).ok_or_else(|| Problem::not_found("flow", &name))
}

/// The tenant and everyone above it, the nearest first.
fn nearest_first(inside: &Inside) -> Vec<TenantId> {
    std::iter::once(&inside.tenant.id).chain(inside.tenant.ancestors.iter().rev()).cloned().collect()
}

/// Hours by name, with whose they are and within whose they stand.
async fn hours(app: &App, inside: &Inside) -> Result<BTreeMap<String, Value>, Problem> {
    let mut all: BTreeMap<String, Vec<TenantId>> = BTreeMap::new();
    for id in nearest_first(inside) {
        for found in app.store.tenant(&id).list::<Hours>(None, ENTRIES_MAX).await.map_err(unread)? {
            all.entry(found.row.name.to_string()).or_default().push(id.clone());
        }
    }
    // Open only while all of them are.
    let shown = |whose: Vec<TenantId>| match whose.split_first() {
        Some((from, within)) if !within.is_empty() => json!({ "from": from, "within": within }),
        _ => json!({ "from": whose.first() }),
    };
    Ok(all.into_iter().map(|(name, whose)| (name, shown(whose))).collect())
}

/// The closure in force, with whose it is.
async fn closure(app: &App, inside: &Inside) -> Result<Option<Value>, Problem> {
    let now = app.clock.now();
    let mut all = Vec::new();
    for id in nearest_first(inside) {
        let found = app.store.tenant(&id).get::<Closure>(&()).await.map_err(unread)?;
        all.extend(found.filter(|found| found.row.is_in_force(now)).map(|found| (id, found.row)));
    }
    let strongest = all.iter().find(|(_, closure)| closure.bypass).or_else(|| all.first());
    Ok(strongest.map(|(from, closure)| json!({ "from": from, "reason": closure.reason, "until": closure.until, "bypass": closure.bypass })))
}

/// The default routes that answer, by channel and language, with whose they are.
async fn routes(app: &App, inside: &Inside, flow: Option<&Flow>) -> Result<Vec<Value>, Problem> {
    let mut all: Vec<Value> = Vec::new();
    let own = flow.map(|flow| (inside.tenant.id.clone(), Some(flow.name.clone())));
    let tenants = nearest_first(inside).into_iter().map(|id| (id, None));
    for (id, level) in own.into_iter().chain(tenants) {
        let Some(found) = app.store.tenant(&id).get::<RoutesRow>(&level).await.map_err(unread)? else { continue };
        for route in &found.row.routes.0 {
            let from = level.as_ref().map_or_else(|| id.to_string(), |flow| format!("flow {flow}"));
            let is_covered = |known: &Value| known["channel"] == json!(route.channel) && known["language"] == json!(route.language);
            if !all.iter().any(is_covered) {
                all.push(json!({ "channel": route.channel, "language": route.language, "from": from }));
            }
        }
    }
    Ok(all)
}
