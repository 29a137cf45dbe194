//! Answers for files of test cases that a tenant keeps: of one plugin, or of every plugin that it and those below it run.
//!
//! A file comes as YAML, as it lies beside the plugin's source, and is read when it is kept: a mistake is told with its line and column
//! and not at the next upload. Whether its cases hold is not asked here; a case that fails today may be written before what it asks for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use http::StatusCode;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::case_file::{CASE_FILE_BYTES_MAX, CASE_FILES_MAX, CASES_MAX, CaseFile};
use jackfield_domain::flow::plugin::{Plugin, Version};
use jackfield_domain::id::{EntryName, FlowName, PluginName};
use jackfield_domain::refusal::Code;
use jackfield_store::{Found, TenantStore};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::door::body::{self, Body};
use super::super::door::guard::Inside;
use super::super::door::problem::{Problem, uncommitted, unread};
use super::super::door::reply::{self, Answer};
use super::super::settings;
use super::Candidate;
use crate::app::App;

const PATIENCE: Duration = Duration::from_secs(30);

/// With what cases run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// With the settings that a release of this flow would have now; none: as an upload would.
    #[serde(default)]
    flow: Option<FlowName>,
}

/// A tenant's files for one plugin, or for all.
pub(super) async fn of(store: &TenantStore, plugin: Option<&PluginName>) -> Result<Vec<Found<CaseFile>>, Problem> {
    store.case_files(plugin, CASE_FILES_MAX).await.map_err(unread)
}

/// Files are kept for a plugin that is there: the tenant's own, or one of those above it that the tenant may run.
async fn there_is(app: &App, inside: &Inside, plugin: &PluginName) -> Result<(), Problem> {
    for owner in std::iter::once(&inside.tenant.id).chain(inside.tenant.ancestors.iter().rev()) {
        if app.store.tenant(owner).get::<Plugin>(plugin).await.map_err(unread)?.is_some() {
            return Ok(());
        }
    }
    Err(Problem::not_found("plugin", plugin))
}

/// Of the plugin in the path, or of all where the path names none.
fn plugin(inside: &Inside) -> Result<Option<PluginName>, Problem> {
    if inside.asked.raw_part("plugin").is_empty() { Ok(None) } else { inside.asked.part("plugin").map(Some) }
}

fn id(inside: &Inside) -> Result<(Option<PluginName>, EntryName), Problem> {
    Ok((plugin(inside)?, inside.asked.part("name")?))
}

/// What lists tell: everything but the text.
fn told(found: &Found<CaseFile>) -> serde_json::Value {
    let CaseFile { plugin, name, text, cases, written, by } = &found.row;
    json!({ "plugin": plugin, "name": name, "cases": cases, "bytes": text.len(), "written": written, "by": by, "revision": found.revision })
}

pub(crate) async fn list(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let files = of(&inside.store, plugin(&inside)?.as_ref()).await?;
    reply::plain(json!({ "items": files.iter().map(told).collect::<Vec<_>>(), "next": null }))
}

async fn named(inside: &Inside) -> Result<Found<CaseFile>, Problem> {
    let id = id(inside)?;
    let found = inside.store.get::<CaseFile>(&id).await.map_err(unread)?;
    found.ok_or_else(|| Problem::not_found("file of test cases", &id.1))
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, request: Request) -> Answer {
    inside.asked.no_query()?;
    let (plugin, name) = id(&inside)?;
    if let Some(plugin) = &plugin {
        there_is(&app, &inside, plugin).await?;
    }
    body::check_type(request.headers(), "application/yaml")?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, CASE_FILE_BYTES_MAX, PATIENCE).await?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|e| Problem::at(Code::Invalid, "body", format!("the file is not UTF-8: {e}")))?;
    let read = jackfield_cases::parse(Path::new(name.as_str()), &text).map_err(|e| Problem::at(Code::Invalid, "cases", e.to_string()))?;
    let found = inside.store.get::<CaseFile>(&(plugin.clone(), name.clone())).await.map_err(unread)?;
    let expect = inside.asked.expect(found.as_ref())?;
    let others: Vec<_> = of(&inside.store, plugin.as_ref()).await?.into_iter().filter(|other| other.row.name != name).collect();
    let cases = u32::try_from(read.cases.len()).unwrap_or(u32::MAX);
    let all = others.iter().fold(cases, |all, other| all.saturating_add(other.row.cases));
    if others.len() >= CASE_FILES_MAX || all as usize > CASES_MAX {
        let detail = format!("{} files with {all} cases; at most {CASE_FILES_MAX} with {CASES_MAX}", others.len() + 1);
        return Err(Problem::at(Code::LimitReached, "cases", detail));
    }
    let is_new = found.is_none();
    let file = CaseFile { plugin, name, text, cases, written: app.clock.now(), by: inside.asked.principal.label.clone() };
    inside.store.change().put(&file, expect).commit().await.map_err(uncommitted)?;
    let kept = named(&inside).await?;
    reply::plain(json!({ "file": told(&kept), "new": is_new }))
}

pub(crate) async fn delete(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    inside.store.change().delete::<CaseFile>(&id(&inside)?, expect).commit().await.map_err(uncommitted)?;
    reply::done()
}

/// Runs what must hold for a version, and tells all of it whether or not it does: as an upload would, or with the settings that a release
/// of a flow would have now.
pub(crate) async fn run(State(app): State<Arc<App>>, inside: Inside, Body(run): Body<Run>) -> Answer {
    inside.asked.no_query()?;
    let settings = match &run.flow {
        Some(name) => {
            let flow = inside.store.get::<Flow>(name).await.map_err(unread)?.ok_or_else(|| Problem::not_found("flow", name))?;
            Some(settings::merged(&app, &inside, &flow.row).await?)
        }
        None => None,
    };
    let name: PluginName = inside.asked.part("plugin")?;
    let number = inside.asked.raw_part("number");
    let number = number.parse::<u32>().map_err(|_| Problem::at(Code::Invalid, "version", "a version is named by its number"))?;
    let found = inside.store.get::<Version>(&(name.clone(), number)).await.map_err(unread)?;
    let version = found.ok_or_else(|| Problem::not_found("version", &number))?.row;
    let owner = &inside.tenant.id;
    let candidate = Candidate { tenant: &inside.tenant, owner, plugin: &name, installed: super::installed(version), settings };
    reply::plain(super::hold(&app, candidate).await?)
}
