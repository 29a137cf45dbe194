//! What callers hear while nobody of us is there: the documents of `connection fallback`.

use std::process::Command;

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::platform::Platform;
use jackfield_tests::twiml::{Element, Twiml};
use serde_json::{Value, json};

use super::answers::CALLER;

const SHOP: &str = "+18005550111";
const SERVICE: &str = "+18005550112";

fn says(text: &str) -> Value {
    json!({"do": "say", "with": {"content": {"text": text}}})
}

/// Two flows without a plugin: one has routes of its own in two languages, one its tenant's.
async fn furnished() -> Platform {
    let platform = Platform::start().await.unwrap();
    let operator = &platform.operator;
    operator.connect_twilio("twilio").await.unwrap();
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"});
    operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/acme/queues/front-desk", json!({"label": "Front desk"})).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/acme/hours/main", json!({"weekly": [], "exceptions": []})).await.unwrap();
    for (flow, number) in [("shop", SHOP), ("service", SERVICE)] {
        operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": flow, "label": flow})).await.unwrap();
        let body = json!({"address": number, "connection": "twilio", "flow": flow});
        operator.ok(Method::POST, "/v1/tenants/acme/addresses", body).await.unwrap();
    }
    let enqueue = json!({"do": "enqueue", "with": {"tag": "", "queue": "front-desk"}});
    let shop = json!([
        {"channel": "voice", "hours": "main",
         "open": {"actions": [says("Welcome to the <shop> & more."), enqueue], "reason": "open"},
         "closed": {"actions": [says("The shop is closed."), {"do": "hang-up", "with": null}], "reason": "closed"}},
        {"channel": "voice", "language": "de-DE",
         "open": {"actions": [says("Der Laden ist zu."), {"do": "hang-up", "with": null}], "reason": "de"}},
    ]);
    operator.ok(Method::PUT, "/v1/tenants/acme/flows/shop/routes", shop).await.unwrap();
    let dial = json!({"do": "transfer", "with": {"tag": "", "targets": [{"number": "+14155550199"}], "ringing": "series"}});
    let tenants = json!([{"channel": "voice", "open": {"actions": [says("We put you through."), dial], "reason": "tenant"}}]);
    operator.ok(Method::PUT, "/v1/tenants/acme/routes", tenants).await.unwrap();
    platform
}

/// A document without what comes back to us.
fn without_callbacks(document: &Twiml) -> Vec<Element> {
    let comes_back = ["action", "method", "waitUrl", "waitUrlMethod"];
    let mut elements = document.elements.clone();
    elements.iter_mut().for_each(|element| element.attributes.retain(|(name, _)| !comes_back.contains(&name.as_str())));
    elements
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_for_a_host_elsewhere_say_what_the_server_says_and_need_nothing_of_it() {
    let platform = furnished().await;
    let operator = &platform.operator;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("documents");
    let run = || {
        let mut command = Command::new(artifacts::binary().unwrap());
        command.args(["connection", "fallback", "twilio", "--tenant", "platform", "--server", &platform.operator.admin_url]);
        let output = command.args(["--token", &platform.operator.token, "--out"]).arg(&out).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, said) = tokio::task::block_in_place(run);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("6 documents for 2 addresses"), "{said}");
    let read = |file: &str| std::fs::read_to_string(out.join(file)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    for file in index["files"].as_array().unwrap().iter().filter_map(Value::as_str) {
        assert!(!read(file).contains("calls.platform.example"), "{file} needs the server: {}", read(file));
    }
    assert!(read("README.txt").contains("VoiceFallbackUrl"));
    let of = |address: &str, branch: &str| {
        let entry = index["addresses"].as_array().unwrap().iter().find(|entry| entry["address"].as_str().unwrap().ends_with(address));
        Twiml::parse(read(entry.unwrap()[branch].as_str().unwrap()).as_bytes()).unwrap()
    };
    assert_eq!(of(SHOP, "open").said(), "Welcome to the <shop> & more.");
    assert_eq!(Twiml::parse(read("acme.shop.de-DE.open.xml").as_bytes()).unwrap().said(), "Der Laden ist zu.");

    // The same from the server, which has no plugin to ask; the hours are never open.
    let line = jackfield_tests::line::Line::new(
        &platform.operator.hooks_url,
        jackfield_tests::platform::PUBLIC_URL,
        "twilio",
        jackfield_tests::platform::ACCOUNT,
        jackfield_tests::platform::AUTH_TOKEN,
    )
    .unwrap();
    for (number, branch) in [(SHOP, "closed"), (SERVICE, "closed"), (SERVICE, "open")] {
        let heard = line.call(CALLER, number).arrive().await.unwrap();
        assert_eq!(without_callbacks(&heard.twiml), without_callbacks(&of(number, branch)), "{number} {branch}");
    }
    let mut routes = operator.ok(Method::GET, "/v1/tenants/acme/flows/shop/routes", Value::Null).await.unwrap()["routes"].clone();
    routes[0]["hours"] = Value::Null;
    operator.ok(Method::PUT, "/v1/tenants/acme/flows/shop/routes", routes).await.unwrap();
    let heard = line.call(CALLER, SHOP).arrive().await.unwrap();
    assert_eq!(without_callbacks(&heard.twiml), without_callbacks(&of(SHOP, "open")), "{:?}", heard.twiml);

    std::fs::write(out.join("acme.gone.en-US.open.xml"), "stale").unwrap();
    let (code, said) = tokio::task::block_in_place(run);
    assert!(code == Some(2) && said.contains("acme.gone.en-US.open.xml"), "{code:?} {said}");
    std::fs::remove_file(out.join("acme.gone.en-US.open.xml")).unwrap();
    assert_eq!(tokio::task::block_in_place(run).0, Some(0), "what it wrote itself it writes again");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_connections_owner_gets_its_documents_page_by_page() {
    let platform = furnished().await;
    let operator = &platform.operator;
    let at = "/v1/tenants/platform/connections/twilio/fallback";
    let first = operator.api.get(at, &[("limit", "1")]).await.unwrap().body;
    assert_eq!((first["items"].as_array().map(Vec::len), first["next"].as_str()), (Some(2), Some("acme")), "{first}");
    let second = operator.api.get(at, &[("limit", "1"), ("after", "acme")]).await.unwrap().body;
    assert_eq!(second["items"].as_array().map(Vec::len), Some(0), "{second}");
    let refused = operator.refused(Method::GET, "/v1/tenants/acme/connections/twilio/fallback", Value::Null).await.unwrap();
    assert_eq!((refused.status, refused.code.as_str()), (404, "not-found"));
    platform.stop().await;
}
