//! Whatever is uploaded is refused by name or taken; the server's memory stays what it was, and the next upload works.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use jackfield_egress::{AdminClient, ClientError, PlainClient, PlainReply, Problem};
use jackfield_tests::platform::{Operator, Platform};
use jackfield_tests::process::Process;
use jackfield_tests::{artifacts, bombs};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// What an attack on uploads may cost the server.
const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// The largest upload.
const LARGEST: usize = 32 << 20;

async fn tenant(operator: &Operator, id: &str) {
    let tenant = json!({"id": id, "label": id, "zone": "UTC", "language": "en-US", "plan": "standard"});
    operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
}

async fn refused(api: &AdminClient, path: &str, component: Bytes) -> Problem {
    match api.upload(path, component).await {
        Err(ClientError::Refused(problem)) => *problem,
        other => panic!("{other:?}"),
    }
}

/// Sends bytes as an upload with these headers beside the usual ones.
async fn raw(operator: &Operator, path: &str, headers: &[(&str, &str)], body: Bytes) -> PlainReply {
    let url = Url::parse(&format!("{}{path}", operator.admin_url)).unwrap();
    let bearer = format!("Bearer {}", operator.token);
    let usual = [("authorization", bearer.as_str()), ("content-type", "application/wasm")];
    let headers: Vec<_> = usual.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    PlainClient::new().unwrap().send(Method::POST, &url, &headers, body).await.unwrap()
}

fn code(reply: &PlainReply) -> (u16, String) {
    let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    (reply.status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_each_kind_is_refused_by_name_and_costs_the_server_nothing() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(&data.path().join("data")).unwrap();
    let operator = process.operator(None).unwrap();
    tenant(&operator, "acme").await;
    let good = artifacts::plugin("acme-ivr").unwrap();
    let upload = |number: usize| format!("/v1/tenants/acme/plugins/ivr-{number}/versions");
    operator.api.upload(&upload(0), good.clone()).await.unwrap();
    // The largest body once, so that what the allocator keeps for such bodies is no part of the growth.
    refused(&operator.api, &upload(0), vec![0; LARGEST].into()).await;
    let before = process.resident_bytes().unwrap();
    let all = bombs::all();
    assert!(all.len() > 8);
    for (number, bomb) in (1..).zip(all) {
        let problem = refused(&operator.api, &upload(0), bomb.component).await;
        assert_eq!(problem.code, "component-too-complex", "{}: {problem:?}", bomb.name);
        assert!(problem.detail.contains(bomb.named), "{}: {}", bomb.name, problem.detail);
        let version = operator.api.upload(&upload(number), good.clone()).await.unwrap_or_else(|e| panic!("after {}: {e}", bomb.name));
        assert_eq!(version.status, 201);
        let grown = process.resident_bytes().unwrap().saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{} cost {} MiB", bomb.name, grown >> 20);
    }
    let poison = operator.api.get("/v1/host/poison", &[]).await.unwrap().body;
    assert_eq!(poison["items"], json!([]), "a bomb came as far as the compiler");
}

/// An artifact of the server's own: machine code for exactly this engine.
fn own_artifact(platform: &Platform) -> Bytes {
    let mut folders = vec![platform.data.path().join("artifacts")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "cwasm") {
                return std::fs::read(path).unwrap().into();
            }
        }
    }
    panic!("there is no artifact")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_for_what_it_is() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    tenant(operator, "acme").await;
    let good = artifacts::plugin("acme-ivr").unwrap();
    operator.api.upload("/v1/tenants/acme/plugins/other/versions", good.clone()).await.unwrap();
    let path = "/v1/tenants/acme/plugins/ivr/versions";
    let module = wat::parse_str("(module)").unwrap();
    let cases: Vec<(&str, Bytes, &str, &str)> = vec![
        ("zeros", vec![0; LARGEST].into(), "bad-component", ""),
        ("one byte too many", vec![0; LARGEST + 1].into(), "too-large", ""),
        ("nothing", Bytes::new(), "bad-component", "empty"),
        ("half of one", good.slice(..good.len() / 2), "bad-component", ""),
        ("all but one byte", good.slice(..good.len() - 1), "bad-component", ""),
        ("one with garbage behind it", [&good[..], b"garbage"].concat().into(), "bad-component", ""),
        ("two of them", [&good[..], &good[..]].concat().into(), "bad-component", ""),
        ("a core module", module.into(), "bad-component", "core module"),
        ("our own machine code", own_artifact(&platform), "bad-component", "machine code"),
        ("a gzip file", [&b"\x1f\x8b\x08\0"[..], &[0; 100]].concat().into(), "bad-component", "compressed"),
        ("a zip file", Bytes::from_static(b"PK\x03\x04\x14\0"), "bad-component", "compressed"),
        ("text", Bytes::from_static(b"(component)"), "bad-component", "text"),
    ];
    for (what, bytes, code, named) in cases {
        let problem = refused(&operator.api, path, bytes).await;
        assert_eq!(problem.code, code, "{what}: {problem:?}");
        assert!(problem.detail.contains(named), "{what}: {problem:?}");
    }
    for packed in ["gzip", "br", "zstd", "deflate", "gzip, identity"] {
        let reply = raw(operator, path, &[("content-encoding", packed)], good.clone()).await;
        assert_eq!(code(&reply), (415, "wrong-content-type".to_owned()), "{packed}");
    }
    assert_eq!(operator.refused(Method::GET, path, Value::Null).await.unwrap().code, "not-found", "a refused upload left a plugin");
    assert_eq!(raw(operator, path, &[("content-encoding", "identity")], good).await.status, 201);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugins_name_cannot_leave_its_place_or_pretend_to_be_another() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    tenant(operator, "acme").await;
    let good = artifacts::plugin("acme-ivr").unwrap();
    // As long as a client lets a URL be.
    let long = "a".repeat(60_000);
    for name in ["..%2f..%2fx", "%2e%2e", "CON", "IVR", "ivr%00", "ivr%0a", "%E2%80%AEivr", "%D1%96vr", "ivr%20", "ivr.", long.as_str()] {
        let reply = raw(operator, &format!("/v1/tenants/acme/plugins/{name}/versions"), &[], good.clone()).await;
        let shown: String = name.chars().take(40).collect();
        // What is too long for a request's first line is told so before any route sees it, and what a client makes shorter by itself
        // meets no route.
        let is_invalid = code(&reply) == (400, "invalid".to_owned());
        assert!(is_invalid || matches!(reply.status, 404 | 414 | 431), "{shown}: {}", reply.status);
    }
    let kept = operator.ok(Method::GET, "/v1/tenants/acme/plugins", Value::Null).await.unwrap();
    assert_eq!(kept["items"], json!([]));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_never_changes_and_the_same_bytes_are_the_same_version() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    tenant(operator, "acme").await;
    let good = artifacts::plugin("acme-ivr").unwrap();
    let path = "/v1/tenants/acme/plugins/ivr/versions";
    let first = operator.api.upload(path, good.clone()).await.unwrap();
    let again = operator.api.upload(path, good.clone()).await.unwrap();
    assert_eq!((first.status, again.status, &first.body), (201, 200, &again.body));
    // It calls itself by the same name and version, and is another version all the same.
    let other = operator.api.upload(path, bombs::marked(&good, "other bytes")).await.unwrap();
    assert_eq!((other.status, &other.body["number"], &other.body["metadata"]), (201, &json!(2), &first.body["metadata"]));
    assert_eq!(operator.ok(Method::GET, &format!("{path}/1"), Value::Null).await.unwrap(), first.body);
    // The number is ours to give: no version can be written over.
    for method in [Method::PUT, Method::PATCH] {
        assert_eq!(operator.refused(method, &format!("{path}/1"), json!({})).await.unwrap().code, "method-not-allowed");
    }
    operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "main", "label": "Main"})).await.unwrap();
    let greedy = json!({"plugin": "ivr", "note": "greedy", "limits": {"fuel_max": 1_900_000_000_u64}});
    let problem = operator.refused(Method::POST, "/v1/tenants/acme/flows/main/releases", greedy).await.unwrap();
    assert_eq!(problem.at.as_deref(), Some("limits.fuel_max"), "{problem:?}");
    platform.stop().await;
}

