//! Reads an invocation by Amazon Connect: whose contact it is, and what the flow brings back.
//!
//! The pipeline calls [`glance`] before the signature is checked and [`parse`] after it. The tenant is found by the system's endpoint,
//! by the queue or by what the flow's author wrote into the block's parameters: never by the caller. Every member may be missing or null,
//! as chats and tests leave them, and none of it stops a call that can be answered.

use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use jackfield_domain::tenant::connection::Connection;
use serde_json::Value;

use crate::json::{canonical, first, parse as object, plain, text, whole};
use crate::party::{bounded, endpoint, id, party};
use crate::provider::{Glance, Parsed, Place, Raw, Step, Unreadable};

/// What an invocation asks for, in words that the scene brings back.
pub(super) mod asked {
    /// An answer.
    pub(crate) const ANSWER: &str = "answer";
    /// An answer, and the plugin's log.
    pub(crate) const ANSWER_AND_LOG: &str = "answer-and-log";
    /// That it is run, and no answer.
    pub(crate) const RUN: &str = "run";
    /// Whether it may be run.
    pub(crate) const CHECK: &str = "check";
}

/// What stored input holds when the customer entered nothing, as Connect's own blocks write it.
const NO_INPUT: [&str; 3] = ["timeout", "noinput", "no-input"];

/// As much as a plugin takes of a kind of its own, less the names.
const FLOW_EVENT_BYTES_MAX: usize = 12 * 1_024;
/// Parameters that say what happened.
const EVENT_PARAMETERS: [&str; 9] = ["step", "decision_step", "digits", "Digits", "speech", "confidence", "outcome", "event", "seconds"];

const DATA: &str = "/Details/ContactData";
const PARAMETERS: &str = "/Details/Parameters";

/// What a path names: a name, or an ARN or a part of one, with or without a version.
fn named(tail: &str) -> Option<&str> {
    let named = tail.strip_prefix("2015-03-31/functions/")?.strip_suffix("/invocations")?;
    Some(named.rsplit_once("function:").map_or(named, |(_, name)| name))
}

/// The function that a path names, without account, region and version; none where the path is no invocation.
pub fn function(tail: &str) -> Option<String> {
    let name = named(tail)?.split(':').next().filter(|name| !name.is_empty() && !name.contains('/'))?;
    Some(name.to_owned())
}

/// The version or alias that a path or a query names. AWS's own `$LATEST` is what routes.
fn qualifier(raw: &Raw<'_>) -> Result<Option<String>, Unreadable> {
    let in_path = named(raw.tail).and_then(|named| named.split_once(':')).map(|(_, version)| version.to_owned());
    let mut in_query = form_urlencoded::parse(raw.query().unwrap_or_default().as_bytes()).filter(|(name, _)| name == "Qualifier");
    let in_query = in_query.next().map(|(_, value)| value.into_owned());
    let both = match (in_path, in_query) {
        (Some(path), Some(query)) if path != query => return Err(Unreadable::Ambiguous("Qualifier")),
        (path, query) => path.or(query),
    };
    Ok(both.filter(|version| version != "$LATEST"))
}

fn body(raw: &Raw<'_>) -> Result<Value, Unreadable> {
    if raw.method != http::Method::POST {
        return Err(Unreadable::WrongMethod("POST"));
    }
    if function(raw.tail).is_none() {
        return Err(Unreadable::NoSuchHook);
    }
    object(raw.body)
}

fn channel(body: &Value) -> Channel {
    match text(body, &format!("{DATA}/Channel")).unwrap_or_default().to_ascii_uppercase().as_str() {
        "CHAT" | "TASK" => Channel::Chat,
        "EMAIL" => Channel::Email,
        "SMS" => Channel::Sms,
        _ => Channel::Voice,
    }
}

fn parameter(body: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(body, &format!("{PARAMETERS}/{name}")))
}

/// The queue: an object with its ARN, as documented, or a bare text, as older examples have it.
fn queue(body: &Value) -> Option<String> {
    let places = ["Queue/ARN", "Queue/Arn", "Queue"].map(|name| format!("{DATA}/{name}"));
    let found = places.iter().find_map(|place| text(body, place));
    found.or_else(|| parameter(body, &["QueueArn", "QueueARN", "queue"])).filter(|queue| queue.starts_with("arn:"))
}

