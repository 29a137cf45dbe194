//! Mirrors `wit/v1/events.wit`: what just happened in a contact.
//!
//! The host makes events; a plugin matches on them and answers [`crate::decision::Decision::keep`] to what it does not know.

use core::time::Duration;

use crate::failure::Extension;
use crate::words::{AiReason, ConferenceOutcome, DialOutcome, EndCause, InputKind, MessageState, QueueOutcome, VoicemailOutcome};

/// How a `collect` or `menu` ended, after the host has used up its re-prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputOutcome {
    /// The customer gave what was asked for.
    Matched,
    /// The customer gave something else.
    NoMatch,
    /// Nothing came in time.
    NoInput,
    /// Speech was recognised below the minimum confidence.
    LowConfidence,
    /// The customer ended the contact meanwhile.
    HangUp,
}

/// Another reading of what was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The text.
    pub value: String,
    /// 0.0 to 1.0.
    pub confidence: f32,
}

/// The answer to a `collect` or `menu`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The tag of the action that asked.
    pub tag: String,
    /// How it ended.
    pub outcome: InputOutcome,
    /// How the answer was given.
    pub kind: InputKind,
    /// Digits, recognised text or, from a `menu`, the matched choice's value. Empty where nothing came.
    pub value: String,
    /// 0.0 to 1.0, where it was recognised speech.
    pub confidence: Option<f32>,
    /// Other readings, best first.
    pub alternatives: Vec<Alternative>,
    /// How often the customer was asked, from 1.
    pub attempts: u32,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

impl Input {
    /// The value, where the customer gave what was asked for.
    pub fn matched(&self) -> Option<&str> {
        (self.outcome == InputOutcome::Matched).then_some(self.value.as_str())
    }
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where the host can fetch it.
    pub url: String,
    /// MIME type.
    pub mime: String,
    /// File name, if the customer's device gave one.
    pub name: Option<String>,
}

/// Something the customer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The provider's id of the message.
    pub id: String,
    /// The text; empty for media alone.
    pub text: String,
    /// Files.
    pub media: Vec<Media>,
    /// The value of the button or list row that was pressed.
    pub choice: Option<String>,
    /// The provider's id of the message that this one answers.
    pub reply_to: Option<String>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStatus {
    /// The provider's id of the message.
    pub id: String,
    /// How far it got.
    pub status: MessageState,
    /// The provider's error code, where it failed.
    pub error: Option<String>,
}

/// A `transfer` came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialEnded {
    /// The tag of the action that dialled.
    pub tag: String,
    /// How it ended.
    pub outcome: DialOutcome,
    /// Which target was reached, counted from 0 in the order of the action; absent where none was.
    pub leg: Option<u32>,
    /// How long the two talked.
    pub talked: Duration,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// The customer waits in a queue, and the plugin may choose what is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWaiting {
    /// The tag of the action that enqueued.
    pub tag: String,
    /// The queue's name.
    pub queue: String,
    /// 1 is next.
    pub position: Option<u32>,
    /// How long so far.
    pub waited: Duration,
    /// What the provider expects in all.
    pub estimate: Option<Duration>,
    /// How many wait now.
    pub size: Option<u32>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// The customer left a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEnded {
    /// The tag of the action that enqueued.
    pub tag: String,
    /// The queue's name.
    pub queue: String,
    /// How it ended.
    pub outcome: QueueOutcome,
    /// How long in all.
    pub waited: Duration,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// The customer left a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConferenceEnded {
    /// The tag of the action.
    pub tag: String,
    /// How it ended.
    pub outcome: ConferenceOutcome,
    /// How long the customer was in it.
    pub stayed: Duration,
}

/// A `voicemail` was left, or was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailEnded {
    /// The tag of the action.
    pub tag: String,
    /// How it ended.
    pub outcome: VoicemailOutcome,
    /// How long the recording is.
    pub length: Duration,
    /// Where the audio is, if there is any.
    pub audio: Option<String>,
    /// The text, where transcription was asked for and is ready.
    pub transcript: Option<String>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// The customer answered an `ask-consent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEnded {
    /// What was asked about.
    pub topic: String,
    /// True only where the customer clearly agreed.
    pub given: bool,
}

/// An AI persona handed the contact back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AiEnded {
    /// The tag of the action that started it.
    pub tag: String,
    /// Why.
    pub reason: AiReason,
    /// The fields that the persona was asked to extract.
    pub fields: Vec<(String, String)>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// The contact's context was written from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextChanged {
    /// The new revision; the contact carries the content.
    pub revision: u32,
    /// Who wrote it.
    pub by: String,
}

/// The contact is over. No answer is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub cause: EndCause,
    /// How long the contact lasted.
    pub lasted: Duration,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The contact has just begun.
    Arrived,
    /// A `collect` or `menu` is answered.
    Input(Input),
    /// The customer wrote.
    Message(Message),
    /// A message of ours changed its status. No answer is expected.
    MessageStatus(MessageStatus),
    /// The prompts before a `continue` are done; carries its tag.
    Continued(String),
    /// The time of a `wake-after` has come; carries its tag.
    Timer(String),
    /// A `transfer` came back.
    DialEnded(DialEnded),
    /// The customer waits in a queue.
    QueueWaiting(QueueWaiting),
    /// The customer left a queue.
    QueueEnded(QueueEnded),
    /// The customer left a conference.
    ConferenceEnded(ConferenceEnded),
    /// A `voicemail` ended.
    VoicemailEnded(VoicemailEnded),
    /// An `ask-consent` is answered.
    ConsentEnded(ConsentEnded),
    /// An AI persona handed back.
    AiEnded(AiEnded),
    /// The context was written from outside.
    ContextChanged(ContextChanged),
    /// The contact is over. No answer is expected.
    Ended(Ended),
    /// An event that this version of the contract has no case for.
    Other(Extension),
}

crate::words::names! {
    /// The cases of [`Event`], as `describe` lists them.
    EventKind {
        Arrived = "arrived",
        Input = "input",
        Message = "message",
        MessageStatus = "message-status",
        Continued = "continued",
        Timer = "timer",
        DialEnded = "dial-ended",
        QueueWaiting = "queue-waiting",
        QueueEnded = "queue-ended",
        ConferenceEnded = "conference-ended",
        VoicemailEnded = "voicemail-ended",
        ConsentEnded = "consent-ended",
        AiEnded = "ai-ended",
        ContextChanged = "context-changed",
        Ended = "ended",
        Other = "other",
    }
}

impl Event {
    /// Which case it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Arrived => EventKind::Arrived,
            Self::Input(_) => EventKind::Input,
            Self::Message(_) => EventKind::Message,
            Self::MessageStatus(_) => EventKind::MessageStatus,
            Self::Continued(_) => EventKind::Continued,
            Self::Timer(_) => EventKind::Timer,
            Self::DialEnded(_) => EventKind::DialEnded,
            Self::QueueWaiting(_) => EventKind::QueueWaiting,
            Self::QueueEnded(_) => EventKind::QueueEnded,
            Self::ConferenceEnded(_) => EventKind::ConferenceEnded,
            Self::VoicemailEnded(_) => EventKind::VoicemailEnded,
            Self::ConsentEnded(_) => EventKind::ConsentEnded,
            Self::AiEnded(_) => EventKind::AiEnded,
            Self::ContextChanged(_) => EventKind::ContextChanged,
            Self::Ended(_) => EventKind::Ended,
            Self::Other(_) => EventKind::Other,
        }
    }
}
