//! Checks before the first write what a server would refuse in the middle: components, connections, addresses, what is wider.
//!
//! `plan` and `apply` ask it after `found` has read. It uses what the server itself would use - the runtime's own check of a component, the
//! providers' own checks of connections - on this machine, so that the two cannot disagree within one version.

use std::collections::BTreeMap;
use std::path::Path;

use jackfield_domain::id::{ConnectionId, Digest, TenantId};
use jackfield_domain::tenant::connection::{Connection, NamedSecret, Secret};
use jackfield_providers::provider::provider;
use serde_json::Value;

use super::apply::Values;
use super::file::From;
use super::found::{Found, own, path};
use super::release::{Facts, Known, known, new_components, wider};
use super::steps::{Difference, Id, Kind, What};
use super::wanted::Wanted;
use crate::cli::bench;
use crate::cli::session::{Session, Trouble, read_secret};

/// What the file wants and this server cannot become.
pub(super) fn against(wanted: &Wanted, found: &Found) -> Result<(), Trouble> {
    for (id, said) in &wanted.things {
        let Some(there) = found.things.get(id) else { continue };
        let fixed = match id.kind {
            Kind::Tenant => "parent",
            Kind::Connection => "provider",
            _ => continue,
        };
        if let Some(said) = said.get(fixed).filter(|said| Some(*said) != there.get(fixed)) {
            let was = there.get(fixed).unwrap_or(&Value::Null);
            return Err(Trouble::BadFile(format!("{id}: its {fixed} is {was} for ever and cannot become {said}")));
        }
    }
    for (tenant, connection, place) in &wanted.outside {
        let mut level = Some(tenant.clone());
        let mut is_unseen = false;
        let mut is_there = false;
        while let Some(id) = level {
            match found.connections.get(&id) {
                Some(known) => is_there |= known.contains_key(connection.as_str()),
                None => is_unseen |= !wanted.tenants.contains(&id),
            }
            level = above(&id, wanted, found);
        }
        if !is_there && !is_unseen {
            return Err(Trouble::BadFile(format!("{place}: neither tenant {tenant} nor one above it has a connection {connection}")));
        }
    }
    for (id, said) in wanted.things.iter().filter(|(id, _)| id.kind == Kind::TestCaller) {
        let alias = said.get("alias").and_then(Value::as_str).unwrap_or_default();
        let flow = Id::new(&id.tenant, Kind::Release, id.name.split('/').next().unwrap_or_default());
        let is_made = alias == "live" && wanted.runs.contains_key(&flow);
        if !is_made && !found.flows.get(&flow).is_some_and(|state| state.aliases.contains(alias)) {
            return Err(Trouble::BadFile(format!("{id}: flow {} has no alias {alias}; point it at a release first", flow.name)));
        }
    }
    Ok(())
}

fn above(id: &TenantId, wanted: &Wanted, found: &Found) -> Option<TenantId> {
    let there = found.tenants.get(id).and_then(|tenant| tenant.parent.clone());
    there.or_else(|| wanted.parents.get(id).cloned().flatten())
}

/// What is known of all components: those that the server has, and those of the file, checked as an upload would be.
pub(super) async fn components(wanted: &Wanted, found: &Found, base: &Path) -> Result<Known, Trouble> {
    let mut all = known(found);
    for id in new_components(wanted, found) {
        let Some(bytes) = wanted.files.get(id) else { continue };
        let digest = Digest::of(bytes);
        if all.contains_key(&digest) {
            continue;
        }
        let installed = bench::facts(bytes.clone()).await.map_err(|trouble| match trouble {
            Trouble::Usage(why) => Trouble::BadFile(format!("{}: {id}: {why}", base.display())),
            other => other,
        })?;
        all.insert(digest, Facts { imports: installed.imports, metadata: installed.metadata });
    }
    Ok(all)
}

/// A connection of the file or of the server, as providers see it.
fn connection(id: &ConnectionId, tenant: &TenantId, value: &Value, secrets: Vec<NamedSecret>) -> Connection {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let options = value.get("options").cloned().and_then(|options| serde_json::from_value(options).ok()).unwrap_or_default();
    Connection {
        id: id.clone(),
        tenant: tenant.clone(),
        provider: text("provider").unwrap_or_default(),
        account: text("account"),
        public_url: text("public_url").unwrap_or_default(),
        secrets,
        unbound: None,
        speaker_url: text("speaker_url"),
        voice: text("voice"),
        options,
        created: 0,
    }
}

