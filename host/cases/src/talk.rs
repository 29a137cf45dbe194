//! Lets a developer be the caller: what they type is heard, what the plugin answers is told.
//!
//! `jackfield plugin run` reads lines and prints what comes back. It is a case without expectations, one step at a time.

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::open::Heard;
use jackfield_runtime::{Installed, Runtime};
use serde::Serialize;

use crate::format::{Case, File, Press, Say, Step, Text};
use crate::heard::heard;
use crate::step;
use crate::walk::{Came, Walk};
use crate::world::{self, Given};

/// What can be typed.
pub const WORDS: &str = "keys: 1, 42#    words: sales please    /silence  /hang-up  /resume  /message TEXT  /dialled OUTCOME  \
                         /queue-left OUTCOME  /wait SECONDS  /recorded OUTCOME  /speaker REASON";

/// One contact, and who is at its other end.
pub struct Talk<'a> {
    walk: Walk<'a>,
}

/// What came of a line.
#[derive(Debug, Serialize)]
pub struct Told {
    /// What is heard, in order.
    pub hears: Vec<String>,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// Why.
    pub reason: String,
    /// Who answered, or what went wrong.
    pub by: String,
    /// Lines of the plugin's log.
    pub log: Vec<String>,
    /// What the invocation cost.
    pub fuel: u64,
    /// True where it is over.
    pub over: bool,
}

impl<'a> Talk<'a> {
    /// Begins in the world of a file, as its first case begins.
    pub fn new(runtime: &'a Runtime, plugin: &'a Installed, file: &File) -> Result<Self, String> {
        let plain = Case { name: String::new(), start: Default::default(), settings: None, arrives: None, steps: Vec::new() };
        let found = world::found(&file.world, &file.start, file.cases.first().unwrap_or(&plain), plugin.class, &Given::default())?;
        Ok(Self { walk: Walk::new(runtime, plugin, found) })
    }

    /// The contact arrives.
    pub async fn arrive(&mut self) -> Told {
        told(&self.walk.hear(Heard::Arrival).await)
    }

    /// A line is typed.
    pub async fn line(&mut self, line: &str) -> Result<Told, String> {
        let heard = step::heard(&typed(line)?, self.walk.found.contact.open.as_ref(), self.walk.lasted_ms())?;
        Ok(told(&self.walk.hear(heard).await))
    }
}

fn typed(line: &str) -> Result<Step, String> {
    let line = line.trim();
    let none = Step::default();
    let Some(command) = line.strip_prefix('/') else {
        let is_keys = !line.is_empty() && line.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '#');
        return Ok(match (line.is_empty(), is_keys) {
            (true, _) => Step { silence: Some(true), ..none },
            (false, true) => Step { press: Some(Press::Digits(line.to_owned())), ..none },
            (false, false) => Step { say: Some(Say::Text(line.to_owned())), ..none },
        });
    };
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim().to_owned();
    match (word, rest.is_empty()) {
        ("silence", true) => Ok(Step { silence: Some(true), ..none }),
        ("hang-up", true) => Ok(Step { hang_up: Some(true), ..none }),
        ("resume", true) => Ok(Step { resume: Some(true), ..none }),
        ("message", false) => Ok(Step { message: Some(Text::Text(rest)), ..none }),
        ("dialled", false) => Ok(Step { dialled: Some(rest), ..none }),
        ("queue-left", false) => Ok(Step { queue_left: Some(rest), ..none }),
        ("recorded", false) => Ok(Step { recorded: Some(rest), ..none }),
        ("speaker", false) => Ok(Step { speaker: Some(rest), ..none }),
        ("wait", false) => {
            let seconds = rest.parse().map_err(|_| format!("/wait takes seconds, not {rest:?}"))?;
            Ok(Step { queue_wait_s: Some(seconds), ..none })
        }
        _ => Err(format!("{line:?} is nothing that can happen. {WORDS}")),
    }
}

fn told(came: &Came) -> Told {
    let actions = came.decision.as_ref().map_or_else(Vec::new, |decision| decision.actions().to_vec());
    let by = match (&came.note, &came.barred, &came.failure) {
        (Some(note), _, _) => format!("the host: {note}"),
        (_, Some(barred), _) => format!("no plugin: {}", barred.code()),
        (_, _, Some(failure)) => format!("the plugin failed: {} ({})", failure.code(), failure.detail),
        _ => came.answered_by.as_str().replace('_', "-"),
    };
    Told {
        hears: heard(&actions),
        over: came.decision.is_none() || matches!(actions.last(), Some(Action::HangUp(_) | Action::Reject(_))),
        reason: came.decision.as_ref().map(|decision| decision.reason().to_owned()).unwrap_or_default(),
        by,
        log: came.log.iter().map(|line| line.message.clone()).collect(),
        fuel: came.used.fuel,
        actions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_keys_or_words_or_something_that_happens() {
        assert!(matches!(typed("42#").unwrap().press, Some(Press::Digits(keys)) if keys == "42#"));
        assert!(matches!(typed("sales please").unwrap().say, Some(Say::Text(words)) if words == "sales please"));
        assert_eq!(typed("").unwrap().silence, Some(true));
        assert_eq!(typed("/wait 60").unwrap().queue_wait_s, Some(60));
        assert!(typed("/wait long").unwrap_err().contains("seconds"));
        assert!(typed("/dance").unwrap_err().contains("/hang-up"));
    }
}
