//! Promises about quotas that are set, and things that are counted, as an operator meets them.

use super::*;

async fn set(api: &Api, tenant: &str, quota: Value) -> Got {
    api.operator(Method::PUT, &format!("/v1/tenants/{tenant}/quotas"), quota).await
}

async fn count_of(api: &Api, tenant: &str, thing: &str) -> u64 {
    let shown = api.get(&api.operator, &format!("/v1/tenants/{tenant}/quotas/effective")).await;
    let counts = shown.body["counts"].as_array().unwrap().clone();
    let found = counts.iter().find(|count| count["level"] == tenant && count["thing"] == thing);
    found.map_or(0, |count| count["count"].as_u64().unwrap())
}

#[tokio::test]
async fn a_quota_is_set_from_above_with_its_revision_and_read_by_its_tenant() {
    let api = Api::new().await;
    let path = "/v1/tenants/acme/quotas";
    assert_eq!(api.get(&api.acme, path).await.body["quota"], json!({}), "nothing is limited before anybody says so");
    let quota = json!({ "meters": { "contacts": { "day": 5 } }, "rate": { "per_second": 2, "burst": 4 }, "counts": { "flows": 1 } });
    let made = set(&api, "acme", quota.clone()).await;
    assert_eq!((&made.body["quota"], &made.body["zone"], &made.body["by"]), (&quota, &json!("UTC"), &json!("operator")));
    assert_eq!(api.get(&api.acme, path).await.body["quota"], quota);
    assert_eq!(api.call(&api.acme, Method::PUT, path, json!({})).await.problem(), (403, "forbidden"));
    assert_eq!(api.call(&api.acme, Method::PUT, "/v1/tenants/acme-sub/quotas", json!({})).await.status, StatusCode::OK, "it stands above");
    assert_eq!(api.call(&api.other, Method::GET, path, Value::Null).await.problem(), (404, "not-found"));
    for (bad, at) in [
        (json!({ "meters": { "calls": { "day": 1 } } }), "meters"),
        (json!({ "meters": { "contacts": { "week": 1 } } }), "meters"),
        (json!({ "rate": { "per_second": 0, "burst": 1 } }), "rate.per_second"),
        (json!({ "voice_share_percent": 101 }), "voice_share_percent"),
        (json!({ "counts": { "cats": 1 } }), "counts"),
        (json!({ "concurrancy": 1 }), ""),
    ] {
        let got = api.call(&api.operator, Method::PUT, path, bad.clone()).await;
        assert_eq!(got.problem(), (400, "invalid"), "{bad}");
        assert!(got.body["at"].as_str().unwrap_or_default().starts_with(at), "{bad}: {}", got.body);
    }
    assert_eq!(api.get(&api.acme, path).await.body["quota"], quota, "what was refused changed nothing");
}

#[tokio::test]
async fn a_tenant_that_moves_its_clock_keeps_the_windows_that_it_has() {
    let api = Api::new().await;
    set(&api, "acme", json!({ "meters": { "contacts": { "hour": 5 } } })).await;
    let window = |got: Got| got.body["meters"][0]["levels"][0]["window"].clone();
    let before = window(api.get(&api.acme, "/v1/tenants/acme/quotas/effective").await);
    let moved = api.call(&api.acme, Method::PATCH, "/v1/tenants/acme", json!({ "zone": "Pacific/Kiritimati" })).await;
    assert_eq!(moved.status, StatusCode::OK);
    assert_eq!(window(api.get(&api.acme, "/v1/tenants/acme/quotas/effective").await), before);
}

