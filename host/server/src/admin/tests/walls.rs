//! Promises about who may reach what.

use super::*;
use crate::admin::door::guard::Who;
use crate::admin::routes::{Route, table};

/// A path of the table with names in it, for one tenant.
fn path_of(route: &Route, tenant: &str) -> String {
    let names = [
        ("{tenant}", tenant),
        ("{connection}", "acme-twilio"),
        ("{address}", "+18005551234"),
        ("{flow}", "main"),
        ("{alias}", "live"),
        ("{number}", "1"),
        ("{plugin}", "ivr"),
        ("{name}", "sales"),
        ("{contact}", "0193490a-5d80-7000-8000-000000000001"),
        ("{id}", "0123456789abcdef"),
        ("{digest}", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ];
    names.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn every_route_demands_a_good_token_before_anything_else() {
    let api = Api::furnished().await;
    let wrong = format!("{}x", &api.operator.chars().take(62).collect::<String>());
    for route in table() {
        let path = path_of(&route, "acme");
        let bare = Request::builder().method(route.method.clone()).uri(&path).body(Body::empty()).unwrap();
        let got = api.send(bare).await;
        assert_eq!(got.problem(), (401, "unauthenticated"), "{} {path}", route.method);
        assert_eq!(got.headers[header::WWW_AUTHENTICATE], "Bearer");
        for token in [wrong.as_str(), "", "jf_0000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let got = api.call(token, route.method.clone(), &path, Value::Null).await;
            assert_eq!(got.problem(), (401, "unauthenticated"), "{} {path} with {token:?}", route.method);
        }
    }
}

#[tokio::test]
async fn every_route_of_the_table_is_routed_with_its_method() {
    let api = Api::furnished().await;
    for route in table() {
        let got = api.call(&api.operator, route.method.clone(), &path_of(&route, "acme"), Value::Null).await;
        assert_ne!(got.body["at"], "path", "{} {} is not routed", route.method, route.path);
        assert_ne!(got.problem().1, "method-not-allowed", "{} {}", route.method, route.path);
    }
    let got = api.call(&api.operator, Method::PATCH, "/v1/tokens", Value::Null).await;
    assert_eq!(got.problem(), (405, "method-not-allowed"));
    assert_eq!(api.get(&api.operator, "/v1/nothing").await.problem(), (404, "not-found"));
}

#[tokio::test]
async fn another_tenants_thing_is_not_found_on_every_route_and_stays_as_it_was() {
    let api = Api::furnished().await;
    let before = api.everything_of("acme").await;
    for route in table().into_iter().filter(|route| route.path.contains("{tenant}")) {
        for (path, what) in
            [(path_of(&route, "acme"), "acme"), (path_of(&route, "nobody"), "nobody"), (path_of(&route, "platform"), "platform")]
        {
            let got = api.call(&api.other, route.method.clone(), &path, json!({})).await;
            assert_eq!(got.problem(), (404, "not-found"), "{} {path}", route.method);
            assert_eq!(got.body["detail"], format!("there is no tenant {what}"), "what exists must read as what does not");
        }
    }
    assert_eq!(api.everything_of("acme").await, before);
}

#[tokio::test]
async fn what_is_the_platforms_alone_is_forbidden_to_tenants() {
    let api = Api::new().await;
    let platform: Vec<Route> = table().into_iter().filter(|route| route.who == Who::Platform).collect();
    assert!(!platform.is_empty());
    for route in platform {
        let got = api.call(&api.acme, route.method.clone(), &path_of(&route, "acme"), Value::Null).await;
        assert_eq!(got.problem(), (403, "forbidden"), "{} {}", route.method, route.path);
    }
    for (path, method, body) in [
        ("/v1/tenants/acme", Method::PATCH, json!({ "plan": "maximum" })),
        ("/v1/tenants/acme", Method::PATCH, json!({ "standing": "suspended" })),
        ("/v1/tenants/acme", Method::DELETE, Value::Null),
    ] {
        let got = api.call(&api.acme, method, path, body).await;
        assert_eq!(got.problem(), (403, "forbidden"), "{path}");
    }
    let above = api.call(&api.acme, Method::PATCH, "/v1/tenants/acme-sub", json!({ "standing": "suspended" })).await;
    assert_eq!((above.status, &above.body["standing"]), (StatusCode::OK, &json!("suspended")), "a tenant stands above its subtenants");
}

#[tokio::test]
async fn a_confined_token_sees_its_tenant_and_those_below_and_makes_nothing_wider() {
    let api = Api::new().await;
    let ids = |got: &Got| got.body["items"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&api.get(&api.acme, "/v1/tenants").await), ["acme", "acme-sub"]);
    assert_eq!(ids(&api.get(&api.operator, "/v1/tenants?limit=2").await), ["acme", "acme-sub"]);
    assert_eq!(ids(&api.get(&api.operator, "/v1/tenants?limit=2&after=acme-sub").await), ["other", "platform"]);
    let below = api.call(&api.acme, Method::POST, "/v1/tenants", json!({ "id": "acme-two", "label": "Two" })).await;
    assert_eq!((below.status, &below.body["parent"]), (StatusCode::CREATED, &json!("acme")));
    let aside = api.call(&api.acme, Method::POST, "/v1/tenants", json!({ "id": "x", "label": "X", "parent": "platform" })).await;
    assert_eq!(aside.problem(), (404, "not-found"));
    let token = api.call(&api.acme, Method::POST, "/v1/tokens", json!({ "label": "mine" })).await;
    assert_eq!(token.body["reach"], json!({ "tenant": "acme" }));
    let token = api.call(&api.acme, Method::POST, "/v1/tokens", json!({ "label": "theirs", "tenant": "other" })).await;
    assert_eq!(token.problem(), (404, "not-found"));
    let labels: Vec<String> = api.get(&api.acme, "/v1/tokens").await.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["label"].as_str().unwrap().to_owned())
        .collect();
    assert!(!labels.iter().any(|label| label == "operator" || label == "other"), "{labels:?}");
}

#[tokio::test]
async fn a_token_that_was_revoked_or_has_expired_opens_nothing() {
    let api = Api::new().await;
    let made = api.operator(Method::POST, "/v1/tokens", json!({ "label": "short", "tenant": "acme", "expires_days": 1 })).await;
    let short = made.body["token"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&short, "/v1/self").await.status, StatusCode::OK);
    let child = api.call(&short, Method::POST, "/v1/tokens", json!({ "label": "child", "expires_days": 100 })).await;
    assert_eq!(child.body["expires"], made.body["expires"], "a token makes none that outlives it");
    api.clock.0.fetch_add(24 * 60 * 60 * 1_000, Ordering::Relaxed);
    assert_eq!(api.get(&short, "/v1/self").await.problem(), (401, "unauthenticated"));
    let id: String = api.acme.chars().skip(3).take(16).collect();
    assert_eq!(api.call(&api.other, Method::DELETE, &format!("/v1/tokens/{id}"), Value::Null).await.problem(), (404, "not-found"));
    api.operator(Method::DELETE, &format!("/v1/tokens/{id}"), Value::Null).await;
    assert_eq!(api.get(&api.acme, "/v1/self").await.problem(), (401, "unauthenticated"));
}

#[tokio::test]
async fn the_operators_token_is_made_once() {
    let api = Api::new().await;
    assert_eq!(crate::admin::ensure_operator_token(&api.app).await.unwrap(), None);
}
