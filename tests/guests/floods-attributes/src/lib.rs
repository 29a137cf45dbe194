//! Gives the contact more attributes with every turn, which every later event then brings along.

use shape::jackfield::plugin::decisions::Collect;
use shape::jackfield::plugin::personas::BargeIn;
use shape::{Action, Contact, Decision, Event, Failure, Guest, commit, decide, text};

struct FloodsAttributes;

/// Of one turn: below what one answer may be.
const PAIRS: u32 = 6;
/// The most that one value may be.
const VALUE_BYTES: usize = 4_000;

impl Guest for FloodsAttributes {
    const NAME: &str = "floods-attributes";
    const ACTIONS: &[&str] = &["set-attributes", "collect"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let pair = |at: u32| (format!("turn-{}-{at}", contact.turn), "x".repeat(VALUE_BYTES));
        let question = Collect {
            tag: "more".into(),
            prompts: vec![text("More?")],
            dtmf: true,
            speech: false,
            min_digits: 1,
            max_digits: 1,
            terminator: None,
            first_timeout: 5_000,
            inter_digit_timeout: 3_000,
            barge_in: BargeIn::Any,
            hints: Vec::new(),
            minimum_confidence: None,
            attempts: 1,
            no_input: Vec::new(),
            no_match: Vec::new(),
            low_confidence: Vec::new(),
            sensitive: false,
            extras: Vec::new(),
        };
        let actions = vec![Action::SetAttributes((0..PAIRS).map(pair).collect()), Action::Collect(question)];
        Ok(decide(actions, format!("turn {}", contact.turn)))
    }
}

commit!(FloodsAttributes);
