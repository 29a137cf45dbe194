//! Builds questions: digits or speech, a menu of choices, consent.
//!
//! The host asks again by itself as often as `attempts` says; the plugin gets one `input` event at the end.

use core::time::Duration;

use super::{Prompt, acts};
use crate::persona::BargeIn;

/// Long enough to find the keypad on a mobile telephone.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough between two keys that are read from a card.
const INTER_DIGIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Ask the customer for digits or speech.
#[derive(Debug, Clone, PartialEq)]
pub struct Collect {
    /// Comes back in the `input` event; letters, digits and dashes, at most 64.
    pub tag: String,
    /// What is said while waiting.
    pub prompts: Vec<Prompt>,
    /// Accept keys.
    pub dtmf: bool,
    /// Accept speech.
    pub speech: bool,
    /// Fewest digits of an answer.
    pub min_digits: u32,
    /// Most digits; the answer is complete when they are there.
    pub max_digits: u32,
    /// The key that ends an answer: one of 0-9, * or #.
    pub terminator: Option<String>,
    /// How long to wait for the first key or word.
    pub first_timeout: Duration,
    /// How long to wait between keys, or after speech.
    pub inter_digit_timeout: Duration,
    /// By what the prompts may be cut short.
    pub barge_in: BargeIn,
    /// Words that the recogniser should expect.
    pub hints: Vec<String>,
    /// Speech below it counts as low confidence.
    pub minimum_confidence: Option<f32>,
    /// How often to ask in all, 1 to 10.
    pub attempts: u32,
    /// Said before asking again when nothing came; the prompts alone where empty.
    pub no_input: Vec<Prompt>,
    /// Said before asking again when something else came.
    pub no_match: Vec<Prompt>,
    /// Said before asking again when speech was unclear.
    pub low_confidence: Vec<Prompt>,
    /// Never stored, logged or captured.
    pub sensitive: bool,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl Collect {
    fn new(tag: impl Into<String>, prompt: impl Into<Prompt>) -> Self {
        Self {
            tag: tag.into(),
            prompts: Vec::from([prompt.into()]),
            dtmf: true,
            speech: false,
            min_digits: 1,
            max_digits: 1,
            terminator: None,
            first_timeout: FIRST_TIMEOUT,
            inter_digit_timeout: INTER_DIGIT_TIMEOUT,
            barge_in: BargeIn::Any,
            hints: Vec::new(),
            minimum_confidence: None,
            attempts: 1,
            no_input: Vec::new(),
            no_match: Vec::new(),
            low_confidence: Vec::new(),
            sensitive: false,
            extras: Vec::new(),
        }
    }

    /// Asks for digits, once: so many at least and at most, ended by `#` where fewer than the most are enough.
    pub fn digits(tag: impl Into<String>, prompt: impl Into<Prompt>, least: u32, most: u32) -> Self {
        let terminator = (least < most).then(|| "#".into());
        Self { min_digits: least, max_digits: most, terminator, ..Self::new(tag, prompt) }
    }

    /// Asks for speech, once.
    pub fn speech(tag: impl Into<String>, prompt: impl Into<Prompt>) -> Self {
        Self { dtmf: false, speech: true, ..Self::new(tag, prompt) }
    }

    /// Accepts speech besides keys.
    #[must_use]
    pub fn or_speech(mut self) -> Self {
        self.speech = true;
        self
    }

    /// Says one more thing while waiting.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<Prompt>) -> Self {
        self.prompts.push(prompt.into());
        self
    }

    /// Asks so often in all.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Waits so long for the first key or word.
    #[must_use]
    pub fn first_timeout(mut self, timeout: Duration) -> Self {
        self.first_timeout = timeout;
        self
    }

    /// What may cut the prompts short.
    #[must_use]
    pub fn barge_in(mut self, by: BargeIn) -> Self {
        self.barge_in = by;
        self
    }

