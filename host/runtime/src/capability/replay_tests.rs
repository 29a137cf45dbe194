//! Promises about how a tape answers: in its order, then by name and digest, then with the contract's error; and what is laid over it.

use std::task::{Context, Poll, Waker};

use jackfield_domain::capture::Class;
use serde_json::json;

use super::*;

fn get(pointer: &str) -> Ask {
    Ask::SettingsGet { pointer: pointer.to_owned() }
}

fn bucket(salt: &str) -> Ask {
    Ask::CustomerBucket { salt: salt.to_owned() }
}

fn entry(ask: &Ask, answer: Answer) -> TapeEntry {
    TapeEntry { name: ask.name().to_owned(), ask: Digest::of(&serde_json::to_vec(ask).unwrap()), answer }
}

fn left(ms: i64) -> TapeEntry {
    TapeEntry { name: "http.time-left".to_owned(), ask: Digest::of(b"null"), answer: Answer::Number(ms) }
}

/// A capture with that tape; what else is in it no tape looks at.
fn capture(tape: Vec<TapeEntry>, came_to: serde_json::Value) -> Capture {
    let endpoint = json!({"raw": "+14155550100", "e164": "+14155550100"});
    let contact = json!({
        "id": jackfield_domain::id::ContactId::new(1, [1; 10]), "tenant": "acme", "flow": "main", "connection": "line", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": "voice", "release": 1, "plan": "standard", "language": "en",
        "arrival": {
            "provider_contact": "CA1", "parent": null, "direction": "inbound", "entry": endpoint, "forwarded_from": null,
            "customer": {"address": endpoint, "name": null, "anonymous": false, "attestation": null}, "headers": [], "extras": [],
        },
        "started": 1, "ended": null, "end_cause": null, "phase": "running", "turn": 0, "asked_turns": 0, "idle_turns": 0,
        "attributes": {}, "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0,
    });
    let capture = json!({
        "format": 1, "why": "sampled", "contact": contact, "event": serde_json::to_value(jackfield_domain::contact::event::Event::Arrived).unwrap(),
        "function": "router.handle", "release": 1, "version": {"tenant": "acme", "plugin": "shop", "number": 1, "digest": Digest::of(b"v")},
        "digest": Digest::of(b"v"), "class": "small", "engine": "e", "turn": 1, "attempt": 1, "now": 1, "zone_offset_minutes": 0,
        "deadline": 2, "limits": jackfield_domain::budget::Plan::Standard.limits(), "seed": "00".repeat(32), "grants": [], "context": null,
        "tape": tape, "log": [], "came_to": came_to, "fuel": 100,
    });
    serde_json::from_value(capture).unwrap()
}

fn replay(tape: Vec<TapeEntry>, overlay: Overlay) -> (Replay, Matching) {
    Replay::of(&capture(tape, json!({"came": "nothing"})), overlay)
}

fn ask(replay: &mut Replay, ask: &Ask) -> Answer {
    match std::pin::pin!(Capabilities::ask(replay, ask)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a tape never waits"),
    }
}

#[test]
fn questions_in_their_order_are_answered_and_nothing_is_remarked() {
    let twice = bucket("a");
    let tape = vec![entry(&twice, Answer::Bucket(1)), left(250), entry(&twice, Answer::Bucket(2)), entry(&get("/x"), Answer::Json(None))];
    let (mut replay, matching) = replay(tape, Overlay::default());
    assert_eq!(ask(&mut replay, &twice), Answer::Bucket(1));
    assert_eq!(replay.time_left(9_000), 250);
    assert_eq!(ask(&mut replay, &twice), Answer::Bucket(2));
    assert_eq!(ask(&mut replay, &get("/x")), Answer::Json(None));
    assert_eq!(matching.now(), Matched::default());
}

