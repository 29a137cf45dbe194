//! What plugins reach and what they do not: rules, addresses, secrets, time, and what is seen of it afterwards.

use std::path::Path;
use std::process::Command;

use http::Method;
use jackfield_server::config::egress::Egress;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{Operator, Platform};
use jackfield_tests::process::Process;
use jackfield_tests::web::{Manner, Web};
use serde_json::{Value, json};

use super::answers::CALLER;

const NUMBER: &str = "+18005550191";
/// What must be seen nowhere but by the host that it is bound to.
const CANARY: &str = "canary-5d1f0a-secret";

/// A platform that speaks http, with these ranges as its own.
async fn platform(own: &[&str]) -> (Platform, Line) {
    let own = own.iter().map(|range| range.parse().unwrap()).collect();
    let egress = Egress { allow_private: own, plain_http: true, ..Egress::default() };
    let clock = std::sync::Arc::new(jackfield_server::clock::SystemClock);
    let platform = Platform::start_with(clock, |config| config.egress = egress).await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    (platform, line)
}

/// A tenant whose main line runs a component with settings, rules and limits.
async fn onboard(platform: &Platform, component: bytes::Bytes, plan: &str, settings: Value, egress: Value, limits: Value) {
    onboard_on(&platform.operator, component, plan, settings, egress, limits).await;
}

/// The same on any server.
async fn onboard_on(operator: &Operator, component: bytes::Bytes, plan: &str, settings: Value, egress: Value, limits: Value) {
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": plan});
    operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    for queue in ["general", "gold"] {
        operator.ok(Method::PUT, &format!("/v1/tenants/acme/queues/{queue}"), json!({"label": queue})).await.unwrap();
    }
    operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "main", "label": "Main"})).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/settings", settings).await.unwrap();
    operator.api.upload("/v1/tenants/acme/plugins/logic/versions", component).await.unwrap();
    let mut release = json!({"plugin": "logic", "egress": egress});
    if !limits.is_null() {
        release["limits"] = limits;
    }
    operator.ok(Method::POST, "/v1/tenants/acme/flows/main/releases", release).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": 1})).await.unwrap();
    let address = json!({"address": NUMBER, "connection": "twilio", "flow": "main"});
    operator.ok(Method::POST, "/v1/tenants/acme/addresses", address).await.unwrap();
}

async fn secret(platform: &Platform, hosts: &[String]) {
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/secrets/crm", json!({"value": CANARY, "hosts": hosts})).await.unwrap();
}

