//! Loops for ever in `describe`: an upload must end, not hang.

use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, keep};

struct LoopsInDescribe;

impl Guest for LoopsInDescribe {
    const NAME: &str = "loops-in-describe";
    const ACTIONS: &[&str] = &["keep"];

    fn describe() -> Metadata {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(keep("never reached: describe does not end"))
    }
}

commit!(LoopsInDescribe);
