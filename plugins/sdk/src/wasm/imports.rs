//! Asks the host through the contract's imports.
//!
//! [`crate::host::Host`] holds it, at no size. Each method names exactly one import, so that what a plugin does not call is not
//! imported.

use core::time::Duration;

use super::inward::{endpoint, extension};
use super::routing::jackfield::plugin::{customer, directory, http, log, outcome, settings, state};
use crate::contact::{Moment, millis};
use crate::failure::Denial;
use crate::host::{
    Capabilities, Closure, Consent, Entry, HeaderValue, HoursStatus, HttpError, Level, Names, Page, Person, Queue, QueueStatus, Request,
    Response, Scope,
};

/// What stands behind a [`crate::host::Host`] inside the sandbox.
#[derive(Debug)]
pub struct Imports;

fn settings_denial(error: settings::SettingsError) -> Denial {
    match error {
        settings::SettingsError::Denied => Denial::Denied("settings"),
        settings::SettingsError::Exhausted => Denial::Exhausted,
        settings::SettingsError::Other(of) => Denial::Other(extension(of)),
    }
}

fn directory_denial(error: directory::DirectoryError) -> Denial {
    match error {
        directory::DirectoryError::Denied => Denial::Denied("directory"),
        directory::DirectoryError::Exhausted => Denial::Exhausted,
        directory::DirectoryError::Unavailable => Denial::Unavailable,
        directory::DirectoryError::Other(of) => Denial::Other(extension(of)),
    }
}

fn state_denial(error: state::StateError) -> Denial {
    match error {
        state::StateError::Denied => Denial::Denied("state"),
        state::StateError::Exhausted => Denial::Exhausted,
        state::StateError::BadKey => Denial::BadKey,
        state::StateError::TooLarge => Denial::TooLarge,
        state::StateError::Full => Denial::Full,
        state::StateError::NotANumber => Denial::NotANumber,
        state::StateError::Unavailable => Denial::Unavailable,
        state::StateError::Other(of) => Denial::Other(extension(of)),
    }
}

fn outcome_denial(error: outcome::OutcomeError) -> Denial {
    match error {
        outcome::OutcomeError::Denied => Denial::Denied("outcome"),
        outcome::OutcomeError::Exhausted => Denial::Exhausted,
        outcome::OutcomeError::Unknown(what) => Denial::Unknown(what),
        outcome::OutcomeError::Invalid(what) => Denial::Invalid(what),
        outcome::OutcomeError::Other(of) => Denial::Other(extension(of)),
    }
}

fn customer_denial(error: customer::CustomerError) -> Denial {
    match error {
        customer::CustomerError::Denied => Denial::Denied("customer"),
        customer::CustomerError::Exhausted => Denial::Exhausted,
        customer::CustomerError::Unavailable => Denial::Unavailable,
        customer::CustomerError::Other(of) => Denial::Other(extension(of)),
    }
}

fn http_error(error: http::HttpError) -> HttpError {
    match error {
        http::HttpError::Denied => HttpError::Denied,
        http::HttpError::Exhausted => HttpError::Exhausted,
        http::HttpError::NotAllowed(what) => HttpError::NotAllowed(what),
        http::HttpError::BadRequest(at) => HttpError::BadRequest(at),
        http::HttpError::NoSecret(handle) => HttpError::NoSecret(handle),
        http::HttpError::Unresolved => HttpError::Unresolved,
        http::HttpError::Timeout => HttpError::Timeout,
        http::HttpError::Unavailable => HttpError::Unavailable,
        http::HttpError::TooLarge => HttpError::TooLarge,
        http::HttpError::Failed(why) => HttpError::Failed(why),
        http::HttpError::Other(of) => HttpError::Other(extension(of)),
    }
}

fn scope_of(scope: Scope) -> state::Scope {
    match scope {
        Scope::Tenant => state::Scope::Tenant,
        Scope::Contact => state::Scope::Contact,
    }
}

fn header(value: HeaderValue) -> http::HeaderValue {
    match value {
        HeaderValue::Text(text) => http::HeaderValue::Text(text),
        HeaderValue::Secret { prefix, handle } => http::HeaderValue::Secret(http::SecretValue { prefix, handle }),
    }
}

fn request(of: Request) -> http::Request {
    http::Request {
        method: of.method,
        url: of.url,
        headers: of.headers.into_iter().map(|(name, value)| (name, header(value))).collect(),
        body: of.body,
        timeout: of.timeout.map(millis),
    }
}

impl Capabilities for Imports {
    fn settings_all(&self) -> Result<String, Denial> {
        settings::all().map_err(settings_denial)
    }

    fn settings_get(&self, pointer: &str) -> Result<Option<String>, Denial> {
        settings::get(pointer).map_err(settings_denial)
    }

