//! Lists everything that a decision can do.
//!
//! [`crate::decision::Decision`] collects actions; a plugin rarely names a case itself, because the builders make them.

use core::time::Duration;

use super::{
    AskConsent, Callback, Collect, Conference, Converse, Enqueue, Menu, Play, Prompt, RecordingPolicy, SendMessage, Transfer, Voicemail,
    Wake,
};
use crate::failure::Extension;
use crate::words::Rejection;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Change nothing. It stands alone.
    Keep,
    /// Say or write something.
    Say(Prompt),
    /// Play audio.
    Play(Play),
    /// Be silent for a while.
    Pause(Duration),
    /// Send keys: 0-9, A-D, *, #, and w for half a second.
    SendDigits(String),
    /// From here on; BCP 47.
    SetLanguage(String),
    /// Merged into the contact's attributes; an empty value removes a name.
    SetAttributes(Vec<(String, String)>),
    /// Ask for something.
    Collect(Collect),
    /// Offer choices.
    Menu(Menu),
    /// Come back when what stands before it is done; carries the tag of the `continued` event.
    Continue(String),
    /// Come back after a time.
    WakeAfter(Wake),
    /// Ask for consent.
    AskConsent(AskConsent),
    /// To a queue.
    Enqueue(Enqueue),
    /// To someone else.
    Transfer(Transfer),
    /// To a conference.
    Conference(Conference),
    /// To an AI persona.
    Converse(Converse),
    /// Send a message.
    SendMessage(SendMessage),
    /// Take a voice message.
    Voicemail(Voicemail),
    /// Call back later.
    Callback(Callback),
    /// Record audio, or not.
    RecordAudio(RecordingPolicy),
    /// End the contact; carries a reason for the trail.
    HangUp(Option<String>),
    /// Do not take the contact. It stands alone.
    Reject(Rejection),
    /// An action that this version of the contract has no case for.
    Other(Extension),
}

crate::words::names! {
    /// The cases of [`Action`], as `describe` lists them.
    ActionKind {
        Keep = "keep",
        Say = "say",
        Play = "play",
        Pause = "pause",
        SendDigits = "send-digits",
        SetLanguage = "set-language",
        SetAttributes = "set-attributes",
        Collect = "collect",
        Menu = "menu",
        Continue = "continue",
        WakeAfter = "wake-after",
        AskConsent = "ask-consent",
        Enqueue = "enqueue",
        Transfer = "transfer",
        Conference = "conference",
        Converse = "converse",
        SendMessage = "send-message",
        Voicemail = "voicemail",
        Callback = "callback",
        RecordAudio = "record-audio",
        HangUp = "hang-up",
        Reject = "reject",
        Other = "other",
    }
}

impl Action {
    /// Which case it is.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::Keep => ActionKind::Keep,
            Self::Say(_) => ActionKind::Say,
            Self::Play(_) => ActionKind::Play,
            Self::Pause(_) => ActionKind::Pause,
            Self::SendDigits(_) => ActionKind::SendDigits,
            Self::SetLanguage(_) => ActionKind::SetLanguage,
            Self::SetAttributes(_) => ActionKind::SetAttributes,
            Self::Collect(_) => ActionKind::Collect,
            Self::Menu(_) => ActionKind::Menu,
            Self::Continue(_) => ActionKind::Continue,
            Self::WakeAfter(_) => ActionKind::WakeAfter,
            Self::AskConsent(_) => ActionKind::AskConsent,
            Self::Enqueue(_) => ActionKind::Enqueue,
            Self::Transfer(_) => ActionKind::Transfer,
            Self::Conference(_) => ActionKind::Conference,
            Self::Converse(_) => ActionKind::Converse,
            Self::SendMessage(_) => ActionKind::SendMessage,
            Self::Voicemail(_) => ActionKind::Voicemail,
            Self::Callback(_) => ActionKind::Callback,
            Self::RecordAudio(_) => ActionKind::RecordAudio,
            Self::HangUp(_) => ActionKind::HangUp,
            Self::Reject(_) => ActionKind::Reject,
            Self::Other(_) => ActionKind::Other,
        }
    }

    /// True where nothing after it can be reached: the contact waits for an event, goes elsewhere or ends.
    pub fn is_last(&self) -> bool {
        !matches!(
            self.kind(),
            ActionKind::Say
                | ActionKind::Play
                | ActionKind::Pause
                | ActionKind::SendDigits
                | ActionKind::SetLanguage
                | ActionKind::SetAttributes
                | ActionKind::SendMessage
                | ActionKind::Callback
                | ActionKind::RecordAudio
                | ActionKind::Other
        )
    }
}

impl From<Wake> for Action {
    fn from(wake: Wake) -> Self {
        Self::WakeAfter(wake)
    }
}

impl From<RecordingPolicy> for Action {
    fn from(policy: RecordingPolicy) -> Self {
        Self::RecordAudio(policy)
    }
}
