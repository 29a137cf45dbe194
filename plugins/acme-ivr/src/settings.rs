//! Reads what a tenant may change without a new plugin: texts, voice, queues, patience.
//!
//! The host has checked settings against `settings.schema.json` before a release exists. Every setting has a default, so that
//! the plugin works with `{}`.

use jackfield_sdk::prelude::Prompt;
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) greeting: String,
    pub(crate) menu: String,
    pub(crate) no_selection: String,
    pub(crate) no_input: String,
    pub(crate) no_match: String,
    pub(crate) voicemail: String,
    pub(crate) goodbye: String,
    pub(crate) voice: Option<String>,
    pub(crate) queues: Queues,
    pub(crate) mailbox: Option<String>,
    /// How often the menu is offered in all before general support takes the call.
    pub(crate) attempts: u32,
    pub(crate) answer_within_s: u64,
    pub(crate) maximum_wait_s: Option<u64>,
}

/// The tenant's queue for each line of the menu.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Queues {
    sales: String,
    technical_support: String,
    billing: String,
    general_support: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            greeting: "Thank you for calling Acme Corporation. It is good to hear from you.".into(),
            menu: "For sales, press 1. For technical support, press 2. For billing, press 3. For anything else, press 0.".into(),
            no_selection: "We did not get a selection. One moment, you are being transferred to general support.".into(),
            no_input: "We did not hear anything.".into(),
            no_match: "That is not one of the choices.".into(),
            voicemail: "Nobody can take your call right now. Please leave a message after the tone, and we will call you back.".into(),
            goodbye: "Thank you. We will call you back. Goodbye.".into(),
            voice: None,
            queues: Queues::default(),
            mailbox: None,
            // A caller who does not answer twice needs a person, not a third time.
            attempts: 2,
            answer_within_s: 5,
            maximum_wait_s: None,
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            sales: "sales".into(),
            technical_support: "technical-support".into(),
            billing: "billing".into(),
            general_support: "general-support".into(),
        }
    }
}

impl Queues {
    /// The queue of a department, as the menu names it.
    pub(crate) fn of(&self, department: &str) -> &str {
        match department {
            "sales" => &self.sales,
            "technical-support" => &self.technical_support,
            "billing" => &self.billing,
            _ => &self.general_support,
        }
    }
}

impl Settings {
    /// A text in the tenant's voice.
    pub(crate) fn prompt(&self, text: &str) -> Prompt {
        Prompt { voice: self.voice.clone(), ..Prompt::text(text) }
    }
}
