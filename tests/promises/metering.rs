//! What usage counts is what happened: the sum of the trail, to the last unit of fuel, however it was asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use jackfield_egress::ClientError;
use jackfield_tests::artifacts;
use jackfield_tests::line::{Call, Line};
use jackfield_tests::platform::{Operator, Platform, Tenancy};
use jackfield_tests::tally;
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme};

const BOLT: &str = "+18005550177";

/// A tenant whose plugin names whatever it can.
async fn bolt(operator: &Operator, settings: Value) {
    let component = artifacts::guest("invents-names").unwrap();
    operator.onboard("twilio", Tenancy { tenant: "bolt", number: BOLT, component, settings, queues: &[], plan: "standard" }).await.unwrap();
}

/// Many calls of the plugin at the same moment, until some of them met a conflict.
async fn contend(operator: &Operator, line: &Line) {
    for _ in 0..50 {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let call = line.call(CALLER, BOLT);
            calls.spawn(async move { call.arrive().await.unwrap().status });
        }
        while let Some(status) = calls.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
        if operator.counted("bolt", "invocations_lost").await.unwrap() > 0 {
            return;
        }
    }
    panic!("eight hundred calls, and no two of them wrote at once");
}

/// Observers hear of an end after the provider was answered: then the call has its arrival, its end and what they did.
async fn until_observed(operator: &Operator, call: &Call) {
    let observed = async {
        while operator.contact_of("acme", &call.sid).await.unwrap()["turns"].as_array().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), observed).await.unwrap();
}

