//! Keeps what every contact leaves, unsampled: the answer to "why did this call go there?".
//!
//! The pipeline writes one [`Turn`] with each commit, the admin API reads them, `explain` prints them. It names capability
//! answers by digest and no secret ever; what was sensitive is masked before it comes here.

use serde::{Deserialize, Serialize};

use crate::budget::{Limits, Used};
use crate::capability::{LogLine, Tokens};
use crate::contact::decision::Draft;
use crate::contact::event::Event;
use crate::contact::{Contact, Moment};
use crate::fallback::{AnsweredBy, Failure};
use crate::flow::release::{ReleaseNumber, VersionRef};
use crate::id::{ContactId, Digest, FlowName};
use crate::quota::Barred;
use crate::quota::shortage::Shortage;
use crate::request::RequestRecord;

/// A capability call, by name and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Interface and function.
    pub name: String,
    /// Of the question.
    pub ask: Digest,
    /// Of the answer.
    pub answer: Digest,
    /// A few words for people, where they give nothing away, for example "open until 17:00".
    pub gist: Option<String>,
    /// What was sent to the outside, where it was a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestRecord>,
}

/// One run of one release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The plugin or the last good release.
    pub by: AnsweredBy,
    /// What ran.
    pub release: ReleaseNumber,
    /// Which version of whose plugin.
    pub version: VersionRef,
    /// Which export, for example "router.handle".
    pub function: String,
    /// What its random numbers grew from, in hexadecimal: to run it again.
    pub seed: String,
    /// None where it answered.
    pub failure: Option<Failure>,
    /// What it used.
    pub used: Used,
    /// Of what it had.
    pub limits: Limits,
    /// What it was told, in order.
    pub told: Vec<Told>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// Goals that it reported, where its answer counts.
    #[serde(default)]
    pub outcomes: Vec<(String, Option<f64>)>,
    /// AI tokens that it reported: they were spent, whatever became of its answer. A run that was ended reports none.
    #[serde(default)]
    pub tokens: Vec<Tokens>,
}

impl AttemptRecord {
    /// What is kept of one whose commit met a conflict: what it cost, and nothing that it was told, logged or reached.
    pub fn lost(self) -> Self {
        Self { told: Vec::new(), log: Vec::new(), outcomes: Vec::new(), ..self }
    }
}

/// When things were done, in microseconds after the request was complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The contact's turn had come.
    pub admitted_us: u64,
    /// All attempts were over.
    pub invoked_us: u64,
    /// The reply was ready for the commit.
    pub rendered_us: u64,
    /// What the provider allowed.
    pub deadline_us: u64,
}

/// One event and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Whose.
    pub contact: ContactId,
    /// The time of the event: orders the entries of a contact, then the sequence does.
    pub at: Moment,
    /// Orders entries of one millisecond.
    pub sequence: u32,
    /// The turn that it was; that of the turn before for what expects no answer.
    pub turn: u32,
    /// What happened, masked.
    pub event: Event,
    /// The rule that chose the flow, for example "address voice:number:+1800... is bound to main".
    pub rule: String,
    /// The flow.
    pub flow: FlowName,
    /// The release that the contact is pinned to.
    pub release: Option<ReleaseNumber>,
    /// The experiment's arm, where one chose.
    pub arm: Option<String>,
    /// The secret that verified the request, by name.
    pub verified_with: String,
    /// Why no plugin ran.
    pub barred: Option<Barred>,
    /// Which quota barred it, or left an attempt without fuel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortage: Option<Shortage>,
    /// In order.
    pub attempts: Vec<AttemptRecord>,
    /// Attempts before them whose commit met a conflict, without what they were told and logged: they decided nothing, and cost
    /// what they cost.
    #[serde(default)]
    pub lost: Vec<AttemptRecord>,
    /// AI tokens that were reported from outside, after they were spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported: Vec<Tokens>,
    /// None for what expects no answer.
    pub decision: Option<Draft>,
    /// Why, in the words of who answered.
    pub reason: String,
    /// Who answered.
    pub answered_by: Option<AnsweredBy>,
    /// What was passed over, done in a lesser way or done by the host itself.
    pub notes: Vec<String>,
    /// Revision of the directory that was read: the newest of its rows.
    pub directory_revision: u64,
    /// Of the reply's bytes.
    pub reply: Option<Digest>,
    /// When.
    pub times: Times,
    /// The id of its trace, 32 hexadecimal digits, where it was traced.
    #[serde(default)]
    pub trace: Option<String>,
}

/// All that is kept of a contact that overload turned away while it turned many away: it is over with its first event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// As it would be kept if it were kept like others.
    pub contact: Contact,
    /// Its only entry.
    pub turn: Turn,
}

impl Turn {
    /// True where the host went on by itself with what was open: nothing was asked, and nothing was barred.
    pub fn is_host_step(&self) -> bool {
        self.answered_by.is_some() && self.barred.is_none() && self.attempts.is_empty()
    }
}
