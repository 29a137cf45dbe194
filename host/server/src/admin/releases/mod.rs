//! Answers for releases: what a flow runs, immutable and numbered, and the aliases that point at them.
//!
//! A release is checked when it is made - settings against the plugin's schema, grants against its imports, limits against the
//! tenant's - and again with every bound address when an alias makes it live, because what a provider cannot render should be known
//! before a call and not in it.

pub mod planned;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::budget::Limits;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::egress::{EgressRules, Scheme};
use jackfield_domain::flow::plugin::{Grant, Plugin, SlotClass, Version};
use jackfield_domain::flow::release::{Record, Release, ReleaseNumber, VersionRef};
use jackfield_domain::flow::settings::check_schema;
use jackfield_domain::id::{AliasName, PluginName, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::Binding;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::addresses::{self, BINDINGS_MAX};
use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::door::{guard, words};
use super::{flows, gate, history, settings};
use crate::app::App;

/// Below that no interpreter of the large class starts: StarlingMonkey needs about 20 MiB, Python 40.
const LARGE_MEMORY_BYTES: u64 = 32 * 1024 * 1024;
/// Aliases of a flow: live, a few stages and what people try.
const ALIASES_MAX: usize = 50;

/// A new release.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRelease {
    plugin: PluginName,
    version: Option<u32>,
    tenant: Option<TenantId>,
    grants: Option<BTreeSet<Grant>>,
    limits: Option<Map<String, Value>>,
    egress: Option<EgressRules>,
    #[serde(default)]
    note: String,
}

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

pub(crate) async fn create(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewRelease>) -> Answer {
    inside.asked.no_query()?;
    words::note("note", &new.note)?;
    let flow = flows::named(&inside).await?;
    let version = wanted_version(&app, &inside, &new).await?;
    let egress = new.egress.unwrap_or_default();
    let grants = grants(new.grants, &version, !egress.is_empty())?;
    check_egress(&app, &egress)?;
    let limits = limits(new.limits, &inside.tenant.limits)?;
    let merged = settings::merged(&app, &inside, &flow.row).await?;
    check_schema(&version.metadata.settings_schema, &merged)?;
    let number = flow.row.newest.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, "the flow has no release numbers left"))?;
    let notes = notes(&version, &grants, &limits);
    let release = Release {
        tenant: inside.tenant.id.clone(),
        flow: flow.row.name.clone(),
        number,
        version: VersionRef { tenant: version.tenant, plugin: version.plugin, number: version.number, digest: version.digest },
        settings_revision: flow.row.settings_revision,
        settings: merged,
        grants,
        egress,
        limits,
        note: new.note,
        created: app.clock.now(),
        by: inside.asked.principal.label.clone(),
    };
    let flow_after = Flow { newest: number, ..flow.row.clone() };
    let change = history::noted_flow(&app, &inside, &flow.row, &flow_after, Expect::Revision(flow.revision)).await?;
    change.put(&release, Expect::Absent).commit().await.map_err(uncommitted)?;
    let Found { row, revision } = numbered(&inside, &flow_after, number).await?;
    reply::row(StatusCode::CREATED, &View { release: row, record: Record::default(), notes }, revision)
}

/// The version that is meant: of the tenant that was named, else of the nearest that has such a plugin, from the tenant upwards.
async fn wanted_version(app: &App, inside: &Inside, new: &NewRelease) -> Result<Version, Problem> {
    let line = || std::iter::once(&inside.tenant.id).chain(inside.tenant.ancestors.iter().rev());
    let owners: Vec<&TenantId> = match &new.tenant {
        Some(named) => line().filter(|id| *id == named).collect(),
        None => line().collect(),
    };
    for owner in owners {
        let scope = app.store.tenant(owner);
        let Some(plugin) = scope.get::<Plugin>(&new.plugin).await.map_err(unread)? else { continue };
        let number = new.version.unwrap_or(plugin.row.newest);
        let found = scope.get::<Version>(&(new.plugin.clone(), number)).await.map_err(unread)?;
        return found
            .map(|found| found.row)
            .ok_or_else(|| Problem::at(Code::NotFound, "version", format!("plugin {} has no version {number}", new.plugin)));
    }
    Err(Problem::not_found("plugin", &new.plugin))
}

