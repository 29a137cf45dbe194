//! A tenant never gets more than its quota, whoever tries; its callers are answered all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::Clock;
use jackfield_domain::tenant::connection::Secret;
use jackfield_server::config::environment::Environment;
use jackfield_server::serve;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, Operator, PUBLIC_URL, Platform, Tenancy, config};
use jackfield_tests::{artifacts, ledger};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme, last_turn};
use super::hostile::default_route;

/// 2026-11-20T12:00:00Z, 7 o'clock in New York.
const NOON: Moment = 1_795_176_000_000;
const DAY_MS: Moment = 24 * 60 * 60 * 1_000;

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }
}

/// Acme's IVR with a default route, by a clock that stands.
async fn furnished() -> (Platform, Line, Arc<SetClock>) {
    let clock = Arc::new(SetClock(AtomicU64::new(NOON)));
    let platform = Platform::start_with(clock.clone(), |_| {}).await.unwrap();
    let line = acme(&platform).await;
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/queues/front-desk", json!({"label": "Front desk"})).await.unwrap();
    default_route(&platform.operator, "acme", "front-desk").await;
    (platform, line, clock)
}

/// Ends the server in order and starts it again on what it kept.
async fn restarted(platform: Platform) -> (Platform, Line) {
    let token = platform.operator.token.clone();
    let Platform { server, data, .. } = platform;
    server.stop().await;
    let environment = Environment { master_key: Some(Secret::new("11".repeat(32))), log_filter: None };
    let clock = Arc::new(SetClock(AtomicU64::new(NOON)));
    let server = serve::start(&config(data.path()).unwrap(), &environment, clock).await.unwrap();
    let operator = Operator::new(&format!("http://{}", server.admin), &format!("http://{}", server.hooks), &token).unwrap();
    let line = Line::new(&operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN).unwrap();
    (Platform { operator, server, data }, line)
}

async fn set(operator: &Operator, tenant: &str, quota: Value) -> Value {
    operator.ok(Method::PUT, &format!("/v1/tenants/{tenant}/quotas"), quota).await.unwrap()
}

async fn effective(operator: &Operator, tenant: &str) -> Value {
    operator.ok(Method::GET, &format!("/v1/tenants/{tenant}/quotas/effective"), Value::Null).await.unwrap()
}

/// The tenant's own level of the first meter that is limited.
async fn own_level(operator: &Operator, tenant: &str) -> Value {
    effective(operator, tenant).await.pointer("/meters/0/levels/0").unwrap().clone()
}

