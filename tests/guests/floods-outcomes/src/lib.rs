//! Reports what nobody asked for, each under a name of its own, so that whoever counts by name counts for ever.
//!
//! The setting `what` chooses: "goals" (also without settings) that `describe` does not list, or "models", each of which used more
//! tokens than there are numbers. With the setting `times` it stops after so many and answers.

use shape::jackfield::plugin::outcome;
use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say, setting};

struct FloodsOutcomes;

impl Guest for FloodsOutcomes {
    const NAME: &str = "floods-outcomes";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let of_models = setting("what").as_deref() == Some("models");
        let times = number("times").unwrap_or(u64::MAX);
        let (mut taken, mut refused) = (0_u64, 0_u64);
        for at in 0..times {
            let name = format!("{}-{at}", contact.id);
            let told = if of_models { outcome::tokens(&name, u64::MAX, u64::MAX) } else { outcome::report(&name, Some(f64::INFINITY)) };
            match told {
                Ok(()) => taken += 1,
                Err(_) => refused += 1,
            }
        }
        Ok(say("That was all.", format!("{taken} taken, {refused} refused")))
    }
}

commit!(FloodsOutcomes);
