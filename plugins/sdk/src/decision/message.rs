//! Builds what is written, played or recorded: messages, audio, voice messages.
//!
//! They stand apart from [`super::connect`] because none of them gives the customer to someone else.

use core::time::Duration;

use super::{Choice, Prompt, acts};
use crate::persona::BargeIn;

/// Play an audio file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// https URL.
    pub url: String,
    /// How often, from 1.
    pub times: u32,
    /// By what the customer may cut it short, where the provider can.
    pub barge_in: BargeIn,
}

impl Play {
    /// Once, to the end.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), times: 1, barge_in: BargeIn::None }
    }
}

/// Come back after a time, whatever happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// How long.
    pub after: Duration,
    /// Comes back in the `timer` event.
    pub tag: String,
}

/// A message that the provider has approved before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name at the provider.
    pub name: String,
    /// BCP 47 tag.
    pub language: String,
    /// Its parameters, in order.
    pub parameters: Vec<String>,
}

/// Send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// E.164 or the provider's id; the customer where absent.
    pub to: Option<String>,
    /// The channel; the contact's where absent.
    pub channel: Option<String>,
    /// The text.
    pub text: String,
    /// https URLs of files.
    pub media: Vec<String>,
    /// Buttons or list rows.
    pub choices: Vec<Choice>,
    /// A template instead of free text.
    pub template: Option<Template>,
    /// The provider's id of the message that this one answers.
    pub reply_to: Option<String>,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl SendMessage {
    /// A text to the customer, on the contact's channel.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            to: None,
            channel: None,
            text: text.into(),
            media: Vec::new(),
            choices: Vec::new(),
            template: None,
            reply_to: None,
            extras: Vec::new(),
        }
    }

    /// A template that the provider has approved before, to the customer.
    pub fn template(name: impl Into<String>, language: impl Into<String>, parameters: Vec<String>) -> Self {
        Self { template: Some(Template { name: name.into(), language: language.into(), parameters }), ..Self::text("") }
    }

    /// To someone else, by E.164 or the provider's id.
    #[must_use]
    pub fn to(mut self, to: impl Into<String>) -> Self {
        self.to = Some(to.into());
        self
    }

    /// With a file, by https URL.
    #[must_use]
    pub fn media(mut self, url: impl Into<String>) -> Self {
        self.media.push(url.into());
        self
    }

    /// With one more button or list row.
    #[must_use]
    pub fn choice(mut self, choice: Choice) -> Self {
        self.choices.push(choice);
        self
    }
}

/// Let the customer leave a voice message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voicemail {
    /// Comes back in `voicemail-ended`.
    pub tag: String,
    /// Whose it is; the tenant's general mailbox where absent.
    pub mailbox: Option<String>,
    /// What is said first.
    pub prompts: Vec<Prompt>,
    /// At most that long, to ten minutes.
    pub max_length: Duration,
    /// Ends after that much silence.
    pub silence_timeout: Option<Duration>,
    /// The key that ends it.
    pub terminator: Option<String>,
    /// Beep before it begins.
    pub beep: bool,
    /// Ask the provider for the text.
    pub transcribe: bool,
}

impl Voicemail {
    /// Two minutes after a beep, ended by `#` or five seconds of silence, in the tenant's general mailbox.
    pub fn new(tag: impl Into<String>) -> Self {
        Self {
            tag: tag.into(),
            mailbox: None,
            prompts: Vec::new(),
            max_length: Duration::from_secs(120),
            silence_timeout: Some(Duration::from_secs(5)),
            terminator: Some("#".into()),
            beep: true,
            transcribe: false,
        }
    }

    /// In this mailbox instead of the tenant's general one.
    #[must_use]
    pub fn mailbox(mut self, mailbox: impl Into<String>) -> Self {
        self.mailbox = Some(mailbox.into());
        self
    }

    /// Says something first.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<Prompt>) -> Self {
        self.prompts.push(prompt.into());
        self
    }

    /// At most that long, to ten minutes.
    #[must_use]
    pub fn max_length(mut self, length: Duration) -> Self {
        self.max_length = length;
        self
    }

    /// Asks the provider for the text.
    #[must_use]
    pub fn transcribe(mut self) -> Self {
        self.transcribe = true;
        self
    }
}

/// What to do about recording audio. The last one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recording {
    /// Stop.
    Off,
    /// Begin.
    On,
    /// Halt while something sensitive is said.
    Pause,
    /// Go on after a pause.
    Resume,
}

/// A policy for recording audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPolicy {
    /// What to do.
    pub recording: Recording,
    /// What is said before it takes effect.
    pub announcement: Option<Prompt>,
    /// Each party on a channel of its own.
    pub separate_channels: bool,
}

impl RecordingPolicy {
    /// Does that, without a word, both parties on one channel.
    pub fn new(recording: Recording) -> Self {
        Self { recording, announcement: None, separate_channels: false }
    }

    /// Says something before it takes effect.
    #[must_use]
    pub fn announcement(mut self, prompt: impl Into<Prompt>) -> Self {
        self.announcement = Some(prompt.into());
        self
    }
}

acts!(Play, SendMessage, Voicemail);
