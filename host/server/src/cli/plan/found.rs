//! Reads what a server has of some tenants, through the public API, into things that can be compared with a file's.
//!
//! `plan`, `apply` and the export call [`read`]. What stands above the tenants - settings, plugins, limits - is read as far as the token
//! reaches, because releases are made of it; where it does not reach, that is known and not guessed.
//!
//! It must not write, and it must not look at things that are operated and not configured: contacts, closures, what is planned.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::{Digest, FlowName, PluginName, TenantId};
use jackfield_domain::quota::meter::Quota;
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::hours::Hours;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::steps::{Id, Kind, Things};
use crate::cli::print::items;
use crate::cli::session::{Session, Trouble, segment};

/// What a server has.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub things: Things,
    /// Of those that are written whole: what is written over must be what was read.
    pub revisions: BTreeMap<Id, u64>,
    /// Those of the file and those above them, as far as the token reaches.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Settings of each tenant that could be read.
    pub settings: BTreeMap<TenantId, Value>,
    /// When they were written; 0 where nobody did.
    pub written: BTreeMap<TenantId, u64>,
    /// Versions by owner and plugin, in order.
    pub versions: BTreeMap<(TenantId, PluginName), Vec<Version>>,
    pub flows: BTreeMap<Id, State>,
    /// Connections of each tenant that could be read.
    pub connections: BTreeMap<TenantId, BTreeMap<String, Value>>,
    /// Hours of each tenant above those of the file that could be read.
    pub hours_above: BTreeMap<TenantId, Vec<Hours>>,
}

/// What a flow runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub settings_revision: u32,
    pub live: Option<Release>,
    /// The newest, where that is not the live one: an apply that was stopped may have left it.
    pub newest: Option<Release>,
    pub aliases: BTreeSet<String>,
}

/// Reads tenants and what is above them. `plugins` names those of a tenant whose test cases and versions are looked for.
pub(super) async fn read(
    session: &Session,
    tenants: &[TenantId],
    parents: &BTreeMap<TenantId, Option<TenantId>>,
    plugins: &BTreeMap<TenantId, BTreeMap<PluginName, Option<TenantId>>>,
) -> Result<Found, Trouble> {
    let mut found = Found::default();
    for id in tenants {
        found.cards(session, id, parents).await?;
    }
    let everybody: Vec<TenantId> = found.tenants.keys().cloned().collect();
    let named: BTreeSet<&PluginName> = plugins.values().flat_map(BTreeMap::keys).collect();
    for id in &everybody {
        found.shared(session, id, tenants.contains(id), &named).await?;
    }
    for id in tenants.iter().filter(|id| everybody.contains(id)) {
        let base = format!("/v1/tenants/{id}");
        found.directory(session, &base, id).await?;
        found.cases(session, &base, id, plugins.get(id)).await?;
        found.flows(session, &base, id).await?;
    }
    Ok(found)
}

