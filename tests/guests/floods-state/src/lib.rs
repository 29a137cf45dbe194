//! Keeps values under ever new keys, deaf to every refusal. The setting `scope` chooses whose: "contact" (also without settings) or
//! "tenant".

use shape::jackfield::plugin::state::{Scope, set};
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

/// Large enough to be full before the host calls are used up.
const VALUE_BYTES: usize = 4_096;

struct FloodsState;

impl Guest for FloodsState {
    const NAME: &str = "floods-state";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let scope = if setting("scope").as_deref() == Some("tenant") { Scope::Tenant } else { Scope::Contact };
        let value = vec![b'x'; VALUE_BYTES];
        let mut at = 0_u64;
        loop {
            let _ = set(scope, &format!("flood/{at}"), &value, None);
            at = at.wrapping_add(1);
        }
    }
}

commit!(FloodsState);
