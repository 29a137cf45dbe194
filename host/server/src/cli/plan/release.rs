//! Works out what each flow's live release is to be, and whether it can be made, before anything is written.
//!
//! A release is put together by the server: from a version, the settings of all levels, grants, rules and limits. Here the same is put
//! together of what the file says and what `found` read, with the domain's own rules, so that it can be compared with the release that is
//! live, and refused here where the server would refuse it half-way through an apply.
//!
//! Where a token does not reach what is above its tenant, a part cannot be known. What is live then stands for it: a plan never shows a
//! change that it cannot see.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_domain::flow::compared::compare;
use jackfield_domain::flow::inherited::{InForce, Level, inherit, widened};
use jackfield_domain::flow::plugin::{Grant, Metadata};
use jackfield_domain::flow::release::Release;
use jackfield_domain::flow::settings::check_schema;
use jackfield_domain::id::{Digest, TenantId};
use serde_json::{Map, Value, json};

use super::found::{Found, State, form, named};
use super::steps::{Id, Kind};
use super::wanted::{Run, Wanted};
use crate::admin::settings::borrowed;
use crate::cli::session::Trouble;

/// What a version is, known of the server or of a check on this machine.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub imports: BTreeSet<Grant>,
    pub metadata: Metadata,
}

impl Facts {
    /// What a release gets where nobody says what: all that the plugin imports, http with rules alone.
    pub(super) fn all_grants(&self, has_rules: bool) -> BTreeSet<Grant> {
        self.imports.iter().copied().filter(|grant| *grant != Grant::Http || has_rules).collect()
    }
}

/// Stands for the revision of settings that a release will have: nobody knows it before.
pub(super) const NEXT: &str = "the next";

/// Facts of components, by digest.
pub(super) type Known = BTreeMap<Digest, Facts>;

/// Components of the file that the server does not have yet, with the thing that each is.
pub(super) fn new_components<'a>(wanted: &'a Wanted, found: &'a Found) -> impl Iterator<Item = &'a Id> {
    wanted.files.iter().filter(|(id, _)| id.kind == Kind::Plugin).filter_map(|(id, bytes)| {
        let digest = Digest::of(bytes);
        let is_there = found.versions.iter().any(|((owner, name), versions)| {
            *owner == id.tenant && name.as_str() == id.name && versions.iter().any(|v| v.digest == digest)
        });
        (!is_there).then_some(id)
    })
}

/// What is known of the server's versions.
pub(super) fn known(found: &Found) -> Known {
    let facts = |version: &jackfield_domain::flow::plugin::Version| {
        (version.digest, Facts { imports: version.imports.clone(), metadata: version.metadata.clone() })
    };
    found.versions.values().flatten().map(facts).collect()
}

/// Adds to the things what flows are to run. `prune` takes settings away that the file lacks, and a release is made without them.
pub(super) fn add(wanted: &mut Wanted, found: &Found, known: &Known, prune: bool) -> Result<(), Trouble> {
    let (mut all, mut versions) = (Vec::new(), Vec::new());
    for (id, run) in &wanted.runs {
        let none = State::default();
        let state = found.flows.get(id).unwrap_or(&none);
        let wish = Wish { id, run, state, wanted, found, known, prune };
        all.push((id.clone(), wish.value()?));
        versions.extend(wish.digest()?.map(|(owner, digest)| (id.clone(), (owner, digest))));
    }
    wanted.things.extend(all);
    wanted.versions.extend(versions);
    Ok(())
}

/// What a release would do that the live one may not; nothing where none is live.
pub(super) fn wider(live: Option<&Release>, run: &Run, value: &Value) -> Vec<String> {
    let Some(live) = live else { return Vec::new() };
    let part = |name: &str| value.get(name).cloned().unwrap_or_default();
    let grants = serde_json::from_value(part("grants")).unwrap_or_else(|_| live.grants.clone());
    let limits = serde_json::from_value(part("limits")).unwrap_or(live.limits);
    compare(live, &Release { grants, limits, egress: run.egress.clone(), ..live.clone() }).wider
}

/// Settings of all levels as they will be.
#[derive(Clone, Copy)]
pub(super) struct Levels<'a> {
    pub wanted: &'a Wanted,
    pub found: &'a Found,
    pub prune: bool,
}

