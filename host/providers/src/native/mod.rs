//! Speaks Jackfield's own JSON: for platforms that have a client of their own instead of a provider.
//!
//! `POST /hooks/<connection>/events`, or `POST /v1/contacts/<id>/events` with the connection as the user of Basic authorisation, says
//! what happened in a contact (`said`); the answer is the decision as the contract writes it, with nothing left out, because whoever asks
//! can do all of it. A step token in the answer ties the next event to this turn; without one the contact's id does.
//!
//! The tenant is found by what was dialled, by the domain in `Host`, or by `x-tenant-id` from peers that the connection trusts.

mod auth;
mod said;

use jackfield_domain::contact::decision::{Action, Draft};
use jackfield_domain::fallback::Inability;
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::ContactId;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::connection::Connection;
use serde::Serialize;

use crate::options::{self, Known, SOURCES};
use crate::provider::{Can, Document, Glance, Parsed, Place, Provider, Raw, Scene, Step, Unreadable, Unverified, Verified};
use crate::{connection, json};

pub use auth::{basic, sign};

/// As connections name it.
pub const NAME: &str = "native";

/// A client of one's own waits as long as it likes; this is what most HTTP clients begin with, less the way.
const DEADLINE_MS: u64 = 10_000;

/// How requests prove whose they are: `token` or `signature`.
const AUTH: &str = "auth";
/// From where `x-tenant-id` is believed.
const TRUSTED_PEERS: &str = "trusted_peers";
/// By what contacts are carried whose event names no channel.
const CHANNEL: &str = "channel";
/// Whether the client reports the end of contacts: `reported`, or `handed-over` where it does not.
const ENDS: &str = "ends";

const OPTIONS: [Known; 5] = [
    (AUTH, "token or signature", |value| matches!(value, "token" | "signature")),
    (TRUSTED_PEERS, "networks such as 10.0.0.0/8, separated by spaces", options::is_networks),
    (SOURCES, "networks such as 10.0.0.0/8, separated by spaces", options::is_networks),
    (CHANNEL, "voice, sms, whatsapp, chat or email", |value| value.parse::<Channel>().is_ok()),
    (ENDS, "reported or handed-over", |value| matches!(value, "reported" | "handed-over")),
];

/// Jackfield's own JSON.
#[derive(Debug, Clone, Copy)]
pub struct Native;

impl Provider for Native {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> &'static [Channel] {
        &[Channel::Voice, Channel::Sms, Channel::Whatsapp, Channel::Chat, Channel::Email]
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &OPTIONS, DEADLINE_MS)?;
        connection::check(self, connection, Some("secret"))?;
        if connection.account.is_some() {
            return Err(connection::invalid("account", "there is no account; the connection itself is one"));
        }
        connection::without_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable> {
        said::glance(raw, connection)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        auth::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable> {
        said::parse(raw, connection)
    }

    fn document(&self, draft: &Draft, _connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let answer =
            Answer { actions: &draft.actions, reason: &draft.reason, place: scene.filter(|scene| !scene.alone).map(InContact::of) };
        let is_alone = scene.is_some_and(|scene| scene.alone);
        let notes = is_alone.then(|| "decision: it names no contact and no step, so nothing can come back".to_owned());
        Ok(Document { reply: json::reply(&answer), notes: notes.into_iter().collect() })
    }

    fn can(&self, _action: &str, _connection: &Connection) -> Can {
        Can::Fully
    }

    fn tries_all(&self) -> bool {
        true
    }

    fn hands_over(&self, connection: &Connection) -> bool {
        connection.option(ENDS) == Some("handed-over")
    }
}

/// A decision as the contract writes it.
#[derive(Serialize)]
struct Answer<'a> {
    actions: &'a [Action],
    reason: &'a str,
    #[serde(flatten)]
    place: Option<InContact<'a>>,
}

/// Where in a contact it is, and what ran.
#[derive(Serialize)]
struct InContact<'a> {
    contact: ContactId,
    language: &'a str,
    step: String,
    turn: u32,
    #[serde(flatten)]
    ran: Option<Told>,
}

/// What ran: null where the contact has no release.
#[derive(Serialize)]
struct Told {
    answered_by: &'static str,
    release: Option<ReleaseNumber>,
}

impl<'a> InContact<'a> {
    fn of(scene: &'a Scene<'a>) -> Self {
        let Scene { contact, turn, language, .. } = *scene;
        let step = Step { contact, turn, place: Place::Main }.to_string();
        let ran = scene.ran.map(|ran| Told { answered_by: ran.answered_by.as_str(), release: ran.release });
        Self { contact, language, step, turn, ran }
    }
}

#[cfg(test)]
mod tests;
