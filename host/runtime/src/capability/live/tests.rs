//! Promises of the live capabilities: what is seen of state, what would be written, and what is refused.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use jackfield_domain::budget::Plan;
use jackfield_domain::capability::{Entry, StateChange, StateWrite};
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party, Phase};
use jackfield_domain::id::ContactId;
use jackfield_domain::ports::outbound::Nowhere;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::ports::spending::Unmetered;
use jackfield_domain::ports::state::KeyPage;
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use serde_json::json;

#[derive(Default)]
struct Stored {
    values: BTreeMap<(Scope, String), Entry>,
    tenant_bytes: u64,
    broken: bool,
}

impl Stored {
    fn with(values: &[(&str, &str)]) -> Self {
        let values = values.iter().enumerate().map(|(at, (key, value))| {
            ((Scope::Contact, (*key).to_owned()), Entry { value: value.as_bytes().to_vec(), revision: at as u64 + 1 })
        });
        Self { values: values.collect(), ..Self::default() }
    }

    fn answer<T: Send + 'static>(&self, value: T) -> BoxFuture<'_, Result<T, RowsFault>> {
        let answer = if self.broken { Err(RowsFault { why: "broken".to_owned() }) } else { Ok(value) };
        Box::pin(std::future::ready(answer))
    }
}

impl State for Stored {
    fn get<'a>(&'a self, _: &'a StateSpace, scope: Scope, key: &'a str, _: u64) -> BoxFuture<'a, Result<Option<Entry>, RowsFault>> {
        self.answer(self.values.get(&(scope, key.to_owned())).cloned())
    }

    fn list<'a>(
        &'a self,
        _: &'a StateSpace,
        scope: Scope,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        _: u64,
    ) -> BoxFuture<'a, Result<KeyPage, RowsFault>> {
        let mut keys = self.values.keys().filter(|(of, key)| *of == scope && key.starts_with(prefix));
        let mut keys = keys.by_ref().map(|(_, key)| key.clone()).filter(|key| after.is_none_or(|after| key.as_str() > after));
        let page: Vec<String> = keys.by_ref().take(limit).collect();
        let next = keys.next().and_then(|_| page.last().cloned());
        self.answer((page, next))
    }

    fn tenant_bytes<'a>(&'a self, _: &'a StateSpace) -> BoxFuture<'a, Result<u64, RowsFault>> {
        self.answer(self.tenant_bytes)
    }
}

fn contact(customer: &str, state_bytes: u64) -> Contact {
    let endpoint = |text: &str| Endpoint { raw: text.to_owned(), e164: (!text.is_empty()).then(|| text.to_owned()) };
    serde_json::from_value(json!({
        "id": ContactId::new(1_700_000_000_000, [1; 10]), "tenant": "acme", "flow": "main", "connection": "acme-twilio",
        "provider": "twilio", "address": Address::new(Channel::Voice, AddressKind::Number, "+18005551234").unwrap(),
        "channel": "voice", "release": 1, "plan": Plan::Standard, "language": "en-US", "started": 0, "ended": null, "end_cause": null,
        "phase": Phase::Running, "turn": 0, "idle_turns": 0, "attributes": {}, "open": null, "queues": [], "failures": [],
        "consents": {"recording": true, "marketing": false}, "state_schema": null, "state_bytes": state_bytes, "asked_turns": 0,
        "arrival": Arrival {
            provider_contact: "CA1".to_owned(), parent: None, direction: Direction::Inbound, entry: endpoint("+18005551234"),
            customer: Party { address: endpoint(customer), anonymous: customer.is_empty(), ..Party::default() },
            forwarded_from: None, headers: Vec::new(), extras: Vec::new(),
        },
    }))
    .unwrap()
}

fn live_for(stored: Stored, contact: Contact, salt_key: [u8; 32]) -> Live {
    Live::new(LiveParts {
        settings: Arc::new(json!({"greeting": "hello", "hours": [{"open": true}], "a/b": 1})),
        directory: Arc::new(Directory { zone: "UTC".to_owned(), flows: vec!["main".to_owned()], ..Directory::default() }),
        state: Arc::new(stored),
        space: StateSpace {
            tenant: "acme".parse().unwrap(),
            owner: "acme".parse().unwrap(),
            plugin: "shop".parse().unwrap(),
            contact: contact.id,
        },
        contact: Arc::new(contact),
        limits: Plan::Standard.limits(),
        now: 1_000,
        outcomes: vec!["booked".to_owned()],
        salt_key,
        last_seen: Box::pin(std::future::ready(Ok(Some(7)))),
        outbound: Arc::new(Nowhere),
        errand: Errand {
            tenant: "acme".parse().unwrap(),
            flow: "main".parse().unwrap(),
            release: 1,
            rules: Arc::default(),
            body_bytes_max: 1,
            spending: Arc::new(Unmetered),
        },
    })
}

