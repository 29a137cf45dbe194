//! Mirrors `wit/v1/events.wit` as plain values: what just happened in a contact.
//!
//! Providers make events, the pipeline hands them on, the runtime lowers them for the guest, the trail keeps them. It is a copy
//! of the contract and not the generated bindings, because providers and store must not know the engine.

#![expect(missing_docs, reason = "field for field wit/v1/events.wit, which documents shapes and units")]

use serde::{Deserialize, Serialize};

use super::Moment;

/// A value of a kind that this version has no case for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    pub kind: String,
    /// JSON.
    pub data: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputOutcome {
    Matched,
    NoMatch,
    NoInput,
    LowConfidence,
    HangUp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub value: String,
    pub confidence: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    pub tag: String,
    pub outcome: InputOutcome,
    pub kind: String,
    pub value: String,
    pub confidence: Option<f32>,
    pub alternatives: Vec<Alternative>,
    pub attempts: u32,
    pub extras: Vec<(String, String)>,
    /// Not in the contract: the action asked for something that is never stored, so the trail masks the value.
    pub sensitive: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    pub url: String,
    pub mime: String,
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub text: String,
    pub media: Vec<Media>,
    pub choice: Option<String>,
    pub reply_to: Option<String>,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageStatus {
    pub id: String,
    pub status: String,
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialEnded {
    pub tag: String,
    pub outcome: String,
    pub leg: Option<u32>,
    pub talked_ms: u64,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueWaiting {
    pub tag: String,
    pub queue: String,
    pub position: Option<u32>,
    pub waited_ms: u64,
    pub estimate_ms: Option<u64>,
    pub size: Option<u32>,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEnded {
    pub tag: String,
    pub queue: String,
    pub outcome: String,
    pub waited_ms: u64,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConferenceEnded {
    pub tag: String,
    pub outcome: String,
    pub stayed_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoicemailEnded {
    pub tag: String,
    pub outcome: String,
    pub length_ms: u64,
    pub audio: Option<String>,
    pub transcript: Option<String>,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEnded {
    pub topic: String,
    pub given: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiEnded {
    pub tag: String,
    pub reason: String,
    pub fields: Vec<(String, String)>,
    pub extras: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextChanged {
    pub revision: u32,
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub cause: String,
    pub lasted_ms: u64,
    pub extras: Vec<(String, String)>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub enum Event {
    Arrived,
    Input(Input),
    Message(Message),
    MessageStatus(MessageStatus),
    Continued(String),
    Timer(String),
    DialEnded(DialEnded),
    QueueWaiting(QueueWaiting),
    QueueEnded(QueueEnded),
    ConferenceEnded(ConferenceEnded),
    VoicemailEnded(VoicemailEnded),
    ConsentEnded(ConsentEnded),
    AiEnded(AiEnded),
    ContextChanged(ContextChanged),
    Ended(Ended),
    Other(Extension),
}

/// Every event's name, as `describe` may list it, in the order of the contract.
pub const EVENT_NAMES: [&str; 16] = [
    "arrived",
    "input",
    "message",
    "message-status",
    "continued",
    "timer",
    "dial-ended",
    "queue-waiting",
    "queue-ended",
    "conference-ended",
    "voicemail-ended",
    "consent-ended",
    "ai-ended",
    "context-changed",
    "ended",
    "other",
];

impl Event {
    /// The case's name, as `describe` lists it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Input(_) => "input",
            Self::Message(_) => "message",
            Self::MessageStatus(_) => "message-status",
            Self::Continued(_) => "continued",
            Self::Timer(_) => "timer",
            Self::DialEnded(_) => "dial-ended",
            Self::QueueWaiting(_) => "queue-waiting",
            Self::QueueEnded(_) => "queue-ended",
            Self::ConferenceEnded(_) => "conference-ended",
            Self::VoicemailEnded(_) => "voicemail-ended",
            Self::ConsentEnded(_) => "consent-ended",
            Self::AiEnded(_) => "ai-ended",
            Self::ContextChanged(_) => "context-changed",
            Self::Ended(_) => "ended",
            Self::Other(_) => "other",
        }
    }

    /// True where the provider waits for a decision.
    pub fn expects_answer(&self) -> bool {
        !matches!(self, Self::MessageStatus(_) | Self::Ended(_) | Self::ContextChanged(_))
    }

    /// True where the customer did something: it ends a run of idle turns.
    pub fn is_from_customer(&self) -> bool {
        match self {
            Self::Arrived | Self::Message(_) | Self::ConsentEnded(_) => true,
            Self::Input(input) => !matches!(input.outcome, InputOutcome::NoInput),
            _ => false,
        }
    }

    /// True where the host comes back by the plugin's own wish: what a loop consists of.
    pub fn is_reentry(&self) -> bool {
        match self {
            Self::Continued(_) | Self::Timer(_) => true,
            Self::Input(input) => matches!(input.outcome, InputOutcome::NoInput),
            _ => false,
        }
    }

    /// True where it holds what was asked for as sensitive.
    pub fn is_sensitive(&self) -> bool {
        matches!(self, Self::Input(input) if input.sensitive)
    }

    /// A copy for the trail: what was asked for as sensitive is masked, and its length does not show either.
    pub fn masked(&self) -> Self {
        match self {
            Self::Input(input) if input.sensitive => {
                Self::Input(Input { value: "•••".to_owned(), alternatives: Vec::new(), extras: Vec::new(), ..input.clone() })
            }
            other => other.clone(),
        }
    }
}

/// An event with what the host knows of its coming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    pub event: Event,
    /// When the request was complete.
    pub at: Moment,
    /// The provider's id of the event, or a keyed digest of its content: part of the retry key.
    pub event_id: String,
}
