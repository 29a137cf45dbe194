//! Reads a webhook of Retell's: a call that rings, or what became of one.
//!
//! The pipeline calls [`glance`] before the signature is checked and [`parse`] after it. A call that rings has no id yet, so its contact's
//! is a digest of what the webhook says; Retell's retry has another signature and the same body, and so the same contact. Later webhooks
//! carry the metadata of our answer, in which contact and step stand. Calls that we did not answer keep Retell's id.

use std::borrow::Cow;

use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use sha2::{Digest as _, Sha256};

use super::signature::signed_at;
use crate::json::{self, Json, object, owned, text, whole};
use crate::party::{VALUE_BYTES_MAX, endpoint, id, party};
use crate::provider::{Glance, Parsed, Raw, Step, Unreadable};

/// Begins [`Parsed::asked`] of a call that rings; the contact's id follows, because the answer carries it.
pub(super) const INBOUND: &str = "call_inbound";
/// The answer's metadata: the step token, and the contact's id.
pub(super) const STEP: &str = "jackfield_step";
pub(super) const CALL: &str = "jackfield_call";
/// Of a digest's 64 digits, as many as a UUID has: nobody can find two calls with the same.
const ID_DIGITS: usize = 32;

/// What a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// A call rings.
    Inbound,
    /// A call is over.
    Ended,
    /// Anything else.
    Other,
}

/// A webhook, and the call in it: that which rings, or that of which something is told.
struct Webhook<'v> {
    told: Told,
    body: &'v Json<'v>,
    call: &'v Json<'v>,
}

impl<'v> Webhook<'v> {
    fn of(body: &'v Json<'v>) -> Self {
        let told = match body.get("event").and_then(Json::as_str) {
            Some(INBOUND) => Told::Inbound,
            Some("call_ended") => Told::Ended,
            Some(other) if !other.is_empty() => Told::Other,
            // Somebody waits for an answer, whatever became of the event's name.
            _ if body.get("call_inbound").is_some_and(Json::is_object) => Told::Inbound,
            _ => Told::Other,
        };
        let call = body.get(if told == Told::Inbound { "call_inbound" } else { "call" });
        Self { told, body, call: call.unwrap_or(&Json::Null) }
    }

    /// What is told of the call under that name.
    fn told_of(&self, name: &str) -> Option<Cow<'v, str>> {
        json::written(self.call.get(name)?)
    }
}

pub(super) fn glance(raw: &Raw<'_>) -> Result<Glance, Unreadable> {
    let body = read(raw)?;
    let webhook = Webhook::of(&body);
    let (_, entry, _) = ends(&webhook);
    let address = Address::new(Channel::Voice, AddressKind::Number, &entry.raw).ok();
    // Metadata may be anybody's: what is no token of ours belongs to no step.
    let token = body.at("/call/metadata").and_then(|metadata| json::written(metadata.get(STEP)?));
    let step = token.and_then(|token| token.parse::<Step>().ok());
    Ok(Glance { addresses: address.into_iter().collect(), step, ..Glance::default() })
}

pub(super) fn parse(raw: &Raw<'_>) -> Result<Parsed, Unreadable> {
    let body = read(raw)?;
    let webhook = Webhook::of(&body);
    let told = webhook.told;
    let (customer, entry, direction) = ends(&webhook);
    if told == Told::Inbound && entry.raw.is_empty() {
        return Err(Unreadable::Missing("call_inbound.to_number"));
    }
    let provider_contact = match told {
        Told::Inbound => derived_id(raw, &webhook),
        Told::Ended => own_id(&body).ok_or(Unreadable::Missing("call.call_id")).and_then(|call| id(&call))?,
        Told::Other => own_id(&body).and_then(|call| id(&call).ok()).unwrap_or_default(),
    };
    let mut event_material = Vec::new();
    if told != Told::Other {
        event_material = json::material(&body, raw.body);
        // Without a time of its own the body is the same for every call of that caller; the contact is not.
        event_material.extend_from_slice(provider_contact.as_bytes());
    }
    Ok(Parsed {
        asked: if told == Told::Inbound { [INBOUND, ":", &provider_contact].concat() } else { String::new() },
        arrival: Arrival {
            provider_contact,
            parent: None,
            direction,
            customer: party(customer),
            entry,
            forwarded_from: None,
            headers: json::headers(webhook.call, "/custom_sip_headers"),
            extras: extras(&webhook),
        },
        heard: match told {
            Told::Inbound => Heard::Arrival,
            Told::Ended => ended(&body),
            Told::Other => Heard::Nothing,
        },
        event_material,
        known_by_content: false,
        sensitive_possible: false,
        ignored: told == Told::Other,
    })
}

