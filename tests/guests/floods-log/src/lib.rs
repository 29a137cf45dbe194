//! Writes lines until it is ended. The setting `through` chooses where: "log" (also without settings), "stdout" or "stderr".

use std::io::Write;

use shape::jackfield::plugin::log::{Level, write};
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

struct FloodsLog;

impl Guest for FloodsLog {
    const NAME: &str = "floods-log";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let through = setting("through");
        let line = "all work and no play makes a dull plugin; ".repeat(8);
        loop {
            let written = match through.as_deref() {
                Some("stdout") => writeln!(std::io::stdout(), "{line}"),
                Some("stderr") => writeln!(std::io::stderr(), "{line}"),
                _ => {
                    write(Level::Info, &line, &[]);
                    Ok(())
                }
            };
            if let Err(error) = written {
                return Err(Failure::Internal(format!("unexpected: {error}")));
            }
        }
    }
}

commit!(FloodsLog);
