//! Says what is kept of an invocation so that it can be run again, and what running it again came to.
//!
//! The server captures after the commit and replays on request. A capture is everything that the guest saw and nothing else: a replay on
//! the same engine must come to the same answer and the same fuel, or one of the two is evidence of nothing. The answers of capabilities
//! stand on the tape, so a replay sends nothing and writes nothing.
//!
//! Another release, or another engine, may be asked the same questions; [`Class`] says how its answer differs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::budget::{Limit, Limits, Plan};
use crate::capability::{LogLine, TapeEntry};
use crate::contact::decision::Draft;
use crate::contact::event::Event;
use crate::contact::persona::Persona;
use crate::contact::{Contact, Moment};
use crate::fallback::{Failure, FailureKind};
use crate::flow::plugin::{Grant, SlotClass};
use crate::flow::release::{ReleaseNumber, VersionRef};
use crate::id::Digest;

/// The shape of [`Capture`]. Another one gets another number, and both can be read.
pub const FORMAT: u8 = 1;

/// Why an invocation was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its contact is in the plan's sample.
    Sampled,
    /// The plugin failed.
    Failed,
    /// Another than the first release answered.
    Fallback,
    /// It was answered after its deadline.
    Late,
    /// Its customer is one whom the tenant wants captured.
    Flagged,
}

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "came", content = "to")]
#[expect(clippy::large_enum_variant, reason = "one for each invocation, written and read one at a time")]
pub enum CameTo {
    /// A draft of `router.handle`.
    Draft(Draft),
    /// A persona of `assistant.prompt`.
    Persona(Persona),
    /// Nothing, as `observer.notify` should.
    Nothing,
    /// A failure.
    Failed(Failure),
}

impl CameTo {
    /// The failure's code.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(failure) => Some(failure.code()),
            _ => None,
        }
    }

    /// The same answer, or a failure of the same kind: what a failure says in detail may name times.
    pub fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failed(one), Self::Failed(another)) => one.kind == another.kind,
            _ => self == other,
        }
    }
}

/// One invocation, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// [`FORMAT`].
    pub format: u8,
    /// Why it was kept.
    pub why: Why,
    /// The contact as it stood before the event.
    pub contact: Contact,
    /// The event, unmasked.
    pub event: Event,
    /// Which export ran, for example "router.handle".
    pub function: String,
    /// The release that ran.
    pub release: ReleaseNumber,
    /// Its version.
    pub version: VersionRef,
    /// The version's component.
    pub digest: Digest,
    /// The version's engine.
    pub class: SlotClass,
    /// Of the engine and its settings: only the same one must burn the same fuel.
    pub engine: String,
    /// The turn.
    pub turn: u32,
    /// 1, or 2 for the last good release.
    pub attempt: u32,
    /// The event's time.
    pub now: Moment,
    /// Minutes from UTC to the tenant's local time then.
    pub zone_offset_minutes: i32,
    /// The deadline that the guest was told.
    pub deadline: Moment,
    /// Of this invocation.
    pub limits: Limits,
    /// Hexadecimal.
    pub seed: String,
    /// What the release could use.
    pub grants: BTreeSet<Grant>,
    /// JSON from outside, and its revision.
    pub context: Option<(String, u32)>,
    /// What it was told, in order.
    pub tape: Vec<TapeEntry>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// What it came to.
    pub came_to: CameTo,
    /// What it burnt: up to the last yield where it was cut off.
    pub fuel: u64,
    /// Bytes that the guest was given and gave, answers of capabilities apart.
    #[serde(default)]
    pub bytes: u64,
}

/// What a tenant wants captured, beside what its plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaptureRules {
    /// True where nothing is captured at all: a tenant that may not keep what its customers say.
    pub off: bool,
    /// The part of contacts that is captured whole, in percent; the plan's where nobody says. Not more than the plan's.
    pub percent: Option<u8>,
    /// Customers whose contacts are always captured, in E.164 or as the provider writes them.
    pub flagged: Vec<String>,
}

