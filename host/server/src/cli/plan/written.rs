//! Writes the file that a tenant on a server would have, so that somebody who began by hand can go on by file.
//!
//! `plan --from-server` calls it. What it writes plans to nothing. Secrets become references to variables that somebody has to set; components
//! and test cases are files, so they come only with a folder to put them into, and without it flows name the version that they run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jackfield_domain::flow::release::{Release, VersionRef};
use jackfield_domain::id::{Digest, TenantId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::found::{self, Found, path};
use super::steps::{Id, Kind};
use crate::admin::compile::room::COMPONENT_BYTES_MAX;
use crate::cli::session::{Outcome, Session, Trouble};

/// A tenant as it is written; the members in the order in which people read them.
#[derive(Debug, Default, Serialize)]
struct Written {
    tenant: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connections: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hours: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queues: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cases: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flows: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Value>,
}

/// Prints the file; with a folder, components and test cases go there.
pub(super) async fn run(session: &Session, folder: Option<&Path>) -> Outcome {
    let id: TenantId = session.tenant().await?.parse().map_err(|e: jackfield_domain::id::BadId| Trouble::Usage(e.to_string()))?;
    let tenants = [id.clone()];
    let found = found::read(session, &tenants, &BTreeMap::new(), &BTreeMap::new()).await?;
    let Some(tenant) = found.tenants.get(&id) else { return Err(Trouble::Usage(format!("there is no tenant {id}"))) };
    let mut written = Written { tenant: named(&found.things, &Id::new(&id, Kind::Tenant, &id), "id"), ..Written::default() };
    if tenant.parent.is_none() {
        written.tenant = without(written.tenant, &["parent", "plan"]);
    }
    entries(&found, &id, &mut written);
    let files = match folder {
        Some(folder) => files(session, &found, &id, folder).await?,
        None => BTreeMap::new(),
    };
    plugins(&found, &id, &files, &mut written)?;
    flows(&found, &id, &files, &mut written);
    let yaml = serde_saphyr::to_string(&written).map_err(|e| Trouble::Failed(e.to_string()))?;
    session.show_text(&yaml)
}

/// Of one kind, in order.
fn of<'a>(found: &'a Found, tenant: &'a TenantId, kind: Kind) -> impl Iterator<Item = (&'a Id, &'a Value)> {
    found.things.iter().filter(move |(id, _)| id.tenant == *tenant && id.kind == kind)
}

/// A thing with its name among its members, and without what says nothing.
fn named(things: &super::steps::Things, id: &Id, name: &str) -> Value {
    let mut members: Map<String, Value> = Map::from_iter([(name.to_owned(), json!(id.name))]);
    let is_said = |value: &Value| !value.is_null() && *value != json!({}) && *value != json!([]);
    let said = things.get(id).and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| is_said(value));
    members.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(members)
}

fn without(mut value: Value, names: &[&str]) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
    value
}

fn put(value: &mut Value, name: &str, member: Value) {
    if let Value::Object(members) = value {
        members.insert(name.to_owned(), member);
    }
}

/// A variable of the environment for a secret.
fn variable(parts: &[&str]) -> String {
    let name: String = parts.join("_").chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("env:{name}")
}

fn entries(found: &Found, id: &TenantId, written: &mut Written) {
    let all = |kind: Kind, name: &str| of(found, id, kind).map(|(id, _)| named(&found.things, id, name)).collect::<Vec<_>>();
    for (id, value) in of(found, id, Kind::Connection) {
        let mut connection = named(&found.things, id, "id");
        let names = value.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let secrets: Vec<Value> = names.map(|name| json!({ "name": name, "from": variable(&[&id.name, name]) })).collect();
        if !secrets.is_empty() {
            put(&mut connection, "secrets", json!(secrets));
        }
        if let Some(unbound) = found.things.get(&Id::new(&id.tenant, Kind::Unbound, &id.name)).and_then(|unbound| unbound.get("draft")) {
            put(&mut connection, "unbound", unbound.clone());
        }
        written.connections.push(connection);
    }
    for mut secret in all(Kind::Secret, "name") {
        let from = variable(&[secret.get("name").and_then(Value::as_str).unwrap_or_default()]);
        put(&mut secret, "from", json!(from));
        written.secrets.push(secret);
    }
    written.hours = all(Kind::Hours, "name");
    written.queues = all(Kind::Queue, "name");
    written.people = all(Kind::Person, "name");
    let one = |kind: Kind| found.things.get(&Id::new(id, kind, "")).cloned();
    written.settings = one(Kind::Settings).and_then(|settings| settings.get("value").cloned());
    written.routes = one(Kind::Routes).and_then(|routes| routes.get("routes").cloned());
    written.quota = one(Kind::Quota);
    for mut bound in all(Kind::Address, "address") {
        // What is absent stays, so that a tenant's own people can apply what they may not set.
        if bound.get("priority") == Some(&json!(false)) {
            bound = without(bound, &["priority"]);
        }
        written.addresses.push(bound);
    }
}

/// What is written of a folder: by the thing that it is.
type Files = BTreeMap<Id, String>;

