//! Has nothing to say and wants to be asked again, for ever: every turn leads to the next, and no customer does anything.

use shape::jackfield::plugin::decisions::Action;
use shape::{Contact, Decision, Event, Failure, Guest, commit, decide};

struct ComesBack;

impl Guest for ComesBack {
    const NAME: &str = "comes-back";
    const ACTIONS: &[&str] = &["continue"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(decide(vec![Action::Continue("again".into())], "not yet"))
    }
}

commit!(ComesBack);
