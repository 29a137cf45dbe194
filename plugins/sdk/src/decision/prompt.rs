//! Holds what the customer hears or reads.
//!
//! Everything that says something takes `impl Into<Prompt>`, so that plain text needs no ceremony.

use crate::failure::Extension;

/// What a prompt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptContent {
    /// Plain text; the host escapes it.
    Text(String),
    /// One SSML document or fragment; the host refuses one that is not well formed.
    Ssml(String),
    /// An https URL of an audio file.
    Audio(String),
    /// A form that this version of the contract has no case for.
    Other(Extension),
}

/// Something that the customer hears or reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is said.
    pub content: PromptContent,
    /// BCP 47 tag; the contact's language where absent.
    pub language: Option<String>,
    /// The provider's name of a voice; the connection's voice for the language where absent.
    pub voice: Option<String>,
}

impl Prompt {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: PromptContent::Text(text.into()), language: None, voice: None }
    }

    /// SSML.
    pub fn ssml(ssml: impl Into<String>) -> Self {
        Self { content: PromptContent::Ssml(ssml.into()), language: None, voice: None }
    }

    /// An audio file, by https URL.
    pub fn audio(url: impl Into<String>) -> Self {
        Self { content: PromptContent::Audio(url.into()), language: None, voice: None }
    }

    /// In this language, by BCP 47 tag.
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.language = Some(tag.into());
        self
    }

    /// In this voice, by the provider's name of it.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = Some(voice.into());
        self
    }

    /// The text, where it is plain text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            PromptContent::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Prompt {
    fn from(text: &String) -> Self {
        Self::text(text.as_str())
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
