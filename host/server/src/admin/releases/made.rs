//! Makes a release: finds the version that is meant, and checks settings, grants, limits and rules against it.
//!
//! The route `POST .../releases` leads here. Nothing of a release is checked again when a contact comes: what is made can run.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::budget::Limits;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::egress::{EgressRules, Scheme};
use jackfield_domain::flow::plugin::{Grant, Plugin, SlotClass, Version};
use jackfield_domain::flow::release::{Record, Release, VersionRef};
use jackfield_domain::flow::settings::{SettingsRevision, check_schema};
use jackfield_domain::id::{PluginName, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{View, numbered};
use crate::admin::door::body::Body;
use crate::admin::door::guard::Inside;
use crate::admin::door::problem::{Problem, uncommitted, unread};
use crate::admin::door::reply::{self, Answer};
use crate::admin::door::words;
use crate::admin::{flows, history, settings};
use crate::app::App;

/// Below that no interpreter of the large class starts: StarlingMonkey needs about 20 MiB, Python 40.
const LARGE_MEMORY_BYTES: u64 = 32 * 1024 * 1024;

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
    /// The flow's own settings from now on: written with the release, for a version that the settings of today do not suit.
    settings: Option<Value>,
    /// The revision of the flow's settings that was read before they were changed; 0 where there were none.
    settings_revision: Option<u32>,
    #[serde(default)]
    note: String,
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
    let own = match new.settings {
        Some(value) => {
            let next = |now: &SettingsRevision| match new.settings_revision {
                Some(read) if read != now.revision => Err(Problem::stale()),
                _ => settings::after(now),
            };
            Some(settings::Beside::of(&app, &inside, &flow.row, value, next).await?)
        }
        None => None,
    };
    let merged = match &own {
        Some(own) => own.merged.clone(),
        None => settings::merged(&app, &inside, &flow.row).await?,
    };
    let settings_revision = own.as_ref().map_or(flow.row.settings_revision, |own| own.settings.revision);
    check_schema(&version.metadata.settings_schema, &merged)?;
    let number = flow.row.newest.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, "the flow has no release numbers left"))?;
    let notes = notes(&version, &grants, &limits);
    let release = Release {
        tenant: inside.tenant.id.clone(),
        flow: flow.row.name.clone(),
        number,
        version: VersionRef { tenant: version.tenant, plugin: version.plugin, number: version.number, digest: version.digest },
        settings_revision,
        settings: merged,
        grants,
        egress,
        limits,
        note: new.note,
        created: app.clock.now(),
        by: inside.asked.principal.label.clone(),
    };
    let flow_after = Flow { newest: number, settings_revision, ..flow.row.clone() };
    let mut change = history::noted_flow(&app, &inside, &flow.row, &flow_after, Expect::Revision(flow.revision)).await?;
    if let Some(own) = &own {
        change = own.put(&app, &inside, &flow_after, change).await?;
    }
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
