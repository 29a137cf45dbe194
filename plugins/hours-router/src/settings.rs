//! Reads languages, hours and the after-hours way from settings.
//!
//! The host has checked settings against `settings.schema.json` before a release exists; what the schema cannot say is a
//! failure that names the setting.

use jackfield_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(default = "Settings::default_hours")]
    pub(crate) hours: String,
    pub(crate) languages: Vec<Language>,
    #[serde(default = "Settings::default_remember")]
    pub(crate) remember_language: bool,
    #[serde(default = "Settings::default_attempts")]
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) after_hours: AfterHours,
    #[serde(default)]
    pub(crate) overflow: Vec<Way>,
    #[serde(default)]
    pub(crate) maximum_wait_s: Option<u64>,
    #[serde(default = "Settings::default_ring")]
    pub(crate) ring_s: u64,
    #[serde(default)]
    pub(crate) mailbox: Option<String>,
}

/// How one language is spoken and who serves it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Language {
    pub(crate) tag: String,
    pub(crate) name: String,
    pub(crate) queue: String,
    /// The place in the list where absent.
    #[serde(default)]
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) voice: Option<String>,
    #[serde(default)]
    pub(crate) welcome: Option<String>,
    pub(crate) offer: String,
    pub(crate) closed: String,
    pub(crate) holiday: String,
    pub(crate) emergency: String,
    pub(crate) voicemail: String,
    pub(crate) goodbye: String,
}

/// What happens outside the hours, after the customer was told.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub(crate) enum AfterHours {
    /// Nothing more.
    #[default]
    Message,
    /// A voice message is taken.
    Voicemail,
    /// People of the directory ring, one after the other.
    OnCall {
        /// Their names.
        people: Vec<String>,
    },
}

/// Where an overflowing queue leads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// Another queue, by name.
    Queue(String),
    /// A telephone number in E.164.
    Number(String),
    /// Another flow, by name.
    Flow(String),
    /// A voice message in a mailbox; the general one where empty.
    Voicemail(String),
    /// The language's own words for a closed house, and then the next way.
    SayClosed,
}

impl Settings {
    fn default_hours() -> String {
        "main".into()
    }

    fn default_remember() -> bool {
        true
    }

    /// Twice: who does not answer a second time does not understand the question.
    fn default_attempts() -> u32 {
        2
    }

    /// As long as most networks ring before their own mailbox answers.
    fn default_ring() -> u64 {
        20
    }

    /// How long one person rings.
    pub(crate) fn ring(&self) -> Duration {
        Duration::from_secs(self.ring_s)
    }

    /// A language by tag.
    pub(crate) fn language(&self, tag: &str) -> Option<&Language> {
        self.languages.iter().find(|language| language.tag.eq_ignore_ascii_case(tag))
    }

    /// The language of whoever chooses none.
    pub(crate) fn first_language(&self) -> Result<&Language, Failure> {
        self.languages.first().ok_or_else(|| Failure::BadSettings("languages: at least one is needed".into()))
    }
}

impl Language {
    /// A text in this language and its voice.
    pub(crate) fn prompt(&self, text: &str) -> Prompt {
        Prompt { voice: self.voice.clone(), ..Prompt::text(text).language(&self.tag) }
    }
}

impl Way {
    /// As the queue's overflow.
    pub(crate) fn exit(&self, language: &Language) -> Exit {
        match self {
            Self::Queue(name) => Exit::Enqueue(name.clone()),
            Self::Number(number) => Exit::Number(number.clone()),
            Self::Flow(name) => Exit::Flow(name.clone()),
            Self::Voicemail(mailbox) => Exit::Voicemail(mailbox.clone()),
            Self::SayClosed => Exit::Say(language.prompt(&language.closed)),
        }
    }
}
