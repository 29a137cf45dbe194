//! Asks every capability every question once, and tells what was answered.
//!
//! The answers go into the decision's reason, so that a test reads there what the tape must hold.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::time::SystemTime;

use crate::bindings::jackfield::plugin::contacts::Contact;
use crate::bindings::jackfield::plugin::state::{self, Scope};
use crate::bindings::jackfield::plugin::{customer, directory, http, log, outcome, settings};

/// What was answered.
pub(crate) struct Answers {
    /// Where the customer goes, where a setting says so.
    pub(crate) queue: Option<String>,
    /// Callers whose last digits are below that hear something else: how a test plants a change. Read from what was answered anyway.
    pub(crate) planted: u32,
    /// One line per question, in order.
    pub(crate) told: Vec<String>,
}

/// Asks.
pub(crate) fn ask(contact: &Contact) -> Answers {
    let mut told = Vec::new();
    let mut tell = |what: &str, answer: &dyn Debug| told.push(format!("{what} = {answer:?}"));
    let queue = settings::get("/queue");
    let all = settings::all();
    let planted = all.as_ref().ok().and_then(|json| json.split("\"planted\":\"").nth(1)?.get(..2)?.parse().ok()).unwrap_or(0);
    tell("settings.all", &all.map(|json| json.len()));
    tell("settings.get", &queue);
    let queue = queue.ok().flatten().map(|json| json.trim_matches('"').to_owned());
    let name = queue.as_deref().unwrap_or("sales");
    tell("directory.get-queue", &directory::get_queue(name).map(|found| found.map(|queue| queue.label)));
    tell("directory.list-queues", &directory::list_queues(None).map(|names| names.items));
    tell("directory.get-queue-status", &directory::get_queue_status(name).map(|found| found.map(|status| status.waiting)));
    tell("directory.get-person", &directory::get_person("duty").map(|found| found.map(|person| person.address.raw)));
    tell("directory.has-flow", &directory::has_flow(&contact.flow));
    tell("directory.get-hours", &directory::get_hours("main").map(|found| found.map(|hours| hours.open)));
    tell("directory.get-closure", &directory::get_closure().map(|found| found.map(|closure| closure.reason)));
    tell("state.increment", &state::increment(Scope::Tenant, "contacts", 1));
    tell("state.set", &state::set(Scope::Contact, "turn", contact.turn.to_string().as_bytes(), Some(3_600_000)));
    let kept = state::get(Scope::Contact, "turn").map(|found| found.map(|entry| (entry.value.len(), entry.revision)));
    tell("state.get", &kept.as_ref().map(|found| found.map(|(bytes, _)| bytes)));
    let revision = kept.ok().flatten().map(|(_, revision)| revision);
    tell("state.compare-and-set", &state::compare_and_set(Scope::Contact, "turn", revision, b"again"));
    tell("state.list", &state::list(Scope::Contact, "", None).map(|page| page.keys));
    tell("state.delete", &state::delete(Scope::Contact, "turn"));
    tell("outcome.report", &outcome::report("answered", Some(1.0)));
    tell("outcome.tokens", &outcome::tokens("echo", 3, 5));
    tell("customer.bucket", &customer::bucket("echo"));
    tell("customer.last-seen", &customer::last_seen());
    tell("customer.get-consent", &customer::get_consent("recording"));
    let request = |method: &str, url: &str| http::Request {
        method: method.into(),
        url: url.into(),
        headers: vec![("accept".into(), http::HeaderValue::Text("text/plain".into()))],
        body: Vec::new(),
        timeout: Some(500),
    };
    let sent = http::send(&[request("GET", "https://api.echo.example/a"), request("GET", "https://api.echo.example/b")]);
    tell("http.send", &sent.iter().map(|result| result.as_ref().map(|response| response.status)).collect::<Vec<_>>());
    log::write(log::Level::Info, "everything was asked", &[("turn".into(), contact.turn.to_string())]);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    tell("clock", &(since == u128::from(contact.now)));
    tell("random", &RandomState::new().hash_one(0));
    Answers { queue, planted, told }
}
