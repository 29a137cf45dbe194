//! Mirrors `wit/v1/decisions.wit` as plain values, and seals the step from what a plugin said to what a provider is told.
//!
//! The runtime lifts a [`Draft`] from the guest. [`super::super::fallback::vet`] checks it against the tenant's world and the
//! provider's abilities, and only [`crate::fallback::settle`] makes a [`Decision`] of it, which is all that a provider renders.
//! Two types instead of a flag, so that an unchecked answer cannot be rendered: it does not compile.

#![expect(missing_docs, reason = "field for field wit/v1/decisions.wit, which documents shapes and units")]

use serde::{Deserialize, Serialize};

use super::Moment;
use super::event::Extension;
use super::persona::{BargeIn, Persona};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptContent {
    Text(String),
    Ssml(String),
    Audio(String),
    Other(Extension),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    pub content: PromptContent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
}

impl Prompt {
    /// Plain text in the contact's language and voice.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: PromptContent::Text(text.into()), language: None, voice: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    pub url: String,
    pub times: u32,
    pub barge_in: BargeIn,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collect {
    pub tag: String,
    pub prompts: Vec<Prompt>,
    pub dtmf: bool,
    pub speech: bool,
    pub min_digits: u32,
    pub max_digits: u32,
    pub terminator: Option<String>,
    pub first_timeout_ms: u64,
    pub inter_digit_timeout_ms: u64,
    pub barge_in: BargeIn,
    pub hints: Vec<String>,
    pub minimum_confidence: Option<f32>,
    pub attempts: u32,
    pub no_input: Vec<Prompt>,
    pub no_match: Vec<Prompt>,
    pub low_confidence: Vec<Prompt>,
    pub sensitive: bool,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub key: String,
    pub label: String,
    pub value: String,
    pub phrases: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Menu {
    pub collect: Collect,
    pub choices: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    pub after_ms: u64,
    pub tag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskConsent {
    pub topic: String,
    pub prompts: Vec<Prompt>,
    pub accept_key: String,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    pub name: String,
    pub level: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relaxation {
    pub after_ms: u64,
    pub skills: Vec<Skill>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    Continue(String),
    Say(Prompt),
    Enqueue(String),
    Number(String),
    Flow(String),
    Voicemail(String),
    HangUp,
    Other(Extension),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enqueue {
    pub tag: String,
    pub queue: String,
    #[serde(default)]
    pub priority: Option<u32>,
    #[serde(default)]
    pub skills: Vec<Skill>,
    #[serde(default)]
    pub relaxations: Vec<Relaxation>,
    #[serde(default)]
    pub hold_music: Option<String>,
    #[serde(default)]
    pub announce_every_ms: Option<u64>,
    #[serde(default)]
    pub notify: bool,
    #[serde(default)]
    pub maximum_wait_ms: Option<u64>,
    #[serde(default)]
    pub overflow: Vec<Exit>,
    #[serde(default)]
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipTarget {
    pub uri: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Flow(String),
    Number(String),
    Sip(SipTarget),
    Person(String),
    Other(Extension),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ringing {
    Series,
    Parallel,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub tag: String,
    pub targets: Vec<Target>,
    pub ringing: Ringing,
    #[serde(default)]
    pub ring_timeout_ms: Option<u64>,
    #[serde(default)]
    pub talk_limit_ms: Option<u64>,
    #[serde(default)]
    pub caller_id: Option<String>,
    #[serde(default)]
    pub whisper: Option<Prompt>,
    #[serde(default)]
    pub screening: bool,
    #[serde(default)]
    pub warm: bool,
    #[serde(default)]
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conference {
    pub tag: String,
    pub name: String,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    pub muted: bool,
    pub max_participants: Option<u32>,
    pub hold_music: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Converse {
    pub tag: String,
    pub persona: Persona,
    pub on_failure: Vec<Exit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: String,
    pub language: String,
    pub parameters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMessage {
    pub to: Option<String>,
    pub channel: Option<String>,
    pub text: String,
    pub media: Vec<String>,
    pub choices: Vec<Choice>,
    pub template: Option<Template>,
    pub reply_to: Option<String>,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voicemail {
    pub tag: String,
    #[serde(default)]
    pub mailbox: Option<String>,
    pub prompts: Vec<Prompt>,
    pub max_length_ms: u64,
    #[serde(default)]
    pub silence_timeout_ms: Option<u64>,
    #[serde(default)]
    pub terminator: Option<String>,
    #[serde(default)]
    pub beep: bool,
    #[serde(default)]
    pub transcribe: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    pub number: Option<String>,
    pub queue: String,
    pub earliest: Option<Moment>,
    pub latest: Option<Moment>,
    pub attempts: u32,
    pub keep_place: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    Off,
    On,
    Pause,
    Resume,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingPolicy {
    pub recording: Recording,
    pub announcement: Option<Prompt>,
    pub separate_channels: bool,
}

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
    draft: Draft,
    /// What could not be rendered as asked and is done in a lesser way, one sentence each.
    degraded: Vec<String>,
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
