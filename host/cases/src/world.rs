//! Makes of a case's words what a call would find: tenant, directory, contact, limits and default routes.
//!
//! `bench` calls it once for each case. It fills in what a developer does not care for with values that are the same on every machine
//! and every day: a case that depends on today would fail tomorrow.

use jackfield_domain::budget::{Limits, Plan};
use jackfield_domain::contact::{Arrival, Contact, Direction, Endpoint, Moment, Party, Phase};
use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::flow::settings::merge;
use jackfield_domain::id::{ContactId, PluginName};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel, e164};
use jackfield_domain::tenant::directory::{Closure, Directory, Person, Queue, QueueStatus};
use jackfield_domain::tenant::hours::Hours;
use jackfield_domain::tenant::{Standing, Tenant};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::format::{Case, Kept, Start, Stubs, World};

/// A Monday on which shops are open.
const AT: &str = "2026-11-23T10:00:00";
const ADDRESS: &str = "+18005551234";
const CALLER: &str = "+14155550100";
const LANGUAGE: &str = "en-US";
/// The flow that is tested.
pub(crate) const FLOW: &str = "main";
/// Whose.
pub(crate) const TENANT: &str = "tested";

/// What a case finds.
pub(crate) struct Found {
    pub tenant: Tenant,
    pub directory: Directory,
    pub routes: DefaultRoutes,
    pub contact: Contact,
    pub settings: Value,
    pub plugin_name: PluginName,
    pub limits: Limits,
    pub now: Moment,
    pub seen: Option<Moment>,
    pub state: Kept,
    pub stubs: Stubs,
}

/// What a case leaves out is as its file says.
fn merged(file: &Start, case: &Start) -> Start {
    let Start { address, caller, anonymous, channel, at, attributes, closure, seen, consents, state, stubs } = case.clone();
    let or = |own: Option<String>, other: &Option<String>| own.or_else(|| other.clone());
    Start {
        address: or(address, &file.address),
        caller: or(caller, &file.caller),
        anonymous: anonymous.or(file.anonymous),
        channel: or(channel, &file.channel),
        at: or(at, &file.at),
        attributes: file.attributes.clone().into_iter().chain(attributes).collect(),
        closure: closure.or_else(|| file.closure.clone()),
        seen: or(seen, &file.seen),
        consents: file.consents.clone().into_iter().chain(consents).collect(),
        state: Kept {
            tenant: file.state.tenant.clone().into_iter().chain(state.tenant).collect(),
            contact: file.state.contact.clone().into_iter().chain(state.contact).collect(),
        },
        stubs: Stubs {
            http: stubs.http.into_iter().chain(file.stubs.http.iter().cloned()).collect(),
            state_unavailable: stubs.state_unavailable.or(file.stubs.state_unavailable),
            fuel_max: stubs.fuel_max.or(file.stubs.fuel_max),
            wall_ms_max: stubs.wall_ms_max.or(file.stubs.wall_ms_max),
        },
    }
}

/// What stands in for what a file's world does not speak of, where its cases are run for a tenant and not on a developer's machine.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Of the release, for a world without settings.
    pub settings: Option<Value>,
    /// The tenant's, for a world without queues, people, hours and flows, with its zone.
    pub directory: Option<Directory>,
}

impl Given {
    fn directory(&self, world: &World) -> Option<&Directory> {
        let World { queues, people, hours, flows, .. } = world;
        let says_nothing = queues.is_empty() && people.is_empty() && hours.is_empty() && flows.is_empty();
        self.directory.as_ref().filter(|_| says_nothing)
    }
}

