//! Renders what asks the customer for something: collect, menu and consent, all by `Gather`.
//!
//! One question is asked once: asking again is the host's rule, not the provider's, so `actionOnEmptyResult` brings every outcome back,
//! silence included, and where a dialect does not promise that, the next verb does. Where TwiML is coarser than the contract - whole seconds, one timeout for all keys, one kind of interruption -
//! the page gets a note.

use jackfield_domain::contact::decision::{AskConsent, Choice, Collect};
use jackfield_domain::contact::persona::BargeIn;
use jackfield_domain::fallback::Inability;

use super::markup::Attribute;
use super::{Page, seconds};
use crate::provider::Place;

/// Most hints that Twilio takes.
const HINTS_MAX: usize = 500;
/// Longest hint that Twilio takes.
const HINT_CHARS_MAX: usize = 100;

impl Page<'_> {
    pub(super) fn collect(&mut self, collect: &Collect, choices: &[Choice], action: &str) -> Result<(), Inability> {
        let url = self.hook(Place::Answered, action)?;
        let digits_max = match choices {
            [] => collect.max_digits,
            choices => choices.iter().map(|choice| choice.key.len()).max().and_then(|longest| u32::try_from(longest).ok()).unwrap_or(1),
        };
        let input = match (collect.dtmf, collect.speech) {
            (true, true) => "dtmf speech",
            (false, true) => "speech",
            _ => "dtmf",
        };
        self.note_what_is_lost(collect, digits_max, action);
        let (digits, timeout) = (digits_max.to_string(), seconds(collect.first_timeout_ms));
        let finish_on_key = self.terminator(collect, choices, action);
        let speech_timeout = if collect.inter_digit_timeout_ms == 0 { "auto".to_owned() } else { seconds(collect.inter_digit_timeout_ms) };
        let hints = self.hints(collect, choices, action);
        let language = self.language.clone();

        let mut attributes: Vec<Attribute<'_>> = vec![("input", input), ("action", &url), ("method", "POST"), ("timeout", &timeout)];
        if collect.dtmf {
            attributes.extend([("numDigits", digits.as_str()), ("finishOnKey", finish_on_key.as_str())]);
        }
        if collect.speech {
            attributes.push(("speechTimeout", &speech_timeout));
            attributes.extend(language.as_deref().map(|language| ("language", language)));
            if !hints.is_empty() {
                attributes.push(("hints", &hints));
            }
        }
        attributes.push(("bargeIn", if collect.barge_in == BargeIn::None { "false" } else { "true" }));
        attributes.push(("actionOnEmptyResult", "true"));
        self.markup.begin("Gather", &attributes);
        self.prompts(&collect.prompts, action)?;
        self.gathered(&url);
        Ok(())
    }

    pub(super) fn ask_consent(&mut self, ask: &AskConsent) -> Result<(), Inability> {
        let url = self.hook(Place::Answered, "ask-consent")?;
        self.one_key(&url, &seconds(ask.timeout_ms));
        self.prompts(&ask.prompts, "ask-consent")?;
        self.gathered(&url);
        Ok(())
    }

    /// Ends a question. Without an answer one provider goes on with the next verb, so that one comes back and tells of nothing.
    fn gathered(&mut self, url: &str) {
        self.markup.end();
        if !self.dialect.tells_silence {
            self.redirect(url);
        }
    }

    /// Begins a question for one key, whichever; the caller writes what is said and ends it.
    pub(super) fn one_key(&mut self, url: &str, timeout: &str) {
        let attributes = [
            ("input", "dtmf"),
            ("action", url),
            ("method", "POST"),
            ("timeout", timeout),
            ("numDigits", "1"),
            // Empty: a hash is a key like any other.
            ("finishOnKey", ""),
            ("actionOnEmptyResult", "true"),
        ];
        self.markup.begin("Gather", &attributes);
    }

    fn note_what_is_lost(&mut self, collect: &Collect, digits_max: u32, action: &str) {
        let who = self.dialect.called;
        let between = collect.inter_digit_timeout_ms;
        if collect.dtmf && digits_max > 1 && between > 0 && seconds(between) != seconds(collect.first_timeout_ms) {
            self.note(action, &format!("{who} has one timeout for keys: first-timeout is kept between them too"));
        }
        let only_one_kind = match collect.barge_in {
            BargeIn::Dtmf => collect.speech,
            BargeIn::Speech => collect.dtmf,
            BargeIn::None | BargeIn::Any => false,
        };
        if only_one_kind {
            self.note(action, &format!("{who}'s prompts are cut short by keys and speech alike"));
        }
        if collect.sensitive {
            self.note(action, &format!("{who} keeps what was entered in its own log unless the account has PCI mode"));
        }
    }

    /// The key that ends the answer. One that is also a choice would never reach the host, so it is a choice.
    fn terminator(&mut self, collect: &Collect, choices: &[Choice], action: &str) -> String {
        let Some(key) = collect.terminator.as_deref() else { return String::new() };
        if choices.iter().any(|choice| choice.key.contains(key)) {
            self.note(action, "the terminator is also a choice, and is taken as one");
            return String::new();
        }
        key.to_owned()
    }

    fn hints(&mut self, collect: &Collect, choices: &[Choice], action: &str) -> String {
        let own = collect.hints.iter();
        let of_choices = choices.iter().flat_map(|choice| std::iter::once(&choice.label).chain(&choice.phrases));
        let plain = own.chain(of_choices).map(|hint| one_hint(hint)).filter(|hint| !hint.is_empty());
        let mut hints: Vec<String> = Vec::new();
        let mut left_out = false;
        for hint in plain {
            if hints.contains(&hint) {
                continue;
            }
            if hints.len() == HINTS_MAX || hint.chars().count() > HINT_CHARS_MAX {
                left_out = true;
            } else {
                hints.push(hint);
            }
        }
        if left_out && collect.speech {
            let who = self.dialect.called;
            self.note(action, &format!("{who} takes 500 hints of 100 characters; the others are left out"));
        }
        hints.join(", ")
    }
}

/// A comma separates hints, so a hint has none.
pub(super) fn one_hint(hint: &str) -> String {
    hint.replace(',', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}
