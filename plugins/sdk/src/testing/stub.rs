//! Answers a plugin's questions from plain values that a test laid out.
//!
//! [`TestHost`] is the builder and derefs to [`Host`], so that a test hands it in as the host itself. What the plugin wrote -
//! state, lines, goals - can be read afterwards.

use core::cell::RefCell;
use core::ops::Deref;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::contact::{Endpoint, Moment};
use crate::failure::Denial;
use crate::host::{
    Capabilities, Closure, Consent, Entry, Host, HoursStatus, HttpError, Level, Names, Page, Person, Queue, QueueStatus, Request, Response,
    Scope,
};

/// A line that the plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// A host made of plain values. Everything is granted until it is denied; what is not laid out is not there.
#[derive(Debug)]
pub struct TestHost(Host);

/// What stands behind a native [`Host`].
#[derive(Debug, Default)]
pub(crate) struct Stub {
    settings: serde_json::Value,
    queues: BTreeMap<String, Queue>,
    statuses: BTreeMap<String, QueueStatus>,
    people: BTreeMap<String, Person>,
    flows: BTreeSet<String>,
    hours: BTreeMap<String, HoursStatus>,
    closure: Option<Closure>,
    consents: BTreeMap<String, Consent>,
    bucket: u32,
    last_seen: Option<Moment>,
    time_left: Duration,
    denied: BTreeSet<&'static str>,
    responses: RefCell<VecDeque<Result<Response, HttpError>>>,
    written: RefCell<Written>,
}

#[derive(Debug, Default)]
struct Written {
    state: BTreeMap<(Scope, String), Entry>,
    revision: u64,
    lines: Vec<Line>,
    goals: Vec<(String, Option<f64>)>,
    tokens: Vec<(String, u64, u64)>,
    requests: Vec<Request>,
}

impl Deref for TestHost {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.0
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A host with empty settings and an empty directory.
    pub fn new() -> Self {
        let settings = serde_json::Value::Object(serde_json::Map::new());
        Self(Host { behind: Stub { settings, time_left: Duration::from_secs(1), ..Stub::default() } })
    }

    fn with(mut self, change: impl FnOnce(&mut Stub)) -> Self {
        change(&mut self.0.behind);
        self
    }

    /// Settings, usually `serde_json::json!({...})`.
    #[must_use]
    pub fn settings(self, settings: serde_json::Value) -> Self {
        self.with(|stub| stub.settings = settings)
    }

    /// A queue of that name, always open.
    #[must_use]
    pub fn queue(self, name: &str) -> Self {
        let queue = Queue { name: name.to_owned(), label: name.to_owned(), language: None, hours: None, extras: Vec::new() };
        self.with(|stub| _ = stub.queues.insert(name.to_owned(), queue))
    }

    /// A queue of that name that keeps hours.
    #[must_use]
    pub fn queue_with_hours(self, name: &str, hours: &str) -> Self {
        let (name, label, hours) = (name.to_owned(), name.to_owned(), Some(hours.to_owned()));
        let queue = Queue { name: name.clone(), label, language: None, hours, extras: Vec::new() };
        self.with(|stub| _ = stub.queues.insert(name, queue))
    }

    /// How a queue stands.
    #[must_use]
    pub fn queue_status(self, name: &str, status: QueueStatus) -> Self {
        self.with(|stub| _ = stub.statuses.insert(name.to_owned(), status))
    }

    /// A person with a telephone number.
    #[must_use]
    pub fn person(self, name: &str, number: &str) -> Self {
        let address = Endpoint { raw: number.to_owned(), e164: Some(number.to_owned()) };
        self.with(|stub| _ = stub.people.insert(name.to_owned(), Person { name: name.to_owned(), label: name.to_owned(), address }))
    }

    /// A flow of that name.
    #[must_use]
    pub fn flow(self, name: &str) -> Self {
        self.with(|stub| _ = stub.flows.insert(name.to_owned()))
    }

    /// Hours of that name, open now.
    #[must_use]
    pub fn open(self, hours: &str) -> Self {
        self.hours_as(hours, HoursStatus { open: true, changes_at: None, exception: None })
    }

    /// Hours of that name, closed now.
    #[must_use]
    pub fn closed(self, hours: &str) -> Self {
        self.hours_as(hours, HoursStatus { open: false, changes_at: None, exception: None })
    }

    /// Hours of that name, closed now for a holiday or another exception.
    #[must_use]
    pub fn closed_for(self, hours: &str, exception: &str) -> Self {
        self.hours_as(hours, HoursStatus { open: false, changes_at: None, exception: Some(exception.to_owned()) })
    }