/// A new call; true where the plugin answered it.
async fn is_answered(line: &Line) -> bool {
    line.call(CALLER, ACME).arrive().await.unwrap().twiml.first("Gather").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_over_its_quota_is_answered_by_its_default_route_and_the_trail_says_which_quota() {
    let (platform, line, clock) = furnished().await;
    let operator = &platform.operator;
    set(operator, "acme", json!({"meters": {"contacts": {"day": 2}}})).await;
    let first = line.call(CALLER, ACME);
    let menu = first.arrive().await.unwrap();
    assert_eq!(first.arrive().await.unwrap().body, menu.body, "a retried webhook");
    assert_eq!(own_level(operator, "acme").await["used"], 1, "it spends once");
    assert!(is_answered(&line).await);

    let third = line.call(CALLER, ACME);
    let heard = third.arrive().await.unwrap();
    assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "{:?}", heard.twiml);
    let turn = last_turn(&platform, "acme", &third.sid).await;
    assert_eq!((turn["answered_by"].as_str(), turn["barred"].as_str()), (Some("tenant_default"), Some("quota-exceeded")));
    let window = json!({"period": "day", "name": "2026-11-20"});
    let shortage = json!({"level": "acme", "of": {"meter": "contacts"}, "window": window, "limit": 2, "kept_for_voice": false});
    assert_eq!(turn["shortage"], shortage);

    let chosen = first.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")), "who was let in goes on");

    let notices = operator.ok(Method::GET, "/v1/tenants/acme/notices", Value::Null).await.unwrap();
    let told: Vec<(u64, u64)> = notices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notice| (notice["percent"].as_u64().unwrap(), notice["used"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [(100, 2), (80, 2)], "once each, although one more was refused: {notices}");

    clock.0.fetch_add(DAY_MS, Ordering::Relaxed);
    assert!(is_answered(&line).await, "another day is another window");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subtenant_spends_its_parents_quota_and_cannot_set_its_own() {
    let (platform, line, _) = furnished().await;
    let operator = &platform.operator;
    operator.ok(Method::POST, "/v1/tenants", json!({"id": "acme-brand", "label": "Brand", "parent": "acme"})).await.unwrap();
    let at = "/v1/tenants/acme-brand";
    operator.ok(Method::POST, &format!("{at}/flows"), json!({"name": "main", "label": "Main"})).await.unwrap();
    operator.ok(Method::PUT, &format!("{at}/queues/general-support"), json!({"label": "General"})).await.unwrap();
    operator.release("acme-brand", "main", "logic", artifacts::guest("echo").unwrap()).await.unwrap();
    let body = json!({"address": "+18005559876", "connection": "twilio", "flow": "main"});
    operator.ok(Method::POST, &format!("{at}/addresses"), body).await.unwrap();
    set(operator, "acme", json!({"meters": {"contacts": {"day": 2}}})).await;
    set(operator, "acme-brand", json!({"meters": {"contacts": {"day": 1_000}}})).await;

    let brand = line.call(CALLER, "+18005559876");
    brand.arrive().await.unwrap();
    assert_eq!(last_turn(&platform, "acme-brand", &brand.sid).await["barred"], Value::Null);
    assert!(is_answered(&line).await);
    let late = line.call(CALLER, "+18005559876");
    late.arrive().await.unwrap();
    let turn = last_turn(&platform, "acme-brand", &late.sid).await;
    assert_eq!((turn["barred"].as_str(), turn["shortage"]["level"].as_str()), (Some("quota-exceeded"), Some("acme")));

    let token = operator.ok(Method::POST, "/v1/tokens", json!({"label": "brand", "tenant": "acme-brand"})).await.unwrap();
    let brand = Operator::new(&operator.admin_url, &operator.hooks_url, token["token"].as_str().unwrap()).unwrap();
    let refused = brand.refused(Method::PUT, &format!("{at}/quotas"), json!({})).await.unwrap();
    assert_eq!(refused.code, "forbidden");
    let shown = effective(&brand, "acme-brand").await;
    let meter = &shown["meters"][0];
    assert_eq!((meter["limit"].as_u64(), meter["limited_by"].as_str(), meter["left"].as_u64()), (Some(2), Some("acme"), Some(0)));
    assert_eq!((meter["levels"][0]["used"].as_u64(), meter["levels"][1]["used_up"].as_bool()), (Some(1), Some(true)));
    assert_eq!(meter["levels"][1].get("used"), None, "what others used is not its business: {shown}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fuel_quota_cannot_be_stretched_by_trapping() {
    const LIMIT: u64 = 20_000_000;
    // Less than there is between two yields: when the guest traps, the engine has counted nothing of it.
    const ASKED: u64 = 400_000;
    // What it burns at the very least, however the loop is compiled: seventeen instructions for each round of twenty-three.
    const BURNT: u64 = ASKED / 23 * 17;
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("burns-then-divides-by-zero").unwrap();
    let settings = json!({"fuel": ASKED});
    let tenancy = Tenancy { tenant: "burner", number: ACME, component, settings, queues: &["front-desk"], plan: "standard" };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    default_route(&platform.operator, "burner", "front-desk").await;
    set(&platform.operator, "burner", json!({"meters": {"fuel": {"day": LIMIT}}})).await;
    let (mut charged, mut runs) = (0, 0);
    loop {
        let call = line.call(CALLER, ACME);
        let heard = call.arrive().await.unwrap();
        assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")), "every caller is answered");
        let turn = last_turn(&platform, "burner", &call.sid).await;
        if turn["barred"] == "quota-exceeded" {
            assert_eq!(turn["shortage"]["of"], json!({"meter": "fuel"}));
            break;
        }
        for attempt in turn["attempts"].as_array().unwrap() {
            assert_eq!(attempt["failure"]["code"], "trapped", "{attempt}");
            let fuel = attempt["used"]["fuel"].as_u64().unwrap();
            assert!(fuel >= BURNT, "at least {BURNT} were burnt, and {fuel} were charged");
            charged += fuel;
            runs += 1;
        }
        assert!(runs * BURNT <= LIMIT, "{runs} runs burnt more than the quota");
    }
    assert!(runs >= 8, "{runs} runs");
    assert!(charged <= LIMIT, "{charged} of {LIMIT}");
    let own = own_level(&platform.operator, "burner").await;
    assert_eq!(own["used"].as_u64(), Some(charged), "the ledger counts what the trail shows");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ai_tokens_are_counted_once_after_they_were_spent_and_bar_the_next_event() {
    let (platform, line, _) = furnished().await;
    let operator = &platform.operator;
    set(operator, "acme", json!({"meters": {"ai-tokens": {"day": 100}}})).await;
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    let contact = operator.contact_of("acme", &call.sid).await.unwrap()["contact"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/tenants/acme/contacts/{contact}/tokens");
    let report = |id: &str| json!({"id": id, "model": "m", "input": 90, "output": 60});
    let counted = operator.ok(Method::POST, &path, report("first")).await.unwrap();
    assert_eq!(counted["counted"], 150);
    assert!(counted["overshoot"].as_str().is_some_and(|text| text.contains("in flight")), "{counted}");
    operator.ok(Method::POST, &path, report("first")).await.unwrap();
    let own = own_level(operator, "acme").await;
    assert_eq!((own["used"].as_u64(), own["over"].as_u64(), own["used_up"].as_bool()), (Some(150), Some(50), Some(true)), "{own}");
    call.press(&menu.twiml, "1").await.unwrap();
    let turn = last_turn(&platform, "acme", &call.sid).await;
    assert_eq!((turn["barred"].as_str(), &turn["shortage"]["of"]), (Some("quota-exceeded"), &json!({"meter": "ai-tokens"})));
    assert_eq!(
        operator.refused(Method::POST, &path, json!({"id": "", "model": "m", "input": 0, "output": 0})).await.unwrap().code,
        "invalid"
    );
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ai_tokens_that_a_plugin_reports_count_too() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let component = artifacts::guest("invents-names").unwrap();
    let settings = json!({"models": 3});
    let tenancy = Tenancy { tenant: "talker", number: ACME, component, settings, queues: &[], plan: "standard" };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    set(&platform.operator, "talker", json!({"meters": {"ai-tokens": {"month": 1_000_000}}})).await;
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let turn = last_turn(&platform, "talker", &call.sid).await;
    let reported = turn["attempts"][0]["tokens"].as_array().unwrap().iter();
    let reported: u64 = reported.map(|tokens| tokens["input"].as_u64().unwrap() + tokens["output"].as_u64().unwrap()).sum();
    assert!(reported > 0, "{turn}");
    assert_eq!(own_level(&platform.operator, "talker").await["used"].as_u64(), Some(reported));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_contacts_are_counted_again_after_a_start_and_an_end_makes_room() {
    let (platform, line, _) = furnished().await;
    set(&platform.operator, "acme", json!({"concurrency": 1, "meters": {"contacts": {"day": 1_000}}})).await;
    let running = line.call(CALLER, ACME);
    let menu = running.arrive().await.unwrap();
    let late = line.call(CALLER, ACME);
    late.arrive().await.unwrap();
    let turn = last_turn(&platform, "acme", &late.sid).await;
    assert_eq!((turn["barred"].as_str(), turn["shortage"]["limit"].as_u64()), (Some("concurrency-exceeded"), Some(1)));

    let (platform, line) = restarted(platform).await;
    assert!(!is_answered(&line).await, "the call before the start is still live");
    let mut goes_on = line.call(CALLER, ACME);
    goes_on.sid.clone_from(&running.sid);
    let chosen = goes_on.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")), "who is live goes on: {:?}", chosen.twiml);
    goes_on.end().await.unwrap();
    assert!(is_answered(&line).await);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_in_order_gives_back_what_it_did_not_use() {
    let (platform, line, _) = furnished().await;
    set(&platform.operator, "acme", json!({"meters": {"contacts": {"day": 1_000}}})).await;
    for _ in 0..8 {
        assert!(is_answered(&line).await);
    }
    let own = own_level(&platform.operator, "acme").await;
    let of = |own: &Value, name: &str| own[name].as_u64().unwrap();
    assert!(of(&own, "leased") > 0, "nothing is out on lease, so nothing could come back: {own}");
    assert_eq!(of(&own, "granted"), of(&own, "used") + of(&own, "leased"));
    let (platform, line) = restarted(platform).await;
    let own = own_level(&platform.operator, "acme").await;
    assert_eq!((of(&own, "used"), of(&own, "granted")), (8, 8));
    assert!(is_answered(&line).await);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_beyond_the_rate_goes_to_the_default_route_and_comes_back_with_time() {
    let (platform, line, clock) = furnished().await;
    set(&platform.operator, "acme", json!({"rate": {"per_second": 1, "burst": 2}})).await;
    assert!(is_answered(&line).await && is_answered(&line).await);
    let third = line.call(CALLER, ACME);
    third.arrive().await.unwrap();
    let turn = last_turn(&platform, "acme", &third.sid).await;
    assert_eq!((turn["barred"].as_str(), turn["shortage"]["of"].as_str()), (Some("rate-exceeded"), Some("rate")));
    clock.0.fetch_add(1_000, Ordering::Relaxed);
    assert!(is_answered(&line).await && !is_answered(&line).await);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_priority_address_is_never_barred_and_always_counted() {
    let (platform, line, _) = furnished().await;
    let operator = &platform.operator;
    set(operator, "acme", json!({"meters": {"contacts": {"day": 1}}, "rate": {"per_second": 1, "burst": 1}, "concurrency": 1})).await;
    let token = operator.ok(Method::POST, "/v1/tokens", json!({"label": "acme", "tenant": "acme"})).await.unwrap();
    let tenant = Operator::new(&operator.admin_url, &operator.hooks_url, token["token"].as_str().unwrap()).unwrap();
    let path = format!("/v1/tenants/acme/addresses/{ACME}");
    let marked = json!({"connection": "twilio", "flow": "main", "priority": true});
    assert_eq!(tenant.refused(Method::PUT, &path, marked.clone()).await.unwrap().code, "forbidden");
    operator.ok(Method::PUT, &path, marked).await.unwrap();
    let moved = tenant.ok(Method::PUT, &path, json!({"connection": "twilio", "flow": "main"})).await.unwrap();
    assert_eq!(moved["priority"], true, "who moves it does not lose it");
    for _ in 0..3 {
        assert!(is_answered(&line).await);
    }
    let own = own_level(operator, "acme").await;
    assert_eq!((own["used"].as_u64(), own["over"].as_u64(), own["granted"].as_u64()), (Some(3), Some(2), Some(1)), "{own}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_beyond_the_number_of_versions_or_bytes_is_refused_with_the_level_that_refuses() {
    let (platform, _, _) = furnished().await;
    let operator = &platform.operator;
    let upload = |component| async { operator.api.upload("/v1/tenants/acme/plugins/more/versions", component).await };
    let refused = |error| match error {
        Err(jackfield_egress::ClientError::Refused(problem)) => problem,
        other => panic!("{other:?}"),
    };
    set(operator, "acme", json!({"counts": {"versions": 1}})).await;
    let problem = refused(upload(artifacts::guest("echo").unwrap()).await);
    assert_eq!((problem.code.as_str(), problem.at.as_deref()), ("limit-reached", Some("versions")));
    assert!(problem.detail.contains("tenant acme may have 1 versions") && problem.detail.contains("has 1"), "{}", problem.detail);
    set(operator, "acme", json!({"counts": {"component-bytes": 1_000}})).await;
    assert_eq!(refused(upload(artifacts::guest("echo").unwrap()).await).at.as_deref(), Some("component-bytes"));
    set(operator, "acme", json!({})).await;
    upload(artifacts::guest("echo").unwrap()).await.unwrap();
    let counts = effective(operator, "acme").await["counts"].clone();
    let of = |thing: &str| {
        counts.as_array().unwrap().iter().find(|count| count["level"] == "acme" && count["thing"] == thing).unwrap()["count"].clone()
    };
    assert_eq!((of("versions"), of("flows"), of("addresses")), (json!(2), json!(1), json!(1)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_lets_anybody_have_more_than_the_limit_of_any_level() {
    let report = ledger::run(3_000, 3).await.unwrap();
    assert!(report.let_in > 0 && report.unanswered > 0, "{report}: nothing was killed in flight, so nothing was shown");
    let (_, limit, _, heard) = report.levels[1];
    assert!(heard * 2 > limit, "{report}: the quota of the middle level was hardly used");
}
