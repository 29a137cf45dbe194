//! A store that hangs is no error, and still nobody waits for it longer than the provider does; what was begun goes to its end.

use std::time::{Duration, Instant};

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{TOKEN, post_json, read};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

const NUMBER: &str = "+18005551234";

async fn connected(platform: &Platform, id: &str, options: Value) {
    let connection = json!({"id": id, "provider": "native", "public_url": platform.operator.hooks_url,
        "secrets": [{"name": "first", "value": TOKEN}], "options": options});
    platform.operator.ok(Method::POST, "/v1/tenants/platform/connections", connection).await.unwrap();
}

async fn tenant(platform: &Platform, connection: &str, name: &str, number: &str) {
    let tenancy = Tenancy {
        tenant: name,
        number,
        component: artifacts::plugin("switchboard").unwrap(),
        settings: json!({"open": {"queue": "support"}}),
        queues: &["support"],
        plan: "standard",
    };
    platform.operator.onboard(connection, tenancy).await.unwrap();
}

async fn switchboard(platform: &Platform) -> String {
    connected(platform, "desk", json!({"deadline_ms": "2000"})).await;
    tenant(platform, "desk", "acme", NUMBER).await;
    format!("{}/hooks/desk/events", platform.operator.hooks_url)
}

fn arrival(contact: &str) -> Value {
    json!({"id": format!("e-{contact}"), "contact": contact, "to": NUMBER})
}