/// What was asked for, or all that the plugin imports; `http` with rules alone, and rules with `http` alone.
fn grants(wanted: Option<BTreeSet<Grant>>, version: &Version, has_rules: bool) -> Result<BTreeSet<Grant>, Problem> {
    let wanted = wanted.unwrap_or_else(|| version.imports.iter().copied().filter(|grant| *grant != Grant::Http || has_rules).collect());
    if let Some(extra) = wanted.difference(&version.imports).next() {
        let has: Vec<&str> = version.imports.iter().map(|grant| grant.interface()).collect();
        let detail = format!("the plugin does not import {}; it imports {}", extra.interface(), has.join(", "));
        return Err(Problem::at(Code::BadGrant, "grants", detail));
    }
    match (wanted.contains(&Grant::Http), has_rules) {
        (true, false) => {
            Err(Problem::at(Code::BadGrant, "egress", "http is granted with rules alone: say which hosts the release may reach"))
        }
        (false, true) => Err(Problem::at(Code::BadGrant, "egress", "rules say what may be reached with http, which is not granted")),
        _ => Ok(wanted),
    }
}

/// A rule that this platform would never obey is refused now and not on a call.
fn check_egress(app: &App, egress: &EgressRules) -> Result<(), Problem> {
    for (at, rule) in egress.iter().enumerate() {
        if rule.scheme == Scheme::Http && !app.gate.plain_http() {
            return Err(Problem::at(Code::Invalid, &format!("egress[{at}].scheme"), "this platform's plugins speak https alone"));
        }
        let address = rule.host.to_string().trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if address.is_ok_and(|address| !app.gate.addresses().may_be_reached(address)) {
            let detail = format!("{} is an address that plugins never reach on this platform", rule.host);
            return Err(Problem::at(Code::Invalid, &format!("egress[{at}].host"), detail));
        }
    }
    Ok(())
}

/// The tenant's limits, narrowed by those that were given.
fn limits(wanted: Option<Map<String, Value>>, ceiling: &Limits) -> Result<Limits, Problem> {
    let Some(wanted) = wanted else { return Ok(*ceiling) };
    let Value::Object(mut all) = json!(ceiling) else { return Err(Problem::Broke("limits are an object".to_owned())) };
    for (name, value) in wanted {
        let at = format!("limits.{name}");
        let Some(most) = all.get(&name).and_then(Value::as_u64) else {
            let known: Vec<&String> = all.keys().collect();
            return Err(Problem::at(Code::Invalid, &at, format!("there is no limit {name:?}; there are {known:?}")));
        };
        match value.as_u64() {
            Some(0) | None => return Err(Problem::at(Code::Invalid, &at, format!("{name} is a number from 1 to {most}"))),
            Some(given) if given > most => {
                return Err(Problem::at(Code::LimitReached, &at, format!("{name} is at most {most} for this tenant, not {given}")));
            }
            Some(_) => all.insert(name, value),
        };
    }
    serde_json::from_value(Value::Object(all)).map_err(|e| Problem::at(Code::Invalid, "limits", e.to_string()))
}

fn notes(version: &Version, grants: &BTreeSet<Grant>, limits: &Limits) -> Vec<String> {
    let mut notes = Vec::new();
    if version.class == SlotClass::Large && limits.memory_bytes_max < LARGE_MEMORY_BYTES {
        notes.push(format!(
            "the plugin carries an interpreter and has {} MiB; a tenant on the plan large gets 64",
            limits.memory_bytes_max >> 20
        ));
    }
    for ungranted in version.imports.difference(grants) {
        notes.push(format!("the plugin imports {}, which is not granted: it will be denied", ungranted.interface()));
    }
    notes
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

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::budget::Plan;

    fn given(value: Value) -> Result<Limits, Problem> {
        let Value::Object(map) = value else { panic!("an object") };
        limits(Some(map), &Plan::Standard.limits())
    }

    #[test]
    fn a_release_narrows_the_tenants_limits_and_never_widens_them() {
        let ceiling = Plan::Standard.limits();
        let narrowed = given(json!({ "fuel_max": 1_000 })).unwrap();
        assert_eq!(narrowed, Limits { fuel_max: 1_000, ..ceiling });
        assert_eq!(limits(None, &ceiling).unwrap(), ceiling);
        for (value, at) in [
            (json!({ "fuel_max": ceiling.fuel_max + 1 }), "limits.fuel_max"),
            (json!({ "fuel_max": 0 }), "limits.fuel_max"),
            (json!({ "fuel_max": -1 }), "limits.fuel_max"),
            (json!({ "fuel": 1 }), "limits.fuel"),
        ] {
            match given(value) {
                Err(Problem::Refused(refusal)) => assert_eq!(refusal.at.as_deref(), Some(at)),
                other => panic!("{other:?}"),
            }
        }
    }
}
