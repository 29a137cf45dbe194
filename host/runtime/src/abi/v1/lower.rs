//! Turns a contact and an event of the domain into what version 0.9 of the contract gives a plugin.
//!
//! Called once for each invocation. Everything is named field by field, without a catch-all, so that a new field of the domain
//! has to be thought about here.

use jackfield_domain::contact::event::{Event, Input, InputOutcome, Message};
use jackfield_domain::contact::{Contact, Endpoint, Moment};
use jackfield_domain::flow::release::ReleaseNumber;

use super::imports::{contacts, events, types};

/// What a plugin is told of a contact besides what the contact itself holds.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) contact: &'a Contact,
    pub(crate) release: ReleaseNumber,
    pub(crate) now: Moment,
    pub(crate) zone_offset_minutes: i32,
    pub(crate) deadline: Moment,
    pub(crate) turn: u32,
    pub(crate) attempt: u32,
    pub(crate) context: Option<&'a (String, u32)>,
}

pub(super) fn contact(about: About<'_>) -> contacts::Contact {
    let About { contact, release, now, zone_offset_minutes, deadline, turn, attempt, context } = about;
    let arrival = &contact.arrival;
    contacts::Contact {
        id: contact.id.to_string(),
        tenant: contact.tenant.to_string(),
        flow: contact.flow.to_string(),
        release,
        channel: contact.channel.as_str().to_owned(),
        direction: arrival.direction.as_str().to_owned(),
        provider: contact.provider.clone(),
        customer: contacts::Party {
            id: customer_id(contact),
            address: endpoint(&arrival.customer.address),
            name: arrival.customer.name.clone(),
            anonymous: arrival.customer.anonymous,
            attestation: arrival.customer.attestation.clone(),
        },
        entry: endpoint(&arrival.entry),
        forwarded_from: arrival.forwarded_from.as_ref().map(endpoint),
        parent: arrival.parent.clone(),
        language: contact.language.clone(),
        started: contact.started,
        now,
        zone_offset: zone_offset_minutes,
        deadline,
        turn,
        attempt,
        attributes: contact.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        context: context.map(|(json, revision)| contacts::Context { json: json.clone(), revision: *revision }),
        headers: arrival.headers.clone(),
        extras: arrival.extras.clone(),
    }
}

/// Who the customer is within the tenant: the number, else the address as it came, else only this contact.
pub(crate) fn customer_id(contact: &Contact) -> String {
    let address = &contact.arrival.customer.address;
    match &address.e164 {
        Some(number) => number.clone(),
        None if !address.raw.is_empty() && !contact.arrival.customer.anonymous => address.raw.clone(),
        None => contact.id.to_string(),
    }
}

fn endpoint(endpoint: &Endpoint) -> types::Endpoint {
    types::Endpoint { raw: endpoint.raw.clone(), e164: endpoint.e164.clone() }
}

/// Copies a record field by field, `theirs: ours`; the names differ only by the unit that ours carry.
macro_rules! record {
    ($to:path, $of:expr, { $($theirs:ident: $ours:ident),+ $(,)? }) => {{
        let of = $of;
        $to { $($theirs: Clone::clone(&of.$ours)),+ }
    }};
}

pub(super) fn event(event: &Event) -> events::Event {
    match event {
        Event::Arrived => events::Event::Arrived,
        Event::Input(of) => events::Event::Input(input(of)),
        Event::Message(of) => events::Event::Message(message(of)),
        Event::MessageStatus(of) => {
            events::Event::MessageStatus(record!(events::MessageStatus, of, { id: id, status: status, error: error }))
        }
        Event::Continued(tag) => events::Event::Continued(tag.clone()),
        Event::Timer(tag) => events::Event::Timer(tag.clone()),
        Event::DialEnded(of) => events::Event::DialEnded(record!(events::DialEnded, of, {
            tag: tag, outcome: outcome, leg: leg, talked: talked_ms, extras: extras,
        })),
        Event::QueueWaiting(of) => events::Event::QueueWaiting(record!(events::QueueWaiting, of, {
            tag: tag, queue: queue, position: position, waited: waited_ms, estimate: estimate_ms, size: size, extras: extras,
        })),
        Event::QueueEnded(of) => events::Event::QueueEnded(record!(events::QueueEnded, of, {
            tag: tag, queue: queue, outcome: outcome, waited: waited_ms, extras: extras,
        })),
        Event::ConferenceEnded(of) => events::Event::ConferenceEnded(record!(events::ConferenceEnded, of, {
            tag: tag, outcome: outcome, stayed: stayed_ms,
        })),
        Event::VoicemailEnded(of) => events::Event::VoicemailEnded(record!(events::VoicemailEnded, of, {
            tag: tag, outcome: outcome, length: length_ms, audio: audio, transcript: transcript, extras: extras,
        })),
        Event::ConsentEnded(of) => events::Event::ConsentEnded(record!(events::ConsentEnded, of, { topic: topic, given: given })),
        Event::AiEnded(of) => events::Event::AiEnded(record!(events::AiEnded, of, {
            tag: tag, reason: reason, fields: fields, extras: extras,
        })),
        Event::ContextChanged(of) => events::Event::ContextChanged(record!(events::ContextChanged, of, { revision: revision, by: by })),
        Event::Ended(of) => events::Event::Ended(record!(events::Ended, of, { cause: cause, lasted: lasted_ms, extras: extras })),
        Event::Other(of) => events::Event::Other(record!(types::Extension, of, { kind: kind, data: data })),
    }
}

fn input(of: &Input) -> events::Input {
    let outcome = match of.outcome {
        InputOutcome::Matched => events::InputOutcome::Matched,
        InputOutcome::NoMatch => events::InputOutcome::NoMatch,
        InputOutcome::NoInput => events::InputOutcome::NoInput,
        InputOutcome::LowConfidence => events::InputOutcome::LowConfidence,
        InputOutcome::HangUp => events::InputOutcome::HangUp,
    };
    // Whether the answer is sensitive is the host's to know: it decides what the trail may keep.
    let Input { tag, outcome: _, kind, value, confidence, alternatives, attempts, extras, sensitive: _ } = of.clone();
    let alternatives = alternatives.into_iter().map(|other| events::Alternative { value: other.value, confidence: other.confidence });
    events::Input { tag, outcome, kind, value, confidence, alternatives: alternatives.collect(), attempts, extras }
}

fn message(of: &Message) -> events::Message {
    let Message { id, text, media, choice, reply_to, extras } = of.clone();
    let media = media.into_iter().map(|file| events::Media { url: file.url, mime: file.mime, name: file.name });
    events::Message { id, text, media: media.collect(), choice, reply_to, extras }
}
