//! Mirrors `wit/v1/describe.wit`: what a plugin says of itself when it is uploaded.
//!
//! [`crate::Router::describe`] builds one. Events and actions are given by type, so that a misspelt one does not compile; what
//! the plugin then returns is compared with it by the host, and before that by `testing::answer`.

use crate::decision::ActionKind;
use crate::event::EventKind;

/// What the plugin says of itself. It is never trusted for limits or permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Describe {
    /// What people call it.
    pub name: String,
    /// Its developer's version, free text.
    pub version: String,
    /// JSON Schema that settings must fit.
    pub settings_schema: String,
    /// Names the shape of its state. A release with another one never takes over a running contact.
    pub state_schema: String,
    /// What `report` may name.
    pub outcomes: Vec<String>,
    /// Events that it handles.
    pub events: Vec<EventKind>,
    /// Actions that it may return. Any other is a failure. `keep` is always among them.
    pub actions: Vec<ActionKind>,
}

impl Describe {
    /// A plugin without settings, state or outcomes.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            settings_schema: "{}".into(),
            state_schema: String::new(),
            outcomes: Vec::new(),
            events: Vec::new(),
            actions: Vec::from([ActionKind::Keep]),
        }
    }

    /// The JSON Schema that settings must fit, usually `include_str!("settings.schema.json")`.
    #[must_use]
    pub fn settings_schema(mut self, schema: &str) -> Self {
        self.settings_schema = schema.into();
        self
    }

    /// The name of the state's shape; give another one when old state can no longer be read.
    #[must_use]
    pub fn state_schema(mut self, name: &str) -> Self {
        self.state_schema = name.into();
        self
    }

    /// The goals that the plugin reports.
    #[must_use]
    pub fn outcomes<const N: usize>(mut self, outcomes: [&str; N]) -> Self {
        self.outcomes = outcomes.into_iter().map(Into::into).collect();
        self
    }

    /// The events that the plugin handles.
    #[must_use]
    pub fn events<const N: usize>(mut self, events: [EventKind; N]) -> Self {
        self.events = events.into();
        self
    }

    /// The actions that the plugin may return, besides `keep`.
    #[must_use]
    pub fn actions<const N: usize>(mut self, actions: [ActionKind; N]) -> Self {
        self.actions = core::iter::once(ActionKind::Keep).chain(actions).collect();
        self
    }
}
