//! Writes a secret wherever an instance can keep one: all of its memory, as much more as it is granted, and its stack.
//!
//! `looks-for-secrets` is the other half: whatever it finds came from here. The setting `mib` says how much memory is asked for, one
//! without settings, so that millions of instances can be tried in a short time.

use shape::{Action, Contact, Decision, Event, Failure, Guest, canary, commit, decide, number, text};

struct LeavesASecret;

/// Deep enough to cover most of a guest's own stack of 64 KiB, at about 1.6 KiB a frame.
const DEPTH: usize = 32;

/// Keeps the secret in a frame of its own at every depth.
#[inline(never)]
fn fill_stack(depth: usize, seed: u64) -> u64 {
    let frame = std::hint::black_box([seed; 96]);
    if depth == 0 {
        return frame.iter().fold(0, |sum, word| sum ^ word);
    }
    let below = fill_stack(depth - 1, seed);
    below ^ std::hint::black_box(&frame).iter().fold(0, |sum, word| sum ^ word)
}

impl Guest for LeavesASecret {
    const NAME: &str = "leaves-a-secret";
    const ACTIONS: &[&str] = &["say", "set-attributes"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let stack = fill_stack(DEPTH, canary::secret());
        let pages = canary::grow(number("mib").unwrap_or(1));
        let (secret, mut left) = (canary::secret(), 0_u64);
        for word in canary::words(&pages) {
            // SAFETY: the pages were granted just now, and nothing else knows of them.
            unsafe { word.write_volatile(secret) };
            left += 1;
        }
        // The other half looks in the same way, so what is not found here would not be found there.
        let found = canary::found();
        let attributes = Action::SetAttributes(vec![("left".into(), left.to_string()), ("found".into(), found.to_string())]);
        Ok(decide(vec![attributes, Action::Say(text(format!("left {left}")))], format!("left {left}; its stack ends in {stack}")))
    }
}

commit!(LeavesASecret);
