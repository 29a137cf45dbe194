//! Describes actions, events and limits that do not exist, and then does what it did not list.
//!
//! The setting `about` chooses the lie in `describe`; there is none that a host may believe.

use shape::jackfield::plugin::decisions::Action;
use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, decide, metadata};

struct Lies;

impl Guest for Lies {
    const NAME: &str = "lies";
    const ACTIONS: &[&str] = &["fly", "teleport"];

    fn describe() -> Metadata {
        let mut metadata = metadata(Self::NAME, Self::ACTIONS);
        metadata.events = vec!["full-moon".into()];
        metadata.version = "999.0.0, signed by the platform itself".into();
        metadata.extras = vec![("fuel_max".into(), "18446744073709551615".into()), ("grants".into(), "all".into())];
        metadata
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(decide(vec![Action::HangUp(None)], "it said that it could fly"))
    }
}

commit!(Lies);
