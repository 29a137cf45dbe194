//! Reads an invocation by Amazon Connect: whose contact it is, and what the flow brings back.
//!
//! The pipeline calls [`glance`] before the signature is checked and [`parse`] after it. The tenant is found by the system's endpoint,
//! by the queue or by what the flow's author wrote into the block's parameters: never by the caller. Every member may be missing or null,
//! as chats and tests leave them, and none of it stops a call that can be answered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use jackfield_domain::tenant::connection::Connection;

use crate::json::{self, Json, first, owned, parse as object, plain, text, whole};
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

/// What an invocation carries: what Connect tells of the contact, and the parameters that the flow's author set.
struct Invocation<'v> {
    data: &'v Json<'v>,
    parameters: &'v Json<'v>,
}

impl<'v> Invocation<'v> {
    fn of(body: &'v Json<'v>) -> Self {
        let details = |name: &str| body.at("/Details").and_then(|details| details.get(name)).unwrap_or(&Json::Null);
        Self { data: details("ContactData"), parameters: details("Parameters") }
    }

    /// The first of several parameters that has a text.
    fn parameter(&self, names: &[&str]) -> Option<Cow<'v, str>> {
        names.iter().find_map(|name| json::written(self.parameters.get(name)?))
    }

    /// What the flow's author added of his own: what the customer entered is no part of it, because it may be a secret.
    fn own_parameters(&self) -> impl Iterator<Item = (&'v str, Cow<'v, str>)> {
        plain(self.parameters, "").filter(|(name, _)| !EVENT_PARAMETERS.contains(name))
    }
}

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

fn body<'a>(raw: &Raw<'a>) -> Result<Json<'a>, Unreadable> {
    if raw.method != http::Method::POST {
        return Err(Unreadable::WrongMethod("POST"));
    }
    if function(raw.tail).is_none() {
        return Err(Unreadable::NoSuchHook);
    }
    object(raw.body)
}

fn channel(told: &Invocation<'_>) -> Channel {
    match text(told.data, "/Channel").unwrap_or_default().to_ascii_uppercase().as_str() {
        "CHAT" | "TASK" => Channel::Chat,
        "EMAIL" => Channel::Email,
        "SMS" => Channel::Sms,
        _ => Channel::Voice,
    }
}

/// The queue: an object with its ARN, as documented, or a bare text, as older examples have it.
fn queue<'v>(told: &Invocation<'v>) -> Option<Cow<'v, str>> {
    let found = first(told.data, &["/Queue/ARN", "/Queue/Arn", "/Queue"]);
    found.or_else(|| told.parameter(&["QueueArn", "QueueARN", "queue"])).filter(|queue| queue.starts_with("arn:"))
}

fn our_side<'v>(told: &Invocation<'v>) -> Option<Cow<'v, str>> {
    let named = text(told.data, "/SystemEndpoint/Address");
    named.or_else(|| told.parameter(&["DialedNumber", "DialledNumber", "SystemNumber"]))
}

pub(super) fn glance(raw: &Raw<'_>) -> Result<Glance, Unreadable> {
    let body = body(raw)?;
    let told = Invocation::of(&body);
    let channel = channel(&told);
    let number = our_side(&told).and_then(|raw| endpoint(Some(&raw)).ok()?.e164);
    let mut addresses = Vec::new();
    addresses.extend(told.parameter(&["address"]).and_then(|written| written.parse::<Address>().ok()));
    addresses.extend(number.and_then(|number| Address::new(channel, AddressKind::Number, &number).ok()));
    addresses.extend(queue(&told).and_then(|arn| Address::new(channel, AddressKind::QueueArn, &arn).ok()));
    let business = told.parameter(&["business_id", "businessId", "BusinessId"]);
    addresses.extend(business.and_then(|business| Address::new(channel, AddressKind::BusinessId, &business).ok()));
    Ok(Glance {
        addresses,
        must_agree: false,
        named: Vec::new(),
        account: owned(told.data, "/InstanceARN"),
        step: step(&told)?,
        release: qualifier(raw)?,
    })
}

/// The Connect instance that an invocation is about.
pub(super) fn instance(raw: &Raw<'_>) -> Option<String> {
    owned(&body(raw).ok()?, "/Details/ContactData/InstanceARN")
}

fn step(told: &Invocation<'_>) -> Result<Option<Step>, Unreadable> {
    let Some(token) = told.parameter(&["step", "decision_step"]) else { return Ok(None) };
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
    let told = Invocation::of(&body);
    let asked = asked(raw)?;
    let place = step(&told)?.map(|step| step.place);
    let heard = heard(&told, place);
    // What the flow stored says what the customer entered, and the same may be meant twice only with a step between.
    // How it was invoked tells too: whoever wants no answer is not told one that is wanted later.
    let mut event_material = json::material(&body, raw.body);
    for part in [raw.tail, "\n", raw.query().unwrap_or_default(), "\n", asked] {
        event_material.extend_from_slice(part.as_bytes());
    }
    Ok(Parsed {
        arrival: arrival(&told, connection, asked)?,
        sensitive_possible: matches!(heard, Heard::Digits(_) | Heard::Speech { .. }),
        // A flow that comes back to its beginning asks the same again, and means it.
        known_by_content: heard.expects_answer(),
        heard,
        event_material,
        ignored: asked == asked::CHECK,
        asked: asked.to_owned(),
    })
}

