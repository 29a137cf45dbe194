//! Where many are turned away at once, all of them are answered, and each is in the record: the first of them whole, the rest in brief.
//!
//! A tenant without a free seat is turned away for certain, so nothing here depends on how busy the machine is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use jackfield_server::in_flight::Seat;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{TOKEN, post_json, read};
use jackfield_tests::line::{Call, Line};
use jackfield_tests::platform::{Operator, Platform, Tenancy};
use serde_json::{Value, json};

const NUMBER: &str = "+18005551234";
/// As many as leave nobody in doubt that it is a crowd.
const MANY: usize = 120;
/// Of one tenant and one span of time, as the host says it.
const WHOLE_MAX: usize = 2;
const SPAN: Duration = Duration::from_millis(100);

struct Crowded {
    line: Line,
    seats: Vec<Seat>,
}

async fn crowded(platform: &Platform, route: Value) -> Crowded {
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: NUMBER,
        component: artifacts::plugin("switchboard").unwrap(),
        settings: json!({"open": {"queue": "support"}}),
        queues: &["support"],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let routes = json!([{"channel": "voice", "open": {"actions": route, "reason": "whoever is free"}}]);
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
    let seats = all_seats(platform);
    assert!(!seats.is_empty());
    Crowded { line, seats }
}

fn all_seats(platform: &Platform) -> Vec<Seat> {
    let tenant = "acme".parse().unwrap();
    std::iter::from_fn(|| platform.server.app.in_flight.of(&tenant)).collect()
}

fn to_support() -> Value {
    json!([
        {"do": "say", "with": {"content": {"text": "One moment please."}}},
        {"do": "enqueue", "with": {"queue": "support", "tag": "later"}},
    ])
}

/// Every call at once: each with its document, and how long all of them took.
async fn arrive(line: &Line, many: usize) -> (Vec<(Call, String)>, Duration) {
    let begun = Instant::now();
    let calls = (0..many).map(|_| async {
        let call = line.call("+14155550100", NUMBER);
        let heard = call.arrive().await.unwrap();
        assert_eq!(heard.status, 200);
        (call, String::from_utf8_lossy(&heard.body).into_owned())
    });
    let calls = join_all(calls).await;
    (calls, begun.elapsed())
}

async fn found(platform: &Platform, call_id: &str) -> Value {
    for _ in 0..100 {
        if let Ok(found) = platform.operator.contact_of("acme", call_id).await {
            return found;
        }
        tokio::time::sleep(SPAN).await;
    }
    panic!("{call_id} is not in the record")
}

