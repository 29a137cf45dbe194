//! The front doors and switches that speak JSON, by hand; `voice_ai` has the others.

use std::borrow::Cow;

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::phone;
use jackfield_providers::provider::Place;
use serde::{Deserialize, Serialize};

use super::lenient::{Pairs, Part, Text};
use super::{Done, Said, caller, end, step};

/// A body.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// With the bytes by which a retry is told.
pub(super) fn done(arrival: Arrival, body: &[u8], reply: &impl Serialize) -> Option<Done> {
    Some(Done { arrival, heard: Heard::Arrival, identity: body.to_vec(), reply: serde_json::to_vec(reply).ok()? })
}

/// A contact that began, of which nothing else is told.
pub(super) fn begun(provider_contact: String, customer: Party, entry: Endpoint) -> Arrival {
    Arrival {
        provider_contact,
        parent: None,
        direction: Direction::Inbound,
        customer,
        entry,
        forwarded_from: None,
        headers: Vec::new(),
        extras: Vec::new(),
    }
}

/// Those of a call's headers that are somebody's own.
pub(super) fn own(headers: Pairs) -> Vec<(String, String)> {
    let lower = headers.0.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    lower.filter(|(name, _)| name.starts_with("x-")).collect()
}

/// The named ones that are there.
pub(super) fn named<const N: usize>(texts: [(&str, Text<'_>); N]) -> Vec<(String, String)> {
    texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.owned()?))).collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Invocation<'a> {
    #[serde(borrow)]
    details: Part<Details<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Details<'a> {
    #[serde(borrow)]
    contact_data: Part<ContactData<'a>>,
    parameters: Part<Pairs>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContactData<'a> {
    attributes: Part<Pairs>,
    #[serde(borrow)]
    contact_id: Text<'a>,
    #[serde(borrow)]
    customer_endpoint: Part<Side<'a>>,
    #[serde(borrow)]
    initial_contact_id: Text<'a>,
    #[serde(borrow)]
    initiation_method: Text<'a>,
    #[serde(borrow)]
    language_code: Text<'a>,
    #[serde(borrow)]
    previous_contact_id: Text<'a>,
    #[serde(borrow)]
    queue: Part<Queue<'a>>,
    #[serde(borrow)]
    system_endpoint: Part<Side<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Side<'a> {
    #[serde(borrow)]
    address: Text<'a>,
    #[serde(borrow)]
    display_name: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Queue<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Serialize)]
struct Flow<'a> {
    decision_action: &'a str,
    decision_prompt: &'a str,
    decision_prompt_type: &'a str,
    decision_queue: &'a str,
    decision_queue_name: &'a str,
    decision_step: String,
}

pub(in super::super) fn amazon_connect(body: &[u8], said: &Said<'_>) -> Option<Done> {
    // What the flow brings back is an event, which this is not.
    const EVENTS: [&str; 9] = ["step", "decision_step", "digits", "Digits", "speech", "confidence", "outcome", "event", "seconds"];
    let Details { contact_data, parameters } = read::<Invocation<'_>>(body)?.details.0;
    let data = contact_data.0;
    let contact = data.contact_id.owned()?;
    let is_ours = matches!(data.initiation_method.as_str(), "OUTBOUND" | "API" | "CALLBACK");
    let parent = data.previous_contact_id.owned().or_else(|| data.initial_contact_id.owned()).filter(|parent| *parent != contact);
    let Side { address, display_name } = data.customer_endpoint.0;
    let customer = caller(end(address.as_str()), display_name.owned(), None);
    let entry = end(data.system_endpoint.0.address.as_str());
    let mut extras =
        named([("initiation-method", data.initiation_method), ("language", data.language_code), ("queue-name", data.queue.0.name)]);
    extras.extend(data.attributes.0.0.into_iter().map(|(name, value)| (format!("attribute.{name}"), value)));
    let own = parameters.0.0.into_iter().filter(|(name, _)| !EVENTS.contains(&name.as_str()));
    extras.extend(own.map(|(name, value)| (format!("parameter.{name}"), value)));
    let direction = if is_ours { Direction::Outbound } else { Direction::Inbound };
    let arrival = Arrival { parent, direction, extras, ..begun(contact, customer, entry) };
    let reply = Flow {
        decision_action: "transfer_to_queue",
        decision_prompt: said.words,
        decision_prompt_type: "text",
        decision_queue: said.queue,
        decision_queue_name: said.queue,
        decision_step: step(said, Place::QueueLeft),
    };
    done(arrival, body, &reply)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Invite<'a> {
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    diversion: Text<'a>,
    #[serde(borrow)]
    fname: Text<'a>,
    #[serde(borrow)]
    fuser: Text<'a>,
    headers: Part<Pairs>,
    #[serde(borrow)]
    ruser: Text<'a>,
    #[serde(borrow)]
    src_ip: Text<'a>,
}

