//! Puts every capability behind one trait, so that what a plugin was told can be recorded, replayed, shadowed and stubbed.
//!
//! The runtime turns each host call into an [`Ask`], checks the grant and the budget, and hands it to a [`Capabilities`]; the
//! [`Answer`] goes onto the tape and to the guest. Four implementations are foreseen: live, replay, shadow and test stub. One
//! trait with a closed question instead of a trait per interface, because a tape is then one list and a stub one function.

use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::flow::plugin::Grant;
use crate::id::Digest;
use crate::ports::BoxFuture;
use crate::request::{Request, Response, Sent};
use crate::tenant::directory::{Closure, Person, Queue, QueueStatus};
use crate::tenant::hours::HoursStatus;

/// Whose a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All contacts of the tenant's flows that run this plugin.
    Tenant,
    /// This contact.
    Contact,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happened.
    Info,
    /// What is odd.
    Warn,
    /// What went wrong.
    Error,
}

/// A line of the plugin's log, with control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// One question of a guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
#[expect(missing_docs, reason = "argument for argument the functions of wit/v1, which documents them")]
pub enum Ask {
    SettingsAll,
    SettingsGet {
        pointer: String,
    },
    DirectoryQueue {
        name: String,
    },
    DirectoryQueues {
        cursor: Option<String>,
    },
    DirectoryQueueStatus {
        name: String,
    },
    DirectoryPerson {
        name: String,
    },
    DirectoryFlow {
        name: String,
    },
    DirectoryHours {
        name: String,
    },
    DirectoryClosure,
    StateGet {
        scope: Scope,
        key: String,
    },
    StateSet {
        scope: Scope,
        key: String,
        value: Vec<u8>,
        lifetime_ms: Option<u64>,
    },
    StateDelete {
        scope: Scope,
        key: String,
    },
    StateCompareAndSet {
        scope: Scope,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
    },
    StateIncrement {
        scope: Scope,
        key: String,
        by: i64,
    },
    StateList {
        scope: Scope,
        prefix: String,
        cursor: Option<String>,
    },
    OutcomeReport {
        goal: String,
        value: Option<f64>,
    },
    OutcomeTokens {
        model: String,
        input: u64,
        output: u64,
    },
    CustomerBucket {
        salt: String,
    },
    CustomerLastSeen,
    CustomerConsent {
        topic: String,
    },
    /// `left_ms` is the time until the invocation ends. It is another in every run and so no part of the question on the tape.
    HttpSend {
        requests: Vec<Request>,
        #[serde(skip)]
        left_ms: u64,
    },
}

impl Ask {
    /// The names of all questions, as tapes and trails have them.
    pub const NAMES: [&'static str; 21] = [
        "settings.all",
        "settings.get",
        "directory.get-queue",
        "directory.list-queues",
        "directory.get-queue-status",
        "directory.get-person",
        "directory.has-flow",
        "directory.get-hours",
        "directory.get-closure",
        "state.get",
        "state.set",
        "state.delete",
        "state.compare-and-set",
        "state.increment",
        "state.list",
        "outcome.report",
        "outcome.tokens",
        "customer.bucket",
        "customer.last-seen",
        "customer.get-consent",
        "http.send",
    ];

    /// Interface and function, for example "state.get".
    pub fn name(&self) -> &'static str {
        match self {
            Self::SettingsAll => "settings.all",
            Self::SettingsGet { .. } => "settings.get",
            Self::DirectoryQueue { .. } => "directory.get-queue",
            Self::DirectoryQueues { .. } => "directory.list-queues",
            Self::DirectoryQueueStatus { .. } => "directory.get-queue-status",
            Self::DirectoryPerson { .. } => "directory.get-person",
            Self::DirectoryFlow { .. } => "directory.has-flow",
            Self::DirectoryHours { .. } => "directory.get-hours",
            Self::DirectoryClosure => "directory.get-closure",
            Self::StateGet { .. } => "state.get",
            Self::StateSet { .. } => "state.set",
            Self::StateDelete { .. } => "state.delete",
            Self::StateCompareAndSet { .. } => "state.compare-and-set",
            Self::StateIncrement { .. } => "state.increment",
            Self::StateList { .. } => "state.list",
            Self::OutcomeReport { .. } => "outcome.report",
            Self::OutcomeTokens { .. } => "outcome.tokens",
            Self::CustomerBucket { .. } => "customer.bucket",
            Self::CustomerLastSeen => "customer.last-seen",
            Self::CustomerConsent { .. } => "customer.get-consent",
            Self::HttpSend { .. } => "http.send",
        }
    }

    /// The grant that it needs.
    pub fn grant(&self) -> Grant {
        match self {
            Self::SettingsAll | Self::SettingsGet { .. } => Grant::Settings,
            Self::DirectoryQueue { .. }
            | Self::DirectoryQueues { .. }
            | Self::DirectoryQueueStatus { .. }
            | Self::DirectoryPerson { .. }
            | Self::DirectoryFlow { .. }
            | Self::DirectoryHours { .. }
            | Self::DirectoryClosure => Grant::Directory,
            Self::StateGet { .. }
            | Self::StateSet { .. }
            | Self::StateDelete { .. }
            | Self::StateCompareAndSet { .. }
            | Self::StateIncrement { .. }
            | Self::StateList { .. } => Grant::State,
            Self::OutcomeReport { .. } | Self::OutcomeTokens { .. } => Grant::Outcome,
            Self::CustomerBucket { .. } | Self::CustomerLastSeen | Self::CustomerConsent { .. } => Grant::Customer,
            Self::HttpSend { .. } => Grant::Http,
        }
    }
}

