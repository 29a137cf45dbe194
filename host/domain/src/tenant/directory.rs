//! Says what a tenant's plugins may point at: queues, people, and the switch that closes everything.
//!
//! Read live on every event; the sum of revisions that was read stands in the trail. Whether a flow exists is asked of the flows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contact::{Endpoint, Moment};
use crate::id::{EntryName, TenantId};

/// Most queues, people or hours of one tenant: what an in-memory list of names can hold without a thought.
pub const ENTRIES_MAX: usize = 1_000;

/// Where contacts wait for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Unique within the tenant.
    pub name: EntryName,
    /// What people call it.
    pub label: String,
    /// BCP 47 tag of the agents' language.
    pub language: Option<String>,
    /// The hours that it keeps.
    pub hours: Option<EntryName>,
    /// What each provider calls it, by provider name: a Twilio queue name or workflow SID, an ARN. Its own name where absent.
    pub provider_ids: BTreeMap<String, String>,
}

/// How a queue stands, as a provider or the API last told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Who waits.
    pub waiting: u32,
    /// Agents who could take a contact.
    pub staffed: u32,
    /// The longest wait.
    pub oldest_ms: u64,
    /// When it was told.
    pub reported: Moment,
}

/// Someone who can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Unique within the tenant.
    pub name: EntryName,
    /// What people call them.
    pub label: String,
    /// Where they are reached: a number, or a SIP address in `raw`.
    pub address: Endpoint,
}

/// The switch above all plugins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// Since when.
    pub since: Moment,
    /// It ends by itself then.
    pub until: Option<Moment>,
    /// True: plugins do not run, and every contact gets the closed branch of the default route. False: plugins run and can ask.
    pub bypass: bool,
}

impl Closure {
    /// True at that moment.
    pub fn is_in_force(&self, now: Moment) -> bool {
        self.since <= now && self.until.is_none_or(|until| now < until)
    }
}

/// A tenant's directory as one event sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Whose.
    pub tenant: Option<TenantId>,
    /// By name.
    pub queues: BTreeMap<String, Queue>,
    /// By queue name.
    pub queue_statuses: BTreeMap<String, QueueStatus>,
    /// By name.
    pub people: BTreeMap<String, Person>,
    /// By name.
    pub hours: BTreeMap<String, super::hours::Hours>,
    /// Names of the tenant's flows.
    pub flows: Vec<String>,
    /// The tenant's own addresses: what it may show as its caller id.
    pub numbers: Vec<String>,
    /// IANA name of the tenant's zone.
    pub zone: String,
    /// In force or not.
    pub closure: Option<Closure>,
    /// The closures of everyone above the tenant, the nearest first: whoever is below may close more, and never less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closures_above: Vec<Closure>,
}

impl Directory {
    /// The closure in force: of several one that goes past plugins before one that lets them run, and then the nearest.
    pub fn closed(&self, now: Moment) -> Option<&Closure> {
        let in_force = || self.closure.iter().chain(&self.closures_above).filter(|closure| closure.is_in_force(now));
        in_force().find(|closure| closure.bypass).or_else(|| in_force().next())
    }
}