#[derive(Serialize)]
struct Routes<'a> {
    routes: [Route<'a>; 2],
    routing: &'a str,
    tenant: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Route<'a> {
    dst_uri: String,
    headers: Extra<'a>,
    uri: &'a str,
}

#[derive(Serialize)]
struct Extra<'a> {
    extra: &'a str,
}

/// As a switch dials it, by all countries' plans where it has no plus.
fn dialled(raw: &str) -> Endpoint {
    Endpoint { raw: raw.to_owned(), e164: phone::number(raw, None) }
}

pub(in super::super) fn kamailio(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let invite: Invite<'_> = read(body)?;
    let customer = caller(dialled(invite.fuser.as_str()), invite.fname.owned(), None);
    let arrival = Arrival {
        forwarded_from: invite.diversion.0.map(|raw| dialled(&raw)),
        headers: own(invite.headers.0),
        extras: named([("source-ip", invite.src_ip)]),
        ..begun(invite.call_id.owned()?, customer, dialled(invite.ruser.as_str()))
    };
    let route = |uri| Route {
        dst_uri: format!("sip:{}", str::rsplit_once(uri, '@').map_or(uri, |(_, host)| host)),
        headers: Extra { extra: "X-Tenant-Id: acme\r\n" },
        uri,
    };
    let reply = Routes { routes: said.targets.map(route), routing: "serial", tenant: "acme", version: "1.0" };
    done(arrival, body, &reply)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    contact: Text<'a>,
    #[serde(borrow)]
    direction: Text<'a>,
    extras: Part<Pairs>,
    #[serde(borrow)]
    forwarded_from: Text<'a>,
    #[serde(borrow)]
    from: Part<Sender<'a>>,
    headers: Part<Pairs>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    parent: Text<'a>,
    #[serde(borrow)]
    to: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sender<'a> {
    #[serde(borrow)]
    address: Text<'a>,
    #[serde(borrow)]
    anonymous: Text<'a>,
    #[serde(borrow)]
    attestation: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Serialize)]
struct Decided<'a> {
    actions: &'a [Action],
    contact: ContactId,
    language: &'a str,
    reason: &'a str,
    step: String,
    turn: u32,
}

pub(in super::super) fn native(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let told: Told<'_> = read(body)?;
    let Sender { address, anonymous, attestation, name } = told.from.0;
    let mut customer = caller(end(address.as_str()), name.owned(), attestation.owned());
    if anonymous.as_str() == "true" {
        customer.anonymous = true;
        customer.address.e164 = None;
    }
    let is_ours = told.direction.as_str() == "outbound";
    let arrival = Arrival {
        parent: told.parent.owned(),
        direction: if is_ours { Direction::Outbound } else { Direction::Inbound },
        forwarded_from: told.forwarded_from.0.map(|raw| end(&raw)),
        headers: own(told.headers.0),
        extras: told.extras.0.0,
        ..begun(told.contact.owned()?, customer, end(told.to.as_str()))
    };
    let Said { contact, actions, reason, .. } = *said;
    let reply = Decided { actions, contact, language: "en-US", reason, step: step(said, Place::Main), turn: 1 };
    let identity = told.id.0.map_or(Cow::Borrowed(body), |id| Cow::Owned(id.into_owned().into_bytes()));
    done(arrival, &identity, &reply)
}
