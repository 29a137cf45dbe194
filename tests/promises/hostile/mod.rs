//! Whatever a plugin does, its caller is answered by the tenant's default route, its failure has a name, and no other tenant notices.

mod corpus;

use std::collections::BTreeSet;

use http::Method;
use jackfield_domain::budget::Limit;
use jackfield_tests::artifacts;
use jackfield_tests::platform::{Operator, Platform, Tenancy};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme, last_turn};

/// Guests, the failure code that each must end with, and the settings that choose its sin.
fn sins() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("loops", "fuel-exceeded", json!({})),
        ("allocates", "memory-exceeded", json!({})),
        ("recurses", "stack-exceeded", json!({})),
        ("traps", "trapped", json!({})),
        ("returns-10mb", "output-exceeded", json!({})),
        ("nonsense", "output-exceeded", json!({})),
        ("floods-log", "log-exceeded", json!({})),
        ("floods-state", "stored-exceeded", json!({})),
        ("floods-host-calls", "host-calls-exceeded", json!({})),
        ("sleeps", "fuel-exceeded", json!({})),
        ("burns-then-divides-by-zero", "trapped", json!({})),
        ("unlisted-action", "unlisted", json!({})),
        ("declines", "declined", json!({})),
    ]
}

/// A tenant's default route into one of its queues.
pub(super) async fn default_route(operator: &Operator, tenant: &str, queue: &str) {
    let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": queue}}], "reason": "the tenant's default route"});
    let routes = json!([{"channel": "voice", "open": open}]);
    operator.ok(Method::PUT, &format!("/v1/tenants/{tenant}/routes"), routes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_plugin_costs_its_caller_nothing_and_its_neighbour_nothing() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    for (at, (guest, code, settings)) in sins().into_iter().enumerate() {
        let number = format!("+1800777{at:04}");
        let tenancy = Tenancy {
            tenant: guest,
            number: &number,
            component: artifacts::guest(guest).unwrap(),
            settings,
            queues: &["front-desk"],
            plan: "standard",
        };
        platform.operator.onboard("twilio", tenancy).await.unwrap();
        default_route(&platform.operator, guest, "front-desk").await;
        let call = line.call(CALLER, &number);
        let heard = call.arrive().await.unwrap();
        assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "{guest}: {:?}", heard.twiml);
        let contact = platform.operator.contact_of(guest, &call.sid).await.unwrap();
        let turn = contact["turns"].as_array().unwrap().last().unwrap();
        assert_eq!(turn["answered_by"], "tenant_default", "{guest}");
        let failure = &turn["attempts"][0]["failure"];
        assert_eq!(failure["code"].as_str(), Some(code), "{guest}: {failure}");
        let neighbour = line.call(CALLER, ACME).arrive().await.unwrap();
        assert!(neighbour.twiml.first("Gather").is_some(), "after {guest} the neighbour heard {:?}", neighbour.twiml);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_decision_that_cannot_be_reaches_a_caller() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("nonsense").unwrap();
    let number = "+18007771111";
    let tenancy = Tenancy { tenant: "odd", number, component, settings: json!({}), queues: &["front-desk"], plan: "maximum" };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    default_route(&platform.operator, "odd", "front-desk").await;
    let sins = [
        ("no-actions", "nonsense"),
        ("keep-and-more", "nonsense"),
        ("after-the-end", "nonsense"),
        ("empty-text", "nonsense"),
        ("control-characters", "nonsense"),
        ("broken-ssml", "cannot-render"),
        ("hostile-ssml", "cannot-render"),
        ("loopback-url", "nonsense"),
        ("file-url", "nonsense"),
        ("play-for-ever", "nonsense"),
        ("pause-for-ever", "nonsense"),
        ("bad-language", "nonsense"),
        ("unknown-queue", "nonsense"),
        ("bad-tag", "nonsense"),
        ("foreign-caller-id", "nonsense"),
        ("bad-number", "nonsense"),
        ("unknown-flow", "nonsense"),
        ("unknown-person", "nonsense"),
        ("no-targets", "nonsense"),
        ("many-targets", "nonsense"),
        ("double-keys", "nonsense"),
        ("no-choices", "nonsense"),
        ("asks-for-ever", "nonsense"),
        ("records-for-ever", "nonsense"),
        ("bad-rejection", "nonsense"),
        ("unregistered-kind", "nonsense"),
        ("huge-kind", "nonsense"),
    ];
    for (sin, code) in sins {
        platform.operator.ok(Method::PUT, "/v1/tenants/odd/flows/main/settings", json!({"sin": sin})).await.unwrap();
        let made = platform
            .operator
            .ok(Method::POST, "/v1/tenants/odd/flows/main/releases", json!({"plugin": "logic", "note": sin}))
            .await
            .unwrap();
        let live = json!({"release": made["number"]});
        platform.operator.ok(Method::PUT, "/v1/tenants/odd/flows/main/aliases/live", live).await.unwrap();
        let call = line.call(CALLER, number);
        let heard = call.arrive().await.unwrap();
        assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "{sin}: {:?}", heard.twiml);
        let turn = last_turn(&platform, "odd", &call.sid).await;
        assert_eq!(turn["attempts"][0]["failure"]["code"].as_str(), Some(code), "{sin}: {}", turn["attempts"][0]["failure"]);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capability_call_stands_in_the_trail_by_name_and_digest() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("echo").unwrap();
    let tenancy =
        Tenancy { tenant: "curious", number: ACME, component, settings: json!({"queue": "sales"}), queues: &["sales"], plan: "standard" };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let turn = last_turn(&platform, "curious", &call.sid).await;
    assert_eq!(turn["answered_by"], "plugin", "{turn}");
    let told = turn["attempts"][0]["told"].as_array().unwrap();
    let names: BTreeSet<&str> = told.iter().map(|told| told["name"].as_str().unwrap()).collect();
    for interface in ["settings.", "directory.", "state.", "http.", "outcome.", "customer."] {
        assert!(names.iter().any(|name| name.starts_with(interface)), "{interface} is not in {names:?}");
    }
    assert!(told.iter().all(|told| told["ask"].as_str().is_some_and(|digest| digest.len() == 64) && told["answer"].as_str().is_some()));
    assert!(!turn["attempts"][0]["log"].as_array().unwrap().is_empty(), "nothing was logged");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_shows_what_was_used_of_it() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let attempt = &contact["turns"][0]["attempts"][0];
    for (used, limit) in [
        ("fuel", "fuel_max"),
        ("memory_bytes", "memory_bytes_max"),
        ("wall_us", "wall_ms_max"),
        ("host_calls", "host_calls_max"),
        ("input_bytes", "input_bytes_max"),
        ("output_bytes", "output_bytes_max"),
        ("log_bytes", "log_bytes_max"),
        ("stored_bytes", "contact_state_bytes_max"),
    ] {
        assert!(attempt["used"][used].is_u64() && attempt["limits"][limit].as_u64().is_some_and(|max| max > 0), "{used}: {attempt}");
    }
    for used in ["fuel", "memory_bytes", "wall_us", "input_bytes", "output_bytes"] {
        assert!(attempt["used"][used].as_u64().unwrap() > 0, "{used} counts nothing: {attempt}");
    }
    platform.stop().await;
}

#[test]
fn every_limit_has_a_guest_that_attacks_it() {
    // Wall time and input are attacked by an event, not by a guest of their own: see the two promises below.
    let attacked: BTreeSet<&str> = sins().iter().map(|(_, code, _)| *code).collect();
    let missing: Vec<&str> = Limit::ALL.iter().map(|limit| limit.code()).filter(|code| !attacked.contains(code)).collect();
    assert_eq!(missing, ["wall-exceeded", "input-exceeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_works_past_its_time_is_cut_off() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "slow",
        number: "+18007770000",
        component: artifacts::guest("works-hard").unwrap(),
        settings: json!({"fuel": 1_900_000_000_u64}),
        queues: &["front-desk"],
        plan: "maximum",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    default_route(&platform.operator, "slow", "front-desk").await;
    let release = json!({"plugin": "logic", "note": "with little time", "limits": {"wall_ms_max": 5}});
    let number = platform.operator.ok(Method::POST, "/v1/tenants/slow/flows/main/releases", release).await.unwrap()["number"].clone();
    platform.operator.ok(Method::PUT, "/v1/tenants/slow/flows/main/aliases/live", json!({"release": number})).await.unwrap();
    let call = line.call(CALLER, "+18007770000");
    let heard = call.arrive().await.unwrap();
    assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "{:?}", heard.twiml);
    let contact = platform.operator.contact_of("slow", &call.sid).await.unwrap();
    assert_eq!(contact["turns"][0]["attempts"][0]["failure"]["code"], "wall-exceeded");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_the_input_limit_reaches_no_plugin() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let release = json!({"plugin": "logic", "note": "with little input", "limits": {"input_bytes_max": 100}});
    let number = platform.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/releases", release).await.unwrap()["number"].clone();
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": number})).await.unwrap();
    let call = line.call(CALLER, ACME);
    assert_eq!(call.arrive().await.unwrap().status, 200);
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let attempt = &contact["turns"][0]["attempts"][0];
    assert_eq!((attempt["failure"]["code"].as_str(), attempt["used"]["fuel"].as_u64()), (Some("input-exceeded"), Some(0)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_run_is_refused_at_upload_by_name() {
    let platform = Platform::start().await.unwrap();
    platform
        .operator
        .ok(Method::POST, "/v1/tenants", json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"}))
        .await
        .unwrap();
    let import = r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#;
    let evil = r#"(component (import "evil:thing/door@1.0.0" (instance (export "open" (func)))))"#;
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("http without asking", wat::parse_str(import).unwrap(), "import-not-allowed", "wasi:http/outgoing-handler"),
        ("somebody's interface", wat::parse_str(evil).unwrap(), "import-not-allowed", "evil:thing/door"),
        ("a core module", wat::parse_str("(module)").unwrap(), "bad-component", "core module"),
        ("nothing exported", wat::parse_str("(component)").unwrap(), "bad-export", "describe"),
        ("zeros", vec![0; 100_000], "bad-component", ""),
        ("cut off", artifacts::plugin("acme-ivr").unwrap()[..2_000].to_vec(), "bad-component", ""),
        ("not for us", b"#!/bin/sh\nexit 0\n".to_vec(), "bad-component", ""),
        ("lists what does not exist", artifacts::guest("lies").unwrap().to_vec(), "bad-describe", ""),
        ("loops in describe", artifacts::guest("loops-in-describe").unwrap().to_vec(), "bad-describe", ""),
        ("traps in describe", artifacts::guest("traps-in-describe").unwrap().to_vec(), "bad-describe", ""),
    ];
    for (what, bytes, code, named) in cases {
        let refused = platform.operator.api.upload("/v1/tenants/acme/plugins/logic/versions", bytes.into()).await;
        match refused {
            Err(jackfield_egress::ClientError::Refused(problem)) => {
                assert_eq!(problem.code, code, "{what}: {problem:?}");
                assert!(problem.detail.contains(named), "{what}: {problem:?}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let versions = platform.operator.api.get("/v1/tenants/acme/plugins/logic/versions", &[]).await;
    assert!(versions.is_err() || versions.unwrap().body["items"].as_array().is_some_and(Vec::is_empty), "a refused upload left a version");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stands_behind_a_plugins_files_and_sockets() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    for (at, guest) in ["opens-a-file", "connects-a-socket"].into_iter().enumerate() {
        let number = format!("+1800666{at:04}");
        let tenancy = Tenancy {
            tenant: guest,
            number: &number,
            component: artifacts::guest(guest).unwrap(),
            settings: json!({}),
            queues: &["sales"],
            plan: "standard",
        };
        platform.operator.onboard("twilio", tenancy).await.unwrap();
        let call = line.call(CALLER, &number);
        call.arrive().await.unwrap();
        let contact = platform.operator.contact_of(guest, &call.sid).await.unwrap();
        let turn = &contact["turns"][0];
        assert_eq!(turn["answered_by"], "plugin", "{guest}: {turn}");
        assert!(
            turn["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("error") || reason.contains("denied") || reason.contains("refused")),
            "{guest}: {turn}"
        );
    }
    platform.stop().await;
}
