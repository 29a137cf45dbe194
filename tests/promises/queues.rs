//! What happens to a caller who waits, whom nobody takes, or who is put through: Twilio's callbacks, one after the other.

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::line::Heard;
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, last_turn};

fn url(heard: &Heard, element: &str, attribute: &str) -> String {
    let found = heard.twiml.first(element).and_then(|element| element.attribute(attribute));
    found.unwrap_or_else(|| panic!("no {attribute} of {element} in {:?}", heard.twiml)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_waits_too_long_leaves_the_queue_and_a_message() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: ACME,
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({"maximum_wait_s": 60}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    let queued = call.press(&menu.twiml, "1").await.unwrap();
    let (wait, left) = (url(&queued, "Enqueue", "waitUrl"), url(&queued, "Enqueue", "action"));
    let waiting =
        |seconds: &'static str| [("QueuePosition", "2"), ("QueueTime", seconds), ("AvgQueueTime", "30"), ("CurrentQueueSize", "3")];
    for seconds in ["0", "10", "20"] {
        let heard = call.go_on(&wait, &waiting(seconds)).await.unwrap();
        assert!(
            heard.status == 200 && heard.twiml.first("Leave").is_none() && !heard.twiml.verbs().is_empty(),
            "{seconds}: {:?}",
            heard.twiml
        );
    }
    let enough = call.go_on(&wait, &waiting("61")).await.unwrap();
    assert!(enough.twiml.first("Leave").is_some(), "{:?}", enough.twiml);
    let message = call.go_on(&left, &[("QueueResult", "leave"), ("QueueTime", "61")]).await.unwrap();
    let record = url(&message, "Record", "action");
    let recorded =
        [("RecordingUrl", "https://api.example.com/r.wav"), ("RecordingSid", "RE4"), ("RecordingDuration", "12"), ("Digits", "#")];
    let goodbye = call.go_on(&record, &recorded).await.unwrap();
    assert!(goodbye.twiml.first("Hangup").is_some(), "{:?}", goodbye.twiml);
    let turn = last_turn(&platform, "acme", &call.sid).await;
    assert_eq!(turn["event"]["kind"], "voicemail-ended", "{turn}");
    assert_eq!(turn["event"]["of"]["length_ms"], 12_000);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_targets_of_a_default_route_ring_one_after_the_other() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: ACME,
        component: artifacts::guest("traps").unwrap(),
        settings: json!({}),
        queues: &[],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let targets = json!([{"number": "+14155550111"}, {"number": "+14155550112"}]);
    let transfer =
        json!({"do": "transfer", "with": {"tag": "on-call", "targets": targets, "ringing": "series", "ring_timeout_ms": 20_000}});
    let routes = json!([{"channel": "voice", "open": {"actions": [transfer], "reason": "whoever is on call"}}]);
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
    let call = line.call(CALLER, ACME);
    let first = call.arrive().await.unwrap();
    assert_eq!(first.twiml.first("Number").map(|number| number.text.as_str()), Some("+14155550111"), "{:?}", first.twiml);
    let busy = [("DialCallStatus", "busy"), ("DialCallSid", "CA2"), ("DialCallDuration", "0")];
    let second = call.go_on(&url(&first, "Dial", "action"), &busy).await.unwrap();
    assert_eq!(second.twiml.first("Number").map(|number| number.text.as_str()), Some("+14155550112"), "{:?}", second.twiml);
    let talked = [("DialCallStatus", "completed"), ("DialCallSid", "CA3"), ("DialCallDuration", "30")];
    let over = call.go_on(&url(&second, "Dial", "action"), &talked).await.unwrap();
    assert!(over.twiml.first("Hangup").is_some(), "{:?}", over.twiml);
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let ran =
        contact["turns"].as_array().unwrap().iter().filter(|turn| turn["attempts"].as_array().is_some_and(|all| !all.is_empty())).count();
    assert_eq!(ran, 1, "the host rang the next target by itself: {}", contact["turns"]);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_an_outbox_is_refused_when_a_flow_is_bound() {
    let platform = Platform::start().await.unwrap();
    platform.operator.connect_twilio("twilio").await.unwrap();
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    let callback = json!({"do": "callback", "with": {"number": null, "queue": "sales", "earliest": null, "latest": null, "attempts": 1, "keep_place": false}});
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/queues/sales", json!({"label": "Sales"})).await.unwrap();
    platform.operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "main", "label": "Main"})).await.unwrap();
    platform
        .operator
        .ok(Method::POST, "/v1/tenants/acme/addresses", json!({"address": ACME, "connection": "twilio", "flow": "main"}))
        .await
        .unwrap();
    let routes = json!([{"channel": "voice", "open": {"actions": [callback], "reason": "later"}}]);
    let refused = platform.operator.refused(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
    assert!(refused.detail.contains("callback"), "{refused:?}");
    assert_eq!(platform.operator.ok(Method::GET, "/v1/tenants/acme/routes", Value::Null).await.unwrap()["routes"], json!([]));
    platform.stop().await;
}
