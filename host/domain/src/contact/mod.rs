//! Says what a contact is: one call or conversation, from arrival to end, and never a person.
//!
//! Providers fill in an [`Arrival`], the pipeline makes a [`Contact`] of it once and carries it through every later event; the
//! store keeps it sealed. What a plugin sees of it is in `wit/v1/contacts.wit`.

pub mod after;
pub mod decision;
pub mod event;
pub mod open;
pub mod persona;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::budget::Plan;
use crate::flow::release::ReleaseNumber;
use crate::id::{ConnectionId, ContactId, FlowName, TenantId};
use crate::tenant::address::{Address, Channel};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Moment = u64;

/// A voice contact whose end nobody reported is over after four hours; no provider lets a call last longer without one.
pub const VOICE_LIFETIME_MS: u64 = 4 * 60 * 60 * 1000;
/// A conversation is over after a day without a message; it is also how long WhatsApp lets a business answer freely.
pub const MESSAGE_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// Most attributes of a contact: what Amazon Connect could carry, with room.
pub const ATTRIBUTES_MAX: usize = 100;
/// Most bytes of all attributes of a contact, names and values: Amazon Connect allows 32 KiB in all.
pub const ATTRIBUTE_BYTES_MAX: usize = 32 * 1024;

/// One party's address, as the provider wrote it and normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// As it arrived.
    pub raw: String,
    /// E.164 with the leading plus, where it is a telephone number.
    pub e164: Option<String>,
}

/// The person or number at the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Where they are; raw is empty where it was withheld.
    pub address: Endpoint,
    /// The name that the provider delivered, never verified.
    pub name: Option<String>,
    /// True where the number was withheld.
    pub anonymous: bool,
    /// STIR/SHAKEN: "A", "B", "C", "failed" or "none".
    pub attestation: Option<String>,
}

/// Which way a contact was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// By the customer.
    Inbound,
    /// By the tenant.
    Outbound,
}

impl Direction {
    /// As plugins and people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// What a provider tells of a contact with an event. Only the first event's is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The provider's id of the contact, for example a CallSid.
    pub provider_contact: String,
    /// The provider's id of the contact that this one came from.
    pub parent: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// The other end.
    pub customer: Party,
    /// What was dialled.
    pub entry: Endpoint,
    /// Who forwarded it.
    pub forwarded_from: Option<Endpoint>,
    /// X- headers, lower case.
    pub headers: Vec<(String, String)>,
    /// Names and values that the provider tells and no field holds.
    pub extras: Vec<(String, String)>,
}

/// How a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Events may come.
    Running,
    /// It is over.
    Ended,
}

/// One call or conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The flow that it is in; a transfer to a flow changes it.
    pub flow: FlowName,
    /// Where it came in.
    pub connection: ConnectionId,
    /// The provider's name.
    pub provider: String,
    /// The address that was dialled.
    pub address: Address,
    /// By what it is carried.
    pub channel: Channel,
    /// What the provider told at arrival.
    pub arrival: Arrival,
    /// The release it began with, and stays with.
    pub release: Option<ReleaseNumber>,
    /// The plan whose limits it runs under, named for the trail.
    pub plan: Plan,
    /// BCP 47 tag now in force.
    pub language: String,
    /// When it arrived.
    pub started: Moment,
    /// When its last event came that was answered; 0 in rows that are older than this field.
    #[serde(default)]
    pub heard: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How it ended, for example "completed".
    pub end_cause: Option<String>,
    /// How it stands.
    pub phase: Phase,
    /// The last turn that was answered, the host's own steps included; 0 before the first.
    pub turn: u32,
    /// Turns that asked a plugin: what the plan's `turns_max` bounds.
    pub asked_turns: u32,
    /// Re-entries in a row without anything from the customer: a guard against loops.
    pub idle_turns: u32,
    /// What `set-attributes` wrote.
    pub attributes: BTreeMap<String, String>,
    /// What was asked or begun last, and how far it got.
    pub open: Option<open::Open>,
    /// What the last decisions reached, for `contacts find`: queues by name.
    pub queues: Vec<String>,
    /// Codes of failures so far, for `contacts find`.
    pub failures: Vec<String>,
    /// Answers to `ask-consent`, by topic.
    pub consents: BTreeMap<String, bool>,
    /// The shape of state that its plugin declared.
    pub state_schema: Option<String>,
    /// Bytes of per-contact state.
    pub state_bytes: u64,
    /// True where no quota bars it, because the address that was dialled was marked so when it arrived.
    #[serde(default)]
    pub priority: bool,
    /// True once it gave what was asked for as sensitive: a plugin may keep it where later events show it, so nothing is captured any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gave_secrets: bool,
    /// True where a test caller began it: it runs another release than everybody's, and counts in no statistics of live contacts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub test: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(test: &bool) -> bool {
    !test
}

impl Contact {
    /// True once no event can belong to it any more, reported or not.
    pub fn is_over(&self, now: Moment, last_event: Moment) -> bool {
        let lifetime = match self.channel {
            Channel::Voice => VOICE_LIFETIME_MS,
            _ => MESSAGE_LIFETIME_MS,
        };
        self.phase == Phase::Ended || now.saturating_sub(last_event) > lifetime
    }

    /// Merges attributes as `set-attributes` says: an empty value removes a name. What would pass the bounds is left out and
    /// returned by name.
    pub fn merge_attributes(&mut self, pairs: &[(String, String)]) -> Vec<String> {
        let mut refused = Vec::new();
        for (name, value) in pairs {
            if value.is_empty() {
                self.attributes.remove(name);
                continue;
            }
            let others: usize = self.attributes.iter().filter(|(k, _)| *k != name).map(|(k, v)| k.len() + v.len()).sum();
            let fits = others + name.len() + value.len() <= ATTRIBUTE_BYTES_MAX
                && (self.attributes.len() < ATTRIBUTES_MAX || self.attributes.contains_key(name));
            if fits && !name.is_empty() {
                self.attributes.insert(name.clone(), value.clone());
            } else {
                refused.push(name.clone());
            }
        }
        refused
    }
}
