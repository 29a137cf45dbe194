//! A tenant's token reaches its own and nothing else; what is another's is not there.

use http::Method;
use jackfield_tests::platform::{Operator, Platform};
use serde_json::{Value, json};

use super::answers::{CALLER, acme};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_token_finds_no_other_tenant() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let other = json!({"id": "globex", "label": "Globex", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", other).await.unwrap();
    let made = platform.operator.ok(Method::POST, "/v1/tokens", json!({"label": "globex", "tenant": "globex"})).await.unwrap();
    let token = made["token"].as_str().unwrap();
    let globex = Operator::new(&platform.operator.admin_url, &platform.operator.hooks_url, token).unwrap();
    let call = line.call(CALLER, "+18005551234");
    call.arrive().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let id = contact.pointer("/contact/id").and_then(Value::as_str).unwrap();
    for path in [
        "/v1/tenants/acme".to_owned(),
        "/v1/tenants/acme/flows".to_owned(),
        "/v1/tenants/acme/flows/main/settings".to_owned(),
        "/v1/tenants/acme/contacts".to_owned(),
        format!("/v1/tenants/acme/contacts/{id}"),
        format!("/v1/tenants/globex/contacts/{id}"),
        "/v1/tenants/acme/usage".to_owned(),
        "/v1/tenants/platform/connections/twilio/refusals".to_owned(),
        "/v1/tenants/nobody".to_owned(),
    ] {
        let problem = globex.refused(Method::GET, &path, Value::Null).await.unwrap();
        assert_eq!((problem.status, problem.code.as_str()), (404, "not-found"), "{path}");
    }
    assert_eq!(globex.ok(Method::GET, "/v1/tenants/globex", Value::Null).await.unwrap()["id"], "globex");
    let taken = json!({"address": "+18005551234", "connection": "twilio", "flow": "main"});
    let conflict = globex.refused(Method::POST, "/v1/tenants/globex/addresses", taken).await.unwrap();
    assert!(!conflict.detail.contains("acme"), "a tenant was told who has the number: {}", conflict.detail);

    platform.operator.ok(Method::DELETE, &format!("/v1/tokens/{}", token.split('_').nth(1).unwrap()), Value::Null).await.unwrap();
    assert_eq!(globex.refused(Method::GET, "/v1/tenants/globex", Value::Null).await.unwrap().status, 401);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_opens() {
    let platform = Platform::start().await.unwrap();
    for token in ["", "nonsense", "jf_0123456789abcdef_wrong", "jf__"] {
        let stranger = Operator::new(&platform.operator.admin_url, &platform.operator.hooks_url, token).unwrap();
        for path in ["/v1/tenants", "/v1/tokens", "/v1/tenants/platform", "/v1/nothing"] {
            let problem = stranger.refused(Method::GET, path, Value::Null).await.unwrap();
            assert!(matches!(problem.status, 401 | 404), "{path}: {problem:?}");
        }
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_or_secret_lies_readable_on_the_disk() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let caller = "+14155550177";
    line.call(caller, "+18005551234").arrive().await.unwrap();
    let data = platform.data.path().to_owned();
    platform.server.stop().await;
    let mut files = vec![data];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        seen += bytes.len();
        for secret in [caller.as_bytes(), jackfield_tests::platform::AUTH_TOKEN.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{} holds it readable", path.display());
        }
    }
    assert!(seen > 100_000, "only {seen} bytes were looked at");
}
