//! Promises about bad input: a clear refusal, and nothing written.

use super::*;

async fn with(api: &Api, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> Got {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {}", api.operator));
    api.send(request.header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_bad_body_gets_a_clear_answer_and_writes_nothing() {
    let api = Api::furnished().await;
    let before = api.everything_of("acme").await;
    let path = "/v1/tenants/acme/flows";
    let json = "application/json";
    let large = format!("{{\"name\":\"x\",\"label\":\"{}\"}}", "a".repeat(300_000));
    let cases: Vec<(&str, Vec<u8>, (u16, &str))> = vec![
        (json, b"".to_vec(), (400, "bad-request")),
        (json, b"{\"name\":\"x\",\"lab".to_vec(), (400, "bad-request")),
        (json, b"{\"name\":\"x\",\"label\":\"\xff\"}".to_vec(), (400, "bad-request")),
        (json, b"{\"name\":\"x\",\"label\":\"a\",\"label\":\"b\"}".to_vec(), (400, "bad-request")),
        (json, b"{\"name\":\"x\",\"label\":\"a\",\"lable\":\"b\"}".to_vec(), (400, "invalid")),
        (json, b"{\"name\":\"../x\",\"label\":\"a\"}".to_vec(), (400, "invalid")),
        (json, b"{\"name\":\"x\\u0000\",\"label\":\"a\"}".to_vec(), (400, "invalid")),
        (json, b"{\"name\":\"x\",\"label\":\"a\\u001b[2J\"}".to_vec(), (400, "invalid")),
        (json, b"{\"name\":\"x\",\"label\":\"\"}".to_vec(), (400, "invalid")),
        (json, b"{\"name\":1,\"label\":\"a\"}".to_vec(), (400, "invalid")),
        (json, b"[]".to_vec(), (400, "invalid")),
        (json, large.into_bytes(), (413, "too-large")),
        ("text/plain", b"{\"name\":\"x\",\"label\":\"a\"}".to_vec(), (415, "wrong-content-type")),
    ];
    for (kind, body, problem) in cases {
        let shown = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        let got = with(&api, Method::POST, path, kind, body).await;
        assert_eq!(got.problem(), problem, "{shown}: {}", got.body);
        assert!(!got.body["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(api.everything_of("acme").await, before);
}

#[tokio::test]
async fn a_name_in_the_path_cannot_leave_its_place() {
    let api = Api::furnished().await;
    let before = api.everything_of("acme").await;
    for name in ["..", "%2e%2e", "..%2f..%2ftokens", "a%00b", "A", "a%0ab", "%ff", "a%20b"] {
        for path in
            [format!("/v1/tenants/{name}"), format!("/v1/tenants/acme/queues/{name}"), format!("/v1/tenants/acme/plugins/{name}/versions")]
        {
            let method = if path.contains("queues") { Method::PUT } else { Method::GET };
            let got = with(&api, method, &path, "application/json", "{\"label\":\"x\"}").await;
            assert!(got.status.is_client_error(), "{path}: {}", got.status);
        }
    }
    assert_eq!(api.everything_of("acme").await, before);
}

#[tokio::test]
async fn an_unknown_or_doubled_parameter_is_refused_by_name() {
    let api = Api::furnished().await;
    for (query, at) in [("tpyo=1", "tpyo"), ("limit=1&limit=2", "limit"), ("limit=0", "limit"), ("after=..", "flow")] {
        let got = api.get(&api.acme, &format!("/v1/tenants/acme/flows?{query}")).await;
        assert_eq!((got.status, &got.body["at"]), (StatusCode::BAD_REQUEST, &json!(at)), "{query}");
    }
    let many = (0..100).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(api.get(&api.acme, &format!("/v1/tenants/acme/flows?{many}")).await.problem(), (400, "bad-request"));
}

#[tokio::test]
async fn an_unknown_field_deep_in_a_draft_is_refused_where_it_stands() {
    let api = Api::furnished().await;
    let say = json!({ "do": "say", "with": { "content": { "text": "Hello" }, "langauge": "en-US" } });
    let routes = json!([{ "channel": "voice", "open": { "actions": [say, { "do": "hang-up", "with": null }], "reason": "" } }]);
    let got = api.call(&api.acme, Method::PUT, "/v1/tenants/acme/routes", routes).await;
    assert_eq!((got.problem(), &got.body["at"]), ((400, "invalid"), &json!("[0].open.actions[0].with.langauge")));
}

#[tokio::test]
async fn an_upload_is_a_component_of_a_bounded_size_or_nothing() {
    let api = Api::new().await;
    let path = "/v1/tenants/acme/plugins/ivr/versions";
    assert_eq!(with(&api, Method::POST, path, "application/json", "{}").await.problem(), (415, "wrong-content-type"));
    let large = vec![0_u8; 33 << 20];
    assert_eq!(with(&api, Method::POST, path, "application/wasm", large).await.problem(), (413, "too-large"));
    assert_eq!(api.get(&api.acme, "/v1/tenants/acme/plugins").await.body["items"], json!([]));
}

#[tokio::test]
async fn the_same_bytes_again_are_the_same_version() {
    let api = Api::new().await;
    api.plugin("acme", "ivr", 1, &["say"], "").await;
    let bytes = "acme/ivr/1";
    let got = with(&api, Method::POST, "/v1/tenants/acme/plugins/ivr/versions", "application/wasm", bytes).await;
    assert_eq!((got.status, &got.body["number"]), (StatusCode::OK, &json!(1)), "{}", got.body);
}
