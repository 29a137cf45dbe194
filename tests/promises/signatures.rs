//! Who is not the provider gets a bare status, and nothing is written.

use http::Method;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Platform};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_refused_and_found_in_the_connections_list() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let params = call.params("ringing", &[]);
    let elsewhere = Line::new(&platform.operator.hooks_url, "https://wrong.example", "twilio", ACCOUNT, AUTH_TOKEN).unwrap();
    let other_secret = Line::new(&platform.operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, "another secret").unwrap();
    for refused in [
        line.post_signed(&line.hook("voice"), &params, "").await.unwrap(),
        line.post_signed(&line.hook("voice"), &params, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=").await.unwrap(),
        elsewhere.post(&elsewhere.hook("voice"), &params).await.unwrap(),
        other_secret.post(&other_secret.hook("voice"), &params).await.unwrap(),
    ] {
        assert_eq!((refused.status, refused.body.len()), (403, 0));
    }
    let found = platform.operator.api.get("/v1/tenants/acme/contacts", &[("from", "2000-01-01T00:00:00Z")]).await.unwrap().body;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(0), "a stranger wrote a contact");
    let list = platform.operator.api.get("/v1/tenants/platform/connections/twilio/refusals", &[]).await.unwrap().body;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert!(
        items
            .iter()
            .all(|item| item["code"] == "bad-signature" && item["url_seen"].as_str().is_some_and(|url| url.starts_with(PUBLIC_URL))),
        "{list}"
    );
    assert!(!list.to_string().contains(AUTH_TOKEN));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_changed_without_a_gap() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let next = "fedcba9876543210fedcba9876543210";
    let at = "/v1/tenants/platform/connections/twilio";
    let both = json!({"add_secret": {"name": "second", "value": next}});
    platform.operator.ok(Method::PATCH, at, both).await.unwrap();
    let rotated = Line::new(&platform.operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, next).unwrap();
    let (old, new) = (line.call(CALLER, ACME), rotated.call(CALLER, ACME));
    assert_eq!((old.arrive().await.unwrap().status, new.arrive().await.unwrap().status), (200, 200));
    for (call, secret) in [(&old, "first"), (&new, "second")] {
        let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
        assert_eq!(contact["turns"][0]["verified_with"], secret);
    }
    platform.operator.ok(Method::PATCH, at, json!({"remove_secret": "first"})).await.unwrap();
    assert_eq!(line.call(CALLER, ACME).arrive().await.unwrap().status, 403);
    let shown = platform.operator.ok(Method::GET, at, Value::Null).await.unwrap();
    assert!(!shown.to_string().contains(next), "a secret was shown");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_accounts_signature_never_reaches_an_address_of_another_connection() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    let body = json!({"id": "other", "provider": "twilio", "public_url": PUBLIC_URL, "secrets": [{"name": "first", "value": "attacker"}]});
    platform.operator.ok(Method::POST, "/v1/tenants/platform/connections", body).await.unwrap();
    let attacker = Line::new(&platform.operator.hooks_url, PUBLIC_URL, "other", ACCOUNT, "attacker").unwrap();
    let heard = attacker.call(CALLER, ACME).arrive().await.unwrap();
    assert_eq!((heard.status, heard.body.len()), (404, 0), "{:?}", heard.twiml);
    platform.stop().await;
}
