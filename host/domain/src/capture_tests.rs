//! Promises about what is captured, and about how a replay that differs is called.

use serde_json::json;

use super::*;
use crate::contact::event::{Input, InputOutcome};
use crate::id::ContactId;

const NOON: Moment = 1_795_176_000_000;

fn contact(random: [u8; 10], caller: &str) -> Contact {
    let endpoint = json!({"raw": caller, "e164": caller});
    serde_json::from_value(json!({
        "id": ContactId::new(NOON, random), "tenant": "acme", "flow": "main", "connection": "line", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": "voice", "release": 1, "plan": "standard", "language": "en",
        "arrival": {
            "provider_contact": "CA1", "parent": null, "direction": "inbound", "entry": endpoint, "forwarded_from": null,
            "customer": {"address": endpoint, "name": null, "anonymous": false, "attestation": null}, "headers": [], "extras": [],
        },
        "started": NOON, "ended": null, "end_cause": null, "phase": "running", "turn": 0, "asked_turns": 0, "idle_turns": 0,
        "attributes": {}, "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0,
    }))
    .unwrap()
}

fn failed(kind: FailureKind) -> CameTo {
    CameTo::Failed(Failure::new(kind, "in words that differ"))
}

fn draft(reason: &str) -> CameTo {
    CameTo::Draft(Draft { actions: Vec::new(), reason: reason.to_owned() })
}

fn capture(came_to: CameTo) -> Capture {
    Capture {
        format: FORMAT,
        why: Why::Sampled,
        contact: contact([1; 10], "+14155550100"),
        event: Event::Arrived,
        function: "router.handle".to_owned(),
        release: 1,
        version: VersionRef { tenant: "acme".parse().unwrap(), plugin: "shop".parse().unwrap(), number: 1, digest: Digest::of(b"v") },
        digest: Digest::of(b"v"),
        class: SlotClass::Small,
        engine: "engine".to_owned(),
        turn: 1,
        attempt: 1,
        now: NOON,
        zone_offset_minutes: 0,
        deadline: NOON + 1,
        limits: Plan::Standard.limits(),
        seed: "00".repeat(32),
        grants: BTreeSet::new(),
        context: None,
        tape: Vec::new(),
        log: Vec::new(),
        came_to,
        fuel: 100,
        bytes: 0,
    }
}

fn rerun(came_to: CameTo) -> Rerun {
    Rerun {
        repeats: true,
        engine: "engine".to_owned(),
        digest: Digest::of(b"v"),
        came_to,
        fuel: 100,
        tape: Vec::new(),
        log: Vec::new(),
        unmatched: None,
        unanswered: 0,
        overridden: 0,
    }
}

const QUIET: Met = Met { failed: false, fallback: false, late: false };

#[test]
fn the_sample_is_the_part_of_contacts_that_the_plan_or_less_that_the_tenant_says() {
    let taken = |rules: &CaptureRules, plan| {
        let random = |nth: u16| {
            let [high, low] = nth.to_be_bytes();
            [0, 0, 0, 0, 0, 0, 0, 0, high, low]
        };
        let contacts = (0..u16::MAX).step_by(97).map(|nth| contact(random(nth), "+1"));
        let all = contacts.clone().count();
        contacts.filter(|contact| rules.why(contact, &Event::Arrived, plan, QUIET).is_some()).count() * 1_000 / all
    };
    let rules = |percent| CaptureRules { percent, ..CaptureRules::default() };
    assert_eq!(taken(&rules(None), Plan::Large), 1_000);
    assert_eq!(taken(&rules(Some(0)), Plan::Large), 0);
    assert!((95..=105).contains(&taken(&rules(None), Plan::Standard)));
    assert!((95..=105).contains(&taken(&rules(Some(50)), Plan::Standard)), "no more than the plan");
    assert!((20..=40).contains(&taken(&rules(Some(3)), Plan::Standard)));
}