fn our_side(body: &Value) -> Option<String> {
    let told = text(body, &format!("{DATA}/SystemEndpoint/Address"));
    told.or_else(|| parameter(body, &["DialedNumber", "DialledNumber", "SystemNumber"]))
}

pub(super) fn glance(raw: &Raw<'_>) -> Result<Glance, Unreadable> {
    let body = body(raw)?;
    let channel = channel(&body);
    let number = our_side(&body).and_then(|raw| endpoint(Some(&raw)).ok()?.e164);
    let mut addresses = Vec::new();
    addresses.extend(parameter(&body, &["address"]).and_then(|written| written.parse::<Address>().ok()));
    addresses.extend(number.and_then(|number| Address::new(channel, AddressKind::Number, &number).ok()));
    addresses.extend(queue(&body).and_then(|arn| Address::new(channel, AddressKind::QueueArn, &arn).ok()));
    let business = parameter(&body, &["business_id", "businessId", "BusinessId"]);
    addresses.extend(business.and_then(|business| Address::new(channel, AddressKind::BusinessId, &business).ok()));
    Ok(Glance {
        addresses,
        must_agree: false,
        account: text(&body, &format!("{DATA}/InstanceARN")),
        step: step(&body)?,
        release: qualifier(raw)?,
    })
}

fn step(body: &Value) -> Result<Option<Step>, Unreadable> {
    let Some(token) = parameter(body, &["step", "decision_step"]) else { return Ok(None) };
    Ok(Some(token.parse()?))
}

