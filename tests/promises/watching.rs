//! Whoever watches the platform sees every event as one trace and everything as metrics, and nobody from outside can make either grow.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;
use jackfield_egress::PlainClient;
use jackfield_providers::twilio::sign;
use jackfield_tests::artifacts;
use jackfield_tests::collector::{Collector, attribute};
use jackfield_tests::line::Call;
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, Operator, Platform, Tenancy};
use jackfield_tests::process::Process;
use jackfield_tests::web::{Manner, Web};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use url::Url;

use super::answers::{ACME, CALLER, acme};

const ECHO: &str = "+18005550188";
/// The tenant whose plugin asks a service.
const CRM: &str = "+18005550189";
/// Its secret there.
const SECRET: &str = "canary-77aa0b-secret";
/// A platform whose own network is this machine.
const OWN_NETWORK: &str = "[egress]\nallow_private = [\"127.0.0.1/32\"]\nplain_http = true\n";
/// A trace that begins elsewhere.
const ELSEWHERE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A tenant whose plugin uses every capability.
async fn echo(operator: &Operator) -> jackfield_tests::line::Line {
    let line = operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "echo",
        number: ECHO,
        component: artifacts::guest("echo").unwrap(),
        settings: json!({}),
        queues: &["sales"],
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await.unwrap();
    line
}

/// A tenant whose plugin asks a service who calls, with the number in the address and a secret in a header.
async fn crm(operator: &Operator, service: &Web) {
    let settings = json!({
        "url": service.url("/v1/customers"), "secret": "crm", "greeting": "Welcome back, {name}.", "general_greeting": "Welcome.",
        "queue": "general", "queues": ["gold"],
    });
    let component = artifacts::plugin("known-customer").unwrap();
    let tenancy = Tenancy { tenant: "crm", number: CRM, component, settings, queues: &["general", "gold"], plan: "standard" };
    operator.onboard("twilio", tenancy).await.unwrap();
    let bound = json!({"value": SECRET, "hosts": [format!("127.0.0.1:{}", service.port)]});
    operator.ok(Method::PUT, "/v1/tenants/crm/secrets/crm", bound).await.unwrap();
    let release = json!({"plugin": "logic", "egress": [service.rule(&["GET"])]});
    operator.ok(Method::POST, "/v1/tenants/crm/flows/main/releases", release).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/crm/flows/main/aliases/live", json!({"release": 2, "approve": true})).await.unwrap();
}

/// What the trail names as the trace of a call's last turn.
async fn trace_of(operator: &Operator, tenant: &str, call: &Call) -> Option<String> {
    let contact = operator.contact_of(tenant, &call.sid).await.unwrap();
    contact["turns"].as_array().unwrap().last().unwrap()["trace"].as_str().map(str::to_owned)
}

/// A call that arrives with a header more.
async fn arrive_with(line: &jackfield_tests::line::Line, call: &Call, header: (&str, String)) -> u16 {
    let (hook, params) = (line.hook("voice"), call.params("ringing", &[]));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    let headers = [
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("x-twilio-signature".to_owned(), sign(AUTH_TOKEN, &hook, &params)),
        (header.0.to_owned(), header.1),
    ];
    line.raw(Method::POST, &hook, &headers, Bytes::from(body)).await.unwrap().status
}

/// A number without its country: as a form, a log or a label might write it.
fn digits(number: &str) -> &str {
    number.trim_start_matches("+1")
}

fn ids(spans: &[Span]) -> BTreeMap<Vec<u8>, &Span> {
    spans.iter().map(|span| (span.span_id.clone(), span)).collect()
}