/// What a customer said to being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// Never asked.
    Unknown,
    /// Yes.
    Given,
    /// No.
    Refused,
}

/// A value with its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Changes with every write.
    pub revision: u64,
}

/// Why a question is not answered. Every interface's error type has the cases that it can meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denial {
    /// No grant.
    Denied,
    /// No host calls left.
    Exhausted,
    /// The host could not read it in time.
    Unavailable,
    /// Not a key.
    BadKey,
    /// Not that large.
    TooLarge,
    /// No room left.
    Full,
    /// Not a number, or out of range.
    NotANumber,
    /// Not listed.
    Unknown(String),
    /// Cannot be.
    Invalid(String),
}

/// What a guest is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer", content = "of")]
#[expect(missing_docs, reason = "result for result the functions of wit/v1, which documents them")]
pub enum Answer {
    Json(Option<String>),
    Queue(Option<Queue>),
    Names { items: Vec<String>, next: Option<String> },
    QueueStatus(Option<QueueStatus>),
    Person(Option<Person>),
    Truth(bool),
    Hours(Option<HoursStatus>),
    Closure(Option<Closure>),
    Entry(Option<Entry>),
    Number(i64),
    Done,
    Bucket(u32),
    Seen(Option<Moment>),
    Consent(Consent),
    Sent(Vec<Sent>),
    Denied(Denial),
}

impl Answer {
    /// About how many bytes it is.
    pub fn weight(&self) -> usize {
        // What a record of the directory, a number or an error takes, about.
        const SMALL: usize = 64;
        match self {
            Self::Json(Some(json)) => json.len() + SMALL,
            Self::Entry(Some(entry)) => entry.value.len() + SMALL,
            Self::Names { items, .. } => items.iter().map(|item| item.len() + SMALL).sum::<usize>() + SMALL,
            Self::Sent(sent) => sent.iter().map(|sent| sent.result.as_ref().map_or(0, Response::weight) + SMALL).sum(),
            _ => SMALL,
        }
    }
}

/// One call on the tape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TapeEntry {
    /// Interface and function.
    pub name: String,
    /// Of the question, as JSON.
    pub ask: Digest,
    /// What was answered. The trail keeps its digest, the capture all of it.
    pub answer: Answer,
}

/// A write that waits for the decision's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWrite {
    /// Whose.
    pub scope: Scope,
    /// Which.
    pub key: String,
    /// What.
    pub change: StateChange,
    /// Only if the revision is still this, or nothing is there.
    pub only_if: Option<Option<u64>>,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateChange {
    /// Sets a value that vanishes at a moment, if one is given.
    Set {
        /// The bytes.
        value: Vec<u8>,
        /// It is gone then.
        until: Option<Moment>,
    },
    /// Removes it.
    Delete,
    /// Adds to a number: contacts that add at once all count.
    Add(i64),
}

/// AI tokens that were spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Of which model.
    pub model: String,
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
}

/// What an invocation wants to leave behind; committed with its decision, or dropped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// In order; at most one for each key.
    pub writes: Vec<StateWrite>,
    /// Goals reached.
    pub outcomes: Vec<(String, Option<f64>)>,
    /// Tokens spent.
    pub tokens: Vec<Tokens>,
    /// Bytes of the contact's state afterwards.
    pub contact_state_bytes: u64,
    /// Bytes that the tenant's state grows by; negative where it shrinks.
    pub tenant_state_growth: i64,
}

/// Answers a guest's questions.
pub trait Capabilities: Send {
    /// Answers one. It never fails: what cannot be answered is an [`Answer::Denied`].
    fn ask<'a>(&'a mut self, ask: &'a Ask) -> BoxFuture<'a, Answer>;

    /// Milliseconds until the deadline, as the guest is told; `host_ms` is what the host's clock says.
    fn time_left(&mut self, host_ms: u64) -> u64 {
        host_ms
    }

    /// True where the guest ends here, because the one that it repeats was cut off while it waited for this answer.
    fn has_ended(&self) -> bool {
        false
    }

    /// What it would leave behind.
    fn finish(self: Box<Self>) -> Effects;
}
