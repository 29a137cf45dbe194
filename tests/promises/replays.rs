//! What happened can be run again, bit for bit, and "what if" has an answer; nothing is sent, charged or kept that must not be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{Operator, Platform, Tenancy};
use jackfield_tests::process::Process;
use jackfield_tests::replays;
use serde_json::{Value, json};

use super::answers::CALLER;

const NUMBER: &str = "+18005550178";
/// For a server to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A platform with a tenant that runs a component.
async fn platform(component: bytes::Bytes, settings: Value, plan: &str) -> (Platform, Line) {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy { tenant: "acme", number: NUMBER, component, settings, queues: &["sales", "general-support"], plan };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    (platform, line)
}

/// Calls, and gives the contact's id.
async fn call(platform: &Platform, line: &Line, from: &str) -> String {
    let call = line.call(from, NUMBER);
    call.arrive().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    contact["contact"]["id"].as_str().unwrap().to_owned()
}

async fn replay(platform: &Platform, contact: &str, body: Value) -> Vec<Value> {
    let answer = platform.operator.ok(Method::POST, &format!("/v1/tenants/acme/contacts/{contact}/replay"), body).await.unwrap();
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capability_is_replayed_bit_for_bit_and_a_candidate_differs_where_a_change_was_planted_and_nowhere_else() {
    let report = replays::run(80, 7).await.unwrap();
    println!("{report}");
    assert_eq!(report.captured, 80, "{report}");
    report.hold().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_asks_what_if_is_told_and_a_mistake_in_the_question_is_refused() {
    let (platform, line) = platform(artifacts::guest("echo").unwrap(), json!({"queue": "sales"}), "large").await;
    let contact = call(&platform, &line, CALLER).await;
    let same = replay(&platform, &contact, json!({})).await;
    assert_eq!((&same[0]["class"], &same[0]["why"]), (&json!("identical"), &json!("sampled")), "{same:?}");
    assert_eq!(same[0]["captured"], same[0]["replayed"]);
    let asked: Vec<&str> = same[0]["steps"].as_array().unwrap().iter().filter_map(|step| step["asked"].as_str()).collect();
    assert_eq!(asked.len(), 21, "one step for each question: {asked:?}");
    let what_if = replay(&platform, &contact, json!({"answers": {"customer.bucket": 4711}})).await;
    assert_eq!(what_if[0]["class"], "decision", "{what_if:?}");
    let reason = |side: &Value| side["came_to"]["to"]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason(&what_if[0]["replayed"]).contains("customer.bucket = Ok(4711)"), "{what_if:?}");
    assert!(!reason(&what_if[0]["captured"]).contains("4711"));
    let path = format!("/v1/tenants/acme/contacts/{contact}/replay");
    for (body, code, at) in [
        (json!({"answers": {"customer.bucked": 1}}), "invalid", "answers"),
        (json!({"answers": {"customer.bucket": "many"}}), "invalid", "answers.customer.bucket"),
        (json!({"turn": 9}), "not-found", "contact"),
        (json!({"release": 9}), "not-found", "release of flow main"),
        (json!({"relaese": 1}), "invalid", "relaese"),
    ] {
        let problem = platform.operator.refused(Method::POST, &path, body.clone()).await.unwrap();
        assert_eq!((problem.code.as_str(), problem.at.as_deref().unwrap_or_default()), (code, at), "{body}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_always_captured_and_fails_again_in_the_same_place() {
    // Of the standard plan every tenth contact is captured; failures are all.
    for (guest, settings, code) in [
        ("traps", json!({"how": "out-of-bounds"}), "trapped"),
        ("loops", json!({}), "fuel-exceeded"),
        ("allocates", json!({}), "memory-exceeded"),
        ("floods-host-calls", json!({}), "host-calls-exceeded"),
    ] {
        let (platform, line) = platform(artifacts::guest(guest).unwrap(), settings, "standard").await;
        let contact = call(&platform, &line, CALLER).await;
        let items = replay(&platform, &contact, json!({})).await;
        assert_eq!(items[0]["class"], "identical", "{guest}: {items:?}");
        assert_eq!((&items[0]["why"], &items[0]["replayed"]["came_to"]["to"]["code"]), (&json!("failed"), &json!(code)), "{guest}");
        assert_eq!(items[0]["captured"]["fuel"], items[0]["replayed"]["fuel"], "{guest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_cut_off_by_the_clock_is_cut_off_at_the_same_instruction() {
    let (platform, line) = platform(artifacts::guest("spins").unwrap(), json!({}), "maximum").await;
    let release = json!({"plugin": "logic", "limits": {"wall_ms_max": 60}});
    platform.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/releases", release).await.unwrap();
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": 2})).await.unwrap();
    // On a machine that is full a guest may be given up before its thread comes to end it; nobody knows where that was, so it is not kept.
    let mut contact = call(&platform, &line, CALLER).await;
    let given_up = async |contact: &str| {
        let whole = platform.operator.api.get(&format!("/v1/tenants/acme/contacts/{contact}"), &[]).await.unwrap().body;
        whole["turns"][0]["attempts"][0]["used"]["memory_bytes"] == 0
    };
    while given_up(&contact).await {
        contact = call(&platform, &line, CALLER).await;
    }
    for _ in 0..3 {
        let items = replay(&platform, &contact, json!({})).await;
        assert_eq!(items[0]["captured"]["came_to"]["to"]["code"], "wall-exceeded", "{items:?}");
        assert_eq!(items[0]["class"], "identical", "{items:?}");
        assert_eq!(items[0]["captured"]["fuel"], items[0]["replayed"]["fuel"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_charged_as_one_and_a_tenant_that_wants_nothing_captured_has_nothing() {
    let (platform, line) = platform(artifacts::guest("echo").unwrap(), json!({"queue": "sales"}), "large").await;
    let contact = call(&platform, &line, CALLER).await;
    let invocations = platform.operator.counted("acme", "invocations").await.unwrap();
    replay(&platform, &contact, json!({})).await;
    let usage = platform.operator.api.get("/v1/tenants/acme/usage", &[]).await.unwrap().body;
    let rows: Vec<&Value> = usage["items"].as_array().unwrap().iter().filter(|row| row["purpose"] == "replay").collect();
    assert_eq!(rows.iter().map(|row| row["counts"]["invocations"].as_u64().unwrap()).sum::<u64>(), 1, "{usage}");
    assert!(rows.iter().all(|row| row["counts"]["fuel"].as_u64().unwrap() > 0 && row["counts"].get("events").is_none()), "{usage}");
    assert_eq!(platform.operator.counted("acme", "events").await.unwrap(), 1, "{usage}");
    assert_eq!(platform.operator.counted("acme", "invocations").await.unwrap(), invocations + 1);

    platform.operator.ok(Method::PUT, "/v1/tenants/acme/captures", json!({"off": true})).await.unwrap();
    let contact = call(&platform, &line, CALLER).await;
    let problem = platform.operator.refused(Method::POST, &format!("/v1/tenants/acme/contacts/{contact}/replay"), json!({})).await.unwrap();
    assert_eq!(problem.code, "not-found", "{problem}");
    assert!(problem.to_string().contains("was captured"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flagged_customer_is_captured_whole_where_the_sample_takes_nobody() {
    let (platform, line) = platform(artifacts::guest("echo").unwrap(), json!({"queue": "sales"}), "standard").await;
    let rules = json!({"percent": 0, "flagged": ["+14155550100", "+14155550100"]});
    let set = platform.operator.ok(Method::PUT, "/v1/tenants/acme/captures", rules).await.unwrap();
    assert_eq!(set["flagged"], json!(["+14155550100"]));
    let stranger = call(&platform, &line, "+14155550101").await;
    let problem =
        platform.operator.refused(Method::POST, &format!("/v1/tenants/acme/contacts/{stranger}/replay"), json!({})).await.unwrap();
    assert_eq!(problem.code, "not-found");
    let flagged = call(&platform, &line, "+14155550100").await;
    assert_eq!(replay(&platform, &flagged, json!({})).await[0]["why"], "flagged");
    for (rules, at) in [(json!({"percent": 101}), "percent"), (json!({"flagged": [""]}), "flagged[0]")] {
        let problem = platform.operator.refused(Method::PUT, "/v1/tenants/acme/captures", rules).await.unwrap();
        assert_eq!((problem.code.as_str(), problem.at.as_deref()), ("invalid", Some(at)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_observer_was_told_is_replayed_too_and_only_to_releases_that_have_one() {
    let (platform, line) = platform(artifacts::guest("echo").unwrap(), json!({"queue": "sales"}), "large").await;
    let call = line.call(CALLER, NUMBER);
    call.arrive().await.unwrap();
    call.end().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap()["contact"]["id"].as_str().unwrap().to_owned();
    // The observer is told after the report was acknowledged.
    let mut items = replay(&platform, &contact, json!({})).await;
    for _ in 0..200 {
        if items.len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        items = replay(&platform, &contact, json!({})).await;
    }
    let told: Vec<_> = items.iter().map(|item| (item["function"].as_str().unwrap(), item["class"].as_str().unwrap())).collect();
    assert_eq!(told, [("router.handle", "identical"), ("observer.notify", "identical")], "{items:?}");
    assert_eq!(items[1]["captured"]["fuel"], items[1]["replayed"]["fuel"]);
    // Another plugin has no observer: it is asked what it can be asked.
    platform.operator.release("acme", "main", "other", artifacts::guest("tells-time").unwrap()).await.unwrap();
    let other = replay(&platform, &contact, json!({"release": 2})).await;
    assert_eq!(other.iter().map(|item| item["function"].as_str().unwrap()).collect::<Vec<_>>(), ["router.handle"], "{other:?}");
}

/// A server on a folder that outlives it.
async fn server(data: &Path, token: Option<&str>) -> (Process, Operator) {
    let process = Process::start(data).unwrap();
    let operator = process.operator(token).unwrap();
    (process, operator)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_can_run_no_more_is_told_and_takes_nothing_else_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (process, operator) = server(&data, None).await;
    let token = operator.token.clone();
    let line = operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("echo").unwrap();
    let settings = json!({"queue": "sales"});
    let tenancy = Tenancy { tenant: "acme", number: NUMBER, component, settings, queues: &["sales"], plan: "large" };
    operator.onboard("twilio", tenancy).await.unwrap();
    let path = |contact: &str| format!("/v1/tenants/acme/contacts/{contact}/replay");
    let call = line.call(CALLER, NUMBER);
    call.arrive().await.unwrap();
    let contact = operator.contact_of("acme", &call.sid).await.unwrap()["contact"]["id"].as_str().unwrap().to_owned();
    // Asking puts what waits: what its observer is told later lies in an object of its own.
    operator.ok(Method::POST, &path(&contact), json!({})).await.unwrap();
    call.end().await.unwrap();
    let mut items = json!([]);
    while items.as_array().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        items = operator.ok(Method::POST, &path(&contact), json!({})).await.unwrap()["items"].clone();
    }
    process.tell_to_end().unwrap();
    process.ended(PATIENCE).await.unwrap();
    let mut objects = files(&data.join("store/captures"));
    objects.sort();
    assert_eq!(objects.len(), 2, "{objects:?}");
    let damage = |object: &Path| {
        let mut bytes = std::fs::read(object).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(object, bytes).unwrap();
    };
    damage(&objects[0]);

    let (process, operator) = server(&data, Some(&token)).await;
    let rest = operator.ok(Method::POST, &path(&contact), json!({})).await.unwrap();
    assert_eq!((&rest["items"][0]["function"], &rest["items"][0]["class"]), (&json!("observer.notify"), &json!("identical")), "{rest}");
    assert!(rest["items"].as_array().unwrap().len() == 1 && rest["notes"][0].as_str().unwrap().contains("cannot be read"), "{rest}");
    let window = json!({"from": 0, "to": 4_000_000_000_000_u64});
    let tallied = operator.ok(Method::POST, "/v1/tenants/acme/flows/main/replay", window).await.unwrap();
    assert!(tallied["tallied"].to_string().contains("they cannot be read"), "{tallied}");
    process.tell_to_end().unwrap();
    process.ended(PATIENCE).await.unwrap();

    // The component is gone, as one is that no engine of this version can run any more.
    for gone in ["store/blobs", "artifacts"] {
        std::fs::remove_dir_all(data.join(gone)).unwrap();
    }
    let (process, operator) = server(&data, Some(&token)).await;
    let refused = operator.refused(Method::POST, &path(&contact), json!({})).await.unwrap();
    assert!(refused.code == "invalid" && refused.detail.contains("cannot be replayed"), "{refused:?}");
    process.tell_to_end().unwrap();
    process.ended(PATIENCE).await.unwrap();

    // Where nothing can be read that may have been the contact's, that is our fault and not "nothing was captured".
    damage(&objects[1]);
    let (_process, operator) = server(&data, Some(&token)).await;
    let damaged = operator.refused(Method::POST, &path(&contact), json!({})).await.unwrap();
    assert_eq!(damaged.code, "fault", "{damaged:?}");
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
