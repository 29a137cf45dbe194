//! Carries out the steps of a plan, one after the other, each by one request or by the few that belong together.
//!
//! Uploads make one transaction of all impossible, so there is none: what can be checked was checked before, each step is whole or not done,
//! and where one fails the others are not tried and nothing is taken back. The next apply compares again and goes on from there; a release
//! that was made and did not become live is found and made live, and not made again.
//!
//! Secrets come here read; nothing of them is told.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_domain::flow::plugin::Version;
use jackfield_domain::id::{Digest, PluginName, TenantId};
use jackfield_domain::tenant::connection::Secret;
use serde_json::{Map, Value, json};

use super::found::{Found, form, path};
use super::release::{Levels, NEXT};
use super::steps::{Id, Kind, Step, What};
use super::wanted::Wanted;
use crate::cli::session::{Session, Trouble, given};

/// Values of secrets by the thing that they belong to, and their name.
pub(super) type Values = BTreeMap<Id, BTreeMap<String, Secret>>;

/// What it takes to carry out steps.
pub(super) struct Hand<'a> {
    pub session: &'a Session,
    pub wanted: &'a Wanted,
    pub found: &'a Found,
    pub values: Values,
    pub approve: bool,
    pub prune: bool,
    /// Numbers of versions that were uploaded just now.
    pub uploaded: BTreeMap<(TenantId, PluginName), Version>,
    /// Settings of flows that are to be other, and that a release that is made takes along; no step of their own is left.
    pub changed_settings: BTreeSet<Id>,
    /// Those that a release took along.
    pub carried: BTreeSet<Id>,
}

