//! Lists the corpus, by where the guests come from.
//!
//! One line is one promise: a guest, what it tries, what that attacks, and how it must end.

mod crates;
mod decisions;
mod texts;
mod uploads;

pub use self::decisions::{NEIGHBOUR, NEIGHBOURS_NUMBER, NEIGHBOURS_QUEUE};

use serde_json::{Value, json};

use super::{Attacks, Expected, Guest, Sin};

/// All of it.
pub fn corpus() -> Vec<Sin> {
    [crates::sins(), decisions::sins(), texts::sins(), uploads::sins()].concat()
}

/// A sin of a crate, on the standard plan.
fn of_crate(guest: &'static str, tries: &'static str, attacks: Attacks, expected: Expected) -> Sin {
    sin(Guest::Crate(guest), guest.to_owned(), tries, attacks, expected)
}

/// A sin of a case of a hand-written file, on the standard plan.
fn of_text(file: &'static str, case: &'static str, tries: &'static str, attacks: Attacks, expected: Expected) -> Sin {
    sin(Guest::Text(file, case), format!("{file}-{case}"), tries, attacks, expected)
}

fn sin(guest: Guest, name: String, tries: &'static str, attacks: Attacks, expected: Expected) -> Sin {
    Sin { name, guest, tries, attacks, settings: json!({}), plan: "standard", limits: Value::Null, turns: 1, expected }
}

impl Sin {
    /// With a setting that chooses what it does; its name says so.
    fn set(mut self, setting: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if let Some(text) = value.as_str() {
            self.name = format!("{}-{text}", self.name);
        }
        if let Some(settings) = self.settings.as_object_mut() {
            settings.insert(setting.to_owned(), value);
        }
        self
    }

    /// With a setting that does not change its name.
    fn with(mut self, setting: &str, value: impl Into<Value>) -> Self {
        if let Some(settings) = self.settings.as_object_mut() {
            settings.insert(setting.to_owned(), value.into());
        }
        self
    }

    /// Under another name.
    fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Judged at the end of so many turns at the latest.
    fn turns(mut self, turns: u32) -> Self {
        self.turns = turns;
        self
    }

    /// On another plan.
    fn on(mut self, plan: &'static str) -> Self {
        self.plan = plan;
        self
    }

    /// With narrower limits.
    fn within(mut self, limits: Value) -> Self {
        self.limits = limits;
        self
    }
}
