//! Tells a switch where a call goes: the targets that its settings name, by the hours.
//!
//! For SIP switches, which ask before they answer: nothing is said and nothing is asked, there is only a target or a refusal. Where the
//! switch reports that nobody answered, the next way is tried, and at last the call is refused as busy.

use jackfield_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The tag of the way while open, and of the one while closed.
const OPEN: &str = "open";
const CLOSED: &str = "closed";

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    /// The hours of the directory; always open where absent.
    #[serde(default)]
    hours: Option<String>,
    open: Way,
    #[serde(default)]
    closed: Option<Way>,
    /// Callers who are refused, in E.164.
    #[serde(default)]
    refused: Vec<String>,
}

/// Where a call goes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    #[serde(default)]
    queue: Option<String>,
    /// Queues and numbers that are tried when the queue does not take the call.
    #[serde(default)]
    then: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    at_once: bool,
    #[serde(default)]
    ring_s: Option<u64>,
}

struct Switchboard;

impl Router for Switchboard {
    fn describe() -> Describe {
        Describe::new("switchboard", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::DialEnded, EventKind::QueueEnded])
            .actions([ActionKind::Transfer, ActionKind::Enqueue, ActionKind::Reject])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        match event {
            Event::Arrived => arrived(&settings, contact, host),
            Event::DialEnded(ended) if ended.outcome == DialOutcome::Completed => Ok(Decision::keep()),
            Event::DialEnded(ended) => Ok(match &settings.closed {
                Some(way) if ended.tag == OPEN => go(way, CLOSED).because("nobody answered; the way for closed hours is tried"),
                _ => Decision::reject(Rejection::Busy).because("nobody answered"),
            }),
            _ => Ok(Decision::keep()),
        }
    }
}

fn arrived(settings: &Settings, contact: &Contact, host: &Host) -> Answer {
    let caller = contact.customer.address.e164.as_deref();
    if caller.is_some_and(|caller| settings.refused.iter().any(|refused| refused == caller)) {
        return Ok(Decision::reject(Rejection::Rejected).because("the caller is refused by the settings"));
    }
    let is_open = match &settings.hours {
        Some(name) => host.hours(name)?.ok_or_else(|| Failure::BadSettings(format!("hours: the tenant has no hours named {name:?}")))?.open,
        None => true,
    };
    match (&settings.closed, is_open) {
        (_, true) => Ok(go(&settings.open, OPEN).because("open")),
        (Some(way), false) => Ok(go(way, CLOSED).because("closed")),
        (None, false) => Ok(Decision::reject(Rejection::Unavailable).because("closed, and no way is named for that")),
    }
}

fn go(way: &Way, tag: &str) -> Decision {
    if let Some(queue) = &way.queue {
        let exit = |named: &String| if named.starts_with('+') { Exit::Number(named.clone()) } else { Exit::Enqueue(named.clone()) };
        let mut enqueue = Enqueue::new(queue).tag(tag);
        enqueue.maximum_wait = way.ring_s.map(Duration::from_secs);
        enqueue.overflow = way.then.iter().map(exit).collect();
        return Decision::from(enqueue);
    }
    let mut targets = way.targets.iter().map(|named| target(named));
    let Some(first) = targets.next() else { return Decision::reject(Rejection::Unavailable) };
    let mut transfer = targets.fold(Transfer::new(tag, first), Transfer::then);
    if way.at_once {
        transfer = transfer.in_parallel();
    }
    if let Some(seconds) = way.ring_s {
        transfer = transfer.ring_timeout(Duration::from_secs(seconds));
    }
    Decision::from(transfer)
}

/// A number, a SIP address or a person of the directory.
fn target(named: &str) -> Target {
    if named.starts_with('+') {
        Target::number(named)
    } else if named.starts_with("sip:") || named.starts_with("sips:") {
        Target::sip(named)
    } else {
        Target::person(named)
    }
}

export!(Switchboard);
