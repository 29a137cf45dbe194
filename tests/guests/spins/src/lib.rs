//! Never ends, and has so much fuel that only the clock can end it.
//!
//! `loops` is the same with fuel that runs out first. What this one is for is how late the clock's end comes: the time that was
//! used, less the time that was allowed.

use shape::{Contact, Decision, Event, Failure, Guest, burn, commit};

struct Spins;

/// Of one round: a small part of the time between two looks at the clock.
const ROUND_FUEL: u64 = 10_000;

impl Guest for Spins {
    const NAME: &str = "spins";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        loop {
            let _ = std::hint::black_box(burn(std::hint::black_box(ROUND_FUEL)));
        }
    }
}

commit!(Spins);