/// What a case finds, or what in it cannot be.
pub(crate) fn found(world: &World, start: &Start, case: &Case, class: SlotClass, given: &Given) -> Result<Found, String> {
    let start = merged(start, &case.start);
    let given_directory = given.directory(world);
    let zone = world.zone.clone().or_else(|| given_directory.map(|directory| directory.zone.clone())).unwrap_or_else(|| "UTC".to_owned());
    let now = moment("at", start.at.as_deref().unwrap_or(AT), &zone)?;
    let seen = start.seen.as_deref().map(|seen| moment("seen", seen, &zone)).transpose()?;
    let language = world.language.clone().unwrap_or_else(|| LANGUAGE.to_owned());
    let plan: Plan = match &world.plan {
        Some(plan) => read("plan", json!(plan))?,
        None if class == SlotClass::Large => Plan::Large,
        None => Plan::Standard,
    };
    let mut limits = plan.limits();
    limits.fuel_max = start.stubs.fuel_max.map_or(limits.fuel_max, |cut| cut.min(limits.fuel_max));
    limits.wall_ms_max = start.stubs.wall_ms_max.map_or(limits.wall_ms_max, |cut| cut.min(limits.wall_ms_max));
    let channel: Channel = start.channel.as_deref().unwrap_or("voice").parse().map_err(|e| format!("channel: {e}"))?;
    let dialled = start.address.as_deref().unwrap_or(ADDRESS);
    let address = match Address::new(channel, AddressKind::Number, dialled) {
        Ok(address) => address,
        Err(error) => dialled.parse().map_err(|_| format!("address: {error}"))?,
    };
    let mut directory = directory(world, &start, &zone, dialled, now)?;
    if let Some(Directory { queues, people, hours, flows, .. }) = given_directory.cloned() {
        directory = Directory { queues, people, hours, flows: flows.into_iter().chain(directory.flows).collect(), ..directory };
    }
    let settings = merge(world.settings.as_ref().or(given.settings.as_ref()).into_iter().chain(&case.settings));
    let tenant = tenant(&zone, &language, plan, limits, now)?;
    let contact = contact(&tenant, &start, address, dialled)?;
    let routes = read("routes", world.routes.clone().unwrap_or_else(|| json!([])))?;
    let plugin_name = read("plugin", json!(TENANT))?;
    Ok(Found { tenant, directory, routes, contact, settings, plugin_name, limits, now, seen, state: start.state, stubs: start.stubs })
}

fn tenant(zone: &str, language: &str, plan: Plan, limits: Limits, now: Moment) -> Result<Tenant, String> {
    Ok(Tenant {
        id: read("tenant", json!(TENANT))?,
        parent: None,
        ancestors: Vec::new(),
        label: "Tested".to_owned(),
        zone: zone.to_owned(),
        language: language.to_owned(),
        plan,
        limits,
        standing: Standing::Active,
        created: now,
    })
}

fn contact(tenant: &Tenant, start: &Start, address: Address, dialled: &str) -> Result<Contact, String> {
    let caller = start.caller.as_deref().unwrap_or(CALLER);
    let anonymous = start.anonymous.unwrap_or(false);
    let customer = Party {
        address: if anonymous { Endpoint::default() } else { Endpoint { raw: caller.to_owned(), e164: e164(caller) } },
        anonymous,
        ..Party::default()
    };
    Ok(Contact {
        id: ContactId::new(tenant.created, [1; 10]),
        tenant: tenant.id.clone(),
        flow: read("flow", json!(FLOW))?,
        connection: read("connection", json!("bench"))?,
        provider: "bench".to_owned(),
        channel: address.channel,
        address,
        arrival: Arrival {
            provider_contact: "bench".to_owned(),
            parent: None,
            direction: Direction::Inbound,
            customer,
            entry: Endpoint { raw: dialled.to_owned(), e164: e164(dialled) },
            forwarded_from: None,
            headers: Vec::new(),
            extras: Vec::new(),
        },
        release: Some(1),
        plan: tenant.plan,
        language: tenant.language.clone(),
        started: tenant.created,
        heard: tenant.created,
        ended: None,
        end_cause: None,
        phase: Phase::Running,
        turn: 0,
        asked_turns: 0,
        idle_turns: 0,
        attributes: start.attributes.clone(),
        open: None,
        queues: Vec::new(),
        failures: Vec::new(),
        consents: start.consents.clone(),
        state_schema: None,
        state_bytes: 0,
        priority: false,
        test: false,
        gave_secrets: false,
    })
}