impl Hand<'_> {
    /// Takes one step; what should be known of it comes back.
    pub(super) async fn take(&mut self, step: &Step) -> Result<Vec<String>, Trouble> {
        let id = &step.thing;
        if self.carried.contains(id) {
            return Ok(vec!["written with the release".to_owned()]);
        }
        if step.what == What::Remove {
            return self.remove(id).await.map(|()| Vec::new());
        }
        let value = self.wanted.things.get(id).cloned().unwrap_or_default();
        let path = path(id);
        let is_new = step.what == What::Add;
        let answer = match id.kind {
            Kind::Tenant => self.tenant(id, value, is_new).await?,
            Kind::Connection => self.connection(id, value, is_new).await?,
            Kind::Secret => {
                let secret = self.values.get(id).and_then(|values| values.values().next()).map(Secret::reveal);
                self.session.put(&path, &with(value, "value", json!(secret))).await?
            }
            Kind::Flow if is_new => {
                let flows = path.rsplit_once('/').map_or(path.as_str(), |(flows, _)| flows);
                self.session.post(flows, &with(value, "name", json!(id.name))).await?
            }
            Kind::Flow => self.session.patch(&path, &value).await?,
            Kind::TestCaller => self.session.put(&path, &value).await?,
            Kind::Hours | Kind::Queue | Kind::Person | Kind::Quota => self.over(id, &path, &value).await?,
            Kind::Settings | Kind::FlowSettings => self.over(id, &path, member(&value, "value")).await?,
            Kind::Routes | Kind::FlowRoutes => self.over(id, &path, member(&value, "routes")).await?,
            Kind::Unbound => self.session.put(&path, member(&value, "draft")).await?,
            Kind::Cases => self.session.put_yaml(&path, self.wanted.files.get(id).cloned().unwrap_or_default()).await?,
            Kind::Plugin => self.upload(id, &path).await?,
            Kind::Release => self.release(id, &path, &value).await?,
            Kind::Address if is_new => {
                let all = path.rsplit_once('/').map_or(path.as_str(), |(all, _)| all);
                self.session.post(all, &with(value, "address", json!(id.name))).await?
            }
            Kind::Address => self.session.put(&path, &value).await?,
        };
        let notes = answer.get("notes").and_then(Value::as_array).into_iter().flatten();
        Ok(notes.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Writes over what was read and over nothing else: minutes may have gone by, with somebody at work. What was not there has no revision.
    async fn over(&self, id: &Id, path: &str, value: &Value) -> Result<Value, Trouble> {
        self.session.put_if(path, value, self.found.revisions.get(id).copied()).await
    }

    async fn remove(&self, id: &Id) -> Result<(), Trouble> {
        let path = path(id);
        match id.kind {
            // What is always there is emptied.
            Kind::Settings | Kind::FlowSettings => self.over(id, &path, &json!({})).await?,
            Kind::Routes | Kind::FlowRoutes => self.over(id, &path, &json!([])).await?,
            _ => self.session.delete(&path).await?,
        };
        Ok(())
    }

    async fn tenant(&self, id: &Id, value: Value, is_new: bool) -> Result<Value, Trouble> {
        let Value::Object(mut value) = value else { return Ok(Value::Null) };
        if !is_new {
            // Whoever may not set the plan may still say what it is.
            let there = self.found.things.get(id).cloned().unwrap_or_default();
            value.retain(|name, said| name != "parent" && there.get(name) != Some(said));
            return self.session.patch(&path(id), &Value::Object(value)).await;
        }
        value.entry("label").or_insert_with(|| json!(id.name));
        self.session.post("/v1/tenants", &with(Value::Object(value), "id", json!(id.name))).await
    }

    async fn connection(&self, id: &Id, value: Value, is_new: bool) -> Result<Value, Trouble> {
        let none = BTreeMap::new();
        let values = self.values.get(id).unwrap_or(&none);
        let mut added = values.iter().map(|(name, secret)| json!({ "name": name, "value": secret.reveal() }));
        if is_new {
            let secrets: Vec<Value> = added.collect();
            let base = path(id);
            let all = base.rsplit_once('/').map_or(base.as_str(), |(all, _)| all);
            return self.session.post(all, &with(with(value, "secrets", json!(secrets)), "id", json!(id.name))).await;
        }
        let names = |value: &Value| -> Vec<String> {
            value.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let there = self.found.things.get(id).cloned().unwrap_or_default();
        let wanted = names(&value);
        let mut removed = names(&there).into_iter().filter(|name| !wanted.contains(name));
        let mut body = changed_connection(&value, &there);
        // The API takes one secret in and one out at a time; two may be good at once, so no moment is without one.
        loop {
            let (add, remove) = (added.next(), removed.next());
            let is_last = add.is_none() && remove.is_none();
            if is_last && body.is_empty() {
                return Ok(Value::Null);
            }
            let secrets = given([("add_secret", add), ("remove_secret", remove.map(Value::from))]);
            body.extend(secrets.as_object().cloned().unwrap_or_default());
            self.session.patch(&path(id), &Value::Object(std::mem::take(&mut body))).await?;
        }
    }

    async fn upload(&mut self, id: &Id, path: &str) -> Result<Value, Trouble> {
        let component = self.wanted.files.get(id).cloned().unwrap_or_default();
        let reply = self.session.upload(path, component).await?;
        let version: Version = serde_json::from_value(reply.body).map_err(|e| Trouble::Failed(format!("the server's answer: {e}")))?;
        self.uploaded.insert((version.tenant.clone(), version.plugin.clone()), version);
        Ok(Value::Null)
    }

    /// The number of a version that is known by its digest.
    fn number(&self, owner: &TenantId, plugin: &PluginName, digest: &Digest) -> Option<u32> {
        let key = (owner.clone(), plugin.clone());
        let there = self.found.versions.get(&key).into_iter().flatten();
        there.chain(self.uploaded.get(&key)).find(|version| version.digest == *digest).map(|version| version.number)
    }

    /// Makes a release, unless the newest is what is wanted, and makes it live.
    async fn release(&mut self, id: &Id, path: &str, value: &Value) -> Result<Value, Trouble> {
        let Some(run) = self.wanted.runs.get(id) else { return Ok(Value::Null) };
        let newest = self.found.flows.get(id).and_then(|state| state.newest.as_ref());
        let levels = Levels { wanted: self.wanted, found: self.found, prune: self.prune };
        let is_next = value.get("settings_revision") == Some(&json!(NEXT));
        let is_made = |release: &&jackfield_domain::flow::release::Release| {
            let there = form(release);
            // Where not all of the settings can be seen, it counts that the release is younger than they are.
            let said = value.as_object().into_iter().flatten().filter(|(name, _)| !(is_next && name.starts_with("settings")));
            (!is_next || levels.are_in(release, id)) && said.into_iter().all(|(name, value)| there.get(name) == Some(value))
        };
        let number = match newest.filter(is_made) {
            Some(release) => json!(release.number),
            None => {
                let seen = self.wanted.versions.get(id);
                let number = seen.and_then(|(owner, digest)| self.number(owner, &run.plugin, digest)).or(run.version);
                let owner = seen.map(|(owner, _)| owner).or(run.owner.as_ref());
                let own = Id::new(&id.tenant, Kind::FlowSettings, &id.name);
                let settings = self.changed_settings.contains(&own).then(|| {
                    let said = self.wanted.things.get(&own).map(|said| member(said, "value").clone());
                    said.unwrap_or_else(|| json!({}))
                });
                let read = self.found.revisions.get(&own).copied().unwrap_or(0);
                if settings.is_some() {
                    self.carried.insert(own);
                }
                let body = given([
                    ("plugin", Some(json!(run.plugin))),
                    ("version", number.map(Value::from)),
                    ("tenant", owner.map(|owner| json!(owner))),
                    ("grants", run.grants.as_ref().map(|grants| json!(grants))),
                    ("limits", Some(json!(run.limits))),
                    ("egress", Some(json!(run.egress))),
                    ("settings_revision", settings.as_ref().map(|_| json!(read))),
                    ("settings", settings),
                    ("note", Some(json!("by jackfield apply"))),
                ]);
                self.session.post(path, &body).await?.get("number").cloned().unwrap_or_default()
            }
        };
        let live = format!("/v1/tenants/{}/flows/{}/aliases/live", id.tenant, id.name);
        self.session.put(&live, &json!({ "release": number, "approve": self.approve })).await
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.insert(name.to_owned(), member);
    }
    value
}

/// What of a connection is other, as the API takes it: null removes.
fn changed_connection(wanted: &Value, there: &Value) -> Map<String, Value> {
    let mut body = Map::new();
    for name in ["account", "public_url", "speaker_url", "voice"] {
        if member(wanted, name) != member(there, name) {
            body.insert(name.to_owned(), member(wanted, name).clone());
        }
    }
    let options = |value: &Value| member(value, "options").as_object().cloned().unwrap_or_default();
    let (is, was) = (options(wanted), options(there));
    if is != was {
        let gone = was.keys().filter(|name| !is.contains_key(*name)).map(|name| (name.clone(), Value::Null)).collect::<Vec<_>>();
        body.insert("options".to_owned(), Value::Object(is.into_iter().chain(gone).collect()));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_other_of_a_connection_is_sent_and_null_removes() {
        let there = json!({"account": "AC1", "public_url": "https://a.example", "voice": "x", "options": {"a": "1", "b": "2"}});
        let wanted = json!({"account": "AC1", "public_url": "https://b.example", "voice": null, "options": {"a": "1"}});
        let sent = json!({"public_url": "https://b.example", "voice": null, "options": {"a": "1", "b": null}});
        assert_eq!(Value::Object(changed_connection(&wanted, &there)), sent);
        assert!(changed_connection(&there, &there).is_empty());
    }
}
