//! Holds what a flow is told, and writes it in the form that the connection's owner chose: flat, with members, or nested.
//!
//! `render` fills it in. Flat strings are the rule, because a block that expects a string map refuses anything else.

use std::borrow::Cow;

use jackfield_domain::contact::decision::Choice;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::json;

/// The members that only the form with members has. An attribute of that name gives way.
const GREETING: &str = "Greeting";
const MENU: &str = "Menu";

/// A draft as keys and values.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    pub(super) ours: Vec<(Cow<'static, str>, Cow<'a, str>)>,
    pub(super) greeting: Option<Greeting<'a>>,
    pub(super) choices: &'a [Choice],
    /// False where the answer is for what is nobody's.
    pub(super) is_somebodys: bool,
    pub(super) failed: Option<String>,
    pub(super) notes: Vec<String>,
}

/// What is said first.
#[derive(Debug, serde::Serialize)]
pub(super) struct Greeting<'a> {
    pub(super) text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voice: Option<&'a str>,
}

/// A choice as a block reads it.
#[derive(serde::Serialize)]
struct Item<'a> {
    digit: &'a str,
    label: &'a str,
    queue: &'a str,
}

/// As a function behind an HTTP gateway answers, which is what some flows were written for.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Nested<'a> {
    status_code: u16,
    body: Body<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    attributes: Map<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_routing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Written<'a> {
    /// The answer in the form that the connection's owner chose.
    pub(super) fn body(&self, form: Option<&str>) -> Vec<u8> {
        let flat = Map { written: self, has_members: false };
        match form {
            Some("nested") => json::bytes(&self.nested(flat)),
            Some("json") => json::bytes(&Map { written: self, has_members: true }),
            _ => json::bytes(&flat),
        }
    }

    fn nested<'w>(&'w self, attributes: Map<'w>) -> Nested<'w> {
        let (status_code, error) = match (&self.failed, self.is_somebodys) {
            (_, false) => (404, Some("Tenant not found")),
            (Some(code), true) => (500, Some(code.as_str())),
            (None, true) => (200, None),
        };
        Nested { status_code, body: Body { attributes, default_routing: error.map(|_| true), error } }
    }

    /// Sets a key, which begins with `decision_`; of two values the later counts.
    pub(super) fn put(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.ours.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kept)) => *kept = value,
            None => self.ours.push((name, value)),
        }
    }

    pub(super) fn note(&mut self, action: &str, sentence: &str) {
        let note = format!("{action}: {sentence}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The keys as one object, with the members of a block that expects JSON or without.
struct Map<'a> {
    written: &'a Written<'a>,
    has_members: bool,
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Written { attributes, ours, greeting, choices, .. } = self.written;
        let greeting = greeting.as_ref().filter(|_| self.has_members);
        let menu = Some(choices).filter(|choices| self.has_members && !choices.is_empty());
        let gives_way = |name: &str| (name == GREETING && greeting.is_some()) || (name == MENU && menu.is_some());
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in attributes.iter().filter(|(name, _)| !gives_way(name)) {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in ours {
            map.serialize_entry(name, value)?;
        }
        if let Some(greeting) = greeting {
            map.serialize_entry(GREETING, greeting)?;
        }
        if let Some(choices) = menu {
            let items = choices.iter().map(|choice| Item { digit: &choice.key, label: &choice.label, queue: &choice.value });
            map.serialize_entry(MENU, &items.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// What stands inside `<speak>`, where that is around it.
pub(super) fn inside_speak(ssml: &str) -> &str {
    let bare = ssml.trim();
    let open = bare.strip_prefix("<speak").and_then(|rest| rest.split_once('>')).map_or(bare, |(_, inner)| inner);
    open.strip_suffix("</speak>").unwrap_or(open)
}

/// Whole seconds, rounded up.
pub(super) fn seconds(ms: u64) -> String {
    ms.div_ceil(1_000).max(1).to_string()
}