/// Whether every address can carry what the plugin of its flow may answer.
pub(super) fn carried(wanted: &Wanted, found: &Found, known: &Known) -> Result<(), Trouble> {
    for (id, said) in wanted.things.iter().filter(|(id, _)| id.kind == Kind::Address) {
        let word = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let (Ok(name), flow) = (word("connection").parse::<ConnectionId>(), Id::new(&id.tenant, Kind::Release, word("flow"))) else {
            continue;
        };
        let facts = wanted.versions.get(&flow).and_then(|(_, digest)| known.get(digest));
        let Some(facts) = facts else { continue };
        let mut level = Some(id.tenant.clone());
        while let Some(tenant) = level {
            let said = wanted.things.get(&Id::new(&tenant, Kind::Connection, &name));
            let there = found.connections.get(&tenant).and_then(|all| all.get(name.as_str()));
            if let Some(value) = said.or(there) {
                let connection = connection(&name, &tenant, value, Vec::new());
                if let Some(provider) = provider(&connection.provider) {
                    let refused = |refusal| Trouble::BadFile(format!("{id}: {refusal}"));
                    provider.bindable(&facts.metadata.actions, &connection).map_err(refused)?;
                }
                break;
            }
            level = above(&tenant, wanted, found);
        }
    }
    Ok(())
}

/// An address that had contacts rests when a tenant lets it go, and only the platform may give it to another one before.
pub(super) async fn moved(session: &Session, difference: &Difference) -> Result<(), Trouble> {
    let of = |what: What| difference.steps.iter().filter(move |step| step.thing.kind == Kind::Address && step.what == what);
    for step in of(What::Remove).filter(|step| of(What::Add).any(|other| other.thing.name == step.thing.name)) {
        let there = session.get(&path(&step.thing), &[]).await?;
        let had_contacts = there.get("proven").is_some_and(|proven| !proven.is_null());
        if had_contacts && own(session).await? != TenantId::platform() {
            let why = "it had contacts, so it rests for 30 days when it is let go; somebody who runs the platform can apply this file";
            return Err(Trouble::BadFile(format!("{} goes to another tenant: {why}", step.thing)));
        }
    }
    Ok(())
}

/// What may do more than what is live, and nobody approved of it.
pub(super) fn approved(wanted: &Wanted, found: &Found, difference: &Difference) -> Result<(), Trouble> {
    for step in difference.steps.iter().filter(|step| step.thing.kind == Kind::Release) {
        let live = found.flows.get(&step.thing).and_then(|state| state.live.as_ref());
        let (Some(run), Some(value)) = (wanted.runs.get(&step.thing), wanted.things.get(&step.thing)) else { continue };
        let wider = wider(live, run, value);
        if !wider.is_empty() {
            let why =
                format!("{} may do more than what is live: {}; repeat with --approve where that is meant", step.thing, wider.join(", "));
            return Err(Trouble::BadFile(why));
        }
    }
    Ok(())
}

/// The values of all secrets that the steps need, read before the first of them is taken; new connections are tried with theirs.
pub(super) async fn values(wanted: &Wanted, found: &Found, difference: &Difference) -> Result<Values, Trouble> {
    let mut all = Values::new();
    for step in difference.steps.iter().filter(|step| step.what != What::Remove) {
        let id = &step.thing;
        let known: Vec<&str> = match (id.kind, found.things.get(id)) {
            (Kind::Connection, Some(there)) => {
                there.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
            }
            (Kind::Connection | Kind::Secret, _) => Vec::new(),
            _ => continue,
        };
        let mut values = BTreeMap::new();
        for (name, from) in wanted.secrets.get(id).into_iter().flatten().filter(|(name, _)| !known.contains(&name.as_str())) {
            values.insert(name.clone(), value(id, name, from).await?);
        }
        if id.kind == Kind::Connection && step.what == What::Add {
            tried(id, wanted, &values)?;
        }
        all.insert(id.clone(), values);
    }
    Ok(all)
}

async fn value(id: &Id, name: &str, from: &From) -> Result<Secret, Trouble> {
    let none = |why: String| Trouble::BadFile(format!("{id}: secret {name}: {why}"));
    match from {
        From::Env(variable) => crate::config::environment::named(variable)
            .map(Secret::new)
            .ok_or_else(|| none(format!("the variable {variable} is not set, or is no text"))),
        From::File(path) => read_secret(path).await.map(Secret::new).map_err(|trouble| none(trouble.tell())),
    }
}

fn tried(id: &Id, wanted: &Wanted, values: &BTreeMap<String, Secret>) -> Result<(), Trouble> {
    let (Some(said), Ok(name)) = (wanted.things.get(id), id.name.parse::<ConnectionId>()) else { return Ok(()) };
    let secrets = values.iter().map(|(name, secret)| NamedSecret { name: name.clone(), secret: secret.clone(), added: 0 }).collect();
    let connection = connection(&name, &id.tenant, said, secrets);
    let Some(provider) = provider(&connection.provider) else { return Ok(()) };
    provider.check_connection(&connection).map_err(|refusal| Trouble::BadFile(format!("{id}: {refusal}")))
}
