//! Checks the free words of the API: labels, notes, languages, plans' neighbours that are no names and no ids.
//!
//! Handlers call it for each such field. Control characters are refused because labels stand in logs, tables and prompts, where one
//! could write a line that nobody wrote.

use jackfield_domain::refusal::{Code, Refusal};

/// A label fits into one line of a table.
pub const LABEL_CHARS_MAX: usize = 200;
/// A note or a reason fits into one paragraph.
pub const NOTE_CHARS_MAX: usize = 2_000;

/// A label: not empty, one line.
pub(crate) fn label(at: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(Code::Invalid, format!("{at} is empty")).at(at));
    }
    bounded(at, text, LABEL_CHARS_MAX)
}

/// A note: may be empty, one line.
pub(crate) fn note(at: &str, text: &str) -> Result<(), Refusal> {
    bounded(at, text, NOTE_CHARS_MAX)
}

fn bounded(at: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    let refuse = |rule: String| Err(Refusal::new(Code::Invalid, format!("{at} {rule}")).at(at));
    if text.chars().count() > chars_max {
        return refuse(format!("is longer than {chars_max} characters"));
    }
    match text.chars().find(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        Some(found) => refuse(format!("has the control character U+{:04X}", u32::from(found))),
        None => Ok(()),
    }
}

/// A language tag as BCP 47 writes the usual ones.
pub(crate) fn language(at: &str, tag: &str) -> Result<(), Refusal> {
    let is_sound = (2..=35).contains(&tag.len())
        && tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        && tag.split('-').next().is_some_and(|primary| primary.len() <= 3 && primary.bytes().all(|b| b.is_ascii_alphabetic()));
    if is_sound {
        return Ok(());
    }
    let given: String = tag.chars().take(40).collect();
    Err(Refusal::new(Code::Invalid, format!("{given:?} is not a language tag such as en-US")).at(at))
}

/// An IANA zone.
pub(crate) fn zone(at: &str, name: &str) -> Result<(), Refusal> {
    jackfield_domain::tenant::hours::zone(name).map(|_| ()).map_err(|bad| Refusal::new(Code::Invalid, bad.to_string()).at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_could_forge_a_line_are_refused() {
        for text in ["a\nb", "a\0", "a\u{1b}[2J", "a\u{202e}b", "", "  ", &"a".repeat(LABEL_CHARS_MAX + 1)] {
            assert!(label("label", text).is_err(), "{text:?} was taken");
        }
        assert!(label("label", "Acme GmbH & Söhne").is_ok());
        assert!(note("note", "").is_ok());
    }

    #[test]
    fn a_language_is_a_tag() {
        for tag in ["en", "en-US", "zh-Hans-CN"] {
            assert!(language("language", tag).is_ok(), "{tag}");
        }
        for tag in ["", "e", "english-US", "en_US", "en-", "12", "en-US\n"] {
            assert!(language("language", tag).is_err(), "{tag:?}");
        }
    }
}
