//! Tries a tenant's default routes with the platform's own rule, over the directory that the file describes and what it inherits.
//!
//! `plan` and `apply` ask it for each tenant, after `found` has read what stands above the file. A queue that a route names and the file lacks is found here with its line, and not by the server after
//! half of the file has been applied. What only a connection's provider can say is left to the server.

use std::collections::BTreeMap;

use jackfield_domain::budget::Limits;
use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::{Abilities, DefaultRoutes, Inability, World, vet};
use jackfield_domain::id::TenantId;
use jackfield_domain::tenant::address::AddressKind;
use jackfield_domain::tenant::directory::{Directory, Person, Queue};
use jackfield_domain::tenant::hours::Hours;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::file::Whole;
use super::found::Found;
use super::wanted::Wanted;

/// The provider is not asked.
struct Anything;

impl Abilities for Anything {
    fn check(&self, _draft: &Draft) -> Result<Vec<String>, Inability> {
        Ok(Vec::new())
    }
}

/// Line and column, and what is wrong there.
type Wrong = (String, String);

/// Hours that tenants of a file inherit.
pub(super) struct Above {
    /// By the tenant that has them; those of the file beat what the server has.
    hours: BTreeMap<TenantId, Vec<Hours>>,
    parents: BTreeMap<TenantId, TenantId>,
}

impl Above {
    pub(super) fn of(tenants: &[Whole], wanted: &Wanted, found: &Found) -> Self {
        let mut hours = found.hours_above.clone();
        for whole in tenants {
            hours.insert(whole.tenant.id.value.clone(), own_hours(whole).collect());
        }
        // Hours without a zone are by the clock of whoever made them, for those below too.
        for (tenant, all) in &mut hours {
            let said = tenants.iter().find(|whole| whole.tenant.id.value == *tenant).and_then(|whole| whole.tenant.zone.clone());
            let zone = said.or_else(|| found.tenants.get(tenant).map(|tenant| tenant.zone.clone()));
            for hours in all {
                hours.zone = hours.zone.take().or_else(|| zone.clone());
            }
        }
        let mut parents: BTreeMap<TenantId, TenantId> =
            found.tenants.iter().filter_map(|(id, tenant)| Some((id.clone(), tenant.parent.clone()?))).collect();
        let said = wanted.parents.iter().filter_map(|(id, parent)| Some((id.clone(), parent.clone()?)));
        for (id, parent) in said {
            parents.entry(id).or_insert(parent);
        }
        Self { hours, parents }
    }

    /// Tenants above one, the nearest first; false where not all of them could be read.
    fn line(&self, tenant: &TenantId) -> (Vec<&TenantId>, bool) {
        let mut line: Vec<&TenantId> = Vec::new();
        let mut last = tenant;
        while let Some(parent) = self.parents.get(last).filter(|parent| !line.contains(parent)) {
            line.push(parent);
            last = parent;
        }
        let are_all_seen = *last == TenantId::platform() && line.iter().all(|id| self.hours.contains_key(*id));
        (line, are_all_seen)
    }
}

/// Tries the routes of a tenant and its flows.
pub(super) fn routes(whole: &Whole, above: &Above) -> Result<(), Wrong> {
    let directory = directory(whole, above);
    let are_all_seen = above.line(&whole.tenant.id.value).1;
    let all = whole.routes.iter().chain(whole.flows.iter().filter_map(|flow| flow.routes.as_ref()));
    for routes in all {
        level(routes, &directory, are_all_seen)?;
    }
    Ok(())
}

/// Hours that may stand where nobody can look from here are left to the server.
fn level(routes: &Spanned<Value>, directory: &Directory, are_all_seen: bool) -> Result<(), Wrong> {
    let place = format!("{}:{}", routes.referenced.line(), routes.referenced.column());
    // Its shape was checked when it became a thing.
    let typed: DefaultRoutes = serde_json::from_value(routes.value.clone()).map_err(|e| (place.clone(), e.to_string()))?;
    let limits = Limits::host();
    let world = World { directory, limits: &limits, listed: None, abilities: &Anything };
    for (at, route) in typed.0.iter().enumerate() {
        if let Some(hours) = route.hours.as_ref().filter(|hours| are_all_seen && !directory.hours.contains_key(hours.as_str())) {
            return Err((place, format!("route {at}: there are no hours {hours} in this tenant or above it")));
        }
        let branches = [("open", Some(&route.open)), ("closed", route.closed.as_ref())];
        for (name, draft) in branches.into_iter().filter_map(|(name, draft)| draft.map(|draft| (name, draft))) {
            if let Err(failure) = vet(draft.clone(), &world) {
                return Err((place, format!("route {at}, {name}: {}", failure.detail)));
            }
        }
    }
    Ok(())
}

fn own_hours(whole: &Whole) -> impl Iterator<Item = Hours> {
    let hours = |hours: &super::file::Hours| {
        let (name, zone, weekly, exceptions) =
            (hours.name.value.clone(), hours.zone.clone(), hours.weekly.clone(), hours.exceptions.clone());
        Hours { name, zone, weekly, exceptions, within: Vec::new() }
    };
    whole.hours.iter().map(hours)
}

/// A tenant's directory as the file describes it, with the hours that it inherits.
pub(super) fn directory(whole: &Whole, above: &Above) -> Directory {
    let queue = |queue: &super::file::Queue| {
        let name = queue.name.value.clone();
        let hours = queue.hours.as_ref().map(|hours| hours.value.clone());
        let row =
            Queue { label: name.to_string(), language: queue.language.clone(), hours, provider_ids: queue.provider_ids.clone(), name };
        (row.name.to_string(), row)
    };
    let person = |person: &super::file::Person| {
        let name = person.name.value.clone();
        (name.to_string(), Person { label: name.to_string(), address: Endpoint { raw: person.address.clone(), e164: None }, name })
    };
    let mut hours: BTreeMap<String, Hours> = own_hours(whole).map(|hours| (hours.name.to_string(), hours)).collect();
    for theirs in above.line(&whole.tenant.id.value).0.into_iter().filter_map(|id| above.hours.get(id)).flatten() {
        match hours.get_mut(theirs.name.as_str()) {
            Some(ours) => ours.within.push(theirs.clone()),
            None => _ = hours.insert(theirs.name.to_string(), theirs.clone()),
        }
    }
    let numbers = whole.addresses.iter().filter(|bound| bound.address.value.kind == AddressKind::Number);
    Directory {
        tenant: Some(whole.tenant.id.value.clone()),
        queues: whole.queues.iter().map(queue).collect(),
        people: whole.people.iter().map(person).collect(),
        hours,
        flows: whole.flows.iter().map(|flow| flow.name.value.to_string()).collect(),
        numbers: numbers.map(|bound| bound.address.value.value().to_owned()).collect(),
        zone: whole.tenant.zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        ..Directory::default()
    }
}
