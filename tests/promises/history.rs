//! Who changed the hours on Friday? Every change of what a tenant sets up has a number, a moment, a name and what it made other.

use http::Method;
use jackfield_tests::platform::Platform;
use serde_json::{Value, json};

use super::answers::acme;

async fn history(platform: &Platform, query: &[(&str, &str)]) -> Vec<Value> {
    let answer = platform.operator.api.get("/v1/tenants/acme/history", query).await.unwrap().body;
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_says_who_made_it_when_and_what_is_other() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    let ok = |method: Method, path: &'static str, body: Value| platform.operator.ok(method, path, body);
    let hours = |to: &str| json!({"weekly": [{"weekday": 5, "from": "09:00", "to": to}], "exceptions": []});
    ok(Method::PUT, "/v1/tenants/acme/hours/shop", hours("17:00")).await.unwrap();
    ok(Method::PUT, "/v1/tenants/acme/hours/shop", hours("12:00")).await.unwrap();
    // The same again is no change.
    ok(Method::PUT, "/v1/tenants/acme/hours/shop", hours("12:00")).await.unwrap();
    ok(Method::DELETE, "/v1/tenants/acme/hours/shop", Value::Null).await.unwrap();
    let edits = history(&platform, &[("thing", "hours/shop")]).await;
    let told: Vec<_> = edits.iter().map(|edit| (edit["number"].as_u64().unwrap(), edit["changes"].to_string())).collect();
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 2, 1], "{edits:?}");
    assert_eq!((told[0].1.as_str(), told[2].1.as_str()), ("[\"removed\"]", "[\"made\"]"));
    assert!(told[1].1.contains("17:00") && told[1].1.contains("12:00"), "{edits:?}");
    assert!(edits.iter().all(|edit| edit["at"].as_u64().is_some_and(|at| at > 0) && !edit["by"].as_str().unwrap().is_empty()), "{edits:?}");

    ok(Method::PUT, "/v1/tenants/acme/flows/main/settings", json!({"greeting": "Good day."})).await.unwrap();
    ok(Method::POST, "/v1/tenants/acme/flows/main/releases", json!({"plugin": "logic"})).await.unwrap();
    ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": 2})).await.unwrap();
    let settings = history(&platform, &[("thing", "settings")]).await;
    assert_eq!(settings[0]["changes"], json!(["/greeting: none -> \"Good day.\""]), "{settings:?}");
    let flow = history(&platform, &[("thing", "flow/main"), ("values", "true")]).await;
    assert!(flow[0]["changes"].to_string().contains("/aliases/live: 1 -> 2"), "{flow:?}");
    assert_eq!(flow[0]["after"]["aliases"]["live"], json!(2));
    // Everything, the newest first, cut where it was asked.
    let all = history(&platform, &[("limit", "2")]).await;
    assert_eq!(all.iter().map(|edit| edit["thing"].as_str().unwrap()).collect::<Vec<_>>(), ["flow/main", "settings/main"]);
    let queues = history(&platform, &[("thing", "queue")]).await;
    assert_eq!(queues.len(), 4, "{queues:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_thing_a_hundred_changes_are_kept_and_the_oldest_says_that_it_is_not_the_first() {
    let platform = Platform::start().await.unwrap();
    acme(&platform).await;
    for number in 0..105 {
        let body = json!({"label": format!("Queue {number}")});
        platform.operator.ok(Method::PUT, "/v1/tenants/acme/queues/sales", body).await.unwrap();
    }
    let edits = history(&platform, &[("thing", "queue/sales"), ("limit", "200")]).await;
    assert_eq!((edits.len(), edits[0]["number"].as_u64()), (100, Some(106)));
    assert!(edits[99]["changes"].to_string().contains("not kept any more"), "{}", edits[99]);
}