/// What usage comes to, once it agrees with the trail: an observer may write between the reading of one and of the other.
async fn agreed(operator: &Operator, tenant: &str) -> BTreeMap<String, u64> {
    let mut tries = 0;
    loop {
        match tally::agree(operator, tenant).await {
            Ok(totals) => return totals,
            Err(differs) => assert!(tries < 20, "{differs:#}"),
        }
        tries += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn usage_is_the_sum_of_the_trail_field_by_field() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    let line = acme(&platform).await;

    // A menu, choices, silence, repeats and ends.
    for digit in ["1", "2", "9"] {
        let call = line.call(CALLER, ACME);
        let menu = call.arrive().await.unwrap();
        call.arrive().await.unwrap();
        call.press(&menu.twiml, digit).await.unwrap();
        call.end().await.unwrap();
        call.end().await.unwrap();
    }
    let silent = line.call(CALLER, ACME);
    let mut heard = silent.arrive().await.unwrap();
    while heard.twiml.first("Gather").is_some() {
        heard = silent.stay_silent(&heard.twiml).await.unwrap();
    }
    // A release that fails, one that passes its fuel, one with an observer, and no release at all.
    for guest in ["traps", "loops", "echo"] {
        operator.release("acme", "main", guest, artifacts::guest(guest).unwrap()).await.unwrap();
        let call = line.call(CALLER, ACME);
        call.arrive().await.unwrap();
        call.end().await.unwrap();
        if guest == "echo" {
            until_observed(operator, &call).await;
        }
    }
    operator.ok(Method::PATCH, "/v1/tenants/acme", json!({"standing": "suspended"})).await.unwrap();
    line.call(CALLER, ACME).arrive().await.unwrap();
    operator.ok(Method::PATCH, "/v1/tenants/acme", json!({"standing": "active"})).await.unwrap();
    bolt(operator, json!({"contends": "yes", "models": 2})).await;
    contend(operator, &line).await;

    let acme = agreed(operator, "acme").await;
    let of = |name: &str| acme.get(name).copied().unwrap_or(0);
    assert_eq!((of("contacts_begun"), of("contacts_ended")), (8, 6), "{acme:?}");
    assert_eq!((of("failed_trapped"), of("failed_fuel-exceeded"), of("barred_tenant-suspended")), (1, 1, 1), "{acme:?}");
    assert_eq!(of("guest_us") + of("host_us"), of("wall_us"));
    assert!(of("host_steps") > 0 && of("reports") >= 6 && of("memory_bytes_peak") > 0, "{acme:?}");
    let bolt = agreed(operator, "bolt").await;
    assert!(bolt["invocations"] > bolt["events"], "what ran in vain is counted: {bolt:?}");
    assert_eq!(bolt["outcome/booked"], bolt["events"], "a goal counts once, however often its event ran");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_invents_names_makes_no_row_grow() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    bolt(&platform.operator, json!({"models": 20})).await;
    for _ in 0..12 {
        line.call(CALLER, BOLT).arrive().await.unwrap();
    }
    let totals = agreed(&platform.operator, "bolt").await;
    let names = |family: &str| totals.keys().filter(|name| name.starts_with(family)).count();
    assert_eq!((names("tokens_input/"), names("tokens_output/"), names("outcome/")), (51, 51, 3), "{totals:?}");
    assert_eq!(totals["tokens_output"], 12 * 20);
    let of_family: u64 = totals.iter().filter(|(name, _)| name.starts_with("tokens_input/")).map(|(_, number)| number).sum();
    assert_eq!(of_family, totals["tokens_input"], "what has no name of its own is in the rest");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_can_be_asked_for_by_flow_release_purpose_and_for_everyone_below() {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    let line = operator.connect_twilio("twilio").await.unwrap();
    bolt(operator, json!({})).await;
    let below = json!({"id": "bolt-north", "label": "North", "parent": "bolt", "zone": "America/New_York"});
    operator.ok(Method::POST, "/v1/tenants", below).await.unwrap();
    operator.ok(Method::POST, "/v1/tenants/bolt-north/flows", json!({"name": "desk", "label": "Desk"})).await.unwrap();
    let number = json!({"address": "+18005550178", "connection": "twilio", "flow": "desk"});
    operator.ok(Method::POST, "/v1/tenants/bolt-north/addresses", number).await.unwrap();
    line.call(CALLER, BOLT).arrive().await.unwrap();
    operator.release("bolt", "main", "logic", artifacts::guest("invents-names").unwrap()).await.unwrap();
    line.call(CALLER, BOLT).arrive().await.unwrap();
    line.call(CALLER, BOLT).arrive().await.unwrap();
    line.call(CALLER, "+18005550178").arrive().await.unwrap();

    let ask = |query: &'static [(&'static str, &'static str)]| async move {
        let (from, to) = tally::around_today();
        let query: Vec<_> = [("from", from.as_str()), ("to", to.as_str())].into_iter().chain(query.iter().copied()).collect();
        operator.api.get("/v1/tenants/bolt/usage", &query).await.unwrap().body
    };
    let events = |answer: &Value| answer.pointer("/totals/events").and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(events(&ask(&[]).await), 3);
    assert_eq!(events(&ask(&[("release", "2")]).await), 2);
    assert_eq!(events(&ask(&[("release", "none")]).await), 0);
    assert_eq!(events(&ask(&[("flow", "elsewhere")]).await), 0);
    assert_eq!((events(&ask(&[("purpose", "live")]).await), events(&ask(&[("purpose", "shadow")]).await)), (3, 0));
    let all = ask(&[("subtree", "true")]).await;
    assert_eq!(events(&all), 4);
    let tenants: Vec<&str> = all["items"].as_array().unwrap().iter().filter_map(|row| row["tenant"].as_str()).collect();
    assert_eq!(tenants, ["bolt", "bolt", "bolt-north"]);
    assert_eq!(events(&ask(&[("subtree", "true"), ("flow", "desk"), ("release", "none")]).await), 1);
    for (name, value) in [("release", "0"), ("purpose", "fun"), ("subtree", "yes"), ("format", "xml"), ("flow", "No Flow!")] {
        match operator.api.get("/v1/tenants/bolt/usage", &[(name, value)]).await {
            Err(ClientError::Refused(problem)) => assert_eq!(
                (problem.status, problem.code.as_str()),
                (400, if name == "flow" { problem.code.as_str() } else { "invalid" }),
                "{name}={value}"
            ),
            other => panic!("{name}={value}: {other:?}"),
        }
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_as_csv_is_a_table_that_no_spreadsheet_runs() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    bolt(&platform.operator, json!({"models": 1})).await;
    line.call(CALLER, BOLT).arrive().await.unwrap();
    let text = platform.operator.api.get_text("/v1/tenants/bolt/usage", &[("format", "csv")]).await.unwrap();
    let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("tenant,day,flow,release,purpose,events,"), "{text}");
    assert!(lines[0].contains("\"outcome/a, \"\"quoted\"\" one\""), "{text}");
    assert!(lines[1].starts_with("bolt,2") && lines[1].contains(",main,1,live,1,"), "{text}");
    assert!(lines[2].starts_with("total,,,,,1,"), "{text}");
    let is_formula = |cell: &str| cell.trim_start_matches(['"', ' ']).starts_with(['=', '+', '-', '@']);
    assert!(!text.split([',', '\n']).any(is_formula), "{text}");
    platform.stop().await;
}
