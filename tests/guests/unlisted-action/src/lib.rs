//! Describes itself as a plugin that only says things, and hangs up.

use shape::jackfield::plugin::decisions::Action;
use shape::{Contact, Decision, Event, Failure, Guest, commit, decide};

struct UnlistedAction;

impl Guest for UnlistedAction {
    const NAME: &str = "unlisted-action";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(decide(vec![Action::HangUp(None)], "nobody said that it would"))
    }
}

commit!(UnlistedAction);
