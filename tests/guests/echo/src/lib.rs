//! Behaves well and uses every capability, so that a test can check the tape: says what happened, and why.
//!
//! It keeps counts of its calls and contacts in state, reads settings and directory, reports an outcome, and tells in its reason
//! what its clock and its random numbers say. It also hears of the end, and counts that.

mod bindings;
mod questions;

use bindings::exports::jackfield::plugin::{describe, observer, router};
use bindings::jackfield::plugin::contacts::Contact;
use bindings::jackfield::plugin::decisions::{Action, Decision, Enqueue};
use bindings::jackfield::plugin::events::Event;
use bindings::jackfield::plugin::log;
use bindings::jackfield::plugin::state::{self, Scope};
use bindings::jackfield::plugin::types::{Failure, Prompt, PromptContent};

struct Echo;

impl describe::Guest for Echo {
    fn describe() -> describe::Metadata {
        let words = |words: &[&str]| words.iter().map(|word| (*word).into()).collect();
        describe::Metadata {
            name: "echo".into(),
            version: "1.0.0".into(),
            settings_schema: r#"{"type":"object","properties":{"queue":{"type":"string"}}}"#.into(),
            state_schema: "echo-1".into(),
            outcomes: words(&["answered"]),
            events: words(&["arrived", "input", "message", "queue-ended", "ended"]),
            actions: words(&["say", "enqueue", "keep"]),
            extras: Vec::new(),
        }
    }
}

impl router::Guest for Echo {
    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure> {
        let what = match &event {
            Event::Arrived => "arrived".to_owned(),
            Event::Input(input) => format!("input {}", input.value),
            Event::Message(message) => format!("message {}", message.text),
            _ => return Ok(Decision { actions: vec![Action::Keep], reason: "nothing to say to that".into(), extras: Vec::new() }),
        };
        let answers = questions::ask(&contact);
        let planted = answers.planted > 0 && last_digits(&contact) < answers.planted;
        let what = if planted { "something else".to_owned() } else { what };
        let text = format!("echo: {what} on {} from {} to {}", contact.channel, contact.customer.address.raw, contact.entry.raw);
        let mut actions = vec![Action::Say(Prompt { content: PromptContent::Text(text), language: None, voice: None })];
        actions.extend(answers.queue.map(enqueue));
        Ok(Decision { actions, reason: format!("turn {}; {}", contact.turn, answers.told.join("; ")), extras: Vec::new() })
    }
}

impl observer::Guest for Echo {
    fn notify(contact: Contact, _event: Event) {
        let count = state::increment(Scope::Tenant, "ended", 1);
        log::write(log::Level::Info, "a contact is over", &[("contact".into(), contact.id), ("count".into(), format!("{count:?}"))]);
    }
}

/// The last four digits of who called; none are more than all.
fn last_digits(contact: &Contact) -> u32 {
    let raw = &contact.customer.address.raw;
    raw.get(raw.len().saturating_sub(4)..).and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
}

fn enqueue(queue: String) -> Action {
    Action::Enqueue(Enqueue {
        tag: "echo".into(),
        queue,
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every: None,
        notify: false,
        maximum_wait: None,
        overflow: Vec::new(),
        extras: Vec::new(),
    })
}

bindings::export!(Echo with_types_in bindings);