/// The names from the root to a span.
fn path(spans: &[Span], name: &str) -> Vec<String> {
    let by_id = ids(spans);
    let mut at = spans.iter().find(|span| span.name == name);
    let mut names = Vec::new();
    while let Some(span) = at {
        names.insert(0, span.name.clone());
        at = by_id.get(&span.parent_span_id).copied();
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_trace_from_the_webhook_to_the_decision_without_anybodys_number() {
    let collector = Collector::start().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let settings = format!(
        "[telemetry]\notlp_endpoint = \"{}\"\ntrace_ratio = 1.0\ntrace_parents_from = [\"127.0.0.1\"]\n{OWN_NETWORK}",
        collector.endpoint
    );
    let process = Process::start_with(&data.path().join("data"), &settings).unwrap();
    let operator = process.operator(None).unwrap();
    let line = echo(&operator).await;
    let call = line.call(CALLER, ECHO);
    assert_eq!(call.arrive().await.unwrap().status, 200);

    let id = trace_of(&operator, "echo", &call).await.expect("the trail names the trace");
    let spans = collector.trace(&id, |spans| spans.iter().any(|span| span.name == "webhook")).await.unwrap();
    for step in ["receive", "resolve", "parse", "turn", "load", "admit", "assign", "invoke", "settle", "render", "commit"] {
        assert_eq!(path(&spans, step), ["webhook", step], "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    }
    assert_eq!(path(&spans, "guest"), ["webhook", "invoke", "attempt", "guest"]);
    for capability in ["settings.all", "state.increment", "directory.get-queue", "outcome.report"] {
        assert_eq!(path(&spans, capability), ["webhook", "invoke", "attempt", "guest", capability]);
    }
    let (root, attempt) =
        (spans.iter().find(|span| span.name == "webhook").unwrap(), spans.iter().find(|span| span.name == "attempt").unwrap());
    let contact = attribute(root, "contact").unwrap();
    assert_eq!((attribute(root, "tenant").as_deref(), attribute(attempt, "invocation")), (Some("echo"), Some(format!("{contact}/1/1"))));
    assert!(operator.contact_of("echo", &call.sid).await.unwrap()["contact"]["id"] == contact.as_str());

    // The end of the call, and the observer that hears of it, are one trace of their own.
    call.end().await.unwrap();
    let told = |spans: &[Span]| spans.iter().any(|span| span.name == "observer");
    let ends = collector.spans().iter().map(|span| hex::encode(&span.trace_id)).collect::<BTreeSet<_>>();
    let id = loop {
        match trace_of(&operator, "echo", &call).await {
            Some(id) if !ends.contains(&id) => break id,
            _ => tokio::task::yield_now().await,
        }
    };
    let spans = collector.trace(&id, told).await.unwrap();
    assert_eq!(path(&spans, "observer").first().map(String::as_str), Some("webhook"), "{spans:?}");

    // A peer that is trusted goes on with its own trace.
    let parented = line.call(CALLER, ECHO);
    arrive_with(&line, &parented, ("traceparent", format!("00-{ELSEWHERE}-00f067aa0ba902b7-01"))).await;
    assert_eq!(trace_of(&operator, "echo", &parented).await.as_deref(), Some(ELSEWHERE));

    // A request of a plugin is a span of its invocation, and tells nothing of what it asked.
    let service = Web::start(Manner::Says(200, r#"{"name":"Ann","queue":"gold"}"#.to_owned())).await.unwrap();
    crm(&operator, &service).await;
    let asking = line.call(CALLER, CRM);
    assert_eq!(asking.arrive().await.unwrap().status, 200);
    let id = trace_of(&operator, "crm", &asking).await.unwrap();
    let spans = collector.trace(&id, |spans| spans.iter().any(|span| span.name == "webhook")).await.unwrap();
    assert_eq!(path(&spans, "http"), ["webhook", "invoke", "attempt", "guest", "http.send", "http"]);
    assert_eq!(spans.iter().find(|span| span.name == "http").and_then(|span| attribute(span, "outcome")).as_deref(), Some("200"));

    let all = format!("{:?}", collector.spans());
    for canary in [SECRET, "Ann", "customers", CALLER, ECHO, digits(CALLER), digits(ECHO), ACCOUNT, AUTH_TOKEN, &call.sid, &operator.token]
    {
        assert!(!all.contains(canary), "a span tells {canary}");
    }
    process.kill().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_trace_is_continued_where_nobody_is_trusted_and_a_dead_collector_holds_nobody_up() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let data = tempfile::tempdir().unwrap();
    let settings = format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\ntrace_ratio = 1.0\nmetrics_open = true\n");
    let process = Process::start_with(&data.path().join("data"), &settings).unwrap();
    let operator = process.operator(None).unwrap();
    let line = echo(&operator).await;
    let call = line.call(CALLER, ECHO);
    assert_eq!(arrive_with(&line, &call, ("traceparent", format!("00-{ELSEWHERE}-00f067aa0ba902b7-01"))).await, 200);
    let id = trace_of(&operator, "echo", &call).await.expect("it is traced");
    assert_ne!(id, ELSEWHERE);
    // What the collector did not take is counted, as soon as the batch was tried.
    let dropped = async {
        while value(&page(&operator.admin_url, None).await.1, "jackfield_spans_dropped_total") == Some(0.0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), dropped).await.unwrap();
    process.kill().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_stands_in_its_tenant_contact_and_invocation() {
    let data = tempfile::tempdir().unwrap();
    let at = data.path().join("data");
    let process = Process::start(&at).unwrap();
    let operator = process.operator(None).unwrap();
    echo(&operator).await;
    process.kill().unwrap();
    // Without its component and its artifact the plugin cannot be loaded, which is an error of ours.
    for folder in ["artifacts", "store/blobs"] {
        std::fs::remove_dir_all(at.join(folder)).unwrap();
        std::fs::create_dir_all(at.join(folder)).unwrap();
    }
    let log = data.path().join("log");
    let mut command = std::process::Command::new(artifacts::binary().unwrap());
    command.args(["serve", "--log-json", "--hooks-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]).arg(&at);
    command.stdin(std::process::Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let process = Process::of(command).unwrap();
    let operator = process.operator(Some(&operator.token)).unwrap();
    let line = jackfield_tests::line::Line::new(&operator.hooks_url, jackfield_tests::platform::PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN)
        .unwrap();
    let call = line.call(CALLER, ECHO);
    assert_eq!(call.arrive().await.unwrap().status, 200);
    let contact = operator.contact_of("echo", &call.sid).await.unwrap()["contact"]["id"].as_str().unwrap().to_owned();
    let lines = loop {
        let text = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found: Vec<Value> = lines.into_iter().filter(|line| line.to_string().contains("cannot be loaded")).collect();
        if !found.is_empty() {
            break found;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(lines.len(), 1, "it is said once: {lines:?}");
    let spans: BTreeMap<&str, &Value> =
        lines[0]["spans"].as_array().unwrap().iter().map(|span| (span["name"].as_str().unwrap(), span)).collect();
    assert_eq!((spans["webhook"]["tenant"].as_str(), spans["webhook"]["contact"].as_str()), (Some("echo"), Some(contact.as_str())));
    assert_eq!(spans["attempt"]["invocation"].as_str(), Some(format!("{contact}/1/1").as_str()), "{lines:?}");
    assert!(!lines[0].to_string().contains(digits(CALLER)), "{lines:?}");
    process.kill().unwrap();
}

/// The page of metrics, with or without a token.
async fn page(admin_url: &str, token: Option<&str>) -> (u16, String) {
    let headers: Vec<_> = token.into_iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}"))).collect();
    let url = Url::parse(&format!("{admin_url}/metrics")).unwrap();
    let reply = PlainClient::new().unwrap().send(Method::GET, &url, &headers, Bytes::new()).await.unwrap();
    (reply.status, reply.text())
}

/// The value of one series.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_whoever_runs_the_platform_and_count_what_happened() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    call.arrive().await.unwrap();
    call.press(&menu.twiml, "1").await.unwrap();
    line.call(CALLER, "+18005559999").arrive().await.unwrap();
    platform.operator.release("acme", "main", "broken", artifacts::guest("traps").unwrap()).await.unwrap();
    line.call(CALLER, ACME).arrive().await.unwrap();

    let url = &platform.operator.admin_url;
    assert_eq!(page(url, None).await.0, 401);
    let made = platform.operator.ok(Method::POST, "/v1/tokens", json!({"label": "theirs", "tenant": "acme"})).await.unwrap();
    assert_eq!(page(url, made["token"].as_str()).await.0, 403);
    let (status, text) = page(url, Some(&platform.operator.token)).await;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"));
    for (series, wanted) in [
        ("jackfield_requests_total{provider=\"twilio\",status=\"2xx\"}", 4.0),
        ("jackfield_requests_total{provider=\"twilio\",status=\"4xx\"}", 1.0),
        ("jackfield_events_total{answered_by=\"plugin\"}", 2.0),
        ("jackfield_events_total{answered_by=\"platform_default\"}", 1.0),
        ("jackfield_failures_total{code=\"trapped\"}", 1.0),
        ("jackfield_repeats_total", 1.0),
        ("jackfield_step_seconds_count{step=\"commit\"}", 3.0),
        ("jackfield_step_seconds_count{step=\"guest\"}", 3.0),
        ("jackfield_step_seconds_count{step=\"place\"}", 3.0),
        ("jackfield_tenant_events_total{tenant=\"acme\"}", 3.0),
        ("jackfield_tenant_fallbacks_total{tenant=\"acme\"}", 1.0),
        ("jackfield_tenant_events_total{tenant=\"(other)\"}", 0.0),
        ("jackfield_store_healthy", 1.0),
        ("jackfield_guests_waiting", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(wanted), "{series} in\n{text}");
    }
    for series in [
        "jackfield_process_resident_bytes",
        "jackfield_process_open_files",
        "jackfield_process_maps",
        "jackfield_store_commit_seconds_count",
        "jackfield_store_ahead_bytes",
        "jackfield_artifact_bytes",
    ] {
        assert!(value(&text, series).is_some_and(|value| value > 0.0), "{series} in\n{text}");
    }
    assert!(!text.contains(digits(CALLER)) && !text.contains(digits(ACME)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_plugins_nor_callers_nor_tenants_can_make_series() {
    let platform = Platform::start_with(std::sync::Arc::new(jackfield_server::clock::SystemClock), |config| {
        config.telemetry.metrics_open = true;
        config.telemetry.metrics_tenants_max = 3;
    })
    .await
    .unwrap();
    let operator = &platform.operator;
    let line = operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("invents-names").unwrap();
    for number in 0..8 {
        let (tenant, address) = (format!("tenant-{number}"), format!("+1800555{number:04}"));
        let tenancy = Tenancy {
            tenant: &tenant,
            number: &address,
            component: component.clone(),
            settings: json!({"models": 20}),
            queues: &[],
            plan: "standard",
        };
        operator.onboard("twilio", tenancy).await.unwrap();
    }
    let url = &operator.admin_url;
    let call_everybody = async |from: u32| {
        for number in 0..8 {
            for caller in 0..5 {
                line.call(&format!("+1415555{:04}", from + caller), &format!("+1800555{number:04}")).arrive().await.unwrap();
                // Numbers, paths and connections that are nobody's.
                line.call(CALLER, &format!("+1900{from:03}{caller:04}")).arrive().await.unwrap();
                let stray = line.hook(&format!("voice/{from}/{caller}")).replace("/twilio/", &format!("/c{from}-{caller}/"));
                line.post(&stray, &[]).await.unwrap();
            }
        }
    };
    call_everybody(0).await;
    let before = page(url, None).await;
    assert_eq!(before.0, 200, "the operator opened it");
    call_everybody(100).await;
    call_everybody(200).await;
    let after = page(url, None).await.1;
    assert_eq!(series(&before.1), series(&after), "{after}");
    assert!(series(&after) < 500, "{}", series(&after));
    let tenants = after.lines().filter(|line| line.starts_with("jackfield_tenant_events_total")).count();
    assert_eq!(tenants, 4, "three seats and the rest");
    assert!(!after.contains("model-") && !after.contains("booked") && !after.contains("attribute-"), "{after}");
    platform.stop().await;
}