    /// Hours of that name, as given.
    #[must_use]
    pub fn hours_as(self, hours: &str, status: HoursStatus) -> Self {
        self.with(|stub| _ = stub.hours.insert(hours.to_owned(), status))
    }

    /// An emergency closure.
    #[must_use]
    pub fn emergency(self, reason: &str) -> Self {
        self.with(|stub| stub.closure = Some(Closure { reason: reason.to_owned(), until: None }))
    }

    /// What the customer said to being asked.
    #[must_use]
    pub fn consented(self, topic: &str, consent: Consent) -> Self {
        self.with(|stub| _ = stub.consents.insert(topic.to_owned(), consent))
    }

    /// The customer's bucket, whatever the salt.
    #[must_use]
    pub fn bucket(self, bucket: u32) -> Self {
        self.with(|stub| stub.bucket = bucket)
    }

    /// When the customer was there before.
    #[must_use]
    pub fn last_seen(self, moment: Moment) -> Self {
        self.with(|stub| stub.last_seen = Some(moment))
    }

    /// A value that is kept already.
    #[must_use]
    pub fn state(self, scope: Scope, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.behind.write(scope, key, value.into());
        self
    }

    /// What the next request gets, in the order in which they are sent.
    #[must_use]
    pub fn responds(self, response: Result<Response, HttpError>) -> Self {
        self.0.behind.responses.borrow_mut().push_back(response);
        self
    }

    /// Takes a capability away, for example "directory".
    #[must_use]
    pub fn deny(self, capability: &'static str) -> Self {
        self.with(|stub| _ = stub.denied.insert(capability))
    }

    /// What the plugin keeps under a key.
    pub fn kept(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.0.behind.written.borrow().state.get(&(scope, key.to_owned())).map(|entry| entry.value.clone())
    }

    /// The lines that the plugin wrote.
    pub fn lines(&self) -> Vec<Line> {
        self.0.behind.written.borrow().lines.clone()
    }

    /// The goals that the plugin reported.
    pub fn goals(&self) -> Vec<(String, Option<f64>)> {
        self.0.behind.written.borrow().goals.clone()
    }

    /// The requests that the plugin sent.
    pub fn requests(&self) -> Vec<Request> {
        self.0.behind.written.borrow().requests.clone()
    }
}

impl Stub {
    fn granted(&self, capability: &'static str) -> Result<(), Denial> {
        if self.denied.contains(capability) { Err(Denial::Denied(capability)) } else { Ok(()) }
    }

    fn write(&self, scope: Scope, key: &str, value: Vec<u8>) {
        let mut written = self.written.borrow_mut();
        written.revision += 1;
        let revision = written.revision;
        written.state.insert((scope, key.to_owned()), Entry { value, revision });
    }
}

impl Capabilities for Stub {
    fn settings_all(&self) -> Result<String, Denial> {
        self.granted("settings").map(|()| self.settings.to_string())
    }

    fn settings_get(&self, pointer: &str) -> Result<Option<String>, Denial> {
        self.granted("settings").map(|()| self.settings.pointer(pointer).map(ToString::to_string))
    }

    fn queue(&self, name: &str) -> Result<Option<Queue>, Denial> {
        self.granted("directory").map(|()| self.queues.get(name).cloned())
    }

    fn queues(&self, _cursor: Option<&str>) -> Result<Names, Denial> {
        self.granted("directory").map(|()| Names { items: self.queues.keys().cloned().collect(), next: None })
    }

    fn queue_status(&self, name: &str) -> Result<Option<QueueStatus>, Denial> {
        self.granted("directory").map(|()| self.statuses.get(name).cloned())
    }

    fn person(&self, name: &str) -> Result<Option<Person>, Denial> {
        self.granted("directory").map(|()| self.people.get(name).cloned())
    }

    fn has_flow(&self, name: &str) -> Result<bool, Denial> {
        self.granted("directory").map(|()| self.flows.contains(name))
    }

    fn hours(&self, name: &str) -> Result<Option<HoursStatus>, Denial> {
        self.granted("directory").map(|()| self.hours.get(name).cloned())
    }

    fn closure(&self) -> Result<Option<Closure>, Denial> {
        self.granted("directory").map(|()| self.closure.clone())
    }

    fn state_get(&self, scope: Scope, key: &str) -> Result<Option<Entry>, Denial> {
        self.granted("state").map(|()| self.written.borrow().state.get(&(scope, key.to_owned())).cloned())
    }

    fn state_set(&self, scope: Scope, key: &str, value: &[u8], _lifetime: Option<Duration>) -> Result<(), Denial> {
        self.granted("state").map(|()| self.write(scope, key, value.to_vec()))
    }

