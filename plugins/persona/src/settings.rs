//! Reads who the persona is, what it knows, when it hands over and what happens when it breaks.
//!
//! The host has checked settings against `settings.schema.json` before a release exists; only variables without a value can
//! still be wrong, because the context is also written while a contact runs.

use jackfield_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::template::{Values, fill};

/// Half an hour: what such a conversation costs and takes is bounded even where a tenant said nothing.
const MAX_DURATION_S: u64 = 1_800;

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) system_prompt: String,
    #[serde(default)]
    pub(crate) greeting: Option<String>,
    /// Values for the variables in system prompt and greeting.
    #[serde(default)]
    pub(crate) context: Values,
    #[serde(default)]
    pub(crate) voice: Option<String>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// The contact's where absent.
    #[serde(default)]
    pub(crate) language: Option<String>,
    #[serde(default)]
    pub(crate) temperature: Option<f32>,
    #[serde(default = "Settings::default_max_duration_s")]
    pub(crate) max_duration_s: u64,
    #[serde(default)]
    pub(crate) silence_timeout_s: Option<u64>,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    #[serde(default)]
    pub(crate) escalation: Option<Rule>,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    #[serde(default = "Settings::default_goodbye")]
    pub(crate) goodbye: String,
    /// The voice of what this plugin itself says; the AI speaker's voices are another provider's.
    #[serde(default)]
    pub(crate) prompt_voice: Option<String>,
}

/// Something to find out during the conversation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) description: String,
    /// A JSON Schema; any text where absent.
    #[serde(default)]
    pub(crate) schema: Option<serde_json::Value>,
}

/// When and to whom the persona hands over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) keywords: Vec<String>,
    /// A number in E.164 or the name of a queue.
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) say: Option<String>,
}

/// What happens when the persona cannot be started or breaks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct OnFailure {
    #[serde(default)]
    say: Option<String>,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    number: Option<String>,
}

impl Settings {
    fn default_max_duration_s() -> u64 {
        MAX_DURATION_S
    }

    fn default_goodbye() -> String {
        "Thank you for calling. Goodbye.".into()
    }

    /// A text in the plugin's own voice.
    pub(crate) fn prompt(&self, text: &str) -> Prompt {
        Prompt { voice: self.prompt_voice.clone(), ..Prompt::text(text) }
    }

    /// The first escalation keyword that a sentence has, as whole words and without regard to case.
    pub(crate) fn escalation_keyword(&self, said: &str) -> Option<&str> {
        let said = words(said);
        self.escalation.as_ref()?.keywords.iter().map(String::as_str).find(|keyword| {
            let keyword = words(keyword);
            !keyword.is_empty() && said.windows(keyword.len()).any(|window| window == keyword.as_slice())
        })
    }

    /// The persona, complete.
    pub(crate) fn persona(&self, contact: &Contact) -> Result<Persona, Failure> {
        let values = self.values(contact)?;
        let filled = |setting: &str, text: &str| {
            fill(text, &values).map_err(|name| Failure::BadSettings(format!("{setting}: {{{name}}} has no value in context")))
        };
        let language = self.language.clone().unwrap_or_else(|| contact.language.clone());
        let mut persona = Persona::new(filled("system_prompt", &self.system_prompt)?, language);
        persona.greeting = self.greeting.as_deref().map(|text| filled("greeting", text)).transpose()?;
        persona.voice = self.voice.clone();
        persona.model = self.model.clone();
        persona.temperature = self.temperature;
        persona.max_duration = Some(Duration::from_secs(self.max_duration_s));
        persona.silence_timeout = self.silence_timeout_s.map(Duration::from_secs);
        persona.fields = self.fields.iter().map(Field::as_asked).collect();
        persona.escalation =
            self.escalation.as_ref().map(|rule| Escalation { keywords: rule.keywords.clone(), target: rule.target.clone() });
        Ok(persona)
    }

    /// The settings' values, and over them those that were written from outside during the contact.
    fn values(&self, contact: &Contact) -> Result<Values, Failure> {
        let mut values = self.context.clone();
        if let Some(context) = &contact.context {
            let written: Values = serde_json::from_str(&context.json)
                .map_err(|error| Failure::Internal(format!("the contact's context {} cannot be read: {error}", context.revision)))?;
            values.extend(written);
        }
        Ok(values)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

impl Field {
    fn as_asked(&self) -> jackfield_sdk::persona::Field {
        let schema = self.schema.as_ref().map_or_else(|| r#"{"type":"string"}"#.into(), ToString::to_string);
        jackfield_sdk::persona::Field { name: self.name.clone(), description: self.description.clone(), schema }
    }
}

impl OnFailure {
    /// For the host, which takes these ways by itself.
    pub(crate) fn exits(&self, settings: &Settings) -> Vec<Exit> {
        let say = self.say.as_deref().map(|text| Exit::Say(settings.prompt(text)));
        let queue = self.queue.clone().map(Exit::Enqueue);
        let number = self.number.clone().map(Exit::Number);
        let gone = queue.or(number);
        let end = (say.is_some() && gone.is_none()).then_some(Exit::HangUp);
        say.into_iter().chain(gone).chain(end).collect()
    }

    /// The same as a decision; none where nothing was said.
    pub(crate) fn decision(&self, settings: &Settings) -> Option<Decision> {
        let told = Decision::new().and_maybe(self.say.as_deref().map(|text| Action::Say(settings.prompt(text))));
        match (&self.queue, &self.number) {
            (Some(queue), _) => Some(told.enqueue(queue)),
            (None, Some(number)) => Some(told.transfer(crate::ESCALATION, Target::number(number))),
            (None, None) => self.say.is_some().then(|| told.hang_up("the persona broke")),
        }
    }
}
