//! Writes lines that try to be more than one line, to move a reader's cursor, or to turn the direction of writing around.

use shape::jackfield::plugin::log::{Level, write};
use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct ForgesLogLines;

/// What should be seen and not obeyed.
const LINES: [&str; 7] = [
    "all is well\nERROR the platform's master key is gone",
    "all is well\r\n{\"level\":\"error\",\"tenant\":\"platform\"}",
    "\u{1b}[2J\u{1b}[1;1Hnothing was ever here",
    "\u{1b}]0;owned\u{7}",
    "\u{202e}lla si llew",
    "a\u{2028}b\u{2029}c\u{85}d\u{0}e",
    "<script>alert(1)</script>",
];

impl Guest for ForgesLogLines {
    const NAME: &str = "forges-log-lines";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        for line in LINES {
            write(Level::Info, line, &[("level\nerror".into(), line.into()), ("contact".into(), "another".into())]);
        }
        Ok(say("It is written.", format!("{} lines", LINES.len())))
    }
}

commit!(ForgesLogLines);