/// What the caller hears, and the last turn of the trail.
async fn call(platform: &Platform, line: &Line, from: &str) -> (String, Value) {
    let call = line.call(from, NUMBER);
    let heard = call.arrive().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let turn = contact["turns"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(turn["answered_by"], "plugin", "{turn}");
    (heard.twiml.said(), turn)
}

fn requests(turn: &Value) -> Vec<Value> {
    let told = turn["attempts"][0]["told"].as_array().unwrap();
    told.iter()
        .filter(|told| told["name"] == "http.send")
        .flat_map(|told| told["requests"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// Files under a folder that hold those bytes.
fn holding(dir: &Path, needle: &[u8], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, needle, found);
        } else if std::fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_asks_its_tenants_service_with_a_secret_that_is_seen_nowhere_else() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let crm = Web::start(Manner::Says(200, r#"{"name":"Ann","queue":"gold"}"#.to_owned())).await.unwrap();
    let settings = json!({
        "url": crm.url("/v1/customers"), "secret": "crm", "greeting": "Welcome back, {name}.", "general_greeting": "Welcome.",
        "queue": "general", "queues": ["gold"],
    });
    onboard(&platform, artifacts::plugin("known-customer").unwrap(), "standard", settings, json!([crm.rule(&["GET"])]), Value::Null).await;
    secret(&platform, &[format!("127.0.0.1:{}", crm.port)]).await;
    let (said, turn) = call(&platform, &line, CALLER).await;
    assert!(said.starts_with("Welcome back, Ann."), "{said}: {turn}");
    let heard = crm.heard().remove(0);
    assert!(heard.contains(&format!("authorization: Bearer {CANARY}")), "{heard}");
    assert!(heard.starts_with("GET /v1/customers?number=%2B"), "{heard}");
    let request = requests(&turn).remove(0);
    assert_eq!(request["target"], crm.url("/v1/customers?number=…"), "names of the query and no values");
    assert_eq!((&request["outcome"], &request["address"]), (&json!("200"), &json!(format!("127.0.0.1:{}", crm.port))));
    assert!(request["took_us"].as_u64().unwrap() > 0 && request["received_bytes"].as_u64().unwrap() > 20, "{request}");
    let used = &turn["attempts"][0]["used"];
    assert_eq!((&used["http_calls"], &used["http_received_bytes"]), (&json!(1), &request["received_bytes"]));
    let figures = platform.operator.api.get("/v1/tenants/acme/flows/main/egress", &[]).await.unwrap().body;
    assert_eq!((&figures["items"][0]["requests"], &figures["items"][0]["outcomes"]), (&json!(1), &json!({"2xx": 1})));
    assert!(figures["items"][0]["p99_us"].as_u64().unwrap() > 0, "{figures}");
    let mut shown = vec![turn, figures];
    for path in ["secrets", "secrets/crm", "flows/main/releases/1", "usage", "contacts?limit=10", "flows/main/settings"] {
        let (path, query) = path.split_once('?').map_or((path, vec![]), |(path, _)| (path, vec![("from", "0"), ("to", "9999999999999")]));
        let answer = platform.operator.api.get(&format!("/v1/tenants/acme/{path}"), &query).await;
        shown.push(answer.map_or_else(|refused| json!(refused.to_string()), |reply| reply.body));
    }
    assert!(!shown.iter().any(|answer| answer.to_string().contains(CANARY)), "{shown:?}");
    let data = platform.data.path().to_owned();
    platform.server.stop().await;
    let mut found = Vec::new();
    holding(&data, CANARY.as_bytes(), &mut found);
    assert!(found.is_empty(), "the secret is readable in {found:?}");
    holding(&data, b"acme", &mut found);
    assert!(!found.is_empty(), "the search finds what is there");
    drop(platform.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_bound_or_is_echoed_is_not_read_by_the_plugin() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let (bound, other) = (Web::start(Manner::Echoes).await.unwrap(), Web::start(Manner::Echoes).await.unwrap());
    let settings = json!({"urls": format!("{} {}", bound.url("/"), other.url("/")), "secret": "crm"});
    let rules = json!([bound.rule(&["GET"]), other.rule(&["GET"])]);
    onboard(&platform, artifacts::guest("asks-the-web").unwrap(), "standard", settings, rules, Value::Null).await;
    secret(&platform, &[format!("127.0.0.1:{}", bound.port)]).await;
    let (said, turn) = call(&platform, &line, CALLER).await;
    assert!(said.starts_with("200:") && said.ends_with("no-secret"), "{said}");
    assert!(said.contains(&"*".repeat(CANARY.len())) && !said.contains(CANARY), "{said}");
    assert!(!turn.to_string().contains(CANARY), "{turn}");
    assert_eq!((bound.heard().len(), other.connections()), (1, 0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_tries_to_reach_inside_reaches_nobody() {
    let (platform, line) = platform(&[]).await;
    let inside = Web::start(Manner::Says(200, "the crown jewels".to_owned())).await.unwrap();
    // The rules are as wide as a careless tenant can make them; the addresses behind the names are what counts.
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let rules = json!([
        {"scheme": "http", "host": "localhost", "port": inside.port, "methods": methods},
        {"scheme": "https", "host": "localhost", "methods": methods},
        {"scheme": "http", "host": "metadata.google.internal", "port": 80, "methods": methods},
    ]);
    onboard(&platform, artifacts::guest("reaches-inside").unwrap(), "maximum", json!({"port": inside.port}), rules, Value::Null).await;
    secret(&platform, &["api.example.com".to_owned()]).await;
    let allowed = ["denied", "not-allowed", "bad-request", "unresolved", "no-secret", "timeout"];
    let mut tries = 0;
    for digit in 0..7 {
        let (said, turn) = call(&platform, &line, &format!("+1415555010{digit}")).await;
        for told in said.split("; ") {
            let (name, outcome) = told.split_once('=').unwrap_or_else(|| panic!("{said}: {turn}"));
            assert!(allowed.contains(&outcome), "{name} came to {outcome}: {:?}", requests(&turn));
            tries += 1;
        }
        assert_eq!(requests(&turn).len(), said.split("; ").count(), "every try is in the trail: {turn}");
        assert!(requests(&turn).iter().all(|request| request["address"].is_null() && request["sent_bytes"] == 0), "{turn}");
    }
    assert!(tries > 60, "{tries}");
    assert_eq!(inside.connections(), 0, "something inside was reached: {:?}", inside.heard());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_costs_an_answer_and_never_the_call() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let silent = Web::start(Manner::Silent).await.unwrap();
    let settings = json!({"urls": silent.url("/"), "time": "tell"});
    let limits = json!({"wall_ms_max": 300, "http_wall_ms_max": 500});
    onboard(&platform, artifacts::guest("asks-the-web").unwrap(), "standard", settings, json!([silent.rule(&["GET"])]), limits).await;
    let (said, turn) = call(&platform, &line, CALLER).await;
    assert!(said.starts_with("timeout; ") && said.ends_with(" ms left"), "{said}");
    let left: u64 = said.trim_end_matches(" ms left").rsplit(' ').next().unwrap().parse().unwrap();
    assert!(left.is_multiple_of(50) && left <= 200, "{said}");
    let request = requests(&turn).remove(0);
    assert_eq!((&request["outcome"], &turn["attempts"][0]["limits"]["wall_ms_max"]), (&json!("timeout"), &json!(500)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_and_a_body_may_be_larger_than_all_else_that_a_plugin_gives() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let echo = Web::start(Manner::Echoes).await.unwrap();
    let urls = (0..5).map(|at| echo.url(&format!("/{at}"))).collect::<Vec<_>>().join(" ");
    let settings = json!({"urls": urls, "method": "POST", "body": 60 * 1024, "rounds": 2});
    onboard(&platform, artifacts::guest("asks-the-web").unwrap(), "standard", settings, json!([echo.rule(&["POST"])]), Value::Null).await;
    let (said, turn) = call(&platform, &line, CALLER).await;
    let told: Vec<&str> = said.split("; ").collect();
    assert_eq!(told.len(), 10, "{said}");
    for (at, told) in told.iter().take(3).enumerate() {
        assert!(told.starts_with("200:61") && told.contains(&format!("POST /{at} HTTP/1.1")), "answers come in order: {told}");
    }
    assert!(told.iter().skip(3).all(|told| *told == "exhausted"), "{said}");
    assert_eq!((echo.heard().len(), &turn["attempts"][0]["used"]["http_calls"]), (3, &json!(3)));
    assert!(turn["attempts"][0]["used"]["http_sent_bytes"].as_u64().unwrap() > 180 * 1024, "{turn}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_has_used_its_requests_is_told_so_and_sends_no_more() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let web = Web::start(Manner::Says(200, "fine".to_owned())).await.unwrap();
    let urls = (0..3).map(|at| web.url(&format!("/{at}"))).collect::<Vec<_>>().join(" ");
    let settings = json!({"urls": urls});
    onboard(&platform, artifacts::guest("asks-the-web").unwrap(), "standard", settings, json!([web.rule(&["GET"])]), Value::Null).await;
    let quota = json!({"meters": {"egress-requests": {"day": 5}}});
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/quotas", quota).await.unwrap();
    let (said, _) = call(&platform, &line, CALLER).await;
    assert_eq!(said, "200:4:fine; 200:4:fine; 200:4:fine");
    let (said, turn) = call(&platform, &line, CALLER).await;
    let told: Vec<&str> = said.split("; ").collect();
    assert_eq!(told.iter().filter(|told| **told == "quota-exceeded").count(), 1, "{said}");
    assert_eq!((web.heard().len(), requests(&turn).len()), (5, 3), "{said}");
    let (said, _) = call(&platform, &line, CALLER).await;
    assert_eq!((said.as_str(), web.heard().len()), ("quota-exceeded; quota-exceeded; quota-exceeded", 5));
    platform.stop().await;
}

/// A server as a process of its own that logs all that it can, on a folder.
fn talkative(data: &Path, log: &Path) -> Process {
    let mut command = Command::new("env");
    command.args(["JACKFIELD_LOG=debug,hyper=trace,rustls=trace,jackfield_egress=trace,jackfield_runtime=trace"]);
    command.arg(artifacts::binary().unwrap()).args(["serve", "--hooks-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]);
    let config = data.with_extension("toml");
    std::fs::write(&config, "[egress]\nallow_private = [\"127.0.0.1/32\"]\nplain_http = true\n").unwrap();
    command.arg(data).arg("--config").arg(&config).stderr(std::fs::File::create(log).unwrap());
    Process::of(command).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_and_what_a_query_says_stand_in_no_log_however_much_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let process = talkative(&data, &log);
    let operator = process.operator(None).unwrap();
    let line = operator.connect_twilio("twilio").await.unwrap();
    let web = Web::start(Manner::Echoes).await.unwrap();
    let settings = json!({"urls": web.url("/path?phone=5550177-canary"), "secret": "crm", "header": "x-own=header-canary"});
    onboard_on(&operator, artifacts::guest("asks-the-web").unwrap(), "standard", settings, json!([web.rule(&["GET"])]), Value::Null).await;
    let secret = json!({"value": CANARY, "hosts": [format!("127.0.0.1:{}", web.port)]});
    operator.ok(Method::PUT, "/v1/tenants/acme/secrets/crm", secret).await.unwrap();
    let heard = line.call(CALLER, NUMBER).arrive().await.unwrap();
    assert!(heard.twiml.said().starts_with("200:"), "{:?}", heard.twiml);
    assert!(web.heard()[0].contains(CANARY) && web.heard()[0].contains("header-canary"));
    process.tell_to_end().unwrap();
    drop(process);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.lines().count() > 20, "the log says nothing: {log}");
    for canary in [CANARY, "5550177-canary", "header-canary"] {
        let line = log.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_rules_is_denied_every_request() {
    let (platform, line) = platform(&["127.0.0.1/32"]).await;
    let web = Web::start(Manner::Echoes).await.unwrap();
    let settings = json!({"urls": web.url("/")});
    onboard(&platform, artifacts::guest("asks-the-web").unwrap(), "standard", settings, json!([]), Value::Null).await;
    let (said, _) = call(&platform, &line, CALLER).await;
    assert_eq!((said.as_str(), web.connections()), ("denied", 0));
    platform.stop().await;
}
