//! Panics in `describe`: such an upload is refused, and says why.

use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, keep};

struct TrapsInDescribe;

impl Guest for TrapsInDescribe {
    const NAME: &str = "traps-in-describe";
    const ACTIONS: &[&str] = &["keep"];

    fn describe() -> Metadata {
        panic!("describe panics on purpose")
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(keep("never reached: describe does not answer"))
    }
}

commit!(TrapsInDescribe);