/// Writes test cases, and the components of the tenant's own plugins that its flows run in one version.
async fn files(session: &Session, found: &Found, id: &TenantId, folder: &Path) -> Result<Files, Trouble> {
    let mut files = Files::new();
    let mut contents: Vec<(Id, String, bytes::Bytes)> = Vec::new();
    for (plugin, digest) in in_one_version(found, id) {
        let component = session.download(&format!("/v1/host/components/{digest}"), COMPONENT_BYTES_MAX).await?;
        contents.push((Id::new(id, Kind::Plugin, &plugin), format!("{plugin}.wasm"), component));
    }
    for (cases, _) in of(found, id, Kind::Cases) {
        let text = session.get(&path(cases), &[]).await?;
        let text = text.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        contents.push((cases.clone(), format!("cases/{}.yaml", cases.name), text.into()));
    }
    for (id, name, bytes) in contents {
        let to = folder.join(name);
        let failed = |e: std::io::Error| Trouble::Failed(format!("{}: {e}", to.display()));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&to, bytes).map_err(failed)?;
        files.insert(id, to.display().to_string());
    }
    Ok(files)
}

fn live<'a>(found: &'a Found, id: &'a TenantId) -> impl Iterator<Item = (&'a Id, &'a Release)> {
    found.flows.iter().filter(move |(flow, _)| flow.tenant == *id).filter_map(|(flow, state)| Some((flow, state.live.as_ref()?)))
}

/// Own plugins of which all flows run the same version, so that one file can stand for it.
fn in_one_version(found: &Found, id: &TenantId) -> BTreeMap<String, Digest> {
    let mut all: BTreeMap<String, BTreeSet<Digest>> = BTreeMap::new();
    for (_, release) in live(found, id).filter(|(_, release)| release.version.tenant == *id) {
        all.entry(release.version.plugin.to_string()).or_default().insert(release.version.digest);
    }
    all.into_iter()
        .filter(|(_, digests)| digests.len() == 1)
        .filter_map(|(name, digests)| Some((name, digests.into_iter().next()?)))
        .collect()
}

fn plugins(found: &Found, id: &TenantId, files: &Files, written: &mut Written) -> Outcome {
    let cases_of = |plugin: &str| -> Vec<&String> {
        let is_its = |case: &Id| case.kind == Kind::Cases && case.name.split_once('/').is_some_and(|(of, _)| of == plugin);
        files.iter().filter(|(case, _)| is_its(case)).map(|(_, file)| file).collect()
    };
    let mut owners: BTreeMap<String, &TenantId> = BTreeMap::new();
    for (_, release) in live(found, id) {
        let VersionRef { tenant: owner, plugin, .. } = &release.version;
        let one = owners.entry(plugin.to_string()).or_insert(owner);
        if *one != owner {
            let why = format!("flows of {id} run two plugins of the name {plugin}, of {one} and of {owner}, and a file names each once");
            return Err(Trouble::Usage(format!("{why}; give one of them another name")));
        }
    }
    for (plugin, owner) in owners {
        let mut value = json!({ "name": plugin });
        match files.get(&Id::new(id, Kind::Plugin, &plugin)) {
            Some(file) => put(&mut value, "file", json!(file)),
            None => put(&mut value, "tenant", json!(owner)),
        }
        let cases = cases_of(&plugin);
        if !cases.is_empty() {
            put(&mut value, "cases", json!(cases));
        }
        written.plugins.push(value);
    }
    let for_all = files.iter().filter(|(case, _)| case.kind == Kind::Cases && !case.name.contains('/'));
    written.cases = for_all.map(|(_, file)| file.clone()).collect();
    Ok(())
}

fn flows(found: &Found, id: &TenantId, files: &Files, written: &mut Written) {
    let ceiling = found.tenants.get(id).and_then(|tenant| serde_json::to_value(tenant.limits).ok()).unwrap_or_default();
    for (flow, _) in of(found, id, Kind::Flow) {
        let mut value = named(&found.things, flow, "name");
        let part = |kind: Kind, member: &str| {
            found
                .things
                .get(&Id::new(id, kind, &flow.name))
                .and_then(|thing| thing.get(member))
                .cloned()
                .map(|part| (member.to_owned(), part))
        };
        if let Some((_, settings)) = part(Kind::FlowSettings, "value") {
            put(&mut value, "settings", settings);
        }
        if let Some((name, routes)) = part(Kind::FlowRoutes, "routes") {
            put(&mut value, &name, routes);
        }
        if let Some(release) = found.flows.get(&Id::new(id, Kind::Release, &flow.name)).and_then(|state| state.live.as_ref()) {
            runs(release, id, files, &ceiling, &mut value);
        }
        let callers: Map<String, Value> = of(found, id, Kind::TestCaller)
            .filter_map(|(caller, value)| Some((caller.name.split_once('/')?, value.get("alias")?)))
            .filter(|((of, _), _)| *of == flow.name)
            .map(|((_, caller), alias)| (caller.to_owned(), alias.clone()))
            .collect();
        if !callers.is_empty() {
            put(&mut value, "test_callers", Value::Object(callers));
        }
        written.flows.push(value);
    }
}

/// What a flow's live release is, as the file says it.
fn runs(release: &Release, id: &TenantId, files: &Files, ceiling: &Value, value: &mut Value) {
    put(value, "plugin", json!(release.version.plugin));
    if !files.contains_key(&Id::new(id, Kind::Plugin, &release.version.plugin)) {
        put(value, "version", json!(release.version.number));
    }
    put(value, "grants", json!(release.grants));
    let egress: Vec<String> = release.egress.iter().map(ToString::to_string).collect();
    if !egress.is_empty() {
        put(value, "egress", json!(egress));
    }
    let limits = serde_json::to_value(release.limits).unwrap_or_default();
    let narrowed: Map<String, Value> = limits
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| ceiling.get(*name) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !narrowed.is_empty() {
        put(value, "limits", Value::Object(narrowed));
    }
}
