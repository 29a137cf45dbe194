//! Says back how much it was given: for events and settings at the edge of what a plugin may be handed.

use shape::jackfield::plugin::settings;
use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct BigInputEcho;

impl Guest for BigInputEcho {
    const NAME: &str = "big-input-echo";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure> {
        let attributes: usize = contact.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let event = match &event {
            Event::Input(input) => input.value.len(),
            Event::Message(message) => message.text.len(),
            _ => 0,
        };
        let settings = settings::all().map_or(0, |json| json.len());
        Ok(say("That was a lot.", format!("event {event}, attributes {attributes}, settings {settings} bytes")))
    }
}

commit!(BigInputEcho);
