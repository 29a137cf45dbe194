//! Puts what a file says into things, and finds what is wrong in it before anything is sent.
//!
//! `plan` and `apply` compare these things with what `found` reads. All that a file can be wrong about by itself is found here - names
//! that lead nowhere, files that are not there, drafts that the platform's own rule refuses - and told with its line, because an apply that
//! stops half-way is what this is to spare.
//!
//! It must not ask the server: what only the server can know is `found`'s and `release`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::flow::egress::EgressRules;
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::flow::settings;
use jackfield_domain::id::{ConnectionId, Digest, EntryName, PluginName, TenantId};
use jackfield_domain::tenant::address::e164;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::file::{Connection, Flow, From, Plugin, Whole};
use super::steps::{Id, Kind, Things};
use crate::admin::compile::room::COMPONENT_BYTES_MAX;
use crate::admin::door::body;
use crate::cli::session::Trouble;

/// All that a file wants.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// In the file's order.
    pub tenants: Vec<TenantId>,
    pub parents: BTreeMap<TenantId, Option<TenantId>>,
    pub things: Things,
    /// Where the values of secrets are, by the thing that they belong to.
    pub secrets: BTreeMap<Id, Vec<(String, From)>>,
    /// Components and files of test cases.
    pub files: BTreeMap<Id, Bytes>,
    /// Names of plugins that each tenant speaks of, with the owner where the file says it.
    pub plugins: BTreeMap<TenantId, BTreeMap<PluginName, Option<TenantId>>>,
    /// What flows are to run. They become things when it is known what the server has.
    pub runs: BTreeMap<Id, Run>,
    /// Whose version each of them is to be, as far as that can be seen.
    pub versions: BTreeMap<Id, (TenantId, Digest)>,
    /// Connections that the file does not hold: whose address needs it, and where that stands.
    pub outside: Vec<(TenantId, ConnectionId, String)>,
}

/// What a flow is to run.
#[derive(Debug)]
pub(super) struct Run {
    pub plugin: PluginName,
    pub owner: Option<TenantId>,
    pub version: Option<u32>,
    pub grants: Option<BTreeSet<Grant>>,
    pub egress: EgressRules,
    pub limits: BTreeMap<String, u64>,
    /// Where it stands in the file.
    pub place: String,
}

/// Reads what tenants of a file say into things.
struct Reader<'a> {
    path: &'a Path,
    base: PathBuf,
    all: Wanted,
}

/// Puts a file into things, or says what is wrong with it.
pub(super) fn wanted(path: &Path, tenants: &[Whole]) -> Result<Wanted, Trouble> {
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut reader = Reader { path, base, all: Wanted::default() };
    for whole in tenants {
        reader.tenant(whole, tenants)?;
        reader.connections(whole)?;
        reader.directory(whole)?;
        reader.plugins(whole)?;
        reader.flows(whole)?;
        reader.addresses(whole)?;
    }
    Ok(reader.all)
}