fn asked(raw: &Raw<'_>) -> Result<&'static str, Unreadable> {
    let header = |name: &str| raw.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(match header("x-amz-invocation-type") {
        "" | "RequestResponse" if header("x-amz-log-type") == "Tail" => asked::ANSWER_AND_LOG,
        "" | "RequestResponse" => asked::ANSWER,
        "Event" => asked::RUN,
        "DryRun" => asked::CHECK,
        _ => return Err(Unreadable::Malformed("X-Amz-Invocation-Type is none of RequestResponse, Event and DryRun")),
    })
}

pub(super) fn parse(raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable> {
    let body = body(raw)?;
    let asked = asked(raw)?;
    let place = step(&body)?.map(|step| step.place);
    let heard = heard(&body, place);
    // What the flow stored says what the customer entered, and the same may be meant twice only with a step between.
    let material = [raw.tail.as_bytes(), b"\n", raw.query().unwrap_or_default().as_bytes(), b"\n", &canonical(&body)].concat();
    Ok(Parsed {
        arrival: arrival(&body, connection, asked)?,
        sensitive_possible: matches!(heard, Heard::Digits(_) | Heard::Speech { .. }),
        heard,
        event_material: material,
        ignored: asked == asked::CHECK,
        asked: asked.to_owned(),
    })
}

fn arrival(body: &Value, connection: &Connection, asked: &str) -> Result<Arrival, Unreadable> {
    let at = |name: &str| text(body, &format!("{DATA}/{name}"));
    // Whoever asks only whether it may has no contact yet.
    let contact = at("ContactId").or_else(|| (asked == asked::CHECK).then(|| "none".to_owned()));
    let Some(contact) = contact else { return Err(Unreadable::Missing("Details.ContactData.ContactId")) };
    let customer = party(endpoint(at("CustomerEndpoint/Address").as_deref())?);
    let begun_by_us = at("InitiationMethod").is_some_and(|method| matches!(method.as_str(), "OUTBOUND" | "API" | "CALLBACK"));
    let parent = at("PreviousContactId").or_else(|| at("InitialContactId")).filter(|parent| *parent != contact);
    let mut extras: Vec<(String, String)> =
        [("InitiationMethod", "initiation-method"), ("LanguageCode", "language"), ("Queue/Name", "queue-name")]
            .into_iter()
            .filter_map(|(theirs, ours)| Some((ours.to_owned(), bounded(&at(theirs)?).ok()?.to_owned())))
            .collect();
    let named = |prefix: &str, pointer: &str| -> Vec<(String, String)> {
        plain(body, pointer).into_iter().map(|(name, value)| (format!("{prefix}.{name}"), value)).collect()
    };
    extras.extend(named("attribute", &format!("{DATA}/Attributes")));
    // What the flow brings back is an event; what the customer entered may be a secret, and must not stand twice.
    let is_event = |name: &str| EVENT_PARAMETERS.iter().any(|event| name.strip_prefix("parameter.") == Some(event));
    extras.extend(named("parameter", PARAMETERS).into_iter().filter(|(name, _)| !is_event(name)));
    Ok(Arrival {
        provider_contact: id(&contact)?,
        parent: parent.map(|parent| id(&parent)).transpose()?,
        direction: if begun_by_us { Direction::Outbound } else { Direction::Inbound },
        customer: Party { name: at("CustomerEndpoint/DisplayName"), ..customer },
        entry: endpoint(our_side(body).as_deref())?,
        forwarded_from: None,
        headers: Vec::new(),
        extras: if connection.option(super::EXTRAS) == Some("none") { Vec::new() } else { extras },
    })
}

/// What the flow brings back, by the parameters that its author set; the place in the step says of what an outcome is one.
fn heard(body: &Value, place: Option<Place>) -> Heard {
    let outcome = parameter(body, &["outcome"]);
    let milliseconds = |names: &[&str]| {
        let pointers: Vec<String> = names.iter().map(|name| format!("{PARAMETERS}/{name}")).collect();
        pointers.iter().find_map(|pointer| whole(body, pointer)).unwrap_or(0).saturating_mul(1_000)
    };
    match parameter(body, &["event"]).as_deref() {
        Some("ended") => {
            let cause = outcome.unwrap_or_else(|| "completed".to_owned());
            return Heard::Ended { cause, lasted_ms: milliseconds(&["seconds"]), extras: Vec::new() };
        }
        Some("hung-up") => return Heard::HungUp,
        Some(kind) if kind != "arrived" => {
            // What the customer entered is no part of it: it may be a secret.
            let own = plain(body, PARAMETERS).into_iter().filter(|(name, _)| !EVENT_PARAMETERS.contains(&name.as_str()) || name == "event");
            let mut data = own.map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>();
            while data.values().map(|value| value.as_str().map_or(0, str::len)).sum::<usize>() > FLOW_EVENT_BYTES_MAX {
                let Some(last) = data.keys().next_back().cloned() else { break };
                data.remove(&last);
            }
            let data = Value::Object(data).to_string();
            return Heard::Other(Extension { kind: super::FLOW_EVENT.to_owned(), data });
        }
        _ => {}
    }
    let outcome = outcome.unwrap_or_else(|| "failed".to_owned());
    match place {
        Some(Place::Dialled) => Heard::Dialled { outcome, talked_ms: milliseconds(&["seconds"]), extras: Vec::new() },
        Some(Place::QueueLeft) => Heard::QueueLeft { outcome, waited_ms: milliseconds(&["seconds"]) },
        Some(Place::SpeakerEnded) => Heard::SpeakerEnded { reason: outcome, fields: own(body).collect() },
        Some(Place::Main) => Heard::Resumed,
        Some(_) => entered(body).unwrap_or(Heard::Nothing),
        None => entered(body).unwrap_or(Heard::Arrival),
    }
}

/// What the flow's author added of his own: what the customer entered is no part of it, because it may be a secret.
fn own(body: &Value) -> impl Iterator<Item = (String, String)> {
    plain(body, PARAMETERS).into_iter().filter(|(name, _)| !EVENT_PARAMETERS.contains(&name.as_str()))
}

/// What the customer entered or said; none where the flow brings neither.
fn entered(body: &Value) -> Option<Heard> {
    if let Some(said) = parameter(body, &["speech"]) {
        let confidence =
            parameter(body, &["confidence"]).and_then(|share| share.parse::<f32>().ok()).filter(|share| (0.0..=1.0).contains(share));
        return Some(Heard::Speech { text: said, confidence, alternatives: Vec::new() });
    }
    let digits = first(body, &[&format!("{PARAMETERS}/digits"), &format!("{PARAMETERS}/Digits")])?;
    let is_nothing = NO_INPUT.iter().any(|nothing| digits.eq_ignore_ascii_case(nothing));
    let is_keys = digits.bytes().all(|key| key.is_ascii_digit() || key == b'*' || key == b'#');
    Some(if is_nothing || !is_keys { Heard::Nothing } else { Heard::Digits(digits) })
}
