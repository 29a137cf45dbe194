//! A developer sees what a plugin writes while a call is on the line, and what it wrote before.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use jackfield_tests::artifacts;
use jackfield_tests::platform::Platform;
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_sees_what_is_decided_and_what_fails_as_it_happens() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let logs = |query: Vec<(&'static str, String)>| {
        let api = &platform.operator.api;
        async move {
            let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            api.get("/v1/tenants/acme/logs", &query).await.unwrap().body
        }
    };
    line.call(CALLER, ACME).arrive().await.unwrap();
    let begun = logs(vec![]).await;
    assert_eq!((&begun["items"], &begun["lost"]), (&json!([]), &json!(0)), "what was before is in the trail");
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    call.press(&menu.twiml, "1").await.unwrap();
    let news = logs(vec![("after", begun["next"].to_string()), ("flow", "main".to_owned())]).await;
    let told: Vec<_> = news["items"].as_array().unwrap().iter().map(|line| (line["what"].clone(), line["event"].clone())).collect();
    assert_eq!(told, [(json!("answered"), json!("arrived")), (json!("answered"), json!("input"))], "{news}");
    assert_eq!(news["items"][1]["actions"], json!(["set-attributes", "enqueue"]), "{news}");

    platform.operator.release("acme", "main", "traps", artifacts::guest("traps").unwrap()).await.unwrap();
    let failing = line.call(CALLER, ACME);
    failing.arrive().await.unwrap();
    let news = logs(vec![("after", news["next"].to_string())]).await;
    let failed = |news: &Value| news["items"].as_array().unwrap().iter().find(|line| line["what"] == "failed").cloned();
    assert_eq!(failed(&news).unwrap()["code"], json!("trapped"), "{news}");
    // Of another flow there is nothing, and the same lines stand in the trail.
    let other = logs(vec![("after", "0".to_owned()), ("flow", "other".to_owned()), ("wait", "0".to_owned())]).await;
    assert_eq!(other["items"], json!([]), "{other}");
    let past = logs(vec![("past", "1".to_owned())]).await;
    assert!(failed(&past).is_some(), "{past}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_follows_until_it_is_ended() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let mut command = Command::new(artifacts::binary().unwrap());
    command.args(["logs", "--follow", "--tenant", "acme", "--server", &platform.operator.admin_url, "--token", &platform.operator.token]);
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = BufReader::new(following.stderr.take().unwrap());
    let told = BufReader::new(following.stdout.take().unwrap());
    let says_so = tokio::task::spawn_blocking(move || begun.lines().next().unwrap().unwrap()).await.unwrap();
    assert!(says_so.contains("following"), "{says_so}");
    line.call(CALLER, ACME).arrive().await.unwrap();
    let first = tokio::task::spawn_blocking(move || told.lines().next().unwrap().unwrap()).await.unwrap();
    following.kill().unwrap();
    following.wait().unwrap();
    assert!(first.contains("main ") && first.contains("arrived -> say, menu by plugin"), "{first}");
}
