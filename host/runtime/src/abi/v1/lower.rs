//! Turns a contact and an event of the domain into what version 0.9 of the contract gives a plugin.
//!
//! Called once for each invocation. Everything is named field by field, without a catch-all, so that a new field of the domain
//! has to be thought about here.

use jackfield_domain::contact::event::{Event, InputOutcome};
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

fn outcome(outcome: InputOutcome) -> events::InputOutcome {
    match outcome {
        InputOutcome::Matched => events::InputOutcome::Matched,
        InputOutcome::NoMatch => events::InputOutcome::NoMatch,
        InputOutcome::NoInput => events::InputOutcome::NoInput,
        InputOutcome::LowConfidence => events::InputOutcome::LowConfidence,
        InputOutcome::HangUp => events::InputOutcome::HangUp,
    }
}

pub(super) fn event(event: &Event) -> events::Event {
    match event {
        Event::Arrived => events::Event::Arrived,
        Event::Input(of) => events::Event::Input(events::Input {
            tag: of.tag.clone(),
            outcome: outcome(of.outcome),
            kind: of.kind.clone(),
            value: of.value.clone(),
            confidence: of.confidence,
            alternatives: of
                .alternatives
                .iter()
                .map(|other| events::Alternative { value: other.value.clone(), confidence: other.confidence })
                .collect(),
            attempts: of.attempts,
            extras: of.extras.clone(),
        }),
        Event::Message(of) => events::Event::Message(message(of)),
        Event::MessageStatus(of) => events::Event::MessageStatus(events::MessageStatus {
            id: of.id.clone(),
            status: of.status.clone(),
            error: of.error.clone(),
        }),
        Event::Continued(tag) => events::Event::Continued(tag.clone()),
        Event::Timer(tag) => events::Event::Timer(tag.clone()),
        Event::DialEnded(_) | Event::QueueWaiting(_) | Event::QueueEnded(_) | Event::ConferenceEnded(_) => elsewhere(event),
        Event::VoicemailEnded(_) | Event::ConsentEnded(_) | Event::AiEnded(_) => elsewhere(event),
        Event::ContextChanged(of) => {
            events::Event::ContextChanged(events::ContextChanged { revision: of.revision, by: of.by.clone() })
        }
        Event::Ended(of) => {
            events::Event::Ended(events::Ended { cause: of.cause.clone(), lasted: of.lasted_ms, extras: of.extras.clone() })
        }
        Event::Other(of) => events::Event::Other(types::Extension { kind: of.kind.clone(), data: of.data.clone() }),
    }
}
