//! Keeps more than it may, in every way there is, deaf to every refusal.
//!
//! The setting `scope` chooses whose state it is: "contact" (also without settings) or "tenant". The setting `what` chooses how:
//! values under ever new keys (without settings), "tiny-keys" without values, one "large-value", or "odd-keys", after which it answers
//! with what became of each.

use shape::jackfield::plugin::state::{Scope, get, increment, list, set};
use shape::{Contact, Decision, Event, Failure, Guest, commit, say, setting};

/// Large enough to be full before the host calls are used up.
const VALUE_BYTES: usize = 4_096;
/// Far more than any limit, and still within memory.
const LARGE_BYTES: usize = 10 * 1_024 * 1_024;
/// Keys that point outside, end early, or are none.
const ODD_KEYS: [&str; 9] =
    ["", "a\u{0}b", "..", "../acme/secret", "/acme/secret", "acme\u{1f}secret", "\u{202e}terces", "contact\nkey", "\u{ff}\u{fe}"];

struct FloodsState;

impl Guest for FloodsState {
    const NAME: &str = "floods-state";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let scope = if setting("scope").as_deref() == Some("tenant") { Scope::Tenant } else { Scope::Contact };
        match setting("what").as_deref() {
            Some("odd-keys") => return Ok(say("Those were odd.", odd_keys(scope))),
            Some("large-value") => flood(|_| set(scope, "large", &vec![b'x'; LARGE_BYTES], None).is_ok()),
            Some("tiny-keys") => flood(|at| set(scope, &at.to_string(), b"", None).is_ok()),
            _ => {
                let value = vec![b'x'; VALUE_BYTES];
                flood(|at| set(scope, &format!("flood/{at}"), &value, None).is_ok());
            }
        }
        Err(Failure::Internal("unexpected: a flood has no end".into()))
    }
}

fn flood(mut once: impl FnMut(u64) -> bool) {
    for at in 0..u64::MAX {
        let _ = std::hint::black_box(once(at));
    }
}

fn odd_keys(scope: Scope) -> String {
    let mut told = Vec::new();
    let long = "k".repeat(300);
    for key in ODD_KEYS.iter().copied().chain([long.as_str()]) {
        let before = get(scope, key).map(|found| found.is_some());
        let kept = set(scope, key, b"mine", None);
        let name: String = key.chars().take(12).collect();
        told.push(format!("{name:?}: was there {before:?}, set {kept:?}"));
    }
    told.push(format!("past the end: {:?}", increment(scope, "count", i64::MAX).and_then(|_| increment(scope, "count", i64::MAX))));
    told.push(format!("another's list: {:?}", list(scope, "../", Some("../../acme")).map(|page| page.keys)));
    told.join("; ")
}

commit!(FloodsState);