/// Begins an upload and sends no more than its head and some bytes.
async fn begin(operator: &Operator, tenant: &str, length: usize, sent: &[u8]) -> TcpStream {
    let address = operator.admin_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/tenants/{tenant}/plugins/slow/versions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/wasm\r\ncontent-length: {length}\r\n\r\n",
        operator.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream
}

async fn jobs(operator: &Operator, tenant: &str) -> Vec<Value> {
    operator.ok(Method::GET, &format!("/v1/tenants/{tenant}/compiles"), Value::Null).await.unwrap()["items"].as_array().unwrap().clone()
}

/// Asks until it is so; a server that never gets there fails here.
async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < patience, "{what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_never_end_take_nobody_elses_place_and_no_memory() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(&data.path().join("data")).unwrap();
    let operator = process.operator(None).unwrap();
    for id in ["slow", "acme"] {
        tenant(&operator, id).await;
    }
    let good = artifacts::plugin("acme-ivr").unwrap();
    operator.api.upload("/v1/tenants/acme/plugins/ivr/versions", good.clone()).await.unwrap();
    let before = process.resident_bytes().unwrap();
    let mut open = Vec::new();
    // Fewer than the connections that one peer may have.
    for _ in 0..12 {
        open.push(begin(&operator, "slow", 8 << 20, b"\0asm").await);
    }
    until("the first uploads are seen", || async { jobs(&operator, "slow").await.len() == 4 }).await;
    let seen = jobs(&operator, "slow").await;
    assert!(seen.iter().all(|job| job["phase"] == "receiving" && job["what"] == "plugin slow"), "{seen:?}");
    assert_eq!(jobs(&operator, "acme").await, Vec::<Value>::new(), "another tenant's jobs are shown");
    // The tenant itself is told at once that it has too much on the way.
    let problem = refused(&operator.api, "/v1/tenants/slow/plugins/next/versions", good.clone()).await;
    assert_eq!(problem.code, "busy");
    assert_eq!(operator.api.upload("/v1/tenants/acme/plugins/next/versions", good.clone()).await.unwrap().status, 201);
    let grown = process.resident_bytes().unwrap().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{} MiB", grown >> 20);
    // Whoever hangs up gives its place back.
    drop(open);
    until("hung-up uploads leave", || async { jobs(&operator, "slow").await.is_empty() }).await;
    assert_eq!(operator.api.upload("/v1/tenants/slow/plugins/next/versions", good).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_true_leaves_nothing() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    tenant(operator, "acme").await;
    let good = artifacts::plugin("acme-ivr").unwrap();
    // Less than announced, then the end.
    let mut short = begin(operator, "acme", good.len() + 10, &good).await;
    short.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // The server may answer or only hang up: the sender has done so first.
    let _ = short.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    // More than announced: what was announced is judged, and the rest is no request.
    let mut long = begin(operator, "acme", 1_000, &good).await;
    let mut first = [0; 12];
    long.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 422");
    until("no upload is left", || async { jobs(operator, "acme").await.is_empty() }).await;
    let kept = operator.ok(Method::GET, "/v1/tenants/acme/plugins", Value::Null).await.unwrap();
    assert_eq!(kept["items"], json!([]));
    platform.stop().await;
}
