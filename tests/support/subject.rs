//! Makes one call of a plugin that is the same whenever it is made: contact, event, clock, seed, and everything that it is told.
//!
//! The proofs of determinism and the fuzz targets call plugins with it, past the server, because they ask what the sandbox does and
//! nothing else. Answers are fixed by the question alone, so that a run differs from another only if the guest or the engine does.

use std::collections::BTreeSet;
use std::time::Duration;

use jackfield_domain::budget::{Limits, Plan};
use jackfield_domain::capability::{Answer, Ask, Capabilities, Consent, Effects, Entry};
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::{Arrival, Contact, Direction, Endpoint, Party, Phase};
use jackfield_domain::flow::plugin::{Grant, SlotClass};
use jackfield_domain::id::{ContactId, Digest};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::priority::Priority;
use jackfield_domain::request::{Request, RequestRecord, Response, Sent};
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::directory::{Directory, Person, Queue, QueueStatus};
use jackfield_domain::tenant::hours::HoursStatus;
use jackfield_runtime::{Call, Function};
use serde_json::{Value, json};

/// When everything happens.
const NOW_MS: u64 = 1_790_000_000_000;

/// Less than the standard plan's, and more than anything here needs that comes to an end.
const FUEL_MAX: u64 = 20_000_000;

/// A call of a version, and of this function, with everything granted.
pub fn call(digest: Digest, class: SlotClass, function: Function, settings: Value) -> anyhow::Result<Call> {
    Ok(Call {
        digest,
        class,
        priority: Priority::Arrival,
        function,
        contact: contact()?.into(),
        event: Event::Arrived.into(),
        release: 1,
        turn: 1,
        attempt: 1,
        now: NOW_MS,
        zone_offset_minutes: 60,
        deadline: NOW_MS + 10_000,
        limits: limits(),
        wall: Duration::from_secs(60),
        seed: [3; 32],
        grants: Grant::ALL.into_iter().collect::<BTreeSet<_>>(),
        capabilities: Box::new(Told { settings, directory: directory()? }),
        context: None,
    })
}

/// Enough for Python, and no limit by the clock: a busy machine must not be taken for another answer.
pub fn limits() -> Limits {
    Limits { wall_ms_max: 60_000, fuel_max: FUEL_MAX, memory_bytes_max: Plan::Large.limits().memory_bytes_max, ..Plan::Standard.limits() }
}

/// A call to Acme.
pub fn contact() -> anyhow::Result<Contact> {
    let endpoint = |text: &str| Endpoint { raw: text.to_owned(), e164: Some(text.to_owned()) };
    let arrival = Arrival {
        provider_contact: "CA11111111111111111111111111111111".to_owned(),
        parent: None,
        direction: Direction::Inbound,
        entry: endpoint("+18005551234"),
        customer: Party { address: endpoint("+14155550100"), ..Party::default() },
        forwarded_from: None,
        headers: Vec::new(),
        extras: Vec::new(),
    };
    // As a stored row: what a contact gains later has its default there.
    Ok(serde_json::from_value(json!({
        "id": ContactId::new(NOW_MS, [1; 10]), "tenant": "acme", "flow": "main", "connection": "acme-twilio", "provider": "twilio",
        "address": "+18005551234", "channel": Channel::Voice, "release": 1, "plan": Plan::Standard, "language": "en-US",
        "started": NOW_MS, "ended": null, "end_cause": null, "phase": Phase::Running, "turn": 0, "idle_turns": 0, "attributes": {},
        "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0, "asked_turns": 0,
        "arrival": arrival,
    }))?)
}

/// What Acme's plugins may point at.
pub fn directory() -> anyhow::Result<Directory> {
    let mut directory = Directory {
        tenant: Some("acme".parse()?),
        flows: vec!["main".to_owned(), "evening".to_owned()],
        numbers: vec!["+18005551234".to_owned()],
        zone: "America/New_York".to_owned(),
        ..Directory::default()
    };
    for name in ["sales", "technical-support", "billing", "general-support"] {
        let queue = Queue { name: name.parse()?, label: name.to_owned(), language: None, hours: None, provider_ids: [].into() };
        directory.queues.insert(name.to_owned(), queue);
        let status = QueueStatus { waiting: 2, staffed: 3, oldest_ms: 60_000, reported: NOW_MS };
        directory.queue_statuses.insert(name.to_owned(), status);
    }
    let address = Endpoint { raw: "+14155550150".to_owned(), e164: Some("+14155550150".to_owned()) };
    directory.people.insert("duty".to_owned(), Person { name: "duty".parse()?, label: "On duty".to_owned(), address });
    Ok(directory)
}

/// Answers each question always alike.
struct Told {
    settings: Value,
    directory: Directory,
}

impl Told {
    fn answer(&self, ask: &Ask) -> Answer {
        let Self { settings, directory } = self;
        match ask {
            Ask::SettingsAll => Answer::Json(Some(settings.to_string())),
            Ask::SettingsGet { pointer } => Answer::Json(settings.pointer(pointer).map(Value::to_string)),
            Ask::DirectoryQueue { name } => Answer::Queue(directory.queues.get(name).cloned()),
            Ask::DirectoryQueues { .. } => Answer::Names { items: directory.queues.keys().cloned().collect(), next: None },
            Ask::DirectoryQueueStatus { name } => Answer::QueueStatus(directory.queue_statuses.get(name).cloned()),
            Ask::DirectoryPerson { name } => Answer::Person(directory.people.get(name).cloned()),
            Ask::DirectoryFlow { name } => Answer::Truth(directory.flows.contains(name)),
            Ask::DirectoryHours { .. } => Answer::Hours(Some(HoursStatus { open: true, changes_at: None, exception: None })),
            Ask::DirectoryClosure => Answer::Closure(None),
            Ask::StateGet { key, .. } => Answer::Entry(Some(Entry { value: key.clone().into_bytes(), revision: 7 })),
            Ask::StateSet { .. } => Answer::Done,
            Ask::StateDelete { .. } | Ask::StateCompareAndSet { .. } => Answer::Truth(true),
            Ask::StateIncrement { by, .. } => Answer::Number(41 + by),
            Ask::StateList { prefix, .. } => Answer::Names { items: vec![format!("{prefix}turn")], next: None },
            Ask::OutcomeReport { .. } | Ask::OutcomeTokens { .. } => Answer::Done,
            Ask::CustomerBucket { salt } => Answer::Bucket(u32::try_from(salt.len()).unwrap_or(0)),
            Ask::CustomerLastSeen => Answer::Seen(Some(NOW_MS - 86_400_000)),
            Ask::CustomerConsent { .. } => Answer::Consent(Consent::Given),
            Ask::HttpSend { requests, .. } => Answer::Sent(requests.iter().map(sent).collect()),
        }
    }
}

/// What the outside answers to any request: what was asked for.
fn sent(request: &Request) -> Sent {
    let response = Response { status: 200, headers: Vec::new(), body: format!("{} {}", request.method, request.url).into_bytes() };
    Sent { result: Ok(response), record: RequestRecord::default() }
}

impl Capabilities for Told {
    fn ask<'a>(&'a mut self, ask: &'a Ask) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::ready(self.answer(ask)))
    }

    fn finish(self: Box<Self>) -> Effects {
        Effects::default()
    }
}