/// Most flagged customers of a tenant.
pub const FLAGGED_MAX: usize = 100;

/// What came of an event, as far as it decides what is captured.
#[derive(Debug, Clone, Copy)]
pub struct Met {
    /// An attempt failed.
    pub failed: bool,
    /// Another than the first release answered.
    pub fallback: bool,
    /// It was answered after its deadline.
    pub late: bool,
}

impl CaptureRules {
    /// The part of contacts that a plan captures, in percent.
    pub fn percent_of(plan: Plan) -> u8 {
        match plan {
            Plan::Standard => 10,
            Plan::Large | Plan::Maximum => 100,
        }
    }

    /// Why an event's invocations are kept; none where they are not. Nothing is kept of a contact from what was asked for
    /// as sensitive on, whatever happened.
    pub fn why(&self, contact: &Contact, event: &Event, plan: Plan, met: Met) -> Option<Why> {
        if self.off || contact.gave_secrets || event.is_sensitive() {
            return None;
        }
        let customer = &contact.arrival.customer.address;
        let is_flagged = self.flagged.iter().any(|flagged| *flagged == customer.raw || Some(flagged) == customer.e164.as_ref());
        let most = Self::percent_of(plan);
        let percent = u64::from(self.percent.unwrap_or(most).min(most));
        // By the contact and not by the event: whoever looks at a contact later wants all of it. Its id ends in random bytes.
        let [.., high, low] = contact.id.to_bytes();
        let in_sample = u64::from(u16::from_be_bytes([high, low])) * 100 < percent << u16::BITS;
        match met {
            Met { failed: true, .. } => Some(Why::Failed),
            Met { fallback: true, .. } => Some(Why::Fallback),
            Met { late: true, .. } => Some(Why::Late),
            _ if is_flagged => Some(Why::Flagged),
            _ => in_sample.then_some(Why::Sampled),
        }
    }
}

impl Capture {
    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        // What is the same for all: limits, seed, names.
        const FIXED: usize = 4 * 1024;
        // Bytes that are no text are written as numbers.
        const AS_NUMBERS: usize = 4;
        let answers: usize = self.tape.iter().map(|entry| entry.answer.weight()).sum();
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let log: usize = self.log.iter().map(|line| line.message.len()).sum();
        answers.saturating_mul(AS_NUMBERS).saturating_add(bytes).saturating_add(FIXED + log)
    }

    /// Where its time cut it off: after so many answers, and with so much fuel burnt.
    pub fn cut(&self) -> Option<(usize, u64)> {
        match &self.came_to {
            CameTo::Failed(Failure { kind: FailureKind::Limit(Limit::Wall) | FailureKind::CapabilityTimeout, .. }) => {
                Some((self.tape.len(), self.fuel))
            }
            _ => None,
        }
    }

    /// True where it ended while it waited for an answer that never came.
    pub fn waited_in_vain(&self) -> bool {
        matches!(&self.came_to, CameTo::Failed(failure) if failure.kind == FailureKind::CapabilityTimeout)
    }

    /// Its place within its contact: turn and attempt.
    pub fn place(&self) -> (u32, u32) {
        (self.turn, self.attempt)
    }
}

/// The first question that the tape has no answer to, in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    /// From 1, among the questions.
    pub at: usize,
    /// What was asked.
    pub asked: String,
    /// What stands on the tape there; none past its end.
    pub taped: Option<String>,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rerun {
    /// True where the release that ran was run again, and not another one in its place.
    pub repeats: bool,
    /// Of the engine that it ran on.
    pub engine: String,
    /// The version's component.
    pub digest: Digest,
    /// What it came to.
    pub came_to: CameTo,
    /// What it burnt.
    pub fuel: u64,
    /// What it was told.
    pub tape: Vec<TapeEntry>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// The first question that had no answer in its place.
    pub unmatched: Option<Unmatched>,
    /// Questions that had an answer nowhere on the tape.
    pub unanswered: usize,
    /// Questions that were answered with an override.
    pub overridden: usize,
}