/// What is there; none where the server says that there is nothing, or nothing for this token.
async fn there(session: &Session, path: &str) -> Result<Option<Value>, Trouble> {
    match session.get(path, &[]).await {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Refused(problem)) if problem.status == 404 => Ok(None),
        Err(other) => Err(other),
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Trouble> {
    serde_json::from_value(value).map_err(|e| Trouble::Failed(format!("the server speaks in another way: {e}")))
}

/// Some members of an object.
fn members(value: &Value, names: &[&str]) -> Value {
    let picked = names.iter().filter_map(|name| value.get(*name).map(|value| ((*name).to_owned(), value.clone())));
    Value::Object(picked.collect())
}

fn word(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Found {
    /// Keeps a thing, and the revision that the server showed with it.
    fn keep(&mut self, id: Id, value: Value, shown: &Value) {
        self.note(&id, shown);
        self.things.insert(id, value);
    }

    /// Keeps a revision, also of what is there and says nothing.
    fn note(&mut self, id: &Id, shown: &Value) {
        if let Some(revision) = shown.get("revision").and_then(Value::as_u64) {
            self.revisions.insert(id.clone(), revision);
        }
    }

    /// What a file says is empty, and is not there, is as the file says.
    pub(super) fn fill_in(&mut self, wanted: &Things) {
        let unlimited = json!(Quota::unlimited());
        for (id, value) in wanted {
            let is_empty = match id.kind {
                Kind::Settings | Kind::FlowSettings => value.get("value") == Some(&json!({})),
                Kind::Routes | Kind::FlowRoutes => value.get("routes") == Some(&json!([])),
                Kind::Quota => *value == unlimited,
                _ => false,
            };
            if is_empty {
                self.things.entry(id.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// A tenant and those above it.
    async fn cards(&mut self, session: &Session, id: &TenantId, parents: &BTreeMap<TenantId, Option<TenantId>>) -> Result<(), Trouble> {
        let mut next = vec![id.clone()];
        while let Some(id) = next.pop() {
            if self.tenants.contains_key(&id) {
                continue;
            }
            match there(session, &format!("/v1/tenants/{id}")).await? {
                Some(card) => {
                    let tenant: Tenant = typed(card)?;
                    next.extend(tenant.ancestors.iter().cloned());
                    self.tenants.insert(id, tenant);
                }
                // It is to be made, below what the file says or where the token stands.
                None => match parents.get(&id) {
                    Some(Some(parent)) => next.push(parent.clone()),
                    Some(None) => next.push(own(session).await?),
                    None => {}
                },
            }
        }
        Ok(())
    }

    /// What is inherited: settings, hours, plugins, connections.
    async fn shared(&mut self, session: &Session, id: &TenantId, is_meant: bool, named: &BTreeSet<&PluginName>) -> Result<(), Trouble> {
        let base = format!("/v1/tenants/{id}");
        let shown = session.get(&format!("{base}/settings"), &[]).await?;
        let settings = shown.get("value").cloned().unwrap_or_else(|| json!({}));
        self.written.insert(id.clone(), shown.get("written").and_then(Value::as_u64).unwrap_or(0));
        self.note(&Id::new(id, Kind::Settings, ""), &shown);
        if settings != json!({}) && is_meant {
            self.keep(Id::new(id, Kind::Settings, ""), json!({ "value": settings }), &shown);
        }
        self.settings.insert(id.clone(), settings);
        if !is_meant {
            let all = session.list(&format!("{base}/hours")).await?;
            let hours = items(&all).iter().cloned().map(typed::<Hours>).collect::<Result<Vec<_>, _>>()?;
            self.hours_above.insert(id.clone(), hours);
        }
        let mut connections = BTreeMap::new();
        for connection in items(&session.list(&format!("{base}/connections")).await?) {
            connections.insert(word(connection, "id"), connection.clone());
            if is_meant {
                self.connection(id, connection);
            }
        }
        self.connections.insert(id.clone(), connections);
        for plugin in items(&session.list(&format!("{base}/plugins")).await?) {
            let name: PluginName = typed(plugin.get("name").cloned().unwrap_or_default())?;
            if !is_meant && !named.contains(&name) {
                continue;
            }
            let all = session.list(&format!("{base}/plugins/{name}/versions")).await?;
            let versions = items(&all).iter().cloned().map(typed::<Version>).collect::<Result<Vec<_>, _>>()?;
            if let Some(newest) = versions.last().filter(|_| is_meant) {
                self.things.insert(Id::new(id, Kind::Plugin, &name), json!({ "digest": newest.digest }));
            }
            self.versions.insert((id.clone(), name), versions);
        }
        Ok(())
    }

    fn connection(&mut self, tenant: &TenantId, shown: &Value) {
        let name = word(shown, "id");
        let mut value = members(shown, &["provider", "account", "public_url", "options", "speaker_url", "voice"]);
        let mut secrets: Vec<String> =
            shown.get("secrets").and_then(Value::as_array).into_iter().flatten().map(|secret| word(secret, "name")).collect();
        secrets.sort_unstable();
        if let Value::Object(value) = &mut value {
            value.insert("secrets".to_owned(), json!(secrets));
        }
        self.things.insert(Id::new(tenant, Kind::Connection, &name), value);
        if let Some(draft) = shown.get("unbound").filter(|draft| !draft.is_null()) {
            self.things.insert(Id::new(tenant, Kind::Unbound, &name), json!({ "draft": draft }));
        }
    }

    async fn directory(&mut self, session: &Session, base: &str, id: &TenantId) -> Result<(), Trouble> {
        if let Some(tenant) = self.tenants.get(id) {
            let value = members(&json!(tenant), &["parent", "label", "zone", "language", "plan"]);
            self.things.insert(Id::new(id, Kind::Tenant, id), value);
        }
        let lists: [(&str, Kind, &str, &[&str]); 4] = [
            ("secrets", Kind::Secret, "handle", &["hosts"]),
            ("hours", Kind::Hours, "name", &["zone", "weekly", "exceptions"]),
            ("queues", Kind::Queue, "name", &["label", "language", "hours", "provider_ids"]),
            ("addresses", Kind::Address, "address", &["connection", "flow", "priority"]),
        ];
        for (path, kind, name, names) in lists {
            for item in items(&session.list(&format!("{base}/{path}")).await?) {
                self.keep(Id::new(id, kind, word(item, name)), members(item, names), item);
            }
        }
        for person in items(&session.list(&format!("{base}/people")).await?) {
            let address = person.pointer("/address/raw").cloned().unwrap_or_default();
            let value = json!({ "label": person.get("label"), "address": address });
            self.keep(Id::new(id, Kind::Person, word(person, "name")), value, person);
        }
        self.routes(session, &format!("{base}/routes"), Id::new(id, Kind::Routes, "")).await?;
        let shown = session.get(&format!("{base}/quotas"), &[]).await?;
        let quota: Quota = typed(shown.get("quota").cloned().unwrap_or_else(|| json!({})))?;
        if quota != Quota::unlimited() {
            self.keep(Id::new(id, Kind::Quota, ""), json!(quota), &shown);
        }
        Ok(())
    }

    async fn routes(&mut self, session: &Session, path: &str, id: Id) -> Result<(), Trouble> {
        let shown = session.get(path, &[]).await?;
        let routes = shown.get("routes").cloned().unwrap_or_default();
        self.note(&id, &shown);
        if routes.as_array().is_some_and(|routes| !routes.is_empty()) {
            self.keep(id, json!({ "routes": routes }), &shown);
        }
        Ok(())
    }

    /// Of all plugins, and of each that is the tenant's or that its file speaks of.
    async fn cases(
        &mut self,
        session: &Session,
        base: &str,
        id: &TenantId,
        spoken_of: Option<&BTreeMap<PluginName, Option<TenantId>>>,
    ) -> Result<(), Trouble> {
        let own = self.versions.keys().filter(|(owner, _)| owner == id).map(|(_, plugin)| plugin.clone());
        let plugins: BTreeSet<PluginName> = own.chain(spoken_of.into_iter().flatten().map(|(name, _)| name.clone())).collect();
        let lists = std::iter::once((format!("{base}/cases"), String::new()))
            .chain(plugins.iter().map(|plugin| (format!("{base}/plugins/{plugin}/cases"), format!("{plugin}/"))));
        for (path, before) in lists {
            for file in items(&session.get(&path, &[]).await?) {
                let name = word(file, "name");
                let text = word(&session.get(&format!("{path}/{name}"), &[]).await?, "text");
                let value = json!({ "digest": Digest::of(text.as_bytes()) });
                self.things.insert(Id::new(id, Kind::Cases, format!("{before}{name}")), value);
            }
        }
        Ok(())
    }

    async fn flows(&mut self, session: &Session, base: &str, id: &TenantId) -> Result<(), Trouble> {
        for item in items(&session.list(&format!("{base}/flows")).await?) {
            let name: FlowName = typed(item.get("name").cloned().unwrap_or_default())?;
            let base = format!("{base}/flows/{name}");
            // Shown by itself it is as it routes now; a list has it as it was last written.
            let flow = session.get(&base, &[]).await?;
            self.things.insert(Id::new(id, Kind::Flow, &name), members(&flow, &["label", "kind"]));
            let shown = session.get(&format!("{base}/settings"), &[]).await?;
            let settings = shown.get("value").cloned().unwrap_or_else(|| json!({}));
            self.note(&Id::new(id, Kind::FlowSettings, &name), &shown);
            if settings != json!({}) {
                self.keep(Id::new(id, Kind::FlowSettings, &name), json!({ "value": settings }), &shown);
            }
            self.routes(session, &format!("{base}/routes"), Id::new(id, Kind::FlowRoutes, &name)).await?;
            for (caller, alias) in flow.get("test_callers").and_then(Value::as_object).into_iter().flatten() {
                self.things.insert(Id::new(id, Kind::TestCaller, format!("{name}/{caller}")), json!({ "alias": alias }));
            }
            let state = state(session, &base, &flow).await?;
            let release = Id::new(id, Kind::Release, &name);
            if let Some(live) = &state.live {
                self.things.insert(release.clone(), form(live));
            }
            self.flows.insert(release, state);
        }
        Ok(())
    }

    /// The limits that a tenant has, or will have with the plan that the file says; none where what is above it cannot be read.
    pub(super) fn limits(&self, id: &TenantId, wanted: &super::wanted::Wanted) -> Option<jackfield_domain::budget::Limits> {
        let there = self.tenants.get(id);
        let said = wanted.things.get(&Id::new(id, Kind::Tenant, id));
        let plan = said.and_then(|said| said.get("plan")).and_then(|plan| serde_json::from_value(plan.clone()).ok());
        let plan = plan.or_else(|| there.map(|tenant| tenant.plan)).unwrap_or(jackfield_domain::budget::Plan::Standard);
        let parent = there.and_then(|tenant| tenant.parent.clone()).or_else(|| wanted.parents.get(id).cloned().flatten());
        match parent.and_then(|parent| self.limits(&parent, wanted)) {
            Some(above) => Some(plan.limits().within(above)),
            None => there.map(|tenant| tenant.limits),
        }
    }
}

/// The tenant below which this token makes tenants.
pub(super) async fn own(session: &Session) -> Result<TenantId, Trouble> {
    let me = session.get("/v1/self", &[]).await?;
    match me.pointer("/reach/tenant") {
        Some(tenant) => typed(tenant.clone()),
        None => Ok(TenantId::platform()),
    }
}

async fn state(session: &Session, base: &str, flow: &Value) -> Result<State, Trouble> {
    let number = |pointer: &str| flow.pointer(pointer).and_then(Value::as_u64).filter(|number| *number > 0);
    let (live, newest) = (number("/aliases/live"), number("/newest"));
    let mut state = State {
        settings_revision: number("/settings_revision").and_then(|revision| u32::try_from(revision).ok()).unwrap_or(0),
        aliases: flow.get("aliases").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        ..State::default()
    };
    if let Some(live) = live {
        state.live = Some(typed(session.get(&format!("{base}/releases/{live}"), &[]).await?)?);
    }
    if let Some(newest) = newest.filter(|newest| Some(*newest) != live) {
        state.newest = there(session, &format!("{base}/releases/{newest}")).await?.map(typed).transpose()?;
    }
    Ok(state)
}

/// A release as a thing.
pub(super) fn form(release: &Release) -> Value {
    let mut egress: Vec<String> = release.egress.iter().map(ToString::to_string).collect();
    egress.sort_unstable();
    let limits = serde_json::to_value(release.limits).unwrap_or(Value::Object(Map::new()));
    json!({
        "plugin": named(&release.version.tenant, &release.version.plugin, &release.version.digest), "settings": release.settings,
        "settings_revision": release.settings_revision, "grants": release.grants, "egress": egress, "limits": limits,
    })
}

/// A version as people and comparisons read it.
pub(super) fn named(owner: &TenantId, plugin: &PluginName, digest: &Digest) -> String {
    format!("{owner}/{plugin} {}", digest.short())
}

/// The path of a thing that has one of its own.
pub(super) fn path(id: &Id) -> String {
    let base = format!("/v1/tenants/{}", id.tenant);
    let name = &id.name;
    match id.kind {
        Kind::Tenant => base,
        Kind::Secret => format!("{base}/secrets/{name}"),
        Kind::Hours => format!("{base}/hours/{name}"),
        Kind::Queue => format!("{base}/queues/{name}"),
        Kind::Person => format!("{base}/people/{name}"),
        Kind::Connection => format!("{base}/connections/{name}"),
        Kind::Quota => format!("{base}/quotas"),
        Kind::Settings => format!("{base}/settings"),
        Kind::Flow => format!("{base}/flows/{name}"),
        Kind::Unbound => format!("{base}/connections/{name}/unbound"),
        Kind::Cases => match name.split_once('/') {
            Some((plugin, name)) => format!("{base}/plugins/{plugin}/cases/{name}"),
            None => format!("{base}/cases/{name}"),
        },
        Kind::Plugin => format!("{base}/plugins/{name}/versions"),
        Kind::FlowSettings => format!("{base}/flows/{name}/settings"),
        Kind::Routes => format!("{base}/routes"),
        Kind::FlowRoutes => format!("{base}/flows/{name}/routes"),
        Kind::Release => format!("{base}/flows/{name}/releases"),
        Kind::Address => format!("{base}/addresses/{}", segment(name)),
        Kind::TestCaller => {
            let (flow, caller) = name.split_once('/').unwrap_or((name, ""));
            format!("{base}/flows/{flow}/test-callers/{}", segment(caller))
        }
    }
}
