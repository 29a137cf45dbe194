//! Promises about the timeline, told with one contact whose plugin ran out of fuel at its second turn.

use super::*;
use jackfield_domain::fallback::Failure;
use serde_json::{Value, json};

fn moment(text: &str) -> Moment {
    Moment::try_from(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap()
}

fn contact() -> Contact {
    serde_json::from_value(json!({
        "id": "0193490a-5d80-7000-8000-000000000001", "tenant": "acme", "flow": "main", "connection": "acme-twilio", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": "voice",
        "arrival": {
            "provider_contact": "CA0123", "parent": null, "direction": "inbound",
            "customer": {"address": {"raw": "+15551230100", "e164": "+15551230100"}, "name": "ANN", "anonymous": false, "attestation": "A"},
            "entry": {"raw": "+18005551234", "e164": "+18005551234"}, "forwarded_from": null, "headers": [], "extras": [],
        },
        "release": 3, "plan": "standard", "language": "en-US", "started": moment("2026-11-20T22:02:11Z"),
        "ended": moment("2026-11-20T22:03:40Z"), "end_cause": "completed", "phase": "ended", "turn": 2, "asked_turns": 2, "idle_turns": 0,
        "attributes": {"wish": "sales"}, "open": null, "queues": ["sales"], "failures": ["fuel-exceeded"], "consents": {},
        "state_schema": null, "state_bytes": 0,
    }))
    .unwrap()
}

fn attempt(failure: Value, fuel: u64) -> Value {
    let digest = "ab".repeat(32);
    json!({
        "by": "plugin", "release": 3,
        "version": {"tenant": "acme", "plugin": "ivr", "number": 2, "digest": digest},
        "function": "router.handle", "seed": "00", "failure": failure,
        "used": {"fuel": fuel, "memory_bytes": 1_114_112, "wall_us": 900, "host_us": 100, "host_calls": 1, "http_calls": 0,
                 "input_bytes": 700, "output_bytes": 300, "log_bytes": 20, "stored_bytes": 0},
        "limits": jackfield_domain::budget::Plan::Standard.limits(),
        "told": [{"name": "directory.get-hours", "ask": digest, "answer": digest, "gist": "open"},
                 {"name": "settings.all", "ask": digest, "answer": digest, "gist": null}],
        "log": [{"level": "warn", "message": "greeting is long", "fields": [["chars", "900"]]}],
    })
}

fn turn(at: &str, number: u32, event: Value, attempt: Value, decision: Value, by: &str, notes: Value) -> Turn {
    serde_json::from_value(json!({
        "contact": "0193490a-5d80-7000-8000-000000000001", "at": moment(at), "sequence": number, "turn": number, "event": event,
        "rule": "address voice:number:+18005551234 is bound to main", "flow": "main", "release": 3, "arm": null, "verified_with": "2026-11",
        "barred": null, "attempts": [attempt], "decision": {"actions": decision, "reason": "as planned"}, "reason": "as planned",
        "answered_by": by, "notes": notes, "directory_revision": 7, "reply": null,
        "times": {"admitted_us": 400, "invoked_us": 8_100, "rendered_us": 12_340, "deadline_us": 13_500_000},
    }))
    .unwrap()
}

fn turns() -> Vec<Turn> {
    let greeting = json!([{"do": "say", "with": {"content": {"text": "Welcome to Acme."}}}, {"do": "continue", "with": "menu"}]);
    let queue = json!([{"do": "enqueue", "with": {"tag": "", "queue": "sales"}}]);
    let failure = json!(Failure::new(FailureKind::Limit(Limit::Fuel), "all fuel is used"));
    vec![
        turn("2026-11-20T22:02:11.120Z", 1, json!({"kind": "arrived"}), attempt(Value::Null, 1_000_000), greeting, "plugin", json!([])),
        turn(
            "2026-11-20T22:02:20Z",
            2,
            json!({"kind": "continued", "of": "menu"}),
            attempt(failure, 50_000_000),
            queue,
            "tenant_default",
            json!(["plugin: fuel-exceeded (all fuel is used)"]),
        ),
    ]
}

fn told_in(zone: &str, all: bool) -> String {
    timeline(&contact(), &turns(), &TimeZone::get(zone).unwrap(), all)
}

#[test]
fn the_story_says_whence_whither_by_which_rule_and_how_it_ended() {
    let text = told_in("America/New_York", false);
    for line in [
        "arrived      2026-11-20 17:02:11 EST, inbound voice",
        "from         +15551230100, calls itself \"ANN\", attestation A",
        "to           voice:number:+18005551234",
        "rule         address voice:number:+18005551234 is bound to main",
        "release      3, which is acme/ivr version 2 (abababababab)",
        "17:02:11.120  turn 1: arrived",
        "decided      say \"Welcome to Acme.\"; come back as menu",
        "asked        directory.get-hours -> open",
        "logged       WARN  greeting is long chars=900",
        "17:03:40.000  ended: completed, after 1 min 29 s",
        "reached      queue sales",
        "took         12.3 ms of 13.5 s",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn a_failure_says_who_answered_instead_and_which_limit_was_passed() {
    let text = told_in("UTC", false);
    for line in [
        "FAILED       fuel-exceeded: all fuel is used",
        "used         fuel 50.0 M of 50.0 M (100 %)",
        "answered by  the tenant's default route, not the plugin: fuel-exceeded",
        "22:02:20.000  turn 2: came back from menu",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn limits_that_were_not_neared_show_only_when_all_is_asked_for() {
    let notable = told_in("UTC", false);
    assert!(notable.contains("less than half of every limit") && !notable.contains("memory 1088 KiB"), "{notable}");
    let all = told_in("UTC", true);
    assert!(all.contains("fuel 1.0 M of 50.0 M (2 %), memory 1088 KiB of 16 MiB (6 %)"), "{all}");
}

#[test]
fn every_request_to_the_outside_has_a_line_of_its_own() {
    let mut turns = turns();
    let requests = json!([
        {"method": "GET", "target": "https://crm.example.com:443/v1/customers?number=…", "address": "198.51.100.7:443", "outcome": "200",
         "detail": null, "sent_bytes": 120, "received_bytes": 340, "took_us": 12_340},
        {"method": "POST", "target": "", "address": null, "outcome": "bad-request", "detail": "url: cannot be read", "sent_bytes": 0,
         "received_bytes": 0, "took_us": 20},
    ]);
    turns[0].attempts[0].told[1].requests = serde_json::from_value(requests).unwrap();
    let text = timeline(&contact(), &turns, &TimeZone::UTC, false);
    for line in [
        "settings.all GET https://crm.example.com:443/v1/customers?number=… -> 200 in 12.3 ms, 120 B out, 340 B in at 198.51.100.7:443",
        "settings.all POST what is no URL -> bad-request (url: cannot be read) in 0.0 ms, 0 B out, 0 B in",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn the_same_contact_always_reads_the_same() {
    assert_eq!(told_in("UTC", true), told_in("UTC", true));
}

#[test]
fn of_one_that_is_kept_in_brief_nobody_knows_when_it_ended() {
    let brief = Contact { end_cause: Some(TURNED_AWAY.to_owned()), ..contact() };
    let told = timeline(&brief, &turns(), &TimeZone::get("America/New_York").unwrap(), false);
    assert!(told.contains("it is kept in brief: what became of it afterwards nobody told") && !told.contains("ended:"), "{told}");
}
