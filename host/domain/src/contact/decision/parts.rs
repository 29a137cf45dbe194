//! Mirrors the records of `wit/v1/decisions.wit`: what the actions are made of.
//!
//! A file of its own, so that the seal in [`super`] can be read without them.

#![expect(missing_docs, reason = "field for field wit/v1/decisions.wit, which documents shapes and units")]

use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::contact::event::Extension;
use crate::contact::persona::{BargeIn, Persona};

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
