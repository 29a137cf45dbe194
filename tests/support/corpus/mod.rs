//! Holds every guest that misbehaves, with what it attacks and how it must end, and plants them all on one platform.
//!
//! The promises about hostile plugins run each of them once beside a neighbour; a soak runs all of them at once, again and again. The
//! table is the one place that says what a guest is for: a promise fails where a guest of `tests/guests` is not in it, or a limit has
//! nobody who attacks it.

mod judge;
mod plant;
mod table;
pub mod text;

use bytes::Bytes;
use jackfield_domain::budget::Limit;
use serde_json::Value;

pub use self::judge::{Account, Verdict};
pub use self::plant::{FALLBACK_QUEUE, Planted, Rejected, plant, refused};
pub use self::table::{NEIGHBOUR, NEIGHBOURS_NUMBER, NEIGHBOURS_QUEUE, corpus};

use crate::artifacts;

/// Where a component comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guest {
    /// A crate of `tests/guests`, by its folder.
    Crate(&'static str),
    /// A case of a file of `tests/guests/wat`.
    Text(&'static str, &'static str),
}

/// What stands between a guest and its aim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attacks {
    /// A limit of the budget.
    Limit(Limit),
    /// The engine's stack.
    Stack,
    /// The component model's rules for what crosses the boundary.
    Abi,
    /// The order in which the host calls and is called.
    Order,
    /// Handles and other things that the host keeps for a guest.
    Handles,
    /// The check of an upload.
    Upload,
    /// What `describe` is believed.
    Describe,
    /// The check of a decision against the tenant's world.
    Vetting,
    /// The document that a provider is given.
    Rendering,
    /// The log, and who reads it.
    Log,
    /// The walls between tenants and between invocations.
    Isolation,
    /// Files, sockets, variables.
    Outside,
    /// The clock, as a way of measuring what others do.
    Clock,
}

/// How a guest must end.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// Its upload is refused with this code, and a sentence that has this in it.
    Refused(&'static str, &'static str),
    /// It fails with one of these codes, and the tenant's default route answers.
    Fails(&'static [&'static str]),
    /// It answers by itself, and what comes of it passes.
    Answers(fn(&Account) -> Verdict),
}

/// One guest with one sin.
#[derive(Debug, Clone)]
pub struct Sin {
    /// Its name, unlike any other; the flow that runs it is called so.
    pub name: String,
    /// Who commits it.
    pub guest: Guest,
    /// What is tried, in words.
    pub tries: &'static str,
    /// What is attacked.
    pub attacks: Attacks,
    /// The flow's settings.
    pub settings: Value,
    /// The tenant's plan.
    pub plan: &'static str,
    /// Limits of the release that are narrower than the plan's.
    pub limits: Value,
    /// Turns after which it must have ended; the caller presses a key in between.
    pub turns: u32,
    /// How it must end.
    pub expected: Expected,
}

impl Sin {
    /// The component's bytes.
    pub fn component(&self) -> anyhow::Result<Bytes> {
        match self.guest {
            Guest::Crate(name) => artifacts::guest(name),
            Guest::Text(file, case) => text::component(file, Some(case)),
        }
    }

    /// True where it never gets further than its upload.
    pub fn is_refused(&self) -> bool {
        matches!(self.expected, Expected::Refused(..))
    }
}