fn arrival(told: &Invocation<'_>, connection: &Connection, asked: &str) -> Result<Arrival, Unreadable> {
    let at = |place: &str| text(told.data, place);
    // Whoever asks only whether it may has no contact yet.
    let contact = at("/ContactId").or_else(|| (asked == asked::CHECK).then_some(Cow::Borrowed("none")));
    let Some(contact) = contact else { return Err(Unreadable::Missing("Details.ContactData.ContactId")) };
    let customer = party(endpoint(at("/CustomerEndpoint/Address").as_deref())?);
    let begun_by_us = at("/InitiationMethod").is_some_and(|method| matches!(&*method, "OUTBOUND" | "API" | "CALLBACK"));
    let parent = first(told.data, &["/PreviousContactId", "/InitialContactId"]).filter(|parent| *parent != contact);
    let is_shown = connection.option(super::EXTRAS) != Some("none");
    Ok(Arrival {
        provider_contact: id(&contact)?,
        parent: parent.map(|parent| id(&parent)).transpose()?,
        direction: if begun_by_us { Direction::Outbound } else { Direction::Inbound },
        customer: Party { name: owned(told.data, "/CustomerEndpoint/DisplayName"), ..customer },
        entry: endpoint(our_side(told).as_deref())?,
        forwarded_from: None,
        headers: Vec::new(),
        extras: if is_shown { extras(told) } else { Vec::new() },
    })
}

/// What no field holds: three members by the names that the contract registers, then attributes and parameters.
fn extras(told: &Invocation<'_>) -> Vec<(String, String)> {
    let known = [("/InitiationMethod", "initiation-method"), ("/LanguageCode", "language"), ("/Queue/Name", "queue-name")];
    let known = known.into_iter().filter_map(|(theirs, ours)| Some((ours.to_owned(), bounded(&text(told.data, theirs)?).ok()?.to_owned())));
    let named = |prefix: &str, (name, value): (&str, Cow<'_, str>)| (format!("{prefix}.{name}"), value.into_owned());
    let attributes = plain(told.data, "/Attributes").map(|pair| named("attribute", pair));
    let parameters = told.own_parameters().map(|pair| named("parameter", pair));
    known.chain(attributes).chain(parameters).collect()
}

/// What the flow brings back, by the parameters that its author set; the place in the step says of what an outcome is one.
fn heard(told: &Invocation<'_>, place: Option<Place>) -> Heard {
    let outcome = told.parameter(&["outcome"]).map(Cow::into_owned);
    let lasted_ms = || whole(told.parameters, "/seconds").unwrap_or(0).saturating_mul(1_000);
    match told.parameter(&["event"]).as_deref() {
        Some("ended") => {
            let cause = outcome.unwrap_or_else(|| "completed".to_owned());
            return Heard::Ended { cause, lasted_ms: lasted_ms(), extras: Vec::new() };
        }
        Some("hung-up") => return Heard::HungUp,
        Some(kind) if kind != "arrived" => return Heard::Other(flow_event(told)),
        _ => {}
    }
    let outcome = outcome.unwrap_or_else(|| "failed".to_owned());
    match place {
        Some(Place::Dialled) => Heard::Dialled { outcome, talked_ms: lasted_ms(), extras: Vec::new() },
        Some(Place::QueueLeft) => Heard::QueueLeft { outcome, waited_ms: lasted_ms() },
        Some(Place::SpeakerEnded) => {
            let fields = told.own_parameters().map(|(name, value)| (name.to_owned(), value.into_owned()));
            Heard::SpeakerEnded { reason: outcome, fields: fields.collect() }
        }
        Some(Place::Main) => Heard::Resumed,
        Some(_) => entered(told).unwrap_or(Heard::Nothing),
        None => entered(told).unwrap_or(Heard::Arrival),
    }
}

/// A word of the flow's own, with its parameters. Of too many the last by name are left out.
fn flow_event(told: &Invocation<'_>) -> Extension {
    let own = plain(told.parameters, "").filter(|(name, _)| *name == "event" || !EVENT_PARAMETERS.contains(name));
    let mut data: BTreeMap<&str, Cow<'_, str>> = own.collect();
    while data.values().map(|value| value.len()).sum::<usize>() > FLOW_EVENT_BYTES_MAX {
        data.pop_last();
    }
    let data = String::from_utf8(json::bytes(&data)).unwrap_or_default();
    Extension { kind: super::FLOW_EVENT.to_owned(), data }
}

/// What the customer entered or said; none where the flow brings neither.
fn entered(told: &Invocation<'_>) -> Option<Heard> {
    if let Some(said) = told.parameter(&["speech"]) {
        let confidence =
            told.parameter(&["confidence"]).and_then(|share| share.parse::<f32>().ok()).filter(|share| (0.0..=1.0).contains(share));
        return Some(Heard::Speech { text: said.into_owned(), confidence, alternatives: Vec::new() });
    }
    let digits = told.parameter(&["digits", "Digits"])?;
    let is_nothing = NO_INPUT.iter().any(|nothing| digits.eq_ignore_ascii_case(nothing));
    let is_keys = digits.bytes().all(|key| key.is_ascii_digit() || key == b'*' || key == b'#');
    Some(if is_nothing || !is_keys { Heard::Nothing } else { Heard::Digits(digits.into_owned()) })
}
