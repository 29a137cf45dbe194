//! Tries a tenant's default routes with the platform's own rule, over the directory that the file describes.
//!
//! `wanted` asks it for each tenant. A queue that a route names and the file lacks is found here with its line, and not by the server after
//! half of the file has been applied. What only a connection's provider can say is left to the server.

use jackfield_domain::budget::Limits;
use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::{Abilities, DefaultRoutes, Inability, World, vet};
use jackfield_domain::tenant::address::AddressKind;
use jackfield_domain::tenant::directory::{Directory, Person, Queue};
use jackfield_domain::tenant::hours::Hours;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::file::Whole;

/// The provider is not asked.
struct Anything;

impl Abilities for Anything {
    fn check(&self, _draft: &Draft) -> Result<Vec<String>, Inability> {
        Ok(Vec::new())
    }
}

/// Line and column, and what is wrong there.
type Wrong = (String, String);

/// Tries the routes of a tenant and its flows.
pub(super) fn routes(whole: &Whole) -> Result<(), Wrong> {
    let directory = directory(whole);
    let all = whole.routes.iter().chain(whole.flows.iter().filter_map(|flow| flow.routes.as_ref()));
    for routes in all {
        level(routes, &directory)?;
    }
    Ok(())
}

fn level(routes: &Spanned<Value>, directory: &Directory) -> Result<(), Wrong> {
    let place = format!("{}:{}", routes.referenced.line(), routes.referenced.column());
    // Its shape was checked when it became a thing.
    let typed: DefaultRoutes = serde_json::from_value(routes.value.clone()).map_err(|e| (place.clone(), e.to_string()))?;
    let limits = Limits::host();
    let world = World { directory, limits: &limits, listed: None, abilities: &Anything };
    for (at, route) in typed.0.iter().enumerate() {
        if let Some(hours) = route.hours.as_ref().filter(|hours| !directory.hours.contains_key(hours.as_str())) {
            return Err((place, format!("route {at}: there are no hours {hours} in this tenant")));
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

/// A tenant's directory as the file describes it.
pub(super) fn directory(whole: &Whole) -> Directory {
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
    let hours = |hours: &super::file::Hours| {
        let name = hours.name.value.clone();
        let (zone, weekly, exceptions) = (hours.zone.clone(), hours.weekly.clone(), hours.exceptions.clone());
        (name.to_string(), Hours { name, zone, weekly, exceptions, within: Vec::new() })
    };
    let numbers = whole.addresses.iter().filter(|bound| bound.address.value.kind == AddressKind::Number);
    Directory {
        tenant: Some(whole.tenant.id.value.clone()),
        queues: whole.queues.iter().map(queue).collect(),
        people: whole.people.iter().map(person).collect(),
        hours: whole.hours.iter().map(hours).collect(),
        flows: whole.flows.iter().map(|flow| flow.name.value.to_string()).collect(),
        numbers: numbers.map(|bound| bound.address.value.value().to_owned()).collect(),
        zone: whole.tenant.zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        ..Directory::default()
    }
}
