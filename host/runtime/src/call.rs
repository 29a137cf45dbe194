//! Says what a call of a plugin takes and gives.
//!
//! The server's invoke step fills in a [`Call`] and reads a [`Ran`]; [`crate::invocation`] does what lies between. Plain values
//! alone stand here, so that the step can be read, tested and recorded without an engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::budget::{Limits, Used};
use jackfield_domain::capability::{Capabilities, Effects, LogLine, TapeEntry};
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::fallback::Failure;
use jackfield_domain::flow::plugin::{Grant, SlotClass};
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::Digest;
use jackfield_domain::priority::Priority;

/// Which export runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `router.handle`: answers with a draft.
    Handle,
    /// `observer.notify`: answers with nothing.
    Notify,
    /// `assistant.prompt`: answers with a persona.
    Prompt,
}

impl Function {
    /// Interface and function, as the trail names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handle => "router.handle",
            Self::Notify => "observer.notify",
            Self::Prompt => "assistant.prompt",
        }
    }

    /// The export of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Handle, Self::Notify, Self::Prompt].into_iter().find(|function| function.as_str() == name)
    }

    /// The export interface that a version must have for it.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Handle => "router",
            Self::Notify => "observer",
            Self::Prompt => "assistant",
        }
    }
}

/// One event for one version.
pub struct Call {
    /// The version.
    pub digest: Digest,
    /// Its engine, as fixed at upload.
    pub class: SlotClass,
    /// How much waits on the answer: who is shed first.
    pub priority: Priority,
    /// What runs.
    pub function: Function,
    /// The contact, as it stands before this event.
    pub contact: Arc<Contact>,
    /// What happened.
    pub event: Arc<Event>,
    /// The release that runs.
    pub release: ReleaseNumber,
    /// The turn that this is.
    pub turn: u32,
    /// 1, or 2 where the release before failed on the same event.
    pub attempt: u32,
    /// The event's time; it stands still unless the guest waits.
    pub now: Moment,
    /// Minutes to add to UTC for the tenant's local time.
    pub zone_offset_minutes: i32,
    /// When the host stops waiting, as the guest is told.
    pub deadline: Moment,
    /// Of this invocation; never more than the pass grants.
    pub limits: Limits,
    /// Wall time of this attempt, already cut to what the deadline leaves.
    pub wall: Duration,
    /// What random numbers grow from.
    pub seed: [u8; 32],
    /// What the release may use.
    pub grants: BTreeSet<Grant>,
    /// Who answers its questions.
    pub capabilities: Box<dyn Capabilities>,
    /// JSON that was written from outside, and its revision.
    pub context: Option<(String, u32)>,
}

/// What a plugin answered; not yet checked against anything.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one for each invocation, moved and never kept in numbers")]
pub enum Outcome {
    /// Of `router.handle`.
    Draft(Draft),
    /// Of `assistant.prompt`.
    Persona(Persona),
    /// Of `observer.notify`.
    Nothing,
}

/// What came of an invocation.
#[derive(Debug)]
pub struct Ran {
    /// The answer, or what the plugin did wrong.
    pub result: Result<Outcome, Failure>,
    /// What it used.
    pub used: Used,
    /// What it was told, in order.
    pub tape: Vec<TapeEntry>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// What it would leave behind; nothing where it failed.
    pub effects: Effects,
    /// What the call took beside the guest's own time: loading it, waiting for a place, the way to its thread and back.
    pub waited: Duration,
}

impl Ran {
    /// An invocation that did not begin.
    pub(crate) fn not_begun(failure: Failure, used: Used) -> Self {
        Self { result: Err(failure), used, tape: Vec::new(), log: Vec::new(), effects: Effects::default(), waited: Duration::ZERO }
    }
}
