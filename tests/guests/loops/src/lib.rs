//! Loops for ever, without memory, without a host call: only fuel or time can end it.
//!
//! The promise behind it: a plugin that loops does not cost the caller the call.

use shape::{Contact, Decision, Event, Failure, Guest, commit};

struct Loops;

impl Guest for Loops {
    const NAME: &str = "loops";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let mut turns = 0_u64;
        loop {
            // Seen by nobody, but the optimiser may not drop it.
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}

commit!(Loops);