impl Reader<'_> {
    fn place<T>(&self, at: &Spanned<T>) -> String {
        format!("{}:{}:{}", self.path.display(), at.referenced.line(), at.referenced.column())
    }

    fn wrong<T>(&self, at: &Spanned<T>, why: impl std::fmt::Display) -> Trouble {
        Trouble::BadFile(format!("{}: {why}", self.place(at)))
    }

    fn put<T>(&mut self, at: &Spanned<T>, id: Id, value: Value) -> Result<(), Trouble> {
        if self.all.things.contains_key(&id) {
            return Err(self.wrong(at, format!("{id} stands twice; which one is meant?")));
        }
        self.all.things.insert(id, value);
        Ok(())
    }

    /// As the API itself would read it: an unknown member at any depth is named.
    fn typed<T: DeserializeOwned + Serialize>(&self, at: &Spanned<Value>) -> Result<Value, Trouble> {
        let typed = body::parse::<T>(at.value.to_string().as_bytes());
        let typed = typed.map_err(|refusal| {
            let within = refusal.at.as_ref().map(|at| format!(" (at {at})")).unwrap_or_default();
            self.wrong(at, format!("{}{within}", refusal.detail))
        })?;
        serde_json::to_value(typed).map_err(|e| self.wrong(at, e))
    }

    fn settings(&mut self, id: Id, at: &Spanned<Map<String, Value>>) -> Result<(), Trouble> {
        let value = Value::Object(at.value.clone());
        settings::check(&value).map_err(|e| self.wrong(at, e))?;
        self.put(at, id, json!({ "value": value }))
    }

    fn read(&self, at: &Spanned<PathBuf>) -> Result<Bytes, Trouble> {
        let path = self.base.join(&at.value);
        std::fs::read(&path).map(Bytes::from).map_err(|e| self.wrong(at, format!("{} cannot be read: {e}", path.display())))
    }

    fn tenant(&mut self, whole: &Whole, tenants: &[Whole]) -> Result<(), Trouble> {
        let card = &whole.tenant;
        let id = &card.id.value;
        if let Some(parent) = &card.parent {
            let is_later = !self.all.tenants.contains(&parent.value) && tenants.iter().any(|other| other.tenant.id.value == parent.value);
            if is_later {
                return Err(self.wrong(parent, format!("tenant {} stands below its child {id}; parents come first", parent.value)));
            }
        }
        self.all.tenants.push(id.clone());
        self.all.parents.insert(id.clone(), card.parent.as_ref().map(|parent| parent.value.clone()));
        self.all.plugins.entry(id.clone()).or_default();
        let said = [
            ("parent", card.parent.as_ref().map(|parent| json!(parent.value))),
            ("label", card.label.clone().map(Value::from)),
            ("zone", card.zone.clone().map(Value::from)),
            ("language", card.language.clone().map(Value::from)),
            ("plan", card.plan.map(|plan| json!(plan))),
        ];
        self.put(&card.id, Id::new(id, Kind::Tenant, id), crate::cli::session::given(said))?;
        if let Some(zone) = &card.zone {
            jackfield_domain::tenant::hours::zone(zone).map_err(|e| self.wrong(&card.id, e))?;
        }
        if let Some(settings) = &whole.settings {
            self.settings(Id::new(id, Kind::Settings, ""), settings)?;
        }
        if let Some(routes) = &whole.routes {
            let routes = (routes, self.typed::<DefaultRoutes>(routes)?);
            self.put(routes.0, Id::new(id, Kind::Routes, ""), json!({ "routes": routes.1 }))?;
        }
        if let Some(quota) = &whole.quota {
            quota.value.check().map_err(|e| self.wrong(quota, e))?;
            self.put(quota, Id::new(id, Kind::Quota, ""), json!(quota.value))?;
        }
        self.cases(id, None, &whole.cases)
    }

    fn cases(&mut self, tenant: &TenantId, plugin: Option<&PluginName>, files: &[Spanned<PathBuf>]) -> Result<(), Trouble> {
        for file in files {
            let stem = file.value.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let name: EntryName = stem.parse().map_err(|e| self.wrong(file, format!("the cases' name would be that of the file: {e}")))?;
            let bytes = self.read(file)?;
            let text = std::str::from_utf8(&bytes).map_err(|e| self.wrong(file, format!("the file is not UTF-8: {e}")))?;
            jackfield_cases::parse(&self.base.join(&file.value), text).map_err(|e| self.wrong(file, e))?;
            let name = plugin.map_or_else(|| name.to_string(), |plugin| format!("{plugin}/{name}"));
            let id = Id::new(tenant, Kind::Cases, name);
            self.put(file, id.clone(), json!({ "digest": Digest::of(&bytes) }))?;
            self.all.files.insert(id, bytes);
        }
        Ok(())
    }

    fn connections(&mut self, whole: &Whole) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        for connection in &whole.connections {
            let Connection { id: name, provider, account, public_url, secrets, options, unbound, speaker_url, voice } = connection;
            if jackfield_providers::provider::provider(provider).is_none() {
                let known: Vec<_> = jackfield_providers::provider::names().collect();
                return Err(self.wrong(name, format!("there is no provider {provider:?}; this version speaks {}", known.join(", "))));
            }
            let mut names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
            names.sort_unstable();
            let id = Id::new(tenant, Kind::Connection, &name.value);
            let value = json!({
                "provider": provider, "account": account, "public_url": public_url.trim_end_matches('/'), "secrets": names,
                "options": options, "speaker_url": speaker_url, "voice": voice,
            });
            self.put(name, id.clone(), value)?;
            let references = secrets.iter().map(|secret| (secret.name.clone(), self.based(&secret.from.value))).collect();
            self.all.secrets.insert(id, references);
            if let Some(unbound) = unbound {
                let draft = self.typed::<Draft>(unbound)?;
                self.put(unbound, Id::new(tenant, Kind::Unbound, &name.value), json!({ "draft": draft }))?;
            }
        }
        Ok(())
    }

    /// A reference whose path begins where the file is.
    fn based(&self, from: &From) -> From {
        match from {
            From::File(path) => From::File(self.base.join(path)),
            From::Env(name) => From::Env(name.clone()),
        }
    }

    fn directory(&mut self, whole: &Whole) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        for secret in &whole.secrets {
            let id = Id::new(tenant, Kind::Secret, &secret.name.value);
            self.put(&secret.name, id.clone(), json!({ "hosts": secret.hosts }))?;
            let reference = (secret.name.value.to_string(), self.based(&secret.from.value));
            self.all.secrets.insert(id, vec![reference]);
        }
        for hours in &whole.hours {
            let checked = jackfield_domain::tenant::hours::Hours {
                name: hours.name.value.clone(),
                zone: hours.zone.clone(),
                weekly: hours.weekly.clone(),
                exceptions: hours.exceptions.clone(),
                within: Vec::new(),
            };
            checked.check().map_err(|e| self.wrong(&hours.name, e))?;
            let value = json!({ "zone": hours.zone, "weekly": hours.weekly, "exceptions": hours.exceptions });
            self.put(&hours.name, Id::new(tenant, Kind::Hours, &hours.name.value), value)?;
        }
        for queue in &whole.queues {
            if let Some(hours) = &queue.hours
                && !whole.hours.iter().any(|known| known.name.value == hours.value)
            {
                return Err(self.wrong(hours, format!("there are no hours {} in this tenant", hours.value)));
            }
            let name = &queue.name.value;
            let value = json!({
                "label": queue.label.clone().unwrap_or_else(|| name.to_string()), "language": queue.language,
                "hours": queue.hours.as_ref().map(|hours| &hours.value), "provider_ids": queue.provider_ids,
            });
            self.put(&queue.name, Id::new(tenant, Kind::Queue, name), value)?;
        }
        for person in &whole.people {
            let name = &person.name.value;
            let value = json!({ "label": person.label.clone().unwrap_or_else(|| name.to_string()), "address": person.address });
            self.put(&person.name, Id::new(tenant, Kind::Person, name), value)?;
        }
        Ok(())
    }

    fn plugins(&mut self, whole: &Whole) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        for plugin in &whole.plugins {
            let Plugin { name, file, tenant: owner, cases } = plugin;
            if let (Some(_), Some(owner)) = (file, owner.as_ref().filter(|owner| owner.value != *tenant)) {
                return Err(self.wrong(owner, "a plugin of a file is this tenant's own; leave its tenant out"));
            }
            if let Some(file) = file {
                let component = self.read(file)?;
                if component.len() > COMPONENT_BYTES_MAX {
                    return Err(self.wrong(file, format!("a component has at most {COMPONENT_BYTES_MAX} bytes, not {}", component.len())));
                }
                let id = Id::new(tenant, Kind::Plugin, &name.value);
                self.put(name, id.clone(), json!({ "digest": Digest::of(&component) }))?;
                self.all.files.insert(id, component);
            }
            let owner = owner.as_ref().map(|owner| owner.value.clone()).or_else(|| file.as_ref().map(|_| tenant.clone()));
            let known = self.all.plugins.entry(tenant.clone()).or_default();
            if known.insert(name.value.clone(), owner).is_some() {
                return Err(self.wrong(name, format!("plugin {} stands twice; which one is meant?", name.value)));
            }
            self.cases(tenant, Some(&name.value), cases)?;
        }
        Ok(())
    }

    fn flows(&mut self, whole: &Whole) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        for flow in &whole.flows {
            let name = &flow.name.value;
            let label = flow.label.clone().unwrap_or_else(|| name.to_string());
            let kind = flow.kind.map_or_else(|| json!("inbound"), |kind| json!(kind));
            self.put(&flow.name, Id::new(tenant, Kind::Flow, name), json!({ "label": label, "kind": kind }))?;
            if let Some(settings) = &flow.settings {
                self.settings(Id::new(tenant, Kind::FlowSettings, name), settings)?;
            }
            if let Some(routes) = &flow.routes {
                let value = json!({ "routes": self.typed::<DefaultRoutes>(routes)? });
                self.put(routes, Id::new(tenant, Kind::FlowRoutes, name), value)?;
            }
            for (caller, alias) in &flow.test_callers {
                let caller = e164(caller).unwrap_or_else(|| caller.clone());
                let id = Id::new(tenant, Kind::TestCaller, format!("{name}/{caller}"));
                self.put(&flow.name, id, json!({ "alias": alias }))?;
            }
            if let Some(plugin) = &flow.plugin {
                self.run(whole, flow, plugin)?;
            }
        }
        Ok(())
    }

    fn run(&mut self, whole: &Whole, flow: &Flow, plugin: &Spanned<PluginName>) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        let Some(known) = whole.plugins.iter().find(|known| known.name.value == plugin.value) else {
            return Err(self.wrong(plugin, format!("there is no plugin {} under plugins of this tenant", plugin.value)));
        };
        if known.file.is_some() && flow.version.is_some() {
            return Err(self.wrong(plugin, "a plugin of a file has no version to choose: the file is the version"));
        }
        let rules = flow.egress.iter().map(|rule| rule.value.parse().map_err(|e| self.wrong(rule, e))).collect::<Result<Vec<_>, _>>()?;
        let egress = EgressRules::new(rules).map_err(|e| self.wrong(plugin, e))?;
        if let Some(grants) = &flow.grants
            && grants.contains(&Grant::Http) == egress.is_empty()
        {
            return Err(
                self.wrong(plugin, "http is granted with egress rules, and rules are given with http: one is here without the other")
            );
        }
        let id = Id::new(tenant, Kind::Release, &flow.name.value);
        let run = Run {
            plugin: plugin.value.clone(),
            owner: self.all.plugins.get(tenant).and_then(|known| known.get(&plugin.value)).cloned().flatten(),
            version: flow.version,
            grants: flow.grants.clone(),
            egress,
            limits: flow.limits.clone(),
            place: self.place(plugin),
        };
        self.all.runs.insert(id, run);
        Ok(())
    }

    fn addresses(&mut self, whole: &Whole) -> Result<(), Trouble> {
        let tenant = &whole.tenant.id.value;
        for bound in &whole.addresses {
            let (connection, flow) = (&bound.connection.value, &bound.flow.value);
            if !self.all.things.contains_key(&Id::new(tenant, Kind::Flow, flow)) {
                return Err(self.wrong(&bound.flow, format!("there is no flow {flow} in this tenant")));
            }
            if !self.holds(tenant, connection) {
                self.all.outside.push((tenant.clone(), connection.clone(), self.place(&bound.connection)));
            }
            let mut value = json!({ "connection": connection, "flow": flow });
            if let (Some(priority), Some(value)) = (bound.priority, value.as_object_mut()) {
                value.insert("priority".to_owned(), json!(priority));
            }
            self.put(&bound.address, Id::new(tenant, Kind::Address, &bound.address.value), value)?;
        }
        Ok(())
    }

    /// Whether the tenant, or one above it, has that connection in the file.
    fn holds(&self, tenant: &TenantId, connection: &ConnectionId) -> bool {
        let mut level = Some(tenant);
        while let Some(tenant) = level {
            if self.all.things.contains_key(&Id::new(tenant, Kind::Connection, connection)) {
                return true;
            }
            level = self.all.parents.get(tenant).and_then(Option::as_ref);
        }
        false
    }
}
