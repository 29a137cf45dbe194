//! Mirrors `wit/v1/directory.wit`: the tenant's queues, flows, people and hours.
//!
//! They are read live, so a change of hours needs no new release; the revision that was read is recorded.

use core::time::Duration;

use super::{Capabilities, Host};
use crate::contact::{Endpoint, Moment};
use crate::failure::Denial;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Unique within the tenant.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// BCP 47 tag of the agents' language.
    pub language: Option<String>,
    /// The hours that it keeps, by name.
    pub hours: Option<String>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// How a queue stands now, where a provider or the API feeds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    /// Who waits.
    pub waiting: u32,
    /// Agents who could take a contact.
    pub staffed: u32,
    /// The longest wait.
    pub oldest: Duration,
    /// When it was reported.
    pub reported: Moment,
}

/// Someone who can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique within the tenant.
    pub name: String,
    /// What people call them.
    pub label: String,
    /// Where they are reached.
    pub address: Endpoint,
}

/// Whether it is open now, in the tenant's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursStatus {
    /// True where it is open.
    pub open: bool,
    /// When that changes, if it is known within 14 days.
    pub changes_at: Option<Moment>,
    /// The holiday or exception that decides, where one does.
    pub exception: Option<String>,
}

/// The tenant closed everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Why, in the words of who did it.
    pub reason: String,
    /// When it ends by itself.
    pub until: Option<Moment>,
}

/// A part of a list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// In order.
    pub items: Vec<String>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

impl Host {
    /// One queue, by name.
    pub fn queue(&self, name: &str) -> Result<Option<Queue>, Denial> {
        self.behind.queue(name)
    }

    /// The names of all queues, at most 100 at a time.
    pub fn queues(&self, cursor: Option<&str>) -> Result<Names, Denial> {
        self.behind.queues(cursor)
    }

    /// How a queue stands; none where nobody reports it.
    pub fn queue_status(&self, name: &str) -> Result<Option<QueueStatus>, Denial> {
        self.behind.queue_status(name)
    }

    /// One person, by name.
    pub fn person(&self, name: &str) -> Result<Option<Person>, Denial> {
        self.behind.person(name)
    }

    /// Whether the tenant has a flow of that name.
    pub fn has_flow(&self, name: &str) -> Result<bool, Denial> {
        self.behind.has_flow(name)
    }

    /// Opening hours at the event's time, by name; none where no hours have that name.
    pub fn hours(&self, name: &str) -> Result<Option<HoursStatus>, Denial> {
        self.behind.hours(name)
    }

    /// The emergency closure, if one is in force at the event's time.
    pub fn closure(&self) -> Result<Option<Closure>, Denial> {
        self.behind.closure()
    }
}