async fn turns_of(platform: &Platform, contact: &str) -> usize {
    for _ in 0..100 {
        if let Ok(found) = platform.operator.contact_of("acme", contact).await {
            return found["turns"].as_array().map_or(0, Vec::len);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_costs_the_plugin_its_word_and_never_the_caller_an_answer() {
    let (platform, _, slow) = Platform::start_slow().await.unwrap();
    let url = switchboard(&platform).await;
    let usual = read(&post_json(&url, TOKEN, &[], &arrival("c-1")).await.unwrap());
    assert_eq!(usual["answered_by"], "plugin", "{usual}");
    for (contact, read_for, commit_for) in [("c-2", 0, 4_000), ("c-3", 4_000, 0)] {
        slow.takes(Duration::from_millis(read_for), Duration::from_millis(commit_for));
        let asked = Instant::now();
        let late = post_json(&url, TOKEN, &[], &arrival(contact)).await.unwrap();
        let took = asked.elapsed();
        slow.takes(Duration::ZERO, Duration::ZERO);
        assert_eq!(late.status, 200, "{}", late.text());
        let static_one = "no plugin and no default route could answer";
        assert_eq!(read(&late)["reason"], static_one, "{}", late.text());
        assert!(took < Duration::from_millis(2_000), "the provider would have given up: {took:?}");
        // What was late is durable all the same, and the provider's retry gets what the plugin said.
        assert_eq!(turns_of(&platform, contact).await, 1);
        let again = read(&post_json(&url, TOKEN, &[], &arrival(contact)).await.unwrap());
        assert_eq!((again["answered_by"].as_str(), again["actions"].as_array().map(Vec::len)), (Some("plugin"), Some(1)), "{again}");
        assert_eq!(turns_of(&platform, contact).await, 1, "it ran once");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_up_breaks_nothing_off_and_the_end_of_the_server_waits_for_it() {
    let (platform, store, slow) = Platform::start_slow().await.unwrap();
    let url = switchboard(&platform).await;
    for contact in ["c-1", "c-2"] {
        slow.takes(Duration::ZERO, Duration::from_millis(800));
        let event = arrival(contact);
        let asked = post_json(&url, TOKEN, &[], &event);
        assert!(tokio::time::timeout(Duration::from_millis(300), asked).await.is_err(), "the commit takes longer");
        if contact == "c-1" {
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            slow.takes(Duration::ZERO, Duration::ZERO);
            assert_eq!(turns_of(&platform, contact).await, 1);
            let busy = platform.operator.ok(Method::GET, "/v1/host", Value::Null).await.unwrap();
            assert_eq!(busy["guests"]["events"], 0, "{busy}");
        }
    }
    // The second one's commit still hangs.
    platform.stop().await;
    let call = store.platform().call(&"desk".parse().unwrap(), "c-2").await.unwrap();
    assert!(call.is_some(), "it was cut off by the end of the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_finds_no_seat_of_its_tenant_is_kept_and_goes_on_where_its_answer_leads() {
    let (platform, _, slow) = Platform::start_slow().await.unwrap();
    let url = switchboard(&platform).await;
    let routes = json!([{"channel": "voice", "open": {"actions": [{"do": "enqueue", "with": {"queue": "support", "tag": "later"}}], "reason": "whoever is free"}}]);
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
    let tenant = "acme".parse().unwrap();
    let seats: Vec<_> = std::iter::from_fn(|| platform.server.app.in_flight.of(&tenant)).collect();
    assert!(!seats.is_empty());
    let turned_away = read(&post_json(&url, TOKEN, &[], &arrival("c-1")).await.unwrap());
    assert_eq!(turned_away["answered_by"], "tenant_default", "{turned_away}");
    // A provider's retry is answered alike, whether or not the record has been written by then.
    let again = read(&post_json(&url, TOKEN, &[], &arrival("c-1")).await.unwrap());
    assert_eq!(again["actions"], turned_away["actions"]);
    assert_eq!(turns_of(&platform, "c-1").await, 1);
    let found = platform.operator.contact_of("acme", "c-1").await.unwrap();
    assert_eq!(found["turns"][0]["barred"], "overloaded", "{found}");
    drop(seats);
    let next = json!({"id": "e-2", "contact": "c-1", "to": NUMBER, "event": {"text": "hello"}});
    let answered = read(&post_json(&url, TOKEN, &[], &next).await.unwrap());
    assert_eq!((&answered["contact"], &answered["turn"]), (&turned_away["contact"], &json!(2)), "its next event finds it: {answered}");
    assert_eq!(turns_of(&platform, "c-1").await, 2);

    // Nobody hears the answer to a report: where it cannot be kept in time, whoever sends it is told so.
    slow.takes(Duration::ZERO, Duration::from_secs(4));
    let ended = json!({"id": "e-3", "contact": "c-1", "to": NUMBER, "event": {"kind": "ended", "cause": "completed"}});
    let told = post_json(&url, TOKEN, &[], &ended).await.unwrap();
    slow.takes(Duration::ZERO, Duration::ZERO);
    assert_eq!(told.status, 503, "{}", told.text());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_to_its_end_and_holds_at_once_where_its_client_hangs_up() {
    let (platform, _, slow) = Platform::start_slow().await.unwrap();
    let url = switchboard(&platform).await;
    let before = read(&post_json(&url, TOKEN, &[], &arrival("c-1")).await.unwrap());
    assert_eq!(before["answered_by"], "plugin", "{before}");

    // The commit takes longer than whoever asks for it waits, and is made all the same.
    slow.takes(Duration::ZERO, Duration::from_millis(600));
    let closure = json!({"reason": "fire", "until": null, "bypass": true});
    let asked = platform.operator.ok(Method::PUT, "/v1/tenants/acme/closure", closure);
    assert!(tokio::time::timeout(Duration::from_millis(200), asked).await.is_err(), "the commit takes longer");
    tokio::time::sleep(Duration::from_millis(900)).await;
    slow.takes(Duration::ZERO, Duration::ZERO);
    let kept = platform.operator.ok(Method::GET, "/v1/tenants/acme/closure", Value::Null).await.unwrap();
    assert_eq!(kept["reason"], "fire", "{kept}");
    let closed = read(&post_json(&url, TOKEN, &[], &arrival("c-2")).await.unwrap());
    assert_ne!(closed["answered_by"], "plugin", "a call goes by what stood before: {closed}");

    // Many batches one after the other: the first one takes the tenant away, the last ones its rows.
    let addresses = format!("/v1/tenants/acme/addresses/{NUMBER}");
    platform.operator.ok(Method::DELETE, &addresses, Value::Null).await.unwrap();
    slow.takes(Duration::ZERO, Duration::from_millis(100));
    let asked = platform.operator.ok(Method::DELETE, "/v1/tenants/acme", Value::Null);
    assert!(tokio::time::timeout(Duration::from_millis(150), asked).await.is_err(), "an erasure takes longer");
    let mut erased = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // The name is free once nothing of it is left.
        let again = json!({"id": "acme", "label": "Acme"});
        if platform.operator.ok(Method::POST, "/v1/tenants", again).await.is_ok() {
            erased = true;
            break;
        }
    }
    assert!(erased, "the erasure stopped with whoever asked for it");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_waits_less_than_its_provider_has_a_deadline_of_its_own() {
    let platform = Platform::start().await.unwrap();
    for (id, options, deadline_us, contact) in
        [("usual", json!({}), 10_000_000, "n-1"), ("hurried", json!({"deadline_ms": "1750"}), 1_750_000, "n-2")]
    {
        connected(&platform, id, options).await;
        let number = if id == "usual" { NUMBER } else { "+18005550077" };
        tenant(&platform, id, id, number).await;
        let url = format!("{}/hooks/{id}/events", platform.operator.hooks_url);
        let told = read(&post_json(&url, TOKEN, &[], &json!({"contact": contact, "to": number})).await.unwrap());
        assert_eq!(told["answered_by"], "plugin", "{told}");
        let found = platform.operator.contact_of(id, contact).await.unwrap();
        assert_eq!(found["turns"][0]["times"]["deadline_us"].as_u64(), Some(deadline_us), "{found}");
    }
    let short = json!({"options": {"deadline_ms": "1500"}});
    let problem = platform.operator.refused(Method::PATCH, "/v1/tenants/platform/connections/usual", short).await.unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.at.as_deref()),
        ("invalid", Some("options.deadline_ms")),
        "nothing would be left for a plugin"
    );
    platform.stop().await;
}