impl Levels<'_> {
    /// A tenant and those above it, the nearest first; true where all of them could be read.
    fn line(&self, tenant: &TenantId) -> (Vec<TenantId>, bool) {
        let mut line = vec![tenant.clone()];
        loop {
            let Some(last) = line.last() else { return (line, false) };
            let there = self.found.tenants.get(last);
            let parent = there.and_then(|tenant| tenant.parent.clone()).or_else(|| self.wanted.parents.get(last).cloned().flatten());
            match parent {
                Some(parent) if !line.contains(&parent) => line.push(parent),
                _ => {
                    let ends_at_the_top = *last == TenantId::platform();
                    return (line, ends_at_the_top && there.is_some());
                }
            }
        }
    }

    /// Settings of a level as they are.
    fn now(&self, id: &Id) -> Value {
        let now = match id.kind {
            Kind::Settings => self.found.settings.get(&id.tenant),
            _ => self.found.things.get(id).and_then(|now| now.get("value")),
        };
        now.cloned().unwrap_or_else(|| json!({}))
    }

    /// Settings of a level as they will be.
    fn of(&self, id: &Id) -> Value {
        let said = self.wanted.things.get(id).and_then(|said| said.get("value")).cloned();
        let goes = self.prune && self.wanted.tenants.contains(&id.tenant);
        said.unwrap_or_else(|| if goes { json!({}) } else { self.now(id) })
    }

    /// Whether a release was made of the settings as they will be, as far as they can be seen.
    pub(super) fn are_in(&self, release: &Release, flow: &Id) -> bool {
        let own = std::iter::once(Id::new(&flow.tenant, Kind::FlowSettings, &flow.name));
        let line = self.line(&flow.tenant).0;
        let tenants = line.iter().map(|tenant| Id::new(tenant, Kind::Settings, ""));
        let stay = own.chain(tenants).all(|id| self.of(&id) == self.now(&id));
        let written = line.iter().filter_map(|tenant| self.found.written.get(tenant)).max().copied().unwrap_or(0);
        let revision = self.found.flows.get(flow).map_or(0, |state| state.settings_revision);
        stay && release.settings_revision == revision && release.created >= written
    }

    /// The settings above a tenant's flows, or above the tenant itself, the highest first; true where all of them could be read.
    fn above(&self, tenant: &TenantId, of_flows: bool) -> (Vec<(String, Value)>, bool) {
        let (line, are_all_seen) = self.line(tenant);
        let levels = line.iter().rev().filter(|level| of_flows || *level != tenant);
        (levels.map(|level| (level.to_string(), self.of(&Id::new(level, Kind::Settings, "")))).collect(), are_all_seen)
    }
}

/// Refuses settings of which the server would say that they are more than stands above.
pub(super) fn not_wider(wanted: &Wanted, found: &Found, prune: bool) -> Result<(), Trouble> {
    let levels = Levels { wanted, found, prune };
    for id in wanted.things.keys().filter(|id| matches!(id.kind, Kind::Settings | Kind::FlowSettings)) {
        let (above, _) = levels.above(&id.tenant, id.kind == Kind::FlowSettings);
        let (of, value) = (id.to_string(), levels.of(id));
        if let Some(InForce { pointer, value, from, .. }) = widened(&borrowed(&above), Level { of: &of, value: &value }) {
            let why = format!("{pointer} would be more than {value}, which {from} has; features and limits can only be narrowed here");
            return Err(Trouble::BadFile(format!("{id}: {why}")));
        }
    }
    Ok(())
}

/// One flow's release to be.
struct Wish<'a> {
    id: &'a Id,
    run: &'a Run,
    state: &'a State,
    wanted: &'a Wanted,
    found: &'a Found,
    known: &'a Known,
    prune: bool,
}

