//! Turns what the host hands in - contact and event - into plain types. Strings are moved, never copied.

use core::time::Duration;

use super::routing::jackfield::plugin::{contacts as c, events as e, types as t};
use crate::contact::{Contact, Context, Endpoint, Moment, Party};
use crate::event;
use crate::failure::Extension;

pub(super) fn extension(from: t::Extension) -> Extension {
    Extension { kind: from.kind, data: from.data }
}

pub(super) fn endpoint(from: t::Endpoint) -> Endpoint {
    Endpoint { raw: from.raw, e164: from.e164 }
}

impl From<c::Contact> for Contact {
    fn from(from: c::Contact) -> Self {
        Self {
            id: from.id,
            tenant: from.tenant,
            flow: from.flow,
            release: from.release,
            channel: from.channel.into(),
            direction: from.direction.into(),
            provider: from.provider.into(),
            customer: Party {
                id: from.customer.id,
                address: endpoint(from.customer.address),
                name: from.customer.name,
                anonymous: from.customer.anonymous,
                attestation: from.customer.attestation.map(Into::into),
            },
            entry: endpoint(from.entry),
            forwarded_from: from.forwarded_from.map(endpoint),
            parent: from.parent,
            language: from.language,
            started: Moment(from.started),
            now: Moment(from.now),
            zone_offset_minutes: from.zone_offset,
            deadline: Moment(from.deadline),
            turn: from.turn,
            attempt: from.attempt,
            attributes: from.attributes,
            context: from.context.map(|context| Context { json: context.json, revision: context.revision }),
            headers: from.headers,
            extras: from.extras,
        }
    }
}

fn input(from: e::Input) -> event::Input {
    event::Input {
        tag: from.tag,
        outcome: match from.outcome {
            e::InputOutcome::Matched => event::InputOutcome::Matched,
            e::InputOutcome::NoMatch => event::InputOutcome::NoMatch,
            e::InputOutcome::NoInput => event::InputOutcome::NoInput,
            e::InputOutcome::LowConfidence => event::InputOutcome::LowConfidence,
            e::InputOutcome::HangUp => event::InputOutcome::HangUp,
        },
        kind: from.kind.into(),
        value: from.value,
        confidence: from.confidence,
        alternatives: from
            .alternatives
            .into_iter()
            .map(|other| event::Alternative { value: other.value, confidence: other.confidence })
            .collect(),
        attempts: from.attempts,
        extras: from.extras,
    }
}

fn message(from: e::Message) -> event::Message {
    event::Message {
        id: from.id,
        text: from.text,
        media: from.media.into_iter().map(|file| event::Media { url: file.url, mime: file.mime, name: file.name }).collect(),
        choice: from.choice,
        reply_to: from.reply_to,
        extras: from.extras,
    }
}

fn voicemail_ended(from: e::VoicemailEnded) -> event::VoicemailEnded {
    event::VoicemailEnded {
        tag: from.tag,
        outcome: from.outcome.into(),
        length: Duration::from_millis(from.length),
        audio: from.audio,
        transcript: from.transcript,
        extras: from.extras,
    }
}

fn queue_waiting(from: e::QueueWaiting) -> event::QueueWaiting {
    event::QueueWaiting {
        tag: from.tag,
        queue: from.queue,
        position: from.position,
        waited: Duration::from_millis(from.waited),
        estimate: from.estimate.map(Duration::from_millis),
        size: from.size,
        extras: from.extras,
    }
}

impl From<e::Event> for event::Event {
    fn from(from: e::Event) -> Self {
        match from {
            e::Event::Arrived => Self::Arrived,
            e::Event::Input(of) => Self::Input(input(of)),
            e::Event::Message(of) => Self::Message(message(of)),
            e::Event::MessageStatus(of) => {
                Self::MessageStatus(event::MessageStatus { id: of.id, status: of.status.into(), error: of.error })
            }
            e::Event::Continued(tag) => Self::Continued(tag),
            e::Event::Timer(tag) => Self::Timer(tag),
            e::Event::DialEnded(of) => Self::DialEnded(event::DialEnded {
                tag: of.tag,
                outcome: of.outcome.into(),
                leg: of.leg,
                talked: Duration::from_millis(of.talked),
                extras: of.extras,
            }),
            e::Event::QueueWaiting(of) => Self::QueueWaiting(queue_waiting(of)),
            e::Event::QueueEnded(of) => Self::QueueEnded(event::QueueEnded {
                tag: of.tag,
                queue: of.queue,
                outcome: of.outcome.into(),
                waited: Duration::from_millis(of.waited),
                extras: of.extras,
            }),
            e::Event::ConferenceEnded(of) => Self::ConferenceEnded(event::ConferenceEnded {
                tag: of.tag,
                outcome: of.outcome.into(),
                stayed: Duration::from_millis(of.stayed),
            }),
            e::Event::VoicemailEnded(of) => Self::VoicemailEnded(voicemail_ended(of)),
            e::Event::ConsentEnded(of) => Self::ConsentEnded(event::ConsentEnded { topic: of.topic, given: of.given }),
            e::Event::AiEnded(of) => {
                Self::AiEnded(event::AiEnded { tag: of.tag, reason: of.reason.into(), fields: of.fields, extras: of.extras })
            }
            e::Event::ContextChanged(of) => Self::ContextChanged(event::ContextChanged { revision: of.revision, by: of.by }),
            e::Event::Ended(of) => {
                Self::Ended(event::Ended { cause: of.cause.into(), lasted: Duration::from_millis(of.lasted), extras: of.extras })
            }
            e::Event::Other(of) => Self::Other(extension(of)),
        }
    }
}
