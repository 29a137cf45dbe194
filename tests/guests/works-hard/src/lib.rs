//! Works hard and answers well: burns about as much fuel as the setting `fuel` says, 1,000,000 without one.

use shape::{Contact, Decision, Event, Failure, Guest, burn, commit, number, say};

struct WorksHard;

impl Guest for WorksHard {
    const NAME: &str = "works-hard";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let fuel = number("fuel").unwrap_or(1_000_000);
        let found = burn(fuel);
        Ok(say("That was hard work.", format!("worked for about {fuel} fuel and found {found}")))
    }
}

commit!(WorksHard);
