//! Declares what a plugin implements: a router, and an assistant where an AI persona speaks for it.
//!
//! The export macro calls these traits for the host; tests call them directly. They are associated functions without `self`,
//! because every event gets a fresh instance: nothing that a plugin keeps in itself would be there next time.

use crate::contact::Contact;
use crate::decision::Decision;
use crate::describe::Describe;
use crate::event::Event;
use crate::failure::Failure;
use crate::host::Host;
use crate::persona::{Persona, ToolAnswer, ToolCall};

/// What `handle` gives back. A failure is answered by the tenant's fallback, so it is for what the plugin cannot mend itself.
pub type Answer = Result<Decision, Failure>;

/// Decides what happens next in a contact.
pub trait Router {
    /// What the plugin is. Run once per upload, without any capability.
    fn describe() -> Describe;

    /// Called for every event that expects an answer. Return [`Decision::keep`] for events that you do not know.
    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer;

    /// Called for what expects no answer: the end of a contact, the status of a message.
    fn notify(contact: &Contact, event: &Event, host: &Host) {
        let _ = (contact, event, host);
    }
}

/// Says who an AI speaker is, and runs its tools.
pub trait Assistant: Router {
    /// Called at the start, and again when the context or the language changes and on return from a queue.
    fn prompt(contact: &Contact, event: &Event, host: &Host) -> Result<Persona, Failure>;

    /// Called for every tool that the persona's model calls. Without one of your own, no tool is supported.
    fn call(contact: &Contact, call: &ToolCall, host: &Host) -> Result<ToolAnswer, Failure> {
        let _ = (contact, host);
        Err(Failure::Unsupported(format!("there is no tool {:?}", call.name)))
    }
}