#[test]
fn what_went_wrong_is_kept_whatever_the_sample_says_and_what_is_sensitive_never() {
    let rules = CaptureRules { percent: Some(0), flagged: vec!["+14155550100".to_owned()], off: false };
    let why = |caller: &str, event: &Event, met| rules.why(&contact([9; 10], caller), event, Plan::Standard, met);
    let arrived = Event::Arrived;
    assert_eq!(why("+1", &arrived, QUIET), None);
    assert_eq!(why("+14155550100", &arrived, QUIET), Some(Why::Flagged));
    assert_eq!(why("+1", &arrived, Met { failed: true, ..QUIET }), Some(Why::Failed));
    assert_eq!(why("+1", &arrived, Met { fallback: true, ..QUIET }), Some(Why::Fallback));
    assert_eq!(why("+1", &arrived, Met { late: true, ..QUIET }), Some(Why::Late));
    let card = Event::Input(Input {
        tag: "card".to_owned(),
        outcome: InputOutcome::Matched,
        kind: "digits".to_owned(),
        value: "4111".to_owned(),
        confidence: None,
        alternatives: Vec::new(),
        attempts: 1,
        extras: Vec::new(),
        sensitive: true,
    });
    assert_eq!(why("+14155550100", &card, Met { failed: true, ..QUIET }), None);
    let off = CaptureRules { off: true, ..rules.clone() };
    assert_eq!(off.why(&contact([9; 10], "+14155550100"), &arrived, Plan::Standard, Met { failed: true, ..QUIET }), None);
}

#[test]
fn a_replay_is_called_by_what_differs() {
    let trapped = || failed(FailureKind::Trapped);
    let other = |came_to| Rerun { repeats: false, fuel: 900, ..rerun(came_to) };
    let unmatched = Some(Unmatched { at: 1, asked: "state.get".to_owned(), taped: None });
    for (was, now, class) in [
        (draft("a"), rerun(draft("a")), Class::Identical),
        (trapped(), rerun(trapped()), Class::Identical),
        (draft("a"), rerun(draft("b")), Class::Decision),
        (draft("a"), rerun(trapped()), Class::Failure),
        (trapped(), rerun(failed(FailureKind::Stack)), Class::Failure),
        (trapped(), rerun(draft("a")), Class::Mended),
        (draft("a"), Rerun { fuel: 101, ..rerun(draft("a")) }, Class::Run),
        (draft("a"), Rerun { unmatched: unmatched.clone(), ..rerun(draft("a")) }, Class::Unmatched),
        (draft("a"), Rerun { engine: "next".to_owned(), fuel: 101, ..rerun(draft("a")) }, Class::Engine),
        // Another version burns other fuel, and may ask in another order what the tape can answer.
        (draft("a"), other(draft("a")), Class::Identical),
        (draft("a"), Rerun { unmatched: unmatched.clone(), ..other(draft("a")) }, Class::Identical),
        (draft("a"), Rerun { unmatched, unanswered: 1, ..other(draft("b")) }, Class::Unmatched),
        (draft("a"), other(draft("b")), Class::Decision),
        // With an answer laid over the tape other fuel is what was asked for.
        (draft("a"), Rerun { overridden: 1, fuel: 101, ..rerun(draft("a")) }, Class::Identical),
    ] {
        assert_eq!(now.class(&capture(was.clone())), class, "{was:?} then, {now:?} now");
    }
}

#[test]
fn pages_of_a_window_add_up() {
    let mut whole = Tallied::default();
    for (was, now) in [(draft("a"), rerun(draft("a"))), (draft("a"), rerun(draft("b"))), (draft("a"), rerun(failed(FailureKind::Trapped)))]
    {
        let mut page = Tallied::default();
        page.add(&capture(was), &now);
        page.could_not("its version is gone");
        whole.merge(page);
    }
    assert_eq!((whole.replayed, whole.different, whole.not_replayed["its version is gone"]), (3, 2, 3));
    assert_eq!(whole.new_failures, BTreeMap::from([("trapped".to_owned(), 1)]));
    assert_eq!((whole.fuel_before.len(), whole.fuel_now.len()), (3, 3));
}