#[test]
fn from_the_first_that_does_not_fit_questions_are_looked_for_and_what_is_nowhere_is_unavailable() {
    let tape = vec![entry(&bucket("a"), Answer::Bucket(1)), entry(&bucket("b"), Answer::Bucket(2)), entry(&get("/x"), Answer::Json(None))];
    let (mut replay, matching) = replay(tape, Overlay::default());
    assert_eq!(ask(&mut replay, &bucket("a")), Answer::Bucket(1));
    assert_eq!(ask(&mut replay, &get("/x")), Answer::Json(None), "it stands further on");
    assert_eq!(ask(&mut replay, &bucket("b")), Answer::Bucket(2), "and it before that");
    assert_eq!(ask(&mut replay, &bucket("c")), Answer::Denied(Denial::Unavailable));
    let request = jackfield_domain::request::Request {
        method: "GET".to_owned(),
        url: "https://example.com".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    };
    let sent = ask(&mut replay, &Ask::HttpSend { requests: vec![request], left_ms: 5 });
    assert!(matches!(sent, Answer::Sent(sent) if sent.len() == 1 && sent[0].result == Err(HttpError::Unavailable)));
    let unmatched = Unmatched { at: 2, asked: "settings.get".to_owned(), taped: Some("customer.bucket".to_owned()) };
    assert_eq!(matching.now(), Matched { unmatched: Some(unmatched), unanswered: 2, overridden: 0 });
}

#[test]
fn what_the_runtime_refused_is_no_part_of_the_tape() {
    let tape = vec![
        entry(&bucket("a"), Answer::Denied(Denial::Denied)),
        entry(&bucket("b"), Answer::Denied(Denial::Exhausted)),
        entry(&bucket("c"), Answer::Bucket(3)),
    ];
    let (mut replay, matching) = replay(tape, Overlay::default());
    assert_eq!(ask(&mut replay, &bucket("c")), Answer::Bucket(3));
    assert_eq!(matching.now(), Matched::default());
}

#[test]
fn another_releases_settings_and_answers_to_try_lie_over_the_tape() {
    let hours = Ask::DirectoryHours { name: "main".to_owned() };
    let open: Answer =
        serde_json::from_value(json!({"answer": "hours", "of": {"open": true, "exception": null, "next_change": null}})).unwrap();
    let tape = vec![entry(&get("/greeting"), Answer::Json(Some("\"old\"".to_owned()))), entry(&hours, open)];
    let overlay = Overlay {
        settings: Some(json!({"greeting": "new"})),
        answers: BTreeMap::from([("directory.get-hours".to_owned(), json!({"open": false}))]),
    };
    let (mut replay, matching) = replay(tape, overlay);
    assert_eq!(ask(&mut replay, &get("/greeting")), Answer::Json(Some("\"new\"".to_owned())));
    let Answer::Hours(Some(closed)) = ask(&mut replay, &hours) else { panic!("it is hours") };
    assert!(!closed.open);
    assert_eq!(matching.now(), Matched { overridden: 1, ..Matched::default() });
}

#[test]
fn a_patch_that_makes_no_answer_of_the_kind_is_none() {
    assert_eq!(patched(&Answer::Bucket(1), &json!(7)), Some(Answer::Bucket(7)));
    assert_eq!(patched(&Answer::Bucket(1), &json!("seven")), None);
    assert_eq!(patched(&Answer::Truth(true), &json!({"is": false})), None);
}

#[test]
fn who_waited_in_vain_ends_at_the_question_behind_the_last_answer() {
    let failed = json!({"came": "failed", "to": serde_json::to_value(jackfield_domain::fallback::Failure::new(
        jackfield_domain::fallback::FailureKind::CapabilityTimeout, "it took too long")).unwrap()});
    let capture = capture(vec![entry(&bucket("a"), Answer::Bucket(1))], failed);
    let (mut replay, _) = Replay::of(&capture, Overlay::default());
    assert_eq!(ask(&mut replay, &bucket("a")), Answer::Bucket(1));
    assert!(!replay.has_ended());
    ask(&mut replay, &bucket("b"));
    assert!(replay.has_ended());
    assert_eq!(Class::ALL.len(), 7);
}