impl Wish<'_> {
    fn wrong(&self, why: impl std::fmt::Display) -> Trouble {
        Trouble::BadFile(format!("{}: {why}", self.run.place))
    }

    fn value(&self) -> Result<Value, Trouble> {
        let mut value = Map::new();
        let live = self.state.live.as_ref().map(form).unwrap_or_default();
        let digest = self.digest()?;
        let facts = digest.as_ref().and_then(|(_, digest)| self.known.get(digest));
        let plugin = match &digest {
            Some((owner, digest)) => json!(named(owner, &self.run.plugin, digest)),
            None => self.unseen(&live),
        };
        value.insert("plugin".to_owned(), plugin);
        let (settings, are_whole) = self.settings();
        if let Some(facts) = facts.filter(|_| are_whole) {
            check_schema(&facts.metadata.settings_schema, &settings).map_err(|e| self.wrong(e))?;
        }
        value.insert("settings".to_owned(), settings);
        if !are_whole && let Some(live) = &self.state.live {
            value.insert("settings_revision".to_owned(), self.revision(live));
        }
        value.insert("grants".to_owned(), self.grants(facts, &live)?);
        let mut egress: Vec<String> = self.run.egress.iter().map(ToString::to_string).collect();
        egress.sort_unstable();
        value.insert("egress".to_owned(), json!(egress));
        if let Some(limits) = self.limits()? {
            value.insert("limits".to_owned(), limits);
        }
        Ok(Value::Object(value))
    }

    /// The version that is meant, and whose it is; none where it cannot be seen from here.
    fn digest(&self) -> Result<Option<(TenantId, Digest)>, Trouble> {
        let (line, are_all_seen) = self.levels().line(&self.id.tenant);
        for owner in line.into_iter().filter(|id| self.run.owner.as_ref().is_none_or(|owner| owner == id)) {
            // A tenant above may get its component by the same file.
            let component = self.wanted.files.get(&Id::new(&owner, Kind::Plugin, &self.run.plugin));
            if let Some(component) = component.filter(|_| self.run.version.is_none()) {
                return Ok(Some((owner, Digest::of(component))));
            }
            let Some(versions) = self.found.versions.get(&(owner.clone(), self.run.plugin.clone())) else { continue };
            let meant = match self.run.version {
                Some(number) => versions.iter().find(|version| version.number == number),
                None => versions.last(),
            };
            let meant = meant.ok_or_else(|| self.wrong(format!("plugin {} has no such version", self.run.plugin)))?;
            return Ok(Some((owner, meant.digest)));
        }
        if are_all_seen {
            return Err(self.wrong(format!("neither the tenant nor one above it has a plugin {}; name its file", self.run.plugin)));
        }
        Ok(None)
    }

    /// A plugin above the token's reach: the live release stands for it where it can be the one that is meant.
    fn unseen(&self, live: &Value) -> Value {
        let is_meant = |release: &&Release| {
            release.version.plugin == self.run.plugin
                && self.run.owner.as_ref().is_none_or(|owner| *owner == release.version.tenant)
                && self.run.version.is_none_or(|number| number == release.version.number)
        };
        match self.state.live.as_ref().filter(is_meant) {
            Some(_) => live.get("plugin").cloned().unwrap_or_default(),
            None => json!(self.run.plugin),
        }
    }

    /// The settings after inheritance, and whether all levels were seen. What is live stands for those that were not.
    fn settings(&self) -> (Value, bool) {
        let levels = self.levels();
        let (mut all, are_all_seen) = levels.above(&self.id.tenant, true);
        if let Some(live) = self.state.live.as_ref().filter(|_| !are_all_seen) {
            all.insert(0, ("what is live".to_owned(), live.settings.clone()));
        }
        all.push(("the flow".to_owned(), levels.of(&self.flow_settings())));
        (inherit(&borrowed(&all)), are_all_seen)
    }

    fn flow_settings(&self) -> Id {
        Id::new(&self.id.tenant, Kind::FlowSettings, &self.id.name)
    }

    fn levels(&self) -> Levels<'_> {
        Levels { wanted: self.wanted, found: self.found, prune: self.prune }
    }

    /// The revision of the flow's settings that a release would take: of what is above, nothing else tells that it will be other.
    fn revision(&self, live: &Release) -> Value {
        if self.levels().are_in(live, self.id) { json!(live.settings_revision) } else { json!(NEXT) }
    }

    fn grants(&self, facts: Option<&Facts>, live: &Value) -> Result<Value, Trouble> {
        let has_rules = !self.run.egress.is_empty();
        match (&self.run.grants, facts) {
            (Some(grants), Some(facts)) => match grants.difference(&facts.imports).next() {
                Some(extra) => Err(self.wrong(format!("plugin {} does not import {}", self.run.plugin, extra.interface()))),
                None => Ok(json!(grants)),
            },
            (Some(grants), None) => Ok(json!(grants)),
            (None, Some(facts)) if has_rules && !facts.imports.contains(&Grant::Http) => {
                Err(self.wrong(format!("there are egress rules, and plugin {} does not import http", self.run.plugin)))
            }
            (None, Some(facts)) => Ok(json!(facts.all_grants(has_rules))),
            (None, None) => Ok(live.get("grants").cloned().unwrap_or(Value::Null)),
        }
    }

    /// The tenant's limits, narrowed by the file's.
    fn limits(&self) -> Result<Option<Value>, Trouble> {
        let Some(ceiling) = self.found.limits(&self.id.tenant, self.wanted) else { return Ok(None) };
        let mut all = serde_json::to_value(ceiling).map_err(|e| self.wrong(e))?;
        for (name, given) in &self.run.limits {
            let Some(most) = all.get(name).and_then(Value::as_u64) else {
                return Err(self.wrong(format!("there is no limit {name:?}")));
            };
            if *given == 0 || *given > most {
                return Err(self.wrong(format!("{name} goes from 1 to {most} for this tenant, and this is {given}")));
            }
            if let Value::Object(all) = &mut all {
                all.insert(name.clone(), json!(given));
            }
        }
        Ok(Some(all))
    }
}