    fn state_delete(&self, scope: Scope, key: &str) -> Result<bool, Denial> {
        self.granted("state").map(|()| self.written.borrow_mut().state.remove(&(scope, key.to_owned())).is_some())
    }

    fn state_compare_and_set(&self, scope: Scope, key: &str, expected: Option<u64>, value: &[u8]) -> Result<bool, Denial> {
        let matches = self.state_get(scope, key)?.map(|entry| entry.revision) == expected;
        if matches {
            self.write(scope, key, value.to_vec());
        }
        Ok(matches)
    }

    fn state_increment(&self, scope: Scope, key: &str, by: i64) -> Result<i64, Denial> {
        let before = match self.state_get(scope, key)? {
            Some(entry) => core::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<i64>().ok()).ok_or(Denial::NotANumber)?,
            None => 0,
        };
        let after = before.checked_add(by).ok_or(Denial::NotANumber)?;
        self.write(scope, key, after.to_string().into_bytes());
        Ok(after)
    }

    fn state_list(&self, scope: Scope, prefix: &str, _cursor: Option<&str>) -> Result<Page, Denial> {
        self.granted("state")?;
        let written = self.written.borrow();
        let keys = written.state.keys().filter(|(whose, key)| *whose == scope && key.starts_with(prefix));
        Ok(Page { keys: keys.map(|(_, key)| key.clone()).collect(), next: None })
    }

    fn send(&self, requests: Vec<Request>) -> Vec<Result<Response, HttpError>> {
        let granted = self.granted("http").is_ok();
        let mut responses = self.responses.borrow_mut();
        let answers = requests.iter().map(|_| if granted { responses.pop_front() } else { Some(Err(HttpError::Denied)) });
        let answers = answers.map(|answer| answer.unwrap_or(Err(HttpError::Unresolved))).collect();
        self.written.borrow_mut().requests.extend(requests);
        answers
    }

    fn time_left(&self) -> Duration {
        self.time_left
    }

    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.written.borrow_mut().lines.push(Line { level, message: message.to_owned(), fields });
    }

    fn report(&self, goal: &str, value: Option<f64>) -> Result<(), Denial> {
        self.granted("outcome").map(|()| self.written.borrow_mut().goals.push((goal.to_owned(), value)))
    }

    fn tokens(&self, model: &str, input: u64, output: u64) -> Result<(), Denial> {
        self.granted("outcome").map(|()| self.written.borrow_mut().tokens.push((model.to_owned(), input, output)))
    }

    fn bucket(&self, _salt: &str) -> Result<u32, Denial> {
        self.granted("customer").map(|()| self.bucket)
    }

    fn last_seen(&self) -> Result<Option<Moment>, Denial> {
        self.granted("customer").map(|()| self.last_seen)
    }

    fn consent(&self, topic: &str) -> Result<Consent, Denial> {
        self.granted("customer").map(|()| self.consents.get(topic).copied().unwrap_or(Consent::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_behaves_as_the_contract_says() {
        let host = TestHost::new().state(Scope::Tenant, "calls", "41");
        let state = host.tenant_state();
        assert_eq!(state.increment("calls", 1), Ok(42));
        let revision = state.get("calls").unwrap().unwrap().revision;
        assert_eq!(state.compare_and_set("calls", Some(revision), "7"), Ok(true));
        assert_eq!(state.compare_and_set("calls", Some(revision), "8"), Ok(false), "the revision has moved on");
        assert_eq!(state.compare_and_set("new", None, "1"), Ok(true));
        assert_eq!(state.list("ne", None).unwrap().keys, ["new"]);
        assert_eq!(host.contact_state().get("calls"), Ok(None), "the contact's keys are apart from the tenant's");
        state.set("word", "x").unwrap();
        assert_eq!(state.increment("word", 1), Err(Denial::NotANumber));
        assert_eq!(host.kept(Scope::Tenant, "calls").as_deref(), Some(b"7".as_slice()));
    }

    #[test]
    fn a_capability_that_was_taken_away_is_denied_by_name() {
        let host = TestHost::new().open("main").deny("directory");
        assert_eq!(host.hours("main"), Err(Denial::Denied("directory")));
        assert_eq!(host.setting::<String>("/nothing"), Ok(None));
    }

    #[test]
    fn settings_that_do_not_fit_are_a_failure_that_says_where() {
        let host = TestHost::new().settings(serde_json::json!({"attempts": "three"}));
        let failure = host.setting::<u32>("/attempts").unwrap_err();
        assert!(failure.to_string().contains("/attempts"), "{failure}");
    }
}
