//! Is built from the oldest released contract, as committed, and must run on every later host.

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        world: "jackfield:plugin/router-plugin",
        path: "../../fixtures/wit/0.9.0",
    });
}

use bindings::exports::jackfield::plugin::{describe, router};
use bindings::jackfield::plugin::contacts::Contact;
use bindings::jackfield::plugin::decisions::{Action, Decision};
use bindings::jackfield::plugin::events::Event;
use bindings::jackfield::plugin::types::{Failure, Prompt, PromptContent};

struct Snapshot;

impl describe::Guest for Snapshot {
    fn describe() -> describe::Metadata {
        describe::Metadata {
            name: "snapshot".into(),
            version: "0.9.0".into(),
            settings_schema: "{}".into(),
            state_schema: String::new(),
            outcomes: Vec::new(),
            events: vec!["arrived".into()],
            actions: vec!["say".into(), "keep".into()],
            extras: Vec::new(),
        }
    }
}

impl router::Guest for Snapshot {
    fn handle(_contact: Contact, event: Event) -> Result<Decision, Failure> {
        let action = match event {
            Event::Arrived => {
                let content = PromptContent::Text("Hello from a plugin built from the snapshot.".into());
                Action::Say(Prompt { content, language: None, voice: None })
            }
            _ => Action::Keep,
        };
        Ok(Decision { actions: vec![action], reason: "built from the snapshot of 0.9.0".into(), extras: Vec::new() })
    }
}

bindings::export!(Snapshot with_types_in bindings);
