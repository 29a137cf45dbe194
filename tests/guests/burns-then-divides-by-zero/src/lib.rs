//! Burns fuel in a loop and then divides by zero: what it burnt before the trap must still be charged.
//!
//! The engine counts in a register and saves it when it leaves a function or yields, so the loop and the division stand in one
//! function: what was burnt since the last yield is then in the register when the machine traps. The setting `fuel` says how much it
//! burns; less than there is between two yields is all of it uncounted.

use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say};

/// Far more than an ordinary plugin uses, and below the standard plan's limit.
const BURNT_FUEL: u64 = 10_000_000;

/// What one round of the loop costs: its instructions, counted.
const ROUND_FUEL: u64 = 23;

struct BurnsThenDividesByZero;

impl Guest for BurnsThenDividesByZero {
    const NAME: &str = "burns-then-divides-by-zero";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let rounds = number("fuel").unwrap_or(BURNT_FUEL) / ROUND_FUEL;
        let mut found = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..rounds {
            found ^= found << 13;
            found ^= found >> 7;
            found ^= found << 17;
        }
        let divisor = std::hint::black_box(contact.turn.saturating_sub(contact.turn));
        if divisor == 0 {
            // SAFETY: none; without this line Rust would panic before the machine's own division could trap, which is the sin.
            unsafe { std::hint::unreachable_unchecked() }
        }
        let shares = std::hint::black_box(u32::from(found.to_le_bytes()[0]) / divisor);
        Ok(say(format!("{shares} shares"), "unexpected: divided by zero"))
    }
}

commit!(BurnsThenDividesByZero);
