//! Gives a plugin what it may ask of the host: settings, directory, state, requests, log, outcomes, the customer.
//!
//! Every function of `wit/v1`'s import interfaces is one method of [`Host`]. On WebAssembly a `Host` is nothing at all and each
//! method calls its import directly: behind a trait object every plugin would import every capability, and an operator could
//! not see from a component what it uses. Natively a `Host` holds the stub that `testing::TestHost` fills.

mod directory;
mod requests;
mod state;

pub use directory::{Closure, HoursStatus, Names, Person, Queue, QueueStatus};
pub use requests::{HeaderValue, HttpError, Request, Response};
pub use state::{Entry, Page, Scope, State};

use core::time::Duration;

use serde::de::DeserializeOwned;

use crate::contact::Moment;
use crate::failure::{Denial, Failure};

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::Stub as Behind;
#[cfg(target_family = "wasm")]
pub(crate) use crate::wasm::Imports as Behind;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happened.
    Info,
    /// What is odd.
    Warn,
    /// What went wrong.
    Error,
}

/// What the customer said to an `ask-consent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consent {
    /// Never asked.
    Unknown,
    /// Yes.
    Given,
    /// No, or withdrawn.
    Refused,
}

/// One for one the functions of the import interfaces: the bindings and the stub implement it, [`Host`] is how plugins see it.
pub(crate) trait Capabilities {
    fn settings_all(&self) -> Result<String, Denial>;
    fn settings_get(&self, pointer: &str) -> Result<Option<String>, Denial>;
    fn queue(&self, name: &str) -> Result<Option<Queue>, Denial>;
    fn queues(&self, cursor: Option<&str>) -> Result<Names, Denial>;
    fn queue_status(&self, name: &str) -> Result<Option<QueueStatus>, Denial>;
    fn person(&self, name: &str) -> Result<Option<Person>, Denial>;
    fn has_flow(&self, name: &str) -> Result<bool, Denial>;
    fn hours(&self, name: &str) -> Result<Option<HoursStatus>, Denial>;
    fn closure(&self) -> Result<Option<Closure>, Denial>;
    fn state_get(&self, scope: Scope, key: &str) -> Result<Option<Entry>, Denial>;
    fn state_set(&self, scope: Scope, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<(), Denial>;
    fn state_delete(&self, scope: Scope, key: &str) -> Result<bool, Denial>;
    fn state_compare_and_set(&self, scope: Scope, key: &str, expected: Option<u64>, value: &[u8]) -> Result<bool, Denial>;
    fn state_increment(&self, scope: Scope, key: &str, by: i64) -> Result<i64, Denial>;
    fn state_list(&self, scope: Scope, prefix: &str, cursor: Option<&str>) -> Result<Page, Denial>;
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Response, HttpError>>;
    fn time_left(&self) -> Duration;
    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]);
    fn report(&self, goal: &str, value: Option<f64>) -> Result<(), Denial>;
    fn tokens(&self, model: &str, input: u64, output: u64) -> Result<(), Denial>;
    fn bucket(&self, salt: &str) -> Result<u32, Denial>;
    fn last_seen(&self) -> Result<Option<Moment>, Denial>;
    fn consent(&self, topic: &str) -> Result<Consent, Denial>;
}

/// What a plugin may ask of the host. Each answer is put on the invocation's tape.
#[derive(Debug)]
pub struct Host {
    pub(crate) behind: Behind,
}

impl Host {
    /// All settings of the release, read into a type. A setting that does not fit is named in the failure.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let json = self.behind.settings_all()?;
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&json)).map_err(|error| match error.path().iter().next() {
            Some(_) => Failure::BadSettings(format!("{}: {}", error.path(), error.inner())),
            None => Failure::BadSettings(error.inner().to_string()),
        })
    }

    /// All settings of the release, as a JSON object.
    pub fn settings_json(&self) -> Result<String, Denial> {
        self.behind.settings_all()
    }

    /// One setting by JSON Pointer, for example "/hours/0/open"; none where nothing is there.
    pub fn setting<T: DeserializeOwned>(&self, pointer: &str) -> Result<Option<T>, Failure> {
        match self.behind.settings_get(pointer)? {
            Some(json) => serde_json::from_str(&json).map(Some).map_err(|error| Failure::BadSettings(format!("{pointer}: {error}"))),
            None => Ok(None),
        }
    }

    /// State of all contacts of the tenant's flows that run this plugin.
    pub fn tenant_state(&self) -> State<'_> {
        State::new(self, Scope::Tenant)
    }

    /// State of this contact; gone after it.
    pub fn contact_state(&self) -> State<'_> {
        State::new(self, Scope::Contact)
    }

    /// Writes a line for the plugin's own developer. More bytes than the budget allows end the invocation.
    pub fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.behind.log(level, message, fields);
    }

    /// Writes a line about what happened.
    pub fn info(&self, message: &str) {
        self.log(Level::Info, message, &[]);
    }

    /// Writes a line about what is odd.
    pub fn warn(&self, message: &str) {
        self.log(Level::Warn, message, &[]);
    }

    /// Writes a line about what went wrong.
    pub fn error(&self, message: &str) {
        self.log(Level::Error, message, &[]);
    }

    /// Reports a goal that `describe` lists, with a value where it has one.
    pub fn report(&self, goal: &str, value: Option<f64>) -> Result<(), Denial> {
        self.behind.report(goal, value)
    }

    /// Reports AI tokens that were spent for this contact.
    pub fn tokens(&self, model: &str, input: u64, output: u64) -> Result<(), Denial> {
        self.behind.tokens(model, input, output)
    }

    /// A number from 0 to 9,999 that is the same for this customer, tenant and salt; by contact where the customer is unknown.
    pub fn bucket(&self, salt: &str) -> Result<u32, Denial> {
        self.behind.bucket(salt)
    }

    /// When this customer's contact before this one began; none where there was none or nothing may be kept.
    pub fn last_seen(&self) -> Result<Option<Moment>, Denial> {
        self.behind.last_seen()
    }

    /// Whether the customer agreed.
    pub fn consent(&self, topic: &str) -> Result<Consent, Denial> {
        self.behind.consent(topic)
    }
}
