//! Promises about the life of tenants, connections, addresses and directories.

use super::*;

#[tokio::test]
async fn a_tenant_has_what_its_plan_and_its_ancestors_leave_it() {
    let api = Api::new().await;
    let mib = |got: &Got| got.body["limits"]["memory_bytes_max"].as_u64().unwrap() >> 20;
    let large = api.operator(Method::PATCH, "/v1/tenants/acme-sub", json!({ "plan": "large" })).await;
    assert_eq!(mib(&large), 16, "a child has no more than its parent");
    let parent = api.operator(Method::PATCH, "/v1/tenants/acme", json!({ "plan": "maximum" })).await;
    assert_eq!(mib(&parent), 128);
    assert_eq!(mib(&api.get(&api.operator, "/v1/tenants/acme-sub").await), 64, "what the parent has now reaches the child");
    api.operator(Method::PATCH, "/v1/tenants/acme", json!({ "plan": "standard" })).await;
    assert_eq!(mib(&api.get(&api.operator, "/v1/tenants/acme-sub").await), 16);
}

#[tokio::test]
async fn a_tenant_is_erased_only_when_nothing_stands_on_it() {
    let api = Api::furnished().await;
    let erase = |tenant: &'static str| api.call(&api.operator, Method::DELETE, tenant, Value::Null);
    assert_eq!(erase("/v1/tenants/acme").await.problem(), (409, "in-use"));
    assert_eq!(erase("/v1/tenants/acme-sub").await.status, StatusCode::NO_CONTENT);
    let bound = json!({ "address": "+18005551234", "connection": "acme-twilio", "flow": "main" });
    api.operator(Method::POST, "/v1/tenants/acme/addresses", bound).await;
    assert_eq!(erase("/v1/tenants/acme").await.problem(), (409, "in-use"));
    api.operator(Method::DELETE, "/v1/tenants/acme/addresses/+18005551234", Value::Null).await;
    assert_eq!(erase("/v1/tenants/acme").await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&api.operator, "/v1/tenants/acme").await.problem(), (404, "not-found"));
    assert_eq!(api.get(&api.acme, "/v1/self").await.problem(), (401, "unauthenticated"), "its tokens went with it");
    assert_eq!(erase("/v1/tenants/platform").await.problem(), (400, "invalid"));
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let api = Api::furnished().await;
    let secret = "0123456789abcdef0123456789abcdef";
    let path = "/v1/tenants/acme/connections/acme-twilio";
    let next = json!({ "add_secret": { "name": "second", "value": "f".repeat(32) } });
    let rotated = api.operator(Method::PATCH, path, next.clone()).await;
    let names: Vec<_> = rotated.body["secrets"].as_array().unwrap().iter().map(|secret| secret["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["second", "first"], "newest first, both good");
    assert_eq!(api.call(&api.acme, Method::PATCH, path, next).await.problem(), (400, "invalid"), "a third secret");
    api.operator(Method::PATCH, path, json!({ "remove_secret": "first" })).await;
    let last = api.call(&api.acme, Method::PATCH, path, json!({ "remove_secret": "second" })).await;
    assert_eq!(last.problem(), (400, "invalid"), "without any secret nothing could be verified");
    for shown in [api.get(&api.acme, path).await, api.get(&api.acme, "/v1/tenants/acme/connections").await, rotated] {
        let text = shown.body.to_string();
        assert!(!text.contains(secret) && !text.contains(&"f".repeat(32)), "{text}");
    }
}

#[tokio::test]
async fn null_removes_what_a_connection_may_lack_and_absence_keeps_it() {
    let api = Api::furnished().await;
    let path = "/v1/tenants/acme/connections/acme-twilio";
    let set = api.operator(Method::PATCH, path, json!({ "speaker_url": "wss://ai.example.com/relay", "voice": "Polly.Joanna" })).await;
    assert_eq!(set.body["speaker_url"], "wss://ai.example.com/relay");
    let kept = api.operator(Method::PATCH, path, json!({ "voice": null })).await;
    assert_eq!((&kept.body["speaker_url"], &kept.body["voice"]), (&json!("wss://ai.example.com/relay"), &Value::Null));
}

#[tokio::test]
async fn a_conflict_says_with_what_to_those_who_may_know() {
    let api = Api::furnished().await;
    let bound = json!({ "address": "+18005551234", "connection": "acme-twilio", "flow": "main" });
    let made = api.call(&api.acme, Method::POST, "/v1/tenants/acme/addresses", bound.clone()).await;
    assert_eq!((made.status, &made.body["address"]), (StatusCode::CREATED, &json!("voice:number:+18005551234")));
    let again = api.call(&api.acme, Method::POST, "/v1/tenants/acme/addresses", bound.clone()).await;
    assert_eq!(again.problem(), (409, "conflict"));
    assert!(again.body["detail"].as_str().unwrap().contains("flow main"));
    api.operator(Method::POST, "/v1/tenants/other/connections", connection("other-twilio")).await;
    api.operator(Method::POST, "/v1/tenants/other/flows", json!({ "name": "theirs", "label": "Theirs" })).await;
    let theirs = json!({ "address": "voice:number:tel:+18005551234", "connection": "other-twilio", "flow": "theirs" });
    // A contact has proven whose it is; until then both might claim it.
    let found = api.app.store.platform().binding(&"+18005551234".parse().unwrap()).await.unwrap().unwrap();
    let proven = jackfield_domain::tenant::address::Binding { proven: Some(1), ..found.row };
    let expect = jackfield_domain::ports::rows::Expect::Revision(found.revision);
    api.app.store.platform().change().rebind(&proven, &proven, expect).commit().await.unwrap();
    let stranger = api.call(&api.other, Method::POST, "/v1/tenants/other/addresses", theirs.clone()).await;
    assert_eq!(stranger.problem(), (409, "conflict"));
    assert!(!stranger.body.to_string().contains("acme"), "{}", stranger.body);
    let operator = api.call(&api.operator, Method::POST, "/v1/tenants/other/addresses", theirs).await;
    assert!(operator.body["detail"].as_str().unwrap().contains("flow main of tenant acme"), "{}", operator.body);
}

#[tokio::test]
async fn what_an_address_leads_to_cannot_be_deleted_under_it() {
    let api = Api::furnished().await;
    let base = "/v1/tenants/acme";
    let bound = json!({ "address": "+18005551234", "connection": "acme-twilio", "flow": "main" });
    api.operator(Method::POST, &format!("{base}/addresses"), bound).await;
    for thing in ["flows/main", "connections/acme-twilio"] {
        let got = api.call(&api.acme, Method::DELETE, &format!("{base}/{thing}"), Value::Null).await;
        assert_eq!(got.problem(), (409, "in-use"), "{thing}");
        assert!(got.body["detail"].as_str().unwrap().contains("+18005551234"));
    }
    api.operator(Method::POST, &format!("{base}/flows"), json!({ "name": "next", "label": "Next" })).await;
    let moved = json!({ "connection": "acme-twilio", "flow": "next" });
    let moved = api.operator(Method::PUT, &format!("{base}/addresses/+18005551234"), moved).await;
    assert_eq!(moved.body["flow"], "next");
    api.operator(Method::DELETE, &format!("{base}/flows/main"), Value::Null).await;
}

#[tokio::test]
async fn a_tenant_uses_connections_above_it_and_none_beside_it() {
    let api = Api::furnished().await;
    api.operator(Method::POST, "/v1/tenants/acme-sub/flows", json!({ "name": "sub", "label": "Sub" })).await;
    let bound = json!({ "address": "+18005559999", "connection": "acme-twilio", "flow": "sub" });
    api.operator(Method::POST, "/v1/tenants/acme-sub/addresses", bound).await;
    let got = api.call(&api.acme, Method::DELETE, "/v1/tenants/acme/connections/acme-twilio", Value::Null).await;
    assert_eq!(got.problem(), (409, "in-use"), "a subtenant's address answers through it");
    api.operator(Method::POST, "/v1/tenants/other/flows", json!({ "name": "theirs", "label": "Theirs" })).await;
    let bound = json!({ "address": "+18005558888", "connection": "acme-twilio", "flow": "theirs" });
    let beside = api.call(&api.other, Method::POST, "/v1/tenants/other/addresses", bound).await;
    assert_eq!(beside.problem(), (404, "not-found"));
}

#[tokio::test]
async fn a_default_route_is_tried_before_it_is_taken_and_keeps_what_it_needs() {
    let api = Api::furnished().await;
    let path = "/v1/tenants/acme/routes";
    let route = |queue: &str| {
        let enqueue = json!({ "do": "enqueue", "with": { "tag": "", "queue": queue } });
        json!([{ "channel": "voice", "open": { "actions": [enqueue], "reason": "default" } }])
    };
    let wrong = api.call(&api.acme, Method::PUT, path, route("nowhere")).await;
    assert_eq!(wrong.problem(), (400, "invalid"));
    assert_eq!(wrong.body["at"], "[0].open");
    let set = api.call(&api.acme, Method::PUT, path, route("sales")).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let queue = api.call(&api.acme, Method::DELETE, "/v1/tenants/acme/queues/sales", Value::Null).await;
    assert_eq!(queue.problem(), (409, "in-use"));
    let closed = json!([{ "channel": "voice", "hours": "main", "open": { "actions": [{ "do": "hang-up", "with": null }], "reason": "" } }]);
    assert_eq!(api.call(&api.acme, Method::PUT, path, closed).await.body["at"], "[0].hours");
    api.operator(Method::PUT, path, json!([])).await;
    let queue = api.call(&api.acme, Method::DELETE, "/v1/tenants/acme/queues/sales", Value::Null).await;
    assert_eq!(queue.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn hours_say_whether_it_is_open_at_a_local_time() {
    let api = Api::new().await;
    api.operator(Method::PATCH, "/v1/tenants/acme", json!({ "zone": "America/New_York" })).await;
    let week = json!({ "weekly": [{ "weekday": 5, "from": "09:00", "to": "17:00" }] });
    let made = api.operator(Method::PUT, "/v1/tenants/acme/hours/main", week).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let open = |time: &'static str| api.get(&api.acme, time);
    assert_eq!(open("/v1/tenants/acme/hours/main/at?time=2026-11-20T09:00").await.body["open"], true);
    assert_eq!(open("/v1/tenants/acme/hours/main/at?time=2026-11-20T13:59:59Z").await.body["open"], false);
    assert_eq!(open("/v1/tenants/acme/hours/main/at").await.body["open"], false, "noon UTC is seven in New York");
    assert_eq!(open("/v1/tenants/acme/hours/main/at?time=soon").await.problem(), (400, "invalid"));
    let bad = json!({ "weekly": [{ "weekday": 8, "from": "09:00", "to": "17:00" }] });
    assert_eq!(api.call(&api.acme, Method::PUT, "/v1/tenants/acme/hours/main", bad).await.problem(), (400, "invalid"));
}

#[tokio::test]
async fn a_closure_is_set_seen_and_lifted() {
    let api = Api::new().await;
    let path = "/v1/tenants/acme/closure";
    assert_eq!(api.get(&api.acme, path).await.problem(), (404, "not-found"));
    let past = json!({ "reason": "fire", "until": "2026-11-20T11:00:00Z", "bypass": true });
    assert_eq!(api.call(&api.acme, Method::PUT, path, past).await.problem(), (400, "invalid"));
    let set = api.call(&api.acme, Method::PUT, path, json!({ "reason": "fire", "bypass": true })).await;
    assert_eq!((set.status, &set.body["by"], &set.body["since"]), (StatusCode::CREATED, &json!("acme"), &json!(NOON)));
    assert_eq!(api.call(&api.acme, Method::DELETE, path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&api.acme, path).await.problem(), (404, "not-found"));
}

#[tokio::test]
async fn a_write_that_names_an_older_revision_changes_nothing() {
    let api = Api::furnished().await;
    let path = "/v1/tenants/acme/flows/main";
    let read = api.get(&api.acme, path).await;
    let etag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(etag, format!("\"{}\"", read.body["revision"]));
    let with = |label: &str, etag: &str| {
        Request::patch(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", api.acme))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, etag)
            .body(Body::from(json!({ "label": label }).to_string()))
            .unwrap()
    };
    assert_eq!(api.send(with("One", &etag)).await.status, StatusCode::OK);
    assert_eq!(api.send(with("Two", &etag)).await.problem(), (409, "conflict"));
    assert_eq!(api.get(&api.acme, path).await.body["label"], "One");
}
