//! Holds what a flow is told, and writes it in the form that the connection's owner chose: flat, with members, or nested.
//!
//! `render` fills it in. Flat strings are the rule, because a block that expects a string map refuses anything else.

use jackfield_domain::contact::decision::Choice;
use serde_json::{Map, Value, json};

use super::render::PREFIX;

/// A draft as keys and values.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) attributes: Vec<(String, String)>,
    pub(super) ours: Vec<(String, String)>,
    pub(super) greeting: Option<(String, Option<String>)>,
    pub(super) choices: Vec<Choice>,
    /// False where the answer is for what is nobody's.
    pub(super) is_somebodys: bool,
    pub(super) failed: Option<String>,
    pub(super) notes: Vec<String>,
}

impl Written {
    /// The answer in the form that the connection's owner chose.
    pub(super) fn body(&self, form: Option<&str>) -> Vec<u8> {
        let text = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
        let flat: Map<String, Value> = self.attributes.iter().chain(&self.ours).map(text).collect();
        let whole = match form {
            Some("nested") => self.nested(flat),
            Some("json") => self.json(flat),
            _ => Value::Object(flat),
        };
        whole.to_string().into_bytes()
    }

    /// As a function behind an HTTP gateway answers, which is what some flows were written for.
    fn nested(&self, flat: Map<String, Value>) -> Value {
        match (&self.failed, self.is_somebodys) {
            (_, false) => json!({ "statusCode": 404, "body": { "error": "Tenant not found", "defaultRouting": true, "attributes": flat } }),
            (Some(code), true) => json!({ "statusCode": 500, "body": { "error": code, "defaultRouting": true, "attributes": flat } }),
            (None, true) => json!({ "statusCode": 200, "body": { "attributes": flat } }),
        }
    }

    /// With lists and members, for a block that expects JSON.
    fn json(&self, mut flat: Map<String, Value>) -> Value {
        if let Some((text, voice)) = &self.greeting {
            let mut greeting = Map::from_iter([("text".to_owned(), Value::from(text.as_str()))]);
            greeting.extend(voice.as_deref().map(|voice| ("voice".to_owned(), Value::from(voice))));
            flat.insert("Greeting".to_owned(), Value::Object(greeting));
        }
        if !self.choices.is_empty() {
            let one = |choice: &Choice| json!({ "digit": choice.key, "label": choice.label, "queue": choice.value });
            flat.insert("Menu".to_owned(), self.choices.iter().map(one).collect());
        }
        Value::Object(flat)
    }

    pub(super) fn put(&mut self, name: &str, value: impl Into<String>) {
        self.ours.push((format!("{PREFIX}{name}"), value.into()));
    }

    pub(super) fn note(&mut self, action: &str, sentence: &str) {
        let note = format!("{action}: {sentence}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
