//! Answers for settings: a JSON object of a tenant or a flow, written whole, every revision kept.
//!
//! What is written here changes no running flow: a release takes the settings of all levels, merged, when it is made. A flow's own
//! settings are tried with the schema of what is live, so that a mistake shows now and not at the next release; those of another schema are
//! written with the release that takes them.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::inherited::{InForce, Level, inherit, widened};
use jackfield_domain::flow::settings::{SettingsRevision, check, check_schema};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::Tenant;
use jackfield_store::{Change, SettingsRow, TenantStore};
use serde_json::{Value, json};

use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::{flows, history, releases};
use crate::app::App;

/// The newest settings of a level; an empty object where nobody set any.
async fn newest(store: &TenantStore, level: &jackfield_store::Level) -> Result<SettingsRevision, Problem> {
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
    let mut levels = tenants_levels(app, &inside.tenant).await?;
    levels.push(("the flow".to_owned(), own.clone()));
    let merged = inherit(&borrowed(&levels));
    check(&merged)?;
    Ok(merged)
}

/// The settings of everyone above a tenant, the highest first, and its own.
pub(crate) async fn tenants_levels(app: &App, tenant: &Tenant) -> Result<Vec<(String, Value)>, Problem> {
    let mut levels = Vec::new();
    for id in tenant.ancestors.iter().chain(std::iter::once(&tenant.id)) {
        levels.push((id.to_string(), newest(&app.store.tenant(id), &None).await?.value));
    }
    Ok(levels)
}

pub(crate) fn borrowed(levels: &[(String, Value)]) -> Vec<Level<'_>> {
    levels.iter().map(|(of, value)| Level { of, value }).collect()
}

/// Refuses what would be more than stands above: it would be narrowed without a word.
fn check_not_wider(above: &[(String, Value)], of: &str, value: &Value) -> Result<(), Problem> {
    match widened(&borrowed(above), Level { of, value }) {
        Some(InForce { pointer, value, from, .. }) => {
            let detail = format!("{pointer} would be more than {value}, which {from} has; features and limits can only be narrowed here");
            Err(Problem::at(Code::Invalid, &pointer, detail))
        }
        None => Ok(()),
    }
}

/// A flow's own settings at the revision that the flow names.
pub(crate) async fn flow_level(inside: &Inside, flow: &Flow) -> Result<Value, Problem> {
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
    after(now)
}

pub(crate) async fn set_tenants(State(app): State<Arc<App>>, inside: Inside, Body(value): Body<Value>) -> Answer {
    inside.asked.no_query()?;
    check(&value)?;
    let mut above = tenants_levels(&app, &inside.tenant).await?;
    above.pop();
    check_not_wider(&above, inside.tenant.id.as_str(), &value)?;
    let now = newest(&inside.store, &None).await?;
    let settings = revision(&app, &inside, next(&inside, &now)?, value);
    let row = SettingsRow { level: None, settings: settings.clone() };
    let change = inside.store.change().put(&row, Expect::Absent);
    let change = history::noted(&app, &inside, change, "settings".to_owned(), Some(&now.value), Some(&settings.value)).await?;
    change.commit().await.map_err(uncommitted)?;
    reply::plain(settings)
}

/// A flow's own settings that are to be written: what they make with those above, and the next revision.
pub(super) struct Beside {
    /// After inheritance: what a release takes.
    pub merged: Value,
    /// The revision that the flow will name.
    pub settings: SettingsRevision,
    before: SettingsRevision,
    level: jackfield_store::Level,
}

impl Beside {
    /// Checks what somebody wrote; a schema is asked by whoever knows the version that is to take it.
    pub(super) async fn of(
        app: &App,
        inside: &Inside,
        flow: &Flow,
        value: Value,
        number: impl FnOnce(&SettingsRevision) -> Result<u32, Problem>,
    ) -> Result<Self, Problem> {
        check(&value)?;
        check_not_wider(&tenants_levels(app, &inside.tenant).await?, "the flow", &value)?;
        let merged = merged_with(app, inside, &value).await?;
        let level = Some(flow.name.clone());
        let before = newest(&inside.store, &level).await?;
        let settings = revision(app, inside, number(&before)?, value);
        Ok(Self { merged, settings, before, level })
    }

    /// Puts them into a change, with the edit that they are. The flow that names them is the caller's.
    pub(super) async fn put(&self, app: &App, inside: &Inside, flow: &Flow, change: Change) -> Result<Change, Problem> {
        let change = change.put(&SettingsRow { level: self.level.clone(), settings: self.settings.clone() }, Expect::Absent);
        let thing = format!("settings/{}", flow.name);
        history::noted(app, inside, change, thing, Some(&self.before.value), Some(&self.settings.value)).await
    }
}

/// The revision after one.
pub(super) fn after(now: &SettingsRevision) -> Result<u32, Problem> {
    now.revision.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, "these settings have no revisions left"))
}

pub(crate) async fn set_flows(State(app): State<Arc<App>>, inside: Inside, Body(value): Body<Value>) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let own = Beside::of(&app, &inside, &found.row, value, |now| next(&inside, now)).await?;
    if let Some(version) = releases::live_version(&app, &inside, &found.row).await? {
        check_schema(&version.metadata.settings_schema, &own.merged)?;
    }
    let flow = Flow { settings_revision: own.settings.revision, ..found.row };
    let change = inside.store.change().put(&flow, Expect::Revision(found.revision));
    own.put(&app, &inside, &flow, change).await?.commit().await.map_err(uncommitted)?;
    reply::plain(own.settings)
}

fn revision(app: &App, inside: &Inside, revision: u32, value: Value) -> SettingsRevision {
    SettingsRevision { revision, value, written: app.clock.now(), by: inside.asked.principal.label.clone() }
}
