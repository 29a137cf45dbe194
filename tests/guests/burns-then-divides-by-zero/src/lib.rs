//! Burns fuel in a loop and then divides by zero: what it burnt before the trap must still be charged.

use shape::{Contact, Decision, Event, Failure, Guest, burn, commit, say};

/// Far more than an ordinary plugin uses, and below the standard plan's limit.
const BURNT_FUEL: u64 = 10_000_000;

struct BurnsThenDividesByZero;

impl Guest for BurnsThenDividesByZero {
    const NAME: &str = "burns-then-divides-by-zero";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let burnt = burn(BURNT_FUEL);
        let divisor = std::hint::black_box(contact.turn.saturating_sub(contact.turn));
        if divisor == 0 {
            // SAFETY: none; without this line Rust would panic before the machine's own division could trap, which is the sin.
            unsafe { std::hint::unreachable_unchecked() }
        }
        let shares = std::hint::black_box(u32::from(burnt) / divisor);
        Ok(say(format!("{shares} shares"), "unexpected: divided by zero"))
    }
}

commit!(BurnsThenDividesByZero);
