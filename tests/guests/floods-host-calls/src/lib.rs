//! Asks the host the same small question for ever, deaf to every refusal.

use shape::jackfield::plugin::settings;
use shape::{Contact, Decision, Event, Failure, Guest, commit};

struct FloodsHostCalls;

impl Guest for FloodsHostCalls {
    const NAME: &str = "floods-host-calls";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        loop {
            let _ = std::hint::black_box(settings::get("/a"));
        }
    }
}

commit!(FloodsHostCalls);