fn directory(world: &World, start: &Start, zone: &str, dialled: &str, now: Moment) -> Result<Directory, String> {
    let mut directory = Directory {
        tenant: Some(read("tenant", json!(TENANT))?),
        flows: world.flows.iter().cloned().chain([FLOW.to_owned()]).collect(),
        numbers: e164(dialled).into_iter().collect(),
        zone: zone.to_owned(),
        ..Directory::default()
    };
    for (name, hours) in &world.hours {
        let value = json!({"name": name, "zone": hours.zone, "weekly": hours.weekly, "exceptions": hours.exceptions});
        let hours: Hours = read(&format!("hours {name}"), value)?;
        hours.check().map_err(|e| format!("hours {name}: {e}"))?;
        directory.hours.insert(name.clone(), hours);
    }
    for (name, queue) in &world.queues {
        if let Some(kept) = queue.hours.as_ref().filter(|hours| !world.hours.contains_key(*hours)) {
            return Err(format!("queue {name} keeps the hours {kept}, and there are none of that name"));
        }
        let at = format!("queue {name}");
        let hours = queue.hours.as_ref().map(|hours| read(&at, json!(hours))).transpose()?;
        let row = Queue {
            name: read(&at, json!(name))?,
            label: name.clone(),
            language: queue.language.clone(),
            hours,
            provider_ids: std::collections::BTreeMap::new(),
        };
        directory.queues.insert(name.clone(), row);
        if queue.waiting.is_some() || queue.staffed.is_some() {
            let (waiting, staffed) = (queue.waiting.unwrap_or(0), queue.staffed.unwrap_or(0));
            directory.queue_statuses.insert(name.clone(), QueueStatus { waiting, staffed, oldest_ms: 0, reported: now });
        }
    }
    for (name, number) in &world.people {
        let address = Endpoint { raw: number.clone(), e164: e164(number) };
        let person = Person { name: read(&format!("person {name}"), json!(name))?, label: name.clone(), address };
        directory.people.insert(name.clone(), person);
    }
    directory.closure = start.closure.as_ref().map(|closure| Closure {
        reason: closure.reason.clone(),
        by: "the case".to_owned(),
        since: now,
        until: None,
        bypass: closure.bypass,
    });
    Ok(directory)
}

/// RFC 3339 with an offset, or local time in the zone; a local time that a clock change skips or repeats is refused.
fn moment(what: &str, text: &str, zone: &str) -> Result<Moment, String> {
    let wrong = |why: String| {
        format!("{what}: {text:?} is no moment ({why}); write 2026-11-23T10:00:00-05:00, or 2026-11-23T10:00:00 for local time")
    };
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let local: DateTime = text.parse().map_err(|e: jiff::Error| wrong(e.to_string()))?;
            let zone = TimeZone::get(zone).map_err(|e| format!("zone: {e}"))?;
            zone.to_ambiguous_zoned(local).unambiguous().map_err(|e| wrong(e.to_string()))?.timestamp()
        }
    };
    Moment::try_from(at.as_millisecond()).map_err(|_| wrong("it is before 1970".to_owned()))
}

fn read<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|e| format!("{what}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_what_it_says_and_a_gap_of_the_clock_is_none() {
        assert_eq!(moment("at", "2026-11-23T10:00:00-05:00", "UTC"), moment("at", "2026-11-23T10:00:00", "America/New_York"));
        assert!(moment("at", "2026-03-08T02:30:00", "America/New_York").unwrap_err().contains("2026-03-08T02:30:00"));
        assert!(moment("at", "tomorrow", "UTC").unwrap_err().contains("no moment"));
    }
}