fn read<'a>(raw: &Raw<'a>) -> Result<Json<'a>, Unreadable> {
    // Retell sends calls that ring to the number's URL and all else to the agent's; the event's name tells them apart on either.
    if !matches!(raw.tail, "inbound" | "events") {
        return Err(Unreadable::NoSuchHook);
    }
    object(raw)
}

/// The customer, our side and the direction. An end that cannot be read is none: the call can be answered all the same.
fn ends(webhook: &Webhook<'_>) -> (Endpoint, Endpoint, Direction) {
    let end = |name: &str| endpoint(webhook.told_of(name).as_deref()).unwrap_or_default();
    let (from, to) = (end("from_number"), end("to_number"));
    let outbound = webhook.told != Told::Inbound && webhook.told_of("direction").as_deref() == Some("outbound");
    if outbound { (to, from, Direction::Outbound) } else { (from, to, Direction::Inbound) }
}

/// The id that our answer put into the metadata, or else Retell's.
fn own_id<'v>(body: &'v Json<'_>) -> Option<Cow<'v, str>> {
    let call = body.get("call")?;
    let ours = call.get("metadata").and_then(|metadata| json::written(metadata.get(CALL)?));
    ours.or_else(|| text(call, "/call_id"))
}

fn derived_id(raw: &Raw<'_>, webhook: &Webhook<'_>) -> String {
    let time = text(webhook.body, "/event_timestamp").or_else(|| signed_at(raw.headers).map(Cow::Borrowed)).unwrap_or_default();
    let mut digest = Sha256::new();
    for name in ["from_number", "to_number", "agent_id"] {
        digest.update(webhook.told_of(name).unwrap_or_default().as_bytes());
        digest.update(b"|");
    }
    digest.update(time.as_bytes());
    let mut digits = hex::encode(digest.finalize());
    digits.truncate(ID_DIGITS);
    format!("in-{digits}")
}

/// Which agent the number or the call has, by the names that the contract registers.
fn extras(webhook: &Webhook<'_>) -> Vec<(String, String)> {
    let known = [("agent_id", "agent-id"), ("agent_version", "agent-version")];
    let told = known.into_iter().filter_map(|(theirs, ours)| Some((ours.to_owned(), webhook.told_of(theirs)?.into_owned())));
    told.filter(|(_, value)| value.len() <= VALUE_BYTES_MAX).collect()
}

fn ended(body: &Json<'_>) -> Heard {
    let reason = owned(body, "/call/disconnection_reason").filter(|reason| reason.len() <= VALUE_BYTES_MAX);
    let between = || whole(body, "/call/end_timestamp")?.checked_sub(whole(body, "/call/start_timestamp")?);
    let lasted_ms = whole(body, "/call/duration_ms").or_else(between).unwrap_or_default();
    let cause = reason.as_deref().map_or("completed", cause).to_owned();
    Heard::Ended { cause, lasted_ms, extras: reason.map(|reason| ("ended-reason".to_owned(), reason)).into_iter().collect() }
}

/// Retell has some forty reasons, most of them for what broke; the contract has six causes, and the reason stands beside them.
fn cause(reason: &str) -> &'static str {
    const BROKEN: [&str; 9] = ["error", "fail", "invalid", "limit", "no_valid", "scam", "spam", "not_", "declined"];
    match reason {
        "dial_busy" => "busy",
        "dial_no_answer" => "no-answer",
        "manual_stopped" => "canceled",
        _ if BROKEN.iter().any(|word| reason.contains(word)) => "failed",
        _ => "completed",
    }
}
