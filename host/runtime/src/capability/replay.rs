//! Answers a guest's questions from a tape: what it was told is told again, nothing is sent, nothing is written.
//!
//! Questions match by their place and by the digest of what is asked. From the first that does not, each is looked for by name and digest
//! wherever it stands; what stands nowhere gets the error that the contract has for "not now". Two things may be laid over the tape: the
//! settings of another release, because a candidate is judged with its own, and answers that whoever replays wants to try.
//!
//! Questions that the runtime itself refused, for want of a grant or of calls, never came to a capability; the runtime refuses them again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::capability::{Answer, Ask, Capabilities, Denial, Effects, TapeEntry};
use jackfield_domain::capture::{Capture, Unmatched};
use jackfield_domain::id::Digest;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::request::{HttpError, RequestRecord, Sent};
use serde_json::Value;

/// What is laid over the tape.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Settings of the release that is tried, where it is another.
    pub settings: Option<Value>,
    /// By the name of a question: what is merged into its answer, as JSON merge patch.
    pub answers: BTreeMap<String, Value>,
}

/// What matched and what did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched {
    /// The first question that had no answer in its place.
    pub unmatched: Option<Unmatched>,
    /// Questions that had an answer nowhere.
    pub unanswered: usize,
    /// Questions that were answered with an override.
    pub overridden: usize,
}

/// Where a replay tells what matched; read once the guest has ended.
#[derive(Debug, Clone, Default)]
pub struct Matching(Arc<Mutex<Matched>>);

impl Matching {
    /// What matched so far.
    pub fn now(&self) -> Matched {
        self.open().clone()
    }

    fn open(&self) -> MutexGuard<'_, Matched> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The capabilities of a replay.
pub struct Replay {
    /// What capabilities answered, in order.
    tape: Vec<TapeEntry>,
    /// The next in step.
    next: usize,
    asked: usize,
    overlay: Overlay,
    matching: Matching,
    /// True where the captured guest ended while it waited for the answer behind the last.
    ends_in_vain: bool,
    has_ended: bool,
}

impl Replay {
    /// Of a capture.
    pub fn of(capture: &Capture, overlay: Overlay) -> (Self, Matching) {
        let by_capabilities = |entry: &&TapeEntry| !matches!(entry.answer, Answer::Denied(Denial::Denied | Denial::Exhausted));
        let matching = Matching::default();
        let replay = Self {
            tape: capture.tape.iter().filter(by_capabilities).cloned().collect(),
            next: 0,
            asked: 0,
            overlay,
            matching: matching.clone(),
            ends_in_vain: capture.waited_in_vain(),
            has_ended: false,
        };
        (replay, matching)
    }

    fn is_in_step(&self) -> bool {
        self.matching.open().unmatched.is_none()
    }

    /// What stands on the tape for a question, by its place first.
    fn taped(&mut self, name: &str, question: Digest) -> Option<Answer> {
        let is_it = |entry: &TapeEntry| entry.name == name && entry.ask == question;
        if self.is_in_step() {
            match self.tape.get(self.next) {
                Some(entry) if is_it(entry) => {
                    self.next += 1;
                    return Some(entry.answer.clone());
                }
                other => {
                    let unmatched = Unmatched { at: self.asked, asked: name.to_owned(), taped: other.map(|entry| entry.name.clone()) };
                    self.matching.open().unmatched = Some(unmatched);
                }
            }
        }
        // In order as far as there is one: a question that is asked twice gets both answers.
        let rest = self.tape.iter().enumerate().skip(self.next);
        let found = rest.filter(|(_, entry)| is_it(entry)).map(|(at, _)| at).next();
        let found = found.or_else(|| self.tape.iter().rposition(is_it))?;
        self.next = self.next.max(found + 1);
        self.tape.get(found).map(|entry| entry.answer.clone())
    }

    fn settings(&self, ask: &Ask) -> Option<Answer> {
        let settings = self.overlay.settings.as_ref()?;
        match ask {
            Ask::SettingsAll => Some(Answer::Json(Some(settings.to_string()))),
            Ask::SettingsGet { pointer } => Some(Answer::Json(settings.pointer(pointer).map(Value::to_string))),
            _ => None,
        }
    }

    fn answer(&mut self, ask: &Ask) -> Answer {
        self.asked += 1;
        if self.ends_in_vain && self.is_in_step() && self.next == self.tape.len() {
            self.has_ended = true;
            return unanswered(ask);
        }
        let question = Digest::of(&serde_json::to_vec(ask).unwrap_or_default());
        if let Some(answer) = self.settings(ask) {
            // In step it stands here as well, with the other release's answer.
            if self.tape.get(self.next).is_some_and(|entry| entry.name == ask.name()) {
                self.next += 1;
            }
            return answer;
        }
        let taped = self.taped(ask.name(), question);
        if taped.is_none() {
            self.matching.open().unanswered += 1;
        }
        let answer = taped.unwrap_or_else(|| unanswered(ask));
        match self.overlay.answers.get(ask.name()).and_then(|patch| patched(&answer, patch)) {
            Some(other) => {
                self.matching.open().overridden += 1;
                other
            }
            None => answer,
        }
    }
}

/// What the contract has for a question that cannot be answered now.
fn unanswered(ask: &Ask) -> Answer {
    match ask {
        Ask::HttpSend { requests, .. } => {
            let never = |_| Sent { result: Err(HttpError::Unavailable), record: RequestRecord::default() };
            Answer::Sent(requests.iter().map(never).collect())
        }
        _ => Answer::Denied(Denial::Unavailable),
    }
}

/// An answer with a patch merged into what it says; none where the result is no answer of that kind.
pub fn patched(answer: &Answer, patch: &Value) -> Option<Answer> {
    let mut written = serde_json::to_value(answer).ok()?;
    merge(written.get_mut("of")?, patch);
    serde_json::from_value(written).ok()
}

/// JSON merge patch (RFC 7396).
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = into else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

impl Capabilities for Replay {
    fn ask<'a>(&'a mut self, ask: &'a Ask) -> BoxFuture<'a, Answer> {
        let answer = self.answer(ask);
        Box::pin(std::future::ready(answer))
    }

    fn time_left(&mut self, host_ms: u64) -> u64 {
        self.asked += 1;
        // Asked outside the list of questions, with nothing in it.
        let question = Digest::of(b"null");
        match self.taped("http.time-left", question) {
            Some(Answer::Number(left_ms)) => u64::try_from(left_ms).unwrap_or(host_ms),
            // A candidate that asks where nobody asked is told that nothing has passed.
            _ => host_ms,
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn finish(self: Box<Self>) -> Effects {
        Effects::default()
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
