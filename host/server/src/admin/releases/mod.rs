//! Answers for releases: what a flow runs, immutable and numbered, and the aliases that point at them.
//!
//! A release is checked when it is made - settings against the plugin's schema, grants against its imports, limits against the
//! tenant's - and again with every bound address when an alias makes it live, because what a provider cannot render should be known
//! before a call and not in it.

pub mod made;
pub mod planned;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::{Record, Release, ReleaseNumber, VersionRef};
use jackfield_domain::id::AliasName;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::Binding;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::addresses::{self, BINDINGS_MAX};
use super::door::body::Body;
use super::door::guard;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::{flows, gate, history};
use crate::app::App;

/// Aliases of a flow: live, a few stages and what people try.
const ALIASES_MAX: usize = 50;

/// Where an alias points.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pointed {
    release: ReleaseNumber,
    /// It may do more than what is live, and that is meant.
    #[serde(default)]
    approve: bool,
}

/// How far back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Back {
    /// Contacts that run what is rolled back go to the default routes with their next event.
    #[serde(default)]
    live_contacts: bool,
}

/// A release with what it did so far and what should be known of it.
#[derive(Debug, Serialize)]
struct View {
    #[serde(flatten)]
    release: Release,
    record: Record,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// The version that a flow's live release runs.
pub(crate) async fn live_version(app: &App, inside: &Inside, flow: &Flow) -> Result<Option<Version>, Problem> {
    let Some(number) = flow.live_at(app.clock.now()) else { return Ok(None) };
    let release = inside.store.get::<Release>(&(flow.name.clone(), number)).await.map_err(unread)?;
    match release {
        Some(release) => version_of(app, &release.row).await.map(Some),
        None => Ok(None),
    }
}

/// The actions that a flow's live plugin lists, and those that are planned; none where nothing is.
pub(crate) async fn live_actions(app: &App, inside: &Inside, flow: &Flow) -> Result<Vec<String>, Problem> {
    let mut actions = live_version(app, inside, flow).await?.map(|version| version.metadata.actions).unwrap_or_default();
    for planned in &flow.planned {
        let release = numbered(inside, flow, planned.release).await?.row;
        actions.extend(version_of(app, &release).await?.metadata.actions);
    }
    actions.sort_unstable();
    actions.dedup();
    Ok(actions)
}

async fn version_of(app: &App, release: &Release) -> Result<Version, Problem> {
    let VersionRef { tenant, plugin, number, .. } = &release.version;
    let found = app.store.tenant(tenant).get::<Version>(&(plugin.clone(), *number)).await.map_err(unread)?;
    let gone = || Problem::at(Code::InUse, "release", format!("version {number} of plugin {plugin} of tenant {tenant} is gone"));
    found.map(|found| found.row).ok_or_else(gone)
}

pub(crate) async fn list(inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let after = query.get("after").map(|after| after.parse::<u32>()).transpose();
    let after = after.map_err(|_| Problem::at(Code::Invalid, "after", "after takes a release's number"))?.unwrap_or(0);
    let flow = flows::named(&inside).await?.row;
    let rows = inside.store.list::<Release>(Some(&(flow.name.clone(), after)), limit).await.map_err(unread)?;
    let mut views = Vec::new();
    for Found { row, revision } in rows.into_iter().filter(|found| found.row.flow == flow.name) {
        let record = inside.store.record(&flow.name, row.number).await.map_err(unread)?;
        views.push(Found { row: View { release: row, record, notes: Vec::new() }, revision });
    }
    reply::page(&views, limit, |view| view.release.number.to_string())
}

/// The release of that number.
async fn numbered(inside: &Inside, flow: &Flow, number: ReleaseNumber) -> Result<Found<Release>, Problem> {
    let found = inside.store.get::<Release>(&(flow.name.clone(), number)).await.map_err(unread)?;
    found.ok_or_else(|| Problem::not_found("release", &number))
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row;
    let text = inside.asked.raw_part("number");
    let number = text.parse().map_err(|_| Problem::at(Code::Invalid, "release", "a release is named by its number"))?;
    let Found { row, revision } = numbered(&inside, &flow, number).await?;
    let record = inside.store.record(&flow.name, number).await.map_err(unread)?;
    reply::row(StatusCode::OK, &View { release: row, record, notes: Vec::new() }, revision)
}

pub(crate) async fn aliases(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    reply::plain(json!({ "aliases": found.row.aliases, "revision": found.revision }))
}

pub(crate) async fn activate(State(app): State<Arc<App>>, inside: Inside, Body(to): Body<Pointed>) -> Answer {
    inside.asked.no_query()?;
    let alias: AliasName = inside.asked.part("alias")?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let before = found.row.clone();
    let mut flow = found.row;
    // What was planned for a moment that has passed was live until now.
    let now = app.clock.now();
    flow.settle(now);
    let was = flow.aliases.get(&alias).copied();
    let mut notes = check_release(&app, &inside, &flow, to.release, &alias).await?;
    if alias == AliasName::live() {
        notes.extend(promote(&app, &inside, &flow, to.release, to.approve).await?);
    }
    if alias == AliasName::live() {
        flow.end_exception(now);
    }
    flow.point(alias.clone(), to.release);
    if flow.aliases.len() > ALIASES_MAX {
        return Err(Problem::at(Code::LimitReached, "alias", format!("a flow has at most {ALIASES_MAX} aliases")));
    }
    history::noted_flow(&app, &inside, &before, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    reply::plain(json!({ "flow": flow.name, "alias": alias, "was": was, "release": to.release, "notes": notes }))
}

/// What stands before a release that is to be live: its cases, and approval of what is wider.
pub(crate) async fn promote(
    app: &App,
    inside: &Inside,
    flow: &Flow,
    number: ReleaseNumber,
    approved: bool,
) -> Result<Vec<String>, Problem> {
    let release = numbered(inside, flow, number).await?.row;
    let version = version_of(app, &release).await?;
    gate::promote(app, inside, flow, &release, version, approved).await
}

/// A release that is to route must exist, and every bound address must be able to carry what its plugin lists.
pub(crate) async fn check_release(
    app: &App,
    inside: &Inside,
    flow: &Flow,
    number: ReleaseNumber,
    alias: &AliasName,
) -> Result<Vec<String>, Problem> {
    let release = numbered(inside, flow, number).await?.row;
    let version = version_of(app, &release).await?;
    if *alias != AliasName::live() {
        return Ok(Vec::new());
    }
    let mut notes = Vec::new();
    let bindings = app.store.platform().bindings_of(&inside.tenant.id, BINDINGS_MAX).await.map_err(unread)?;
    let ours = bindings.iter().filter(|binding| binding.flows().any(|name| *name == flow.name));
    let ids: BTreeSet<_> = ours.flat_map(Binding::connections).collect();
    for id in ids {
        let connection = addresses::connection(app, inside, id).await?.row;
        let degraded = addresses::check(&version.metadata.actions, &connection)?;
        notes.extend(degraded.into_iter().map(|note| format!("through {id}: {note}")));
    }
    Ok(notes)
}

pub(crate) async fn roll_back(State(app): State<Arc<App>>, inside: Inside, Body(back): Body<Back>) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let was = found.row.clone();
    let mut flow = found.row;
    let now = app.clock.now();
    flow.settle(now);
    if let (Some(from), Some(to)) = (flow.live_at(now), flow.live().filter(|live| Some(*live) != flow.live_at(now))) {
        // What is live routes again as soon as what was planned for a while is over, and that is now.
        flow.end_exception(now);
        if back.live_contacts {
            flow.withdraw(from);
        }
        history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
        return reply::plain(json!({
            "flow": flow.name, "from": from, "to": to, "live_contacts": back.live_contacts,
            "notes": ["what was planned for this time is removed"],
        }));
    }
    let (Some(from), Some(to)) = (flow.live(), flow.history.first().copied()) else {
        return Err(Problem::at(Code::NotFound, "release", format!("flow {} has no release that was live before", flow.name)));
    };
    let notes = check_release(&app, &inside, &flow, to, &AliasName::live()).await?;
    flow.point(AliasName::live(), to);
    // What was rolled back is not a release to go back to.
    flow.history.retain(|number| *number != from);
    if back.live_contacts {
        flow.withdraw(from);
    }
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    reply::plain(json!({ "flow": flow.name, "from": from, "to": to, "live_contacts": back.live_contacts, "notes": notes }))
}
