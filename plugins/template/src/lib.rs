//! Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.
//!
//! Start a plugin of your own from it: change what `describe` says, then what `handle` answers. The tests at the end run
//! without a sandbox.

use jackfield_sdk::prelude::*;

struct Template;

impl Router for Template {
    fn describe() -> Describe {
        Describe::new("template", env!("CARGO_PKG_VERSION")).events([EventKind::Arrived, EventKind::Input]).actions([
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

export!(Template);

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_sdk::testing::{self, TestHost};

    fn answer(event: &Event) -> Decision {
        testing::answer::<Template>(&testing::contact(), event, &TestHost::new()).unwrap()
    }

    #[test]
    fn a_call_is_offered_the_menu() {
        let decision = answer(&Event::Arrived);
        let keys: Vec<_> = decision.menu().unwrap().choices.iter().map(|choice| choice.key.as_str()).collect();
        assert_eq!(keys, ["1", "2"]);
    }

    #[test]
    fn the_choice_decides_the_queue_and_silence_goes_to_support() {
        assert_eq!(answer(&testing::digits("main", "sales")).queue(), Some("sales"));
        assert_eq!(answer(&testing::nothing_came("main")).queue(), Some("support"));
    }
}
