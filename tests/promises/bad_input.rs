//! Bad input gets a clear refusal with a stable code, and nothing is written.

use bytes::Bytes;
use http::Method;
use jackfield_egress::PlainClient;
use jackfield_tests::platform::Platform;
use serde_json::{Value, json};
use url::Url;

use super::answers::{ACME, CALLER, acme};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_be_read_is_a_bare_status() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let form = "application/x-www-form-urlencoded".to_owned();
    let send = |tail: &'static str, method: Method, content_type: &'static str, body: Bytes| {
        let (line, form) = (&line, &form);
        async move {
            let content_type = if content_type == "form" { form.clone() } else { content_type.to_owned() };
            line.raw(method, &line.hook(tail), &[("content-type".to_owned(), content_type)], body).await.map(|heard| heard.status)
        }
    };
    let large = Bytes::from(vec![b'a'; 100_000_000]);
    // The server may answer before it has read it all, and hang up: that is an end too.
    assert!(
        send("voice", Method::POST, "form", large).await.is_ok_and(|status| status == 413)
            || send("voice", Method::POST, "form", Bytes::from_static(b"CallSid=CA1")).await.is_ok()
    );
    for (tail, method, content_type, body, statuses) in [
        ("voice", Method::POST, "text/plain", "To=%2B18005551234", [415, 415]),
        ("voice", Method::POST, "form", "To=%2B18005551234&CallSid=%FF%FE", [400, 403]),
        ("voice", Method::POST, "form", "To=%2B18005551234&CallSid=CA1&CallSid=CA2", [400, 403]),
        ("voice", Method::POST, "form", "To=%2", [400, 403]),
        ("voice", Method::POST, "form", "", [400, 403]),
        ("nothing", Method::POST, "form", "To=%2B18005551234", [404, 404]),
        ("voice", Method::DELETE, "form", "", [405, 405]),
        ("voice?s=not-a-token", Method::POST, "form", "To=%2B18005551234", [400, 403]),
    ] {
        let status = send(tail, method.clone(), content_type, Bytes::from_static(body.as_bytes())).await.unwrap();
        assert!(statuses.contains(&status), "{method} {tail} {body:?}: {status}");
    }
    assert_eq!(line.call(CALLER, ACME).arrive().await.unwrap().status, 200);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_json_is_refused_by_name_and_nothing_is_written() {
    let platform = Platform::start().await.unwrap();
    let url = Url::parse(&format!("{}/v1/tenants", platform.operator.admin_url)).unwrap();
    let client = PlainClient::new().unwrap();
    let post = |content_type: &'static str, body: Vec<u8>| {
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("authorization".to_owned(), format!("Bearer {}", platform.operator.token)),
        ];
        let (client, url) = (&client, &url);
        async move {
            let reply = client.send(Method::POST, url, &headers, body.into()).await.unwrap();
            let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/problem+json"), "{problem}");
            (reply.status, problem["code"].as_str().unwrap_or_default().to_owned(), problem.to_string())
        }
    };
    let good = r#""label":"A","zone":"UTC","language":"en-US","plan":"standard""#;
    let json_type = "application/json";
    for (content_type, body, status, named) in [
        (json_type, format!(r#"{{"id":"a",{good}"#).into_bytes(), 400, ""),
        (json_type, format!(r#"{{"id":"a",{good},"colour":"red"}}"#).into_bytes(), 400, "colour"),
        (json_type, format!(r#"{{"id":"a",{good},"label":"B"}}"#).into_bytes(), 400, "label"),
        (json_type, format!(r#"{{"id":"../a",{good}}}"#).into_bytes(), 400, "id"),
        (json_type, format!(r#"{{"id":"a\u0000",{good}}}"#).into_bytes(), 400, "id"),
        (json_type, format!(r#"{{"id":"{}",{good}}}"#, "a".repeat(300)).into_bytes(), 400, "id"),
        (json_type, b"{\"id\":\"\xff\"}".to_vec(), 400, ""),
        (json_type, vec![b'['; 200_000], 400, ""),
        (json_type, vec![b' '; 5_000_000], 413, ""),
        ("text/plain", b"{}".to_vec(), 415, ""),
        (json_type, Vec::new(), 400, ""),
    ] {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let (got, code, problem) = post(content_type, body).await;
        assert!(got == status || (status == 400 && got == 422), "{start}: {problem}");
        assert!(!code.is_empty() && problem.contains(named), "{start}: {problem}");
    }
    let tenants = platform.operator.ok(Method::GET, "/v1/tenants", Value::Null).await.unwrap();
    assert_eq!(tenants["items"].as_array().map(Vec::len), Some(1), "{tenants}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_says_with_what() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    let again = json!({"id": "acme", "label": "A", "zone": "UTC", "language": "en-US", "plan": "standard"});
    assert_eq!(platform.operator.refused(Method::POST, "/v1/tenants", again).await.unwrap().code, "conflict");
    let other = json!({"id": "globex", "label": "Globex", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", other).await.unwrap();
    platform.operator.ok(Method::POST, "/v1/tenants/globex/flows", json!({"name": "main", "label": "Main"})).await.unwrap();
    let taken = json!({"address": ACME, "connection": "twilio", "flow": "main"});
    let conflict = platform.operator.refused(Method::POST, "/v1/tenants/globex/addresses", taken).await.unwrap();
    assert_eq!(conflict.code, "conflict");
    assert!(conflict.detail.contains("acme"), "{}", conflict.detail);
    platform.stop().await;
}
