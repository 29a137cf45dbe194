//! Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.
//!
//! Change what `describe` says, then what `handle` answers. The test at the end runs without a sandbox.

use jackfield_sdk::prelude::*;

struct Plugin;

impl Router for Plugin {
    fn describe() -> Describe {
        Describe::new("NAME", env!("CARGO_PKG_VERSION")).events([EventKind::Arrived, EventKind::Input]).actions([
            ActionKind::Say,
            ActionKind::Menu,
            ActionKind::Enqueue,
        ])
    }

    fn handle(_contact: &Contact, event: &Event, _host: &Host) -> Answer {
        Ok(match event {
            Event::Arrived => Menu::new("main", "For sales press 1. For support press 2.")
                .choice("1", "sales", "Sales")
                .choice("2", "support", "Support")
                .asking(|collect| collect.attempts(2).no_match("That is not one of the choices."))
                .because("the call has begun"),
            Event::Input(input) => match input.matched() {
                Some(queue) => Enqueue::new(queue).because("the customer chose"),
                None => Decision::new().say("Please hold the line.").enqueue("support").because("no choice was made"),
            },
            _ => Decision::keep(),
        })
    }
}

export!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_sdk::testing::{self, TestHost};

    #[test]
    fn the_choice_decides_the_queue() {
        let answer = testing::answer::<Plugin>(&testing::contact(), &testing::digits("main", "sales"), &TestHost::new()).unwrap();
        assert_eq!(answer.queue(), Some("sales"));
    }
}
