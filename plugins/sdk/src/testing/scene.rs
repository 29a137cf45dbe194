//! Makes contacts and events for tests: what a host would hand in, with ordinary values.
//!
//! Fields are public, so a test changes what it is about: `Contact { language: "de-DE".into(), ..testing::contact() }`.

use core::time::Duration;

use crate::contact::{Contact, Endpoint, Moment, Party};
use crate::event::{Event, Input, InputOutcome, QueueEnded, VoicemailEnded};
use crate::words::{Channel, Direction, InputKind, Provider, QueueOutcome, VoicemailOutcome};

/// Monday, 2026-03-02, 10:00 UTC: an ordinary working morning.
const MORNING: Moment = Moment(1_772_445_600_000);

/// An inbound call that has just arrived.
pub fn contact() -> Contact {
    let number = |e164: &str| Endpoint { raw: e164.to_owned(), e164: Some(e164.to_owned()) };
    Contact {
        id: "contact-1".to_owned(),
        tenant: "acme".to_owned(),
        flow: "main".to_owned(),
        release: 1,
        channel: Channel::Voice,
        direction: Direction::Inbound,
        provider: Provider::Twilio,
        customer: Party { id: "customer-1".to_owned(), address: number("+14155550100"), name: None, anonymous: false, attestation: None },
        entry: number("+18005551234"),
        forwarded_from: None,
        parent: None,
        language: "en-US".to_owned(),
        started: MORNING,
        now: MORNING,
        zone_offset_minutes: 0,
        deadline: MORNING.after(Duration::from_secs(1)),
        turn: 1,
        attempt: 1,
        attributes: Vec::new(),
        context: None,
        headers: Vec::new(),
        extras: Vec::new(),
    }
}

/// The contact has just begun.
pub fn arrived() -> Event {
    Event::Arrived
}

fn input(tag: &str, outcome: InputOutcome, kind: InputKind, value: &str) -> Input {
    Input {
        tag: tag.to_owned(),
        outcome,
        kind,
        value: value.to_owned(),
        confidence: None,
        alternatives: Vec::new(),
        attempts: 1,
        extras: Vec::new(),
    }
}

/// The customer gave digits, or chose from a menu the choice with this value.
pub fn digits(tag: &str, value: &str) -> Event {
    Event::Input(input(tag, InputOutcome::Matched, InputKind::Digits, value))
}

/// The customer said something that was recognised.
pub fn said(tag: &str, text: &str) -> Event {
    Event::Input(Input { confidence: Some(0.9), ..input(tag, InputOutcome::Matched, InputKind::Speech, text) })
}

/// The customer pressed something that was not offered.
pub fn missed(tag: &str, keys: &str) -> Event {
    Event::Input(input(tag, InputOutcome::NoMatch, InputKind::Digits, keys))
}

/// The customer did nothing.
pub fn nothing_came(tag: &str) -> Event {
    Event::Input(input(tag, InputOutcome::NoInput, InputKind::Nothing, ""))
}

/// The customer left a queue.
pub fn queue_ended(queue: &str, outcome: QueueOutcome) -> Event {
    let waited = Duration::from_secs(60);
    Event::QueueEnded(QueueEnded { tag: queue.to_owned(), queue: queue.to_owned(), outcome, waited, extras: Vec::new() })
}

/// A voice message was left, or was not.
pub fn voicemail_ended(tag: &str, outcome: VoicemailOutcome) -> Event {
    let length = Duration::from_secs(12);
    Event::VoicemailEnded(VoicemailEnded { tag: tag.to_owned(), outcome, length, audio: None, transcript: None, extras: Vec::new() })
}
