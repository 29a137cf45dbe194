//! Makes up a name for everything that it may name: AI models that nobody has, goals that it did not list, attributes of the contact.
//!
//! Each event has names of its own. The setting `models` says how many models; 3 without it. With the setting `contends` it also
//! writes one value of the tenant by compare-and-set, so that two contacts at once make one of them run again. An event "input" of
//! "0" ends in a trap, after all of that.

use shape::jackfield::plugin::outcome;
use shape::jackfield::plugin::state::{self, Scope};
use shape::{Action, Contact, Decision, Event, Failure, Guest, Metadata, Prompt, PromptContent, commit, decide, metadata, number, setting};

struct InventsNames;

/// Listed, and beginning as no name should.
const GOALS: [&str; 3] = ["booked", "=1+1", "a, \"quoted\" one"];

impl Guest for InventsNames {
    const NAME: &str = "invents-names";
    const ACTIONS: &[&str] = &["say", "set-attributes", "keep"];

    fn describe() -> Metadata {
        Metadata { outcomes: GOALS.map(Into::into).into(), ..metadata(Self::NAME, Self::ACTIONS) }
    }

    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure> {
        for at in 0..number("models").unwrap_or(3) {
            let _ = outcome::tokens(&format!("model-{}-{}-{at}", contact.id, contact.turn), 10 + at, 1);
        }
        for goal in GOALS.into_iter().chain(["unlisted"]) {
            let _ = outcome::report(goal, None);
        }
        if setting("contends").is_some() {
            let revision = state::get(Scope::Tenant, "shared").ok().flatten().map(|entry| entry.revision);
            let _ = state::compare_and_set(Scope::Tenant, "shared", revision, contact.id.as_bytes());
        }
        if matches!(&event, Event::Input(input) if input.value == "0") {
            panic!("zero");
        }
        let said = Prompt { content: PromptContent::Text("named".into()), language: None, voice: None };
        let named = Action::SetAttributes(vec![(format!("attribute-{}-{}", contact.id, contact.turn), "x".into())]);
        Ok(decide(vec![named, Action::Say(said)], "everything has a name"))
    }
}

commit!(InventsNames);
