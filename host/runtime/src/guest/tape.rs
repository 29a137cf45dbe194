//! Records what a guest was told, in order: the tape that lets an invocation be run again.
//!
//! The capabilities append to it, the invocation hands it out. The question is kept by its digest and the answer whole, because
//! a replay looks a question up and needs the answer. It must not be read back within the invocation.

use jackfield_domain::capability::{Answer, Ask, TapeEntry};
use jackfield_domain::id::Digest;
use serde::Serialize;

/// The tape of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    entries: Vec<TapeEntry>,
}

impl Tape {
    /// Records one question of the domain's list.
    pub(crate) fn record(&mut self, ask: &Ask, answer: &Answer) {
        self.record_named(ask.name(), ask, answer);
    }

    /// Records what is asked outside that list, for example the time left.
    pub(crate) fn record_named(&mut self, name: &str, question: &impl Serialize, answer: &Answer) {
        // Questions are made of strings and numbers, which always serialise; an empty digest would only spoil a replay.
        let ask = Digest::of(&serde_json::to_vec(question).unwrap_or_default());
        self.entries.push(TapeEntry { name: name.to_owned(), ask, answer: answer.clone() });
    }

    /// All of it.
    pub(crate) fn into_entries(self) -> Vec<TapeEntry> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_digest_and_another_has_another() {
        let mut tape = Tape::default();
        let get = |pointer: &str| Ask::SettingsGet { pointer: pointer.to_owned() };
        for ask in [get("/a"), get("/a"), get("/b")] {
            tape.record(&ask, &Answer::Json(None));
        }
        let entries = tape.into_entries();
        assert_eq!(entries[0].ask, entries[1].ask);
        assert_ne!(entries[0].ask, entries[2].ask);
        assert_eq!(entries[0].name, "settings.get");
    }
}