fn live(stored: Stored) -> Live {
    live_for(stored, contact("+14155550100", 0), [1; 32])
}

fn ask(live: &mut Live, ask: Ask) -> Answer {
    let mut answer = pin!(live.ask(&ask));
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("nothing here waits"),
    }
}

const MINE: Scope = Scope::Contact;

fn get(key: &str) -> Ask {
    Ask::StateGet { scope: MINE, key: key.to_owned() }
}

fn set(key: &str, value: &str) -> Ask {
    Ask::StateSet { scope: MINE, key: key.to_owned(), value: value.as_bytes().to_vec(), lifetime_ms: None }
}

fn add(key: &str, by: i64) -> Ask {
    Ask::StateIncrement { scope: MINE, key: key.to_owned(), by }
}

fn delete(key: &str) -> Ask {
    Ask::StateDelete { scope: MINE, key: key.to_owned() }
}

fn swap(key: &str, expected: Option<u64>, value: &str) -> Ask {
    Ask::StateCompareAndSet { scope: MINE, key: key.to_owned(), expected, value: value.as_bytes().to_vec() }
}

fn value(answer: Answer) -> Option<String> {
    match answer {
        Answer::Entry(entry) => entry.map(|entry| String::from_utf8(entry.value).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn writes(live: Live) -> Vec<StateWrite> {
    Box::new(live).finish().writes
}

fn write(key: &str, change: StateChange, only_if: Option<Option<u64>>) -> StateWrite {
    StateWrite { scope: MINE, key: key.to_owned(), change, only_if }
}

fn set_to(value: &str) -> StateChange {
    StateChange::Set { value: value.as_bytes().to_vec(), until: None }
}

#[test]
fn a_write_is_seen_at_once_and_leaves_once() {
    let mut live = live(Stored::with(&[("a", "old"), ("gone", "x")]));
    assert_eq!(value(ask(&mut live, get("a"))).as_deref(), Some("old"));
    assert_eq!(ask(&mut live, set("a", "new")), Answer::Done);
    assert_eq!(ask(&mut live, set("a", "newer")), Answer::Done);
    assert_eq!(value(ask(&mut live, get("a"))).as_deref(), Some("newer"));
    assert_eq!(ask(&mut live, delete("gone")), Answer::Truth(true));
    assert_eq!(ask(&mut live, delete("gone")), Answer::Truth(false));
    assert_eq!(value(ask(&mut live, get("gone"))), None);
    assert_eq!(writes(live), [write("a", set_to("newer"), None), write("gone", StateChange::Delete, None)]);
}

#[test]
fn a_lifetime_becomes_a_moment() {
    let mut live = live(Stored::default());
    let ask_for = Ask::StateSet { scope: MINE, key: "a".to_owned(), value: vec![1], lifetime_ms: Some(500) };
    assert_eq!(ask(&mut live, ask_for), Answer::Done);
    assert_eq!(writes(live), [write("a", StateChange::Set { value: vec![1], until: Some(1_500) }, None)]);
}

#[test]
fn compare_and_set_guards_what_the_store_had() {
    let mut live = live(Stored::with(&[("a", "old")]));
    assert_eq!(ask(&mut live, swap("a", Some(9), "no")), Answer::Truth(false));
    assert_eq!(ask(&mut live, swap("a", None, "no")), Answer::Truth(false));
    assert_eq!(ask(&mut live, swap("a", Some(1), "one")), Answer::Truth(true));
    let Answer::Entry(Some(entry)) = ask(&mut live, get("a")) else { panic!("it was written") };
    assert_ne!(entry.revision, 1);
    assert_eq!(ask(&mut live, swap("a", Some(1), "no")), Answer::Truth(false));
    assert_eq!(ask(&mut live, swap("a", Some(entry.revision), "two")), Answer::Truth(true));
    assert_eq!(ask(&mut live, swap("b", None, "first")), Answer::Truth(true));
    assert_eq!(writes(live), [write("a", set_to("two"), Some(Some(1))), write("b", set_to("first"), Some(None))]);
}

#[test]
fn what_was_only_added_to_leaves_as_a_sum() {
    let mut live = live(Stored::with(&[("n", "40"), ("text", "x"), ("max", "9223372036854775807")]));
    assert_eq!(ask(&mut live, add("n", 1)), Answer::Number(41));
    assert_eq!(ask(&mut live, add("n", 1)), Answer::Number(42));
    assert_eq!(ask(&mut live, add("new", -5)), Answer::Number(-5));
    assert_eq!(ask(&mut live, add("text", 1)), Answer::Denied(Denial::NotANumber));
    assert_eq!(ask(&mut live, add("max", 1)), Answer::Denied(Denial::NotANumber));
    assert_eq!(writes(live), [write("n", StateChange::Add(2), None), write("new", StateChange::Add(-5), None)]);
}

#[test]
fn what_was_set_before_it_was_added_to_leaves_as_set() {
    let mut live = live(Stored::with(&[("n", "40"), ("m", "1")]));
    assert_eq!(ask(&mut live, set("n", "10")), Answer::Done);
    assert_eq!(ask(&mut live, add("n", 1)), Answer::Number(11));
    assert_eq!(ask(&mut live, delete("m")), Answer::Truth(true));
    assert_eq!(ask(&mut live, add("m", 3)), Answer::Number(3));
    assert_eq!(writes(live), [write("n", set_to("11"), None), write("m", set_to("3"), None)]);
}

#[test]
fn keys_and_values_have_bounds() {
    let mut live = live(Stored::default());
    for key in ["", "a\0b", "a\nb", &"k".repeat(257)] {
        for asked in [get(key), set(key, "v"), delete(key), add(key, 1), swap(key, None, "v")] {
            assert_eq!(ask(&mut live, asked), Answer::Denied(Denial::BadKey), "{key:?}");
        }
    }
    assert_eq!(ask(&mut live, set("k", &"v".repeat(16 * 1024 + 1))), Answer::Denied(Denial::TooLarge));
    assert_eq!(ask(&mut live, set(&"k".repeat(256), "../../other tenant")), Answer::Done);
}

#[test]
fn a_contact_that_is_full_can_still_shrink() {
    let mut live = live_for(Stored::with(&[("a", &"x".repeat(1_000))]), contact("+1415", 16 * 1024), [1; 32]);
    assert_eq!(ask(&mut live, set("b", "y")), Answer::Denied(Denial::Full));
    assert_eq!(ask(&mut live, set("a", &"x".repeat(1_001))), Answer::Denied(Denial::Full));
    assert_eq!(ask(&mut live, set("a", "x")), Answer::Done);
    assert_eq!(ask(&mut live, set("b", "y")), Answer::Done);
    let effects = Box::new(live).finish();
    assert_eq!(effects.contact_state_bytes, 16 * 1024 - 999 + 2);
    assert_eq!(effects.tenant_state_growth, 0);
}

#[test]
fn a_tenants_state_is_bounded_with_what_is_stored_already() {
    let of_tenant = |key: &str, value: &str| Ask::StateSet {
        scope: Scope::Tenant,
        key: key.to_owned(),
        value: value.as_bytes().to_vec(),
        lifetime_ms: None,
    };
    let mut live = live(Stored { tenant_bytes: 10 * 1024 * 1024 - 10, ..Stored::default() });
    assert_eq!(ask(&mut live, of_tenant("key", "1234567")), Answer::Done);
    assert_eq!(ask(&mut live, of_tenant("k", "")), Answer::Denied(Denial::Full));
    assert_eq!(ask(&mut live, of_tenant("key", "123")), Answer::Done);
    assert_eq!(ask(&mut live, of_tenant("k", "123")), Answer::Done);
    assert_eq!(Box::new(live).finish().tenant_state_growth, 10);
}

#[test]
fn a_list_shows_the_store_with_this_invocations_writes() {
    let mut live = live(Stored::with(&[("a/1", ""), ("a/3", ""), ("b", "")]));
    ask(&mut live, set("a/2", ""));
    ask(&mut live, set("a/9", ""));
    ask(&mut live, delete("a/3"));
    let list =
        |prefix: &str, cursor: Option<&str>| Ask::StateList { scope: MINE, prefix: prefix.to_owned(), cursor: cursor.map(str::to_owned) };
    let names = |items: &[&str]| Answer::Names { items: items.iter().map(|item| (*item).to_owned()).collect(), next: None };
    assert_eq!(ask(&mut live, list("a/", None)), names(&["a/1", "a/2", "a/9"]));
    assert_eq!(ask(&mut live, list("a/", Some("a/1"))), names(&["a/2", "a/9"]));
    assert_eq!(ask(&mut live, list("", None)), names(&["a/1", "a/2", "a/9", "b"]));
}

#[test]
fn every_key_is_listed_once_over_all_pages() {
    let keys: Vec<String> = (0..250).map(|at| format!("k{at:03}")).collect();
    let stored: Vec<(&str, &str)> = keys.iter().step_by(2).map(|key| (key.as_str(), "")).collect();
    let mut live = live(Stored::with(&stored));
    for key in keys.iter().skip(1).step_by(2) {
        assert_eq!(ask(&mut live, set(key, "")), Answer::Done);
    }
    assert_eq!(ask(&mut live, delete("k100")), Answer::Truth(true));
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let Answer::Names { items, next } = ask(&mut live, Ask::StateList { scope: MINE, prefix: "k".to_owned(), cursor }) else {
            panic!("a list")
        };
        assert!(items.len() <= PAGE_NAMES);
        seen.extend(items);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<String> = keys.into_iter().filter(|key| key != "k100").collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_store_that_does_not_answer_is_said_so() {
    let mut live = live(Stored { broken: true, ..Stored::default() });
    let list = Ask::StateList { scope: MINE, prefix: String::new(), cursor: None };
    for asked in [get("a"), set("a", "v"), delete("a"), add("a", 1), swap("a", None, "v"), list] {
        assert_eq!(ask(&mut live, asked), Answer::Denied(Denial::Unavailable));
    }
    assert_eq!(writes(live), []);
}

#[test]
fn settings_are_read_by_pointer() {
    let mut live = live(Stored::default());
    let mut at = |pointer: &str| ask(&mut live, Ask::SettingsGet { pointer: pointer.to_owned() });
    assert_eq!(at("/hours/0/open"), Answer::Json(Some("true".to_owned())));
    assert_eq!(at("/a~1b"), Answer::Json(Some("1".to_owned())));
    assert_eq!(at("/nothing"), Answer::Json(None));
    assert_eq!(at("no pointer"), Answer::Json(None));
}

#[test]
fn a_bucket_is_the_same_for_a_customer_and_salt_and_apart_between_tenants() {
    let bucket = |customer: &str, salt: &str, key: u8| {
        let mut live = live_for(Stored::default(), contact(customer, 0), [key; 32]);
        match ask(&mut live, Ask::CustomerBucket { salt: salt.to_owned() }) {
            Answer::Bucket(bucket) => bucket,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(bucket("+14155550100", "exp", 1), bucket("+14155550100", "exp", 1));
    let of_tenant = |key| (0..50).map(|n| bucket(&format!("+1415555{n:04}"), "exp", key)).collect::<Vec<u32>>();
    assert_ne!(of_tenant(1), of_tenant(2));
    assert_ne!(bucket("+14155550100", "exp", 1), bucket("+14155550100", "other", 1));
    assert!(of_tenant(3).iter().all(|bucket| *bucket < 10_000));
}

#[test]
fn outcomes_tokens_and_consents_are_what_they_say() {
    let mut live = live(Stored::default());
    let report = |goal: &str, value| Ask::OutcomeReport { goal: goal.to_owned(), value };
    assert_eq!(ask(&mut live, report("booked", Some(2.5))), Answer::Done);
    assert_eq!(ask(&mut live, report("stolen", None)), Answer::Denied(Denial::Unknown("stolen".to_owned())));
    assert!(matches!(ask(&mut live, report("booked", Some(f64::NAN))), Answer::Denied(Denial::Invalid(_))));
    let tokens = |model: &str, input| Ask::OutcomeTokens { model: model.to_owned(), input, output: 1 };
    assert_eq!(ask(&mut live, tokens("large-1", 10)), Answer::Done);
    assert!(matches!(ask(&mut live, tokens("", 10)), Answer::Denied(Denial::Invalid(_))));
    assert!(matches!(ask(&mut live, tokens("large-1", u64::MAX)), Answer::Denied(Denial::Invalid(_))));
    let mut consent = |topic: &str| ask(&mut live, Ask::CustomerConsent { topic: topic.to_owned() });
    assert_eq!(consent("recording"), Answer::Consent(Consent::Given));
    assert_eq!(consent("marketing"), Answer::Consent(Consent::Refused));
    assert_eq!(consent("anything"), Answer::Consent(Consent::Unknown));
    let effects = Box::new(live).finish();
    assert_eq!(effects.outcomes, [("booked".to_owned(), Some(2.5))]);
    assert_eq!(effects.tokens.len(), 1);
}
