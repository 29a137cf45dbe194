//! Who changed the hours on Friday? Every change of what a tenant sets up has a moment, a name and what it made other.

use http::Method;
use jackfield_tests::platform::Platform;
use serde_json::{Value, json};

use super::answers::acme;

async fn history(platform: &Platform, query: &[(&str, &str)]) -> Vec<Value> {
    let answer = platform.operator.api.get("/v1/tenants/acme/history", query).await.unwrap().body;
    answer["items"].as_array().unwrap().clone()
}

fn changes(edits: &[Value]) -> Vec<String> {
    edits.iter().map(|edit| edit["changes"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_says_who_made_it_when_and_what_is_other() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    let ok = |method: Method, path: &'static str, body: Value| platform.operator.ok(method, path, body);
    let hours = |to: &str| json!({"weekly": [{"weekday": 5, "from": "09:00", "to": to}], "exceptions": []});
    // A millisecond apart at least, because that is how they are told apart in time.
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(2));
    for to in ["17:00", "12:00", "12:00"] {
        // The same again is no change.
        ok(Method::PUT, "/v1/tenants/acme/hours/shop", hours(to)).await.unwrap();
        pause().await;
    }
    ok(Method::DELETE, "/v1/tenants/acme/hours/shop", Value::Null).await.unwrap();
    let edits = history(&platform, &[("thing", "hours/shop")]).await;
    let told = changes(&edits);
    assert_eq!((told.len(), told[0].as_str(), told[2].as_str()), (3, "[\"removed\"]", "[\"made\"]"), "{edits:?}");
    assert!(told[1].contains("17:00") && told[1].contains("12:00"), "{edits:?}");
    assert!(edits.iter().all(|edit| edit["at"].as_u64().is_some_and(|at| at > 0) && !edit["by"].as_str().unwrap().is_empty()), "{edits:?}");

    ok(Method::PUT, "/v1/tenants/acme/flows/main/settings", json!({"greeting": "Good day."})).await.unwrap();
    pause().await;
    ok(Method::POST, "/v1/tenants/acme/flows/main/releases", json!({"plugin": "logic"})).await.unwrap();
    pause().await;
    ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": 2})).await.unwrap();
    let settings = history(&platform, &[("thing", "settings")]).await;
    assert_eq!(settings[0]["changes"], json!(["/greeting: none -> \"Good day.\""]), "{settings:?}");
    let flow = history(&platform, &[("thing", "flow/main")]).await;
    assert!(changes(&flow)[0].contains("/aliases/live: 1 -> 2") && changes(&flow)[1].contains("/newest: 1 -> 2"), "{flow:?}");
    assert_eq!(changes(&flow).last().unwrap(), "[\"made\"]", "{flow:?}");
    // Everything, the newest first, cut where it was asked.
    let all = history(&platform, &[("limit", "3")]).await;
    assert_eq!(all.iter().map(|edit| edit["thing"].as_str().unwrap()).collect::<Vec<_>>(), ["flow/main", "flow/main", "settings/main"]);
    assert_eq!(history(&platform, &[("thing", "queue")]).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_made_anew_is_not_put_down_to_whoever_changes_it_next() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    let ok = |method: Method, path: &'static str, body: Value| platform.operator.ok(method, path, body);
    ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "other", "label": "Other"})).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    ok(Method::DELETE, "/v1/tenants/acme/flows/other", Value::Null).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "other", "label": "Other"})).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    ok(Method::PATCH, "/v1/tenants/acme/flows/other", json!({"label": "Another"})).await.unwrap();
    let told = changes(&history(&platform, &[("thing", "flow/other")]).await);
    assert_eq!(told, ["[\"/label: \\\"Other\\\" -> \\\"Another\\\"\"]", "[\"made\"]", "[\"removed\"]", "[\"made\"]"]);
}