    fn queue(&self, name: &str) -> Result<Option<Queue>, Denial> {
        let queue =
            |of: directory::Queue| Queue { name: of.name, label: of.label, language: of.language, hours: of.hours, extras: of.extras };
        directory::get_queue(name).map(|found| found.map(queue)).map_err(directory_denial)
    }

    fn queues(&self, cursor: Option<&str>) -> Result<Names, Denial> {
        directory::list_queues(cursor).map(|names| Names { items: names.items, next: names.next }).map_err(directory_denial)
    }

    fn queue_status(&self, name: &str) -> Result<Option<QueueStatus>, Denial> {
        let status = |of: directory::QueueStatus| QueueStatus {
            waiting: of.waiting,
            staffed: of.staffed,
            oldest: Duration::from_millis(of.oldest),
            reported: Moment(of.reported),
        };
        directory::get_queue_status(name).map(|found| found.map(status)).map_err(directory_denial)
    }

    fn person(&self, name: &str) -> Result<Option<Person>, Denial> {
        let person = |of: directory::Person| Person { name: of.name, label: of.label, address: endpoint(of.address) };
        directory::get_person(name).map(|found| found.map(person)).map_err(directory_denial)
    }

    fn has_flow(&self, name: &str) -> Result<bool, Denial> {
        directory::has_flow(name).map_err(directory_denial)
    }

    fn hours(&self, name: &str) -> Result<Option<HoursStatus>, Denial> {
        let hours =
            |of: directory::HoursStatus| HoursStatus { open: of.open, changes_at: of.changes_at.map(Moment), exception: of.exception };
        directory::get_hours(name).map(|found| found.map(hours)).map_err(directory_denial)
    }

    fn closure(&self) -> Result<Option<Closure>, Denial> {
        let closure = |of: directory::Closure| Closure { reason: of.reason, until: of.until.map(Moment) };
        directory::get_closure().map(|found| found.map(closure)).map_err(directory_denial)
    }

    fn state_get(&self, scope: Scope, key: &str) -> Result<Option<Entry>, Denial> {
        let entry = |of: state::Entry| Entry { value: of.value, revision: of.revision };
        state::get(scope_of(scope), key).map(|found| found.map(entry)).map_err(state_denial)
    }

    fn state_set(&self, scope: Scope, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<(), Denial> {
        state::set(scope_of(scope), key, value, lifetime.map(millis)).map_err(state_denial)
    }

    fn state_delete(&self, scope: Scope, key: &str) -> Result<bool, Denial> {
        state::delete(scope_of(scope), key).map_err(state_denial)
    }

    fn state_compare_and_set(&self, scope: Scope, key: &str, expected: Option<u64>, value: &[u8]) -> Result<bool, Denial> {
        state::compare_and_set(scope_of(scope), key, expected, value).map_err(state_denial)
    }

    fn state_increment(&self, scope: Scope, key: &str, by: i64) -> Result<i64, Denial> {
        state::increment(scope_of(scope), key, by).map_err(state_denial)
    }

    fn state_list(&self, scope: Scope, prefix: &str, cursor: Option<&str>) -> Result<Page, Denial> {
        let page = |of: state::Page| Page { keys: of.keys, next: of.next };
        state::list(scope_of(scope), prefix, cursor).map(page).map_err(state_denial)
    }

    fn send(&self, requests: Vec<Request>) -> Vec<Result<Response, HttpError>> {
        let response = |of: http::Response| Response { status: of.status, headers: of.headers, body: of.body };
        let requests: Vec<_> = requests.into_iter().map(request).collect();
        http::send(&requests).into_iter().map(|result| result.map(response).map_err(http_error)).collect()
    }

    fn time_left(&self) -> Duration {
        Duration::from_millis(http::time_left())
    }

    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        let fields: Vec<_> = fields.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
        log::write(level, message, &fields);
    }

    fn report(&self, goal: &str, value: Option<f64>) -> Result<(), Denial> {
        outcome::report(goal, value).map_err(outcome_denial)
    }

    fn tokens(&self, model: &str, input: u64, output: u64) -> Result<(), Denial> {
        outcome::tokens(model, input, output).map_err(outcome_denial)
    }

    fn bucket(&self, salt: &str) -> Result<u32, Denial> {
        customer::bucket(salt).map_err(customer_denial)
    }

    fn last_seen(&self) -> Result<Option<Moment>, Denial> {
        customer::last_seen().map(|seen| seen.map(Moment)).map_err(customer_denial)
    }

    fn consent(&self, topic: &str) -> Result<Consent, Denial> {
        let consent = |of| match of {
            customer::Consent::Unknown => Consent::Unknown,
            customer::Consent::Given => Consent::Given,
            customer::Consent::Refused => Consent::Refused,
        };
        customer::get_consent(topic).map(consent).map_err(customer_denial)
    }
}