    /// Words that the recogniser should expect.
    #[must_use]
    pub fn hints<H: Into<String>>(mut self, hints: impl IntoIterator<Item = H>) -> Self {
        self.hints = hints.into_iter().map(Into::into).collect();
        self
    }

    /// Said before asking again when nothing came.
    #[must_use]
    pub fn no_input(mut self, prompt: impl Into<Prompt>) -> Self {
        self.no_input.push(prompt.into());
        self
    }

    /// Said before asking again when something else came.
    #[must_use]
    pub fn no_match(mut self, prompt: impl Into<Prompt>) -> Self {
        self.no_match.push(prompt.into());
        self
    }

    /// The answer is never stored, logged or captured: card numbers, PINs.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
}

/// One line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The key, or keys, that choose it.
    pub key: String,
    /// What a button or list row says.
    pub label: String,
    /// What the `input` event carries as its value.
    pub value: String,
    /// What the customer may say for it, besides the label.
    pub phrases: Vec<String>,
}

impl Choice {
    /// A choice by key.
    pub fn new(key: impl Into<String>, value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { key: key.into(), label: label.into(), value: value.into(), phrases: Vec::new() }
    }

    /// What the customer may say for it, besides the label.
    #[must_use]
    pub fn phrases<P: Into<String>>(mut self, phrases: impl IntoIterator<Item = P>) -> Self {
        self.phrases = phrases.into_iter().map(Into::into).collect();
        self
    }
}

/// A question whose answers are known. A channel with buttons shows buttons.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    /// How to ask.
    pub collect: Collect,
    /// What may be answered; keys are unique.
    pub choices: Vec<Choice>,
}

impl Menu {
    /// A menu by key, asked once.
    pub fn new(tag: impl Into<String>, prompt: impl Into<Prompt>) -> Self {
        Self { collect: Collect::new(tag, prompt), choices: Vec::new() }
    }

    /// Adds a choice by key.
    #[must_use]
    pub fn choice(self, key: impl Into<String>, value: impl Into<String>, label: impl Into<String>) -> Self {
        self.with(Choice::new(key, value, label))
    }

    /// Adds a choice. Keys longer than one lengthen the answer.
    #[must_use]
    pub fn with(mut self, choice: Choice) -> Self {
        let keys = u32::try_from(choice.key.len()).unwrap_or(u32::MAX);
        self.collect.max_digits = self.collect.max_digits.max(keys);
        self.choices.push(choice);
        self
    }

    /// Asks otherwise: `menu.asking(|collect| collect.attempts(3).or_speech())`.
    #[must_use]
    pub fn asking(mut self, how: impl FnOnce(Collect) -> Collect) -> Self {
        self.collect = how(self.collect);
        self
    }
}

/// Ask whether the customer agrees, and record the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskConsent {
    /// What it is about, for example "recording".
    pub topic: String,
    /// What is said.
    pub prompts: Vec<Prompt>,
    /// The key that means yes.
    pub accept_key: String,
    /// How long to wait for it.
    pub timeout: Duration,
}

impl AskConsent {
    /// Asks; the key 1 means yes.
    pub fn new(topic: impl Into<String>, prompt: impl Into<Prompt>) -> Self {
        Self { topic: topic.into(), prompts: Vec::from([prompt.into()]), accept_key: "1".into(), timeout: FIRST_TIMEOUT }
    }
}

acts!(Collect, Menu, AskConsent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_waits_for_as_many_keys_as_its_longest_choice() {
        let menu = Menu::new("main", "Choose").choice("1", "a", "A").choice("42", "b", "B");
        assert_eq!((menu.collect.min_digits, menu.collect.max_digits), (1, 2));
    }

    #[test]
    fn digits_of_a_fixed_length_need_no_terminator() {
        assert_eq!(Collect::digits("pin", "Your PIN", 4, 4).terminator, None);
        assert_eq!(Collect::digits("order", "Your order", 4, 10).terminator.as_deref(), Some("#"));
    }
}