#[tokio::test]
async fn things_are_counted_for_everyone_above_and_what_goes_makes_room() {
    let api = Api::furnished().await;
    set(&api, "acme", json!({ "counts": { "flows": 2, "addresses": 1, "subtenants": 1, "tokens": 2 } })).await;
    let make =
        |tenant: &'static str, name: &'static str| api.call(&api.operator, Method::POST, tenant, json!({ "name": name, "label": name }));
    assert_eq!(make("/v1/tenants/acme-sub/flows", "one").await.status, StatusCode::CREATED);
    let full = make("/v1/tenants/acme-sub/flows", "two").await;
    assert_eq!((full.problem(), &full.body["at"]), ((422, "limit-reached"), &json!("flows")));
    assert!(full.body["detail"].as_str().unwrap().contains("tenant acme may have 2 flows"), "{}", full.body);
    api.operator(Method::DELETE, "/v1/tenants/acme/flows/main", Value::Null).await;
    assert_eq!(make("/v1/tenants/acme-sub/flows", "two").await.status, StatusCode::CREATED);
    assert_eq!((count_of(&api, "acme", "flows").await, count_of(&api, "platform", "flows").await), (2, 2));

    let tenant =
        |id: &'static str| api.call(&api.operator, Method::POST, "/v1/tenants", json!({ "id": id, "label": id, "parent": "acme" }));
    assert_eq!(tenant("acme-two").await.problem(), (422, "limit-reached"));
    let token = api.operator(Method::POST, "/v1/tokens", json!({ "label": "t", "tenant": "acme-sub" })).await;
    let none = api.call(&api.operator, Method::POST, "/v1/tokens", json!({ "label": "t", "tenant": "acme" })).await;
    assert_eq!((none.problem(), &none.body["at"]), ((422, "limit-reached"), &json!("tokens")));
    let revoke = format!("/v1/tokens/{}", token.body["id"].as_str().unwrap());
    api.operator(Method::DELETE, &revoke, Value::Null).await;
    api.operator(Method::DELETE, &revoke, Value::Null).await;
    assert_eq!(count_of(&api, "acme", "tokens").await, 1, "one that is revoked twice goes once");

    api.operator(Method::DELETE, "/v1/tenants/acme-sub", Value::Null).await;
    assert_eq!((count_of(&api, "acme", "flows").await, count_of(&api, "acme", "subtenants").await), (0, 0), "what it had went with it");
    assert_eq!(tenant("acme-two").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn two_that_race_for_the_last_place_do_not_both_get_it() {
    let api = Arc::new(Api::new().await);
    set(&api, "acme", json!({ "counts": { "flows": 3 } })).await;
    let mut racing = tokio::task::JoinSet::new();
    for nth in 0..12 {
        let api = api.clone();
        racing.spawn(async move {
            let tenant = if nth % 2 == 0 { "acme" } else { "acme-sub" };
            let body = json!({ "name": format!("flow-{nth}"), "label": "x" });
            api.call(&api.operator, Method::POST, &format!("/v1/tenants/{tenant}/flows"), body).await.status
        });
    }
    let made = racing.join_all().await.into_iter().filter(|status| *status == StatusCode::CREATED).count();
    assert_eq!((made, count_of(&api, "acme", "flows").await), (3, 3));
}

#[tokio::test]
async fn what_was_there_before_things_were_counted_is_counted_once() {
    let api = Api::furnished().await;
    api.plugin("acme", "ivr", 1, &[], "{}").await;
    assert_eq!(count_of(&api, "acme", "versions").await, 0, "it came around the API, as from before");
    api.app.quotas.begin(&api.app.store).await.unwrap();
    for (tenant, thing, count) in [
        ("acme", "versions", 1),
        ("platform", "versions", 1),
        ("acme", "flows", 1),
        ("acme", "subtenants", 1),
        ("platform", "subtenants", 3),
    ] {
        assert_eq!(count_of(&api, tenant, thing).await, count, "{thing} of {tenant}");
    }
    assert_eq!((count_of(&api, "acme", "tokens").await, count_of(&api, "platform", "tokens").await), (1, 3));
    api.app.quotas.begin(&api.app.store).await.unwrap();
    assert_eq!(count_of(&api, "acme", "versions").await, 1);
}
