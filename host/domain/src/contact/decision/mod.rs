//! Mirrors `wit/v1/decisions.wit` as plain values, and seals the step from what a plugin said to what a provider is told.
//!
//! The runtime lifts a [`Draft`] from the guest. [`crate::fallback::vet`] checks it against the tenant's world and the
//! provider's abilities, and only [`crate::fallback::settle`] makes a [`Decision`] of it, which is all that a provider renders.
//! Two types instead of a flag, so that an unchecked answer cannot be rendered: it does not compile.

#![expect(missing_docs, reason = "field for field wit/v1/decisions.wit, which documents shapes and units")]

mod parts;

pub use parts::{
    AskConsent, Callback, Choice, Collect, Conference, Converse, Enqueue, Exit, Menu, Play, Prompt, PromptContent, Recording,
    RecordingPolicy, Relaxation, Ringing, SendMessage, SipTarget, Skill, Target, Template, Transfer, Voicemail, Wake,
};

use serde::{Deserialize, Serialize};

use super::event::Extension;
/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do", content = "with")]
pub enum Action {
    Keep,
    Say(Prompt),
    Play(Play),
    Pause(u64),
    SendDigits(String),
    SetLanguage(String),
    SetAttributes(Vec<(String, String)>),
    Collect(Collect),
    Menu(Menu),
    Continue(String),
    WakeAfter(Wake),
    AskConsent(AskConsent),
    Enqueue(Enqueue),
    Transfer(Transfer),
    Conference(Conference),
    Converse(Converse),
    SendMessage(SendMessage),
    Voicemail(Voicemail),
    Callback(Callback),
    RecordAudio(RecordingPolicy),
    HangUp(Option<String>),
    Reject(String),
    Other(Extension),
}

/// Every action's name, as `describe` may list it, in the order of the contract.
pub const ACTION_NAMES: [&str; 23] = [
    "keep",
    "say",
    "play",
    "pause",
    "send-digits",
    "set-language",
    "set-attributes",
    "collect",
    "menu",
    "continue",
    "wake-after",
    "ask-consent",
    "enqueue",
    "transfer",
    "conference",
    "converse",
    "send-message",
    "voicemail",
    "callback",
    "record-audio",
    "hang-up",
    "reject",
    "other",
];

impl Action {
    /// The case's name, as `describe` lists it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Say(_) => "say",
            Self::Play(_) => "play",
            Self::Pause(_) => "pause",
            Self::SendDigits(_) => "send-digits",
            Self::SetLanguage(_) => "set-language",
            Self::SetAttributes(_) => "set-attributes",
            Self::Collect(_) => "collect",
            Self::Menu(_) => "menu",
            Self::Continue(_) => "continue",
            Self::WakeAfter(_) => "wake-after",
            Self::AskConsent(_) => "ask-consent",
            Self::Enqueue(_) => "enqueue",
            Self::Transfer(_) => "transfer",
            Self::Conference(_) => "conference",
            Self::Converse(_) => "converse",
            Self::SendMessage(_) => "send-message",
            Self::Voicemail(_) => "voicemail",
            Self::Callback(_) => "callback",
            Self::RecordAudio(_) => "record-audio",
            Self::HangUp(_) => "hang-up",
            Self::Reject(_) => "reject",
            Self::Other(_) => "other",
        }
    }

    /// True where nothing after it can be reached: the contact waits for an event, goes elsewhere or ends.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Keep
                | Self::Collect(_)
                | Self::Menu(_)
                | Self::Continue(_)
                | Self::WakeAfter(_)
                | Self::AskConsent(_)
                | Self::Enqueue(_)
                | Self::Transfer(_)
                | Self::Conference(_)
                | Self::Converse(_)
                | Self::Voicemail(_)
                | Self::HangUp(_)
                | Self::Reject(_)
        )
    }
}

/// What a plugin said, a default route holds or the host puts together: not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub actions: Vec<Action>,
    pub reason: String,
}

/// A draft that fits the tenant's world and the provider's abilities. Only [`crate::fallback::vet`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Vetted {
    pub(crate) draft: Draft,
    /// What could not be rendered as asked and is done in a lesser way, one sentence each.
    pub(crate) degraded: Vec<String>,
}

impl Vetted {
    pub(crate) fn new(draft: Draft, degraded: Vec<String>) -> Self {
        Self { draft, degraded }
    }

    /// What was vetted.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }
}

/// What is done. Only [`crate::fallback::settle`] makes one, so a renderer never meets an answer that it cannot express.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    draft: Draft,
    degraded: Vec<String>,
}

impl Decision {
    pub(crate) fn seal(vetted: Vetted) -> Self {
        Self { draft: vetted.draft, degraded: vetted.degraded }
    }

    /// Done in order.
    pub fn actions(&self) -> &[Action] {
        &self.draft.actions
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.draft.reason
    }

    /// What is done in a lesser way than asked.
    pub fn degraded(&self) -> &[String] {
        &self.degraded
    }

    /// The whole, for the trail.
    pub fn as_draft(&self) -> &Draft {
        &self.draft
    }
}
