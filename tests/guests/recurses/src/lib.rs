//! Calls itself until the stack ends.
//!
//! The function keeps nothing in memory, so that it is the engine's stack that ends and not the guest's own; what it does with the
//! result cannot be turned into a loop.

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct Recurses;

#[inline(never)]
#[expect(unconditional_recursion, reason = "this is the sin")]
fn deeper(depth: u64) -> u64 {
    let below = deeper(depth.wrapping_add(1));
    below.rotate_left(7).wrapping_mul(3) ^ depth
}

impl Guest for Recurses {
    const NAME: &str = "recurses";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let depth = deeper(u64::from(contact.turn));
        Ok(say(format!("the bottom is at {depth}"), "unexpected: the stack has no end"))
    }
}

commit!(Recurses);
