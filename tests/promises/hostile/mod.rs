//! Whatever a plugin does, its caller is answered by the tenant's default route, its failure has a name, and no other tenant notices.

mod corpus;
mod measures;

use std::collections::BTreeSet;

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::corpus::refused;
use jackfield_tests::platform::{Operator, Platform, Tenancy};
use serde_json::json;

use super::answers::{ACME, CALLER, acme, last_turn};

/// A tenant's default route into one of its queues.
pub(super) async fn default_route(operator: &Operator, tenant: &str, queue: &str) {
    let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": queue}}], "reason": "the tenant's default route"});
    let routes = json!([{"channel": "voice", "open": open}]);
    operator.ok(Method::PUT, &format!("/v1/tenants/{tenant}/routes"), routes).await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_by_name() {
    let platform = Platform::start().await.unwrap();
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("a core module", wat::parse_str("(module)").unwrap(), "core module"),
        ("nothing", Vec::new(), ""),
        ("zeros", vec![0; 100_000], ""),
        ("cut off", artifacts::plugin("acme-ivr").unwrap()[..2_000].to_vec(), ""),
        ("a program", b"#!/bin/sh\nexit 0\n".to_vec(), ""),
    ];
    for (what, bytes, named) in cases {
        let rejected = refused(&platform.operator, "acme", bytes.into()).await.unwrap();
        assert!(rejected.code == "bad-component" && rejected.detail.contains(named), "{what}: {rejected:?}");
    }
    platform.stop().await;
}