/// How a replay differs from what was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The same decision; where the same release was run again, the same fuel, questions and log as well.
    Identical,
    /// Another decision, from the same answers.
    Decision,
    /// It asked something to which the tape has no answer.
    Unmatched,
    /// It fails where it did not, or fails otherwise.
    Failure,
    /// It answers where it failed.
    Mended,
    /// The same decision for other fuel, or after other words in the log, by the same release on the same engine: ours to mend.
    Run,
    /// Another engine than the captured one; see whether the decision is the same.
    Engine,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Identical, Self::Decision, Self::Unmatched, Self::Failure, Self::Mended, Self::Run, Self::Engine];

    /// As reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Decision => "decision",
            Self::Unmatched => "unmatched",
            Self::Failure => "failure",
            Self::Mended => "mended",
            Self::Run => "run",
            Self::Engine => "engine",
        }
    }
}

impl Rerun {
    /// How it differs from the capture.
    pub fn class(&self, capture: &Capture) -> Class {
        let same_answer = self.came_to.is_as(&capture.came_to);
        // The same version on another engine burns other fuel and may be cut off elsewhere: what it shows is about engines.
        if self.repeats && self.engine != capture.engine {
            return Class::Engine;
        }
        if self.repeats && self.overridden == 0 && self.unmatched.is_some() || self.unanswered > 0 {
            return Class::Unmatched;
        }
        match (self.came_to.failure(), capture.came_to.failure()) {
            (Some(_), _) if !same_answer => Class::Failure,
            (None, Some(_)) => Class::Mended,
            _ if !same_answer => Class::Decision,
            _ if self.repeats && self.overridden == 0 && !self.is_the_same_run(capture) => Class::Run,
            _ => Class::Identical,
        }
    }

    fn is_the_same_run(&self, capture: &Capture) -> bool {
        self.fuel == capture.fuel && self.tape == capture.tape && self.log == capture.log
    }
}

/// What many replays came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallied {
    /// Captures that were replayed.
    pub replayed: u64,
    /// Of them those that could not be: their version is gone, or they are damaged; by reason.
    pub not_replayed: BTreeMap<String, u64>,
    /// By class.
    pub classes: BTreeMap<Class, u64>,
    /// Those that decide differently, whatever their class.
    pub different: u64,
    /// Failures that were none before, by code.
    pub new_failures: BTreeMap<String, u64>,
    /// What each burnt when it was captured, in no order.
    pub fuel_before: Vec<u64>,
    /// What each burnt now.
    pub fuel_now: Vec<u64>,
}

impl Tallied {
    /// Counts one.
    pub fn add(&mut self, capture: &Capture, rerun: &Rerun) -> Class {
        let class = rerun.class(capture);
        self.replayed += 1;
        *self.classes.entry(class).or_default() += 1;
        self.different += u64::from(!rerun.came_to.is_as(&capture.came_to));
        if class == Class::Failure
            && let Some(code) = rerun.came_to.failure()
        {
            *self.new_failures.entry(code.to_owned()).or_default() += 1;
        }
        self.fuel_before.push(capture.fuel);
        self.fuel_now.push(rerun.fuel);
        class
    }

    /// Counts one that could not be replayed.
    pub fn could_not(&mut self, why: &str) {
        *self.not_replayed.entry(why.to_owned()).or_default() += 1;
    }

    /// Adds what another part of the same window came to.
    pub fn merge(&mut self, other: Self) {
        let Self { replayed, not_replayed, classes, different, new_failures, fuel_before, fuel_now } = other;
        self.replayed += replayed;
        self.different += different;
        not_replayed.into_iter().for_each(|(why, count)| *self.not_replayed.entry(why).or_default() += count);
        classes.into_iter().for_each(|(class, count)| *self.classes.entry(class).or_default() += count);
        new_failures.into_iter().for_each(|(code, count)| *self.new_failures.entry(code).or_default() += count);
        self.fuel_before.extend(fuel_before);
        self.fuel_now.extend(fuel_now);
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
