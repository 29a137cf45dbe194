//! Where a plugin cannot answer, the best that is left does.

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme, last_turn};
use super::hostile::default_route;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_release_that_traps_is_answered_for_by_the_last_good_one() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    // A release is good after a hundred runs.
    for _ in 0..100 {
        line.call(CALLER, ACME).arrive().await.unwrap();
    }
    let running = line.call(CALLER, ACME);
    let menu = running.arrive().await.unwrap();
    platform.operator.release("acme", "main", "broken", artifacts::guest("traps").unwrap()).await.unwrap();
    let call = line.call(CALLER, ACME);
    let heard = call.arrive().await.unwrap();
    assert!(heard.twiml.first("Gather").is_some(), "{:?}", heard.twiml);
    let turn = last_turn(&platform, "acme", &call.sid).await;
    assert_eq!((turn["answered_by"].as_str(), turn["attempts"].as_array().map(Vec::len)), (Some("last_good"), Some(2)));

    // A call that began before stays with its release.
    let chosen = running.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")));
    assert_eq!(last_turn(&platform, "acme", &running.sid).await["release"], 1);

    platform.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/rollback", json!({})).await.unwrap();
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let turn = last_turn(&platform, "acme", &call.sid).await;
    assert_eq!((turn["answered_by"].as_str(), turn["release"].as_u64()), (Some("plugin"), Some(1)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_only_wants_to_be_asked_again_loses_its_caller_to_the_default_route() {
    /// The standard plan's turns in a row without anything from the customer.
    const IDLE_TURNS_MAX: usize = 10;
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("comes-back").unwrap();
    let tenancy = Tenancy { tenant: "acme", number: ACME, component, settings: json!({}), queues: &["front-desk"], plan: "standard" };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    default_route(&platform.operator, "acme", "front-desk").await;
    let call = line.call(CALLER, ACME);
    let mut heard = call.arrive().await.unwrap();
    let mut came_back = 0;
    while let Some(again) = heard.twiml.first("Redirect").map(|redirect| redirect.text.clone()) {
        came_back += 1;
        assert!(came_back <= 2 * IDLE_TURNS_MAX, "the caller goes round for ever");
        heard = call.go_on(&again, &[]).await.unwrap();
    }
    assert!((IDLE_TURNS_MAX..=IDLE_TURNS_MAX + 1).contains(&came_back), "it came back {came_back} times");
    assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "{:?}", heard.twiml);
    let turn = last_turn(&platform, "acme", &call.sid).await;
    assert_eq!((turn["answered_by"].as_str(), turn["barred"].as_str()), (Some("tenant_default"), Some("looping")), "{turn}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_a_closure_and_a_missing_release_go_to_the_default_routes() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/queues/front-desk", json!({"label": "Front desk"})).await.unwrap();
    default_route(&platform.operator, "acme", "front-desk").await;
    let barred = |code: &'static str| {
        let (platform, line) = (&platform, &line);
        async move {
            let call = line.call(CALLER, ACME);
            let heard = call.arrive().await.unwrap();
            let turn = last_turn(platform, "acme", &call.sid).await;
            assert_eq!((turn["answered_by"].as_str(), turn["barred"].as_str()), (Some("tenant_default"), Some(code)), "{turn}");
            assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")));
        }
    };
    platform.operator.ok(Method::PATCH, "/v1/tenants/acme", json!({"standing": "suspended"})).await.unwrap();
    barred("suspended").await;
    platform.operator.ok(Method::PATCH, "/v1/tenants/acme", json!({"standing": "active"})).await.unwrap();
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/closure", json!({"reason": "storm", "bypass": true})).await.unwrap();
    barred("closed").await;
    platform.operator.ok(Method::DELETE, "/v1/tenants/acme/closure", Value::Null).await.unwrap();

    platform.operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "empty", "label": "Empty"})).await.unwrap();
    let body = json!({"address": "+18005559999", "connection": "twilio", "flow": "empty"});
    platform.operator.ok(Method::POST, "/v1/tenants/acme/addresses", body).await.unwrap();
    let call = line.call(CALLER, "+18005559999");
    call.arrive().await.unwrap();
    assert_eq!(last_turn(&platform, "acme", &call.sid).await["barred"], "no-release");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_route_the_platform_still_says_something() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "bare",
        number: ACME,
        component: artifacts::guest("traps").unwrap(),
        settings: json!({}),
        queues: &[],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let call = line.call(CALLER, ACME);
    let heard = call.arrive().await.unwrap();
    assert_eq!(heard.status, 200);
    assert!(!heard.twiml.said().is_empty() && heard.twiml.first("Hangup").is_some(), "{:?}", heard.twiml);
    assert_eq!(last_turn(&platform, "bare", &call.sid).await["answered_by"], "platform_default");
    platform.stop().await;
}
