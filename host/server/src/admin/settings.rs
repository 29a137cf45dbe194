//! Answers for settings: a JSON object of a tenant or a flow, written whole, every revision kept.
//!
//! What is written here changes no running flow: a release takes the settings of all levels, merged, when it is made. A flow's own
//! settings are tried with the schema of what is live, so that a mistake shows now and not at the next release.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::settings::{SettingsRevision, check, check_schema, merge};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_store::{Level, SettingsRow, TenantStore};
use serde_json::{Value, json};

use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::{flows, history, releases};
use crate::app::App;

/// The newest settings of a level; an empty object where nobody set any.
async fn newest(store: &TenantStore, level: &Level) -> Result<SettingsRevision, Problem> {
    let found = store.settings(level).await.map_err(unread)?;
    let none = SettingsRevision { revision: 0, value: json!({}), written: 0, by: String::new() };
    Ok(found.map_or(none, |found| found.row.settings))
}

/// The settings that a new release of a flow takes: platform, ancestors, tenant and flow, the nearest winning.
pub(crate) async fn merged(app: &App, inside: &Inside, flow: &Flow) -> Result<Value, Problem> {
    let own = flow_level(inside, flow).await?;
    merged_with(app, inside, &own).await
}

async fn merged_with(app: &App, inside: &Inside, own: &Value) -> Result<Value, Problem> {
    let mut levels = Vec::new();
    for id in inside.tenant.ancestors.iter().chain(std::iter::once(&inside.tenant.id)) {
        levels.push(newest(&app.store.tenant(id), &None).await?.value);
    }
    levels.push(own.clone());
    let merged = merge(&levels);
    check(&merged)?;
    Ok(merged)
}

/// A flow's own settings at the revision that the flow names.
async fn flow_level(inside: &Inside, flow: &Flow) -> Result<Value, Problem> {
    if flow.settings_revision == 0 {
        return Ok(json!({}));
    }
    let id = (Some(flow.name.clone()), flow.settings_revision);
    let found = inside.store.get::<SettingsRow>(&id).await.map_err(unread)?;
    let none = || Problem::Broke(format!("flow {} names settings revision {}, which is not there", flow.name, flow.settings_revision));
    found.map(|found| found.row.settings.value).ok_or_else(none)
}

pub(crate) async fn show_tenants(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    reply::plain(newest(&inside.store, &None).await?)
}

pub(crate) async fn show_flows(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row;
    reply::plain(newest(&inside.store, &Some(flow.name)).await?)
}

/// Settings have revisions of their own; If-Match may name the one that was read.
fn next(inside: &Inside, now: &SettingsRevision) -> Result<u32, Problem> {
    let revision = u64::from(now.revision);
    inside.asked.expect(Some(&jackfield_store::Found { row: (), revision }))?;
    now.revision.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, "these settings have no revisions left"))
}

pub(crate) async fn set_tenants(State(app): State<Arc<App>>, inside: Inside, Body(value): Body<Value>) -> Answer {
    inside.asked.no_query()?;
    check(&value)?;
    let now = newest(&inside.store, &None).await?;
    let settings = revision(&app, &inside, next(&inside, &now)?, value);
    let row = SettingsRow { level: None, settings: settings.clone() };
    let change = inside.store.change().put(&row, Expect::Absent);
    let change = history::noted(&app, &inside, change, "settings".to_owned(), Some(&now.value), Some(&settings.value)).await?;
    change.commit().await.map_err(uncommitted)?;
    reply::plain(settings)
}

pub(crate) async fn set_flows(State(app): State<Arc<App>>, inside: Inside, Body(value): Body<Value>) -> Answer {
    inside.asked.no_query()?;
    check(&value)?;
    let found = flows::named(&inside).await?;
    let merged = merged_with(&app, &inside, &value).await?;
    if let Some(version) = releases::live_version(&app, &inside, &found.row).await? {
        check_schema(&version.metadata.settings_schema, &merged)?;
    }
    let level = Some(found.row.name.clone());
    let now = newest(&inside.store, &level).await?;
    let settings = revision(&app, &inside, next(&inside, &now)?, value);
    let flow = Flow { settings_revision: settings.revision, ..found.row };
    let row = SettingsRow { level, settings: settings.clone() };
    let change = inside.store.change().put(&flow, Expect::Revision(found.revision)).put(&row, Expect::Absent);
    let thing = format!("settings/{}", flow.name);
    let change = history::noted(&app, &inside, change, thing, Some(&now.value), Some(&settings.value)).await?;
    change.commit().await.map_err(uncommitted)?;
    reply::plain(settings)
}

fn revision(app: &App, inside: &Inside, revision: u32, value: Value) -> SettingsRevision {
    SettingsRevision { revision, value, written: app.clock.now(), by: inside.asked.principal.label.clone() }
}