/// What the command line prints for an operator.
fn cli(platform: &Platform, words: &[&str]) -> String {
    let mut command = std::process::Command::new(artifacts::binary().unwrap());
    let Operator { admin_url, token, .. } = &platform.operator;
    let output = command.args(words).args(["--tenant", "acme", "--server", admin_url, "--token", token]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn leads_back(document: &str) -> bool {
    document.contains("/hooks/")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_are_turned_away_at_once_each_is_answered_alike_and_in_the_record() {
    let platform = Platform::start().await.unwrap();
    let Crowded { line, seats } = crowded(&platform, to_support()).await;
    let (calls, took) = arrive(&line, MANY).await;
    for (call, document) in &calls {
        assert!(document.contains("One moment please.") && document.contains("support</Enqueue>"), "{}: {document}", call.sid);
    }
    let (whole, brief): (Vec<_>, Vec<_>) = calls.iter().partition(|(_, document)| leads_back(document));
    let spans = usize::try_from(took.as_millis() / SPAN.as_millis()).unwrap() + 2;
    assert!(!whole.is_empty() && whole.len() <= WHOLE_MAX * spans, "{} of {MANY} in {took:?}", whole.len());
    assert!(!brief.is_empty(), "none of {MANY} in {took:?}");

    let mut ids = BTreeSet::new();
    for (call, document) in &calls {
        let found = found(&platform, &call.sid).await;
        let (contact, turn) = (&found["contact"], &found["turns"][0]);
        assert_eq!((&turn["barred"], found["turns"].as_array().map(Vec::len)), (&json!("overloaded"), Some(1)), "{found}");
        assert_eq!(turn["decision"]["reason"], "whoever is free", "{found}");
        assert_eq!(contact["arrival"]["customer"]["address"]["e164"], "+14155550100", "{found}");
        assert_eq!(contact["end_cause"] == "turned-away", !leads_back(document), "{found}");
        ids.insert(contact["id"].as_str().unwrap().to_owned());
        let path = format!("/v1/contacts/{}", contact["id"].as_str().unwrap());
        let anywhere = platform.operator.ok(Method::GET, &path, Value::Null).await.unwrap();
        assert_eq!(&anywhere["contact"], contact);
    }
    let list = platform.operator.api.get("/v1/tenants/acme/contacts", &[("limit", "200")]).await.unwrap().body;
    let listed: BTreeSet<String> =
        list["items"].as_array().unwrap().iter().map(|contact| contact["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((&listed, ids.len()), (&ids, MANY));

    for (name, count) in [("events", MANY), ("contacts_begun", MANY), ("contacts_ended", brief.len()), ("barred_overloaded", MANY)] {
        assert_eq!(platform.operator.counted("acme", name).await.unwrap(), count as u64, "{name}");
    }
    let metrics = platform.operator.api.get_text("/metrics", &[]).await.unwrap();
    assert!(metrics.contains(&format!("jackfield_events_in_brief_total {}\n", brief.len())), "{metrics}");

    let (call, _) = brief[0];
    let looked_for = cli(&platform, &["contacts", "find", "--call-id", &call.sid]);
    assert!(looked_for.contains("+14155550100") && looked_for.contains("in brief"), "{looked_for}");
    let id = found(&platform, &call.sid).await["contact"]["id"].as_str().unwrap().to_owned();
    let explained = cli(&platform, &["explain", &id]);
    assert!(explained.contains("overloaded") && explained.contains("it is kept in brief"), "{explained}");
    let logs = platform.operator.api.get("/v1/tenants/acme/logs", &[("contact", &id), ("past", "1")]).await.unwrap().body;
    assert_eq!(logs["items"][0]["contact"], id, "{logs}");

    // The end of one that is over changes nothing, and the same call again is a call like any other.
    assert_eq!(call.end().await.unwrap().status, 204);
    assert_eq!(found(&platform, &call.sid).await["contact"]["end_cause"], "turned-away");
    drop(seats);
    assert!(leads_back(&String::from_utf8_lossy(&call.arrive().await.unwrap().body)), "the plugin's answer leads back to us");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_something_or_connected_stays_a_contact_however_many_there_are() {
    let platform = Platform::start().await.unwrap();
    let say = json!({"content": {"text": "Goodbye."}});
    let cases = [
        json!([{"do": "transfer", "with": {"tag": "t", "targets": [{"number": "+14155550123"}], "ringing": "parallel"}}]),
        json!([{"do": "enqueue", "with": {"queue": "support", "tag": "later", "maximum_wait_ms": 60_000}}]),
        json!([{"do": "enqueue", "with": {"queue": "support", "tag": "later", "notify": true}}]),
        json!([{"do": "say", "with": say}, {"do": "voicemail", "with": {"tag": "v", "prompts": [], "max_length_ms": 60_000, "beep": true, "transcribe": false}}]),
    ];
    let Crowded { line, seats } = crowded(&platform, to_support()).await;
    for route in cases {
        let routes = json!([{"channel": "voice", "open": {"actions": route.clone(), "reason": "whoever is free"}}]);
        platform.operator.ok(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
        let (calls, _) = arrive(&line, MANY / 4).await;
        for (call, document) in &calls {
            assert!(leads_back(document), "{route}: {document}");
            assert_eq!(found(&platform, &call.sid).await["contact"]["phase"], "running", "{route}");
        }
    }
    drop(seats);
    platform.stop().await;
}

/// Another connection to the tenant, by an address of its own.
async fn connect(platform: &Platform, id: &str, provider: &str, address: &str, options: Value) {
    let connection = json!({"id": id, "provider": provider, "public_url": platform.operator.hooks_url,
        "secrets": [{"name": "first", "value": TOKEN}], "options": options});
    platform.operator.ok(Method::POST, "/v1/tenants/platform/connections", connection).await.unwrap();
    let bound = json!({"address": address, "connection": id, "flow": "main"});
    platform.operator.ok(Method::POST, "/v1/tenants/acme/addresses", bound).await.unwrap();
}

async fn all_at_once(url: &str, events: impl Iterator<Item = Value>) -> Vec<Value> {
    join_all(events.map(|event| async move { read(&post_json(url, TOKEN, &[], &event).await.unwrap()) })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_answer_holds_no_way_back_hands_over_in_brief_and_one_with_a_step_comes_back_with_it() {
    let platform = Platform::start().await.unwrap();
    let transfer = json!([{"do": "transfer", "with": {"tag": "t", "targets": [{"number": "+14155550123"}], "ringing": "series"}}]);
    let Crowded { seats, .. } = crowded(&platform, transfer).await;
    connect(&platform, "switch", "kamailio", "+18005550001", json!({"queues": "127.0.0.1:5091", "gateway": "127.0.0.1:5092"})).await;
    connect(&platform, "desk", "native", "+18005550002", json!({"ends": "handed-over"})).await;

    let url = format!("{}/hooks/switch/route", platform.operator.hooks_url);
    let invite = |nth| json!({"event": "invite", "call_id": format!("k-{nth}"), "ruser": "18005550001", "src_ip": "127.0.0.1"});
    let mut causes = BTreeSet::new();
    for (nth, answer) in all_at_once(&url, (0..MANY).map(invite)).await.iter().enumerate() {
        assert_eq!(answer["routes"].as_array().map(Vec::len), Some(1), "{answer}");
        causes.insert(found(&platform, &format!("k-{nth}")).await["contact"]["end_cause"].as_str().unwrap().to_owned());
    }
    assert_eq!(causes.into_iter().collect::<Vec<_>>(), ["handed-over", "turned-away"]);

    let url = format!("{}/hooks/desk/events", platform.operator.hooks_url);
    let event = |nth| json!({"id": format!("e-{nth}"), "contact": format!("c-{nth}"), "to": "+18005550002"});
    let answers = all_at_once(&url, (0..MANY / 4).map(event)).await;
    for (nth, answer) in answers.iter().enumerate() {
        assert_eq!(found(&platform, &format!("c-{nth}")).await["contact"]["end_cause"], "handed-over", "{answer}");
    }
    drop(seats);
    let (nth, last) = answers.iter().enumerate().next_back().unwrap();
    let back = json!({"id": "back", "contact": format!("c-{nth}"), "to": "+18005550002", "step": last["step"], "event": {"text": "hello"}});
    let answered = read(&post_json(&url, TOKEN, &[], &back).await.unwrap());
    assert_eq!(answered["contact"], last["contact"], "{answered}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_waits_for_what_is_kept_in_brief() {
    let (platform, store, _) = Platform::start_slow().await.unwrap();
    let Crowded { line, seats } = crowded(&platform, to_support()).await;
    let (calls, _) = arrive(&line, MANY).await;
    drop(seats);
    platform.stop().await;
    let scope = store.tenant(&"acme".parse().unwrap());
    let query = jackfield_store::ContactQuery { limit: 200, ..jackfield_store::ContactQuery::default() };
    assert_eq!(scope.find_contacts(&query).await.unwrap().contacts.len(), calls.len());
    assert!(scope.briefs_kept().await.unwrap() > 0);
}
