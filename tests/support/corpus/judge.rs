//! Says whether a guest ended as it must, from what its caller heard and what its tenant can read afterwards.

use serde_json::Value;

use super::Expected;
use super::plant::is_fallback;
use crate::line::{Call, Heard};

/// Nothing, or what happened instead.
pub type Verdict = Result<(), String>;

/// All that is known of one call.
#[derive(Debug, Clone)]
pub struct Account {
    /// The call, to go on with.
    pub call: Call,
    /// What the caller heard.
    pub heard: Heard,
    /// The last turn, as the trail has it.
    pub turn: Value,
    /// The contact.
    pub contact: Value,
}

impl Account {
    /// Who answered.
    pub fn answered_by(&self) -> &str {
        self.text("/answered_by")
    }

    /// Why the plugin did not; empty where it did.
    pub fn failure(&self) -> &str {
        self.text("/attempts/0/failure/code")
    }

    /// The plugin's own reason.
    pub fn reason(&self) -> &str {
        self.text("/reason")
    }

    /// An attribute of the contact; empty where it has none.
    pub fn attribute(&self, name: &str) -> &str {
        self.contact.pointer(&format!("/contact/attributes/{name}")).and_then(Value::as_str).unwrap_or_default()
    }

    /// Every text of the log: messages, names and values of fields.
    pub fn log(&self) -> Vec<String> {
        fn texts(value: &Value, all: &mut Vec<String>) {
            match value {
                Value::String(text) => all.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
                Value::Object(fields) => fields.values().for_each(|field| texts(field, all)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        texts(self.turn.pointer("/attempts/0/log").unwrap_or(&Value::Null), &mut all);
        all
    }

    /// What was used of something, for example "fuel".
    pub fn used(&self, what: &str) -> u64 {
        self.turn.pointer(&format!("/attempts/0/used/{what}")).and_then(Value::as_u64).unwrap_or_default()
    }

    /// What was allowed of something, for example "fuel_max".
    pub fn allowed(&self, what: &str) -> u64 {
        self.turn.pointer(&format!("/attempts/0/limits/{what}")).and_then(Value::as_u64).unwrap_or_default()
    }

    /// Microseconds between the moment at which the clock should have ended it and the moment at which it was ended.
    pub fn late_us(&self) -> u64 {
        self.used("wall_us").saturating_sub(self.allowed("wall_ms_max").saturating_mul(1_000))
    }

    fn text(&self, pointer: &str) -> &str {
        self.turn.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn against(&self, expected: &Expected) -> Verdict {
        let told = || {
            let failure = self.turn.pointer("/attempts/0/failure").unwrap_or(&Value::Null);
            format!(
                "{} answered with reason {:?} and failure {failure}, used {}",
                self.answered_by(),
                self.reason(),
                self.turn.pointer("/attempts/0/used").unwrap_or(&Value::Null)
            )
        };
        match expected {
            Expected::Refused(code, _) => Err(format!("its upload should have been refused with {code}")),
            Expected::Fails(codes) => {
                if !codes.contains(&self.failure()) {
                    return Err(format!("expected one of {codes:?}; {}", told()));
                }
                if self.answered_by() != "tenant_default" || !is_fallback(&self.heard) {
                    return Err(format!("the caller heard {:?}; {}", self.heard.twiml, told()));
                }
                self.within_limits()
            }
            Expected::Answers(check) => {
                if self.answered_by() != "plugin" || self.heard.status != 200 {
                    return Err(format!("it should have answered by itself; {}", told()));
                }
                self.within_limits()?;
                check(self).map_err(|why| format!("{why}; {}", told()))
            }
        }
    }

    /// Nothing is ever charged, kept or shown beyond what was allowed.
    fn within_limits(&self) -> Verdict {
        for (used, allowed) in [("fuel", "fuel_max"), ("memory_bytes", "memory_bytes_max"), ("stored_bytes", "tenant_state_bytes_max")] {
            if self.used(used) > self.allowed(allowed) {
                return Err(format!("{} of {} {used} were used", self.used(used), self.allowed(allowed)));
            }
        }
        let logged: usize = self.turn.pointer("/attempts/0/log").map_or(0, |log| log.to_string().len());
        // Six bytes of JSON for one escaped character, and the names of the fields.
        let shown_max = self.allowed("log_bytes_max").saturating_mul(8).saturating_add(1_024);
        if logged as u64 > shown_max { Err(format!("{logged} bytes of log are kept")) } else { Ok(()) }
    }
}
