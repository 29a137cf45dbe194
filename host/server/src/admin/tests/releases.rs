//! Promises about settings, releases, aliases and contacts.

use super::*;
use jackfield_domain::contact::Contact;

const FLOW: &str = "/v1/tenants/acme/flows/main";

async fn released(api: &Api, plugin: &str) -> Got {
    api.call(&api.acme, Method::POST, &format!("{FLOW}/releases"), json!({ "plugin": plugin })).await
}

async fn activate(api: &Api, release: u32) -> Got {
    api.call(&api.acme, Method::PUT, &format!("{FLOW}/aliases/live"), json!({ "release": release })).await
}

#[tokio::test]
async fn a_release_takes_the_settings_of_all_levels_as_they_are_now() {
    let api = Api::furnished().await;
    let schema = r#"{"type":"object","properties":{"queue":{"type":"string"}},"required":["queue"]}"#;
    api.plugin("platform", "ivr", 1, &["say"], schema).await;
    let none = released(&api, "ivr").await;
    assert_eq!(none.problem(), (422, "bad-settings"), "the schema wants a queue");
    api.operator(Method::PUT, "/v1/tenants/platform/settings", json!({ "greeting": "platform", "queue": "all" })).await;
    api.operator(Method::PUT, "/v1/tenants/acme/settings", json!({ "greeting": "acme" })).await;
    let set = api.operator(Method::PUT, &format!("{FLOW}/settings"), json!({ "queue": "sales" })).await;
    assert_eq!(set.body["revision"], 1);
    let first = released(&api, "ivr").await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    assert_eq!(first.body["settings"], json!({ "greeting": "acme", "queue": "sales" }));
    assert_eq!((&first.body["version"]["tenant"], &first.body["number"]), (&json!("platform"), &json!(1)), "the nearest that has it");
    assert_eq!(first.body["grants"], json!(["settings", "log"]), "all imports but http");
    assert_eq!(activate(&api, 1).await.status, StatusCode::OK);
    let wrong = api.call(&api.acme, Method::PUT, &format!("{FLOW}/settings"), json!({ "queue": 7 })).await;
    assert_eq!(wrong.problem(), (422, "bad-settings"), "what is live would refuse them");
    api.operator(Method::PUT, &format!("{FLOW}/settings"), json!({ "queue": "other" })).await;
    let still = api.get(&api.acme, &format!("{FLOW}/releases/1")).await;
    assert_eq!(still.body["settings"]["queue"], "sales", "a release stays what it was");
}

#[tokio::test]
async fn a_release_gets_no_grant_that_its_plugin_does_not_import_and_no_plugin_beside_it() {
    let api = Api::furnished().await;
    api.plugin("acme", "ivr", 1, &["say"], "").await;
    api.plugin("other", "theirs", 1, &["say"], "").await;
    let path = format!("{FLOW}/releases");
    let call = |body: Value| api.call(&api.acme, Method::POST, &path, body);
    assert_eq!(call(json!({ "plugin": "ivr", "grants": ["state"] })).await.problem(), (422, "bad-grant"));
    assert_eq!(call(json!({ "plugin": "ivr", "grants": ["root"] })).await.problem(), (400, "invalid"));
    assert_eq!(call(json!({ "plugin": "theirs" })).await.problem(), (404, "not-found"));
    assert_eq!(call(json!({ "plugin": "theirs", "tenant": "other" })).await.problem(), (404, "not-found"));
    assert_eq!(call(json!({ "plugin": "ivr", "version": 2 })).await.problem(), (404, "not-found"));
    assert_eq!(call(json!({ "plugin": "ivr", "limits": { "fuel_max": 51_000_000 } })).await.problem(), (422, "limit-reached"));
    let narrow = call(json!({ "plugin": "ivr", "grants": [], "limits": { "fuel_max": 1_000 } })).await;
    assert_eq!((&narrow.body["limits"]["fuel_max"], &narrow.body["grants"]), (&json!(1_000), &json!([])));
    assert!(narrow.body["notes"].to_string().contains("settings, which is not granted"), "{}", narrow.body);
}

#[tokio::test]
async fn http_is_granted_with_rules_alone_and_the_release_keeps_them_for_ever() {
    let api = Api::furnished().await;
    api.plugin("acme", "ivr", 1, &["say"], "").await;
    let path = format!("{FLOW}/releases");
    let call = |body: Value| api.call(&api.acme, Method::POST, &path, body);
    let rule = json!({ "host": "api.example.com", "methods": ["GET", "POST"] });
    let no_rules = call(json!({ "plugin": "ivr", "grants": ["http"] })).await;
    assert_eq!((no_rules.problem(), &no_rules.body["at"]), ((422, "bad-grant"), &json!("egress")));
    let no_grant = call(json!({ "plugin": "ivr", "grants": ["log"], "egress": [rule] })).await;
    assert_eq!((no_grant.problem(), &no_grant.body["at"]), ((422, "bad-grant"), &json!("egress")));
    for (bad, at) in [
        (json!({ "host": "*.com", "methods": ["GET"] }), "egress[0]"),
        (json!({ "host": "Example.com", "methods": ["GET"] }), "egress[0]"),
        (json!({ "host": "api.example.com", "methods": [] }), "egress[0]"),
        (json!({ "host": "api.example.com", "methods": ["CONNECT"] }), "egress[0].methods[0]"),
        (json!({ "host": "api.example.com", "methods": ["GET"], "port": 0 }), "egress[0]"),
        (json!({ "host": "api.example.com", "methods": ["GET"], "scheme": "http" }), "egress[0].scheme"),
        (json!({ "host": "api.example.com", "methods": ["GET"], "path": "/" }), "egress[0]"),
        (json!({ "host": "169.254.169.254", "methods": ["GET"] }), "egress[0].host"),
        (json!({ "host": "::ffff:10.0.0.1", "methods": ["GET"] }), "egress[0].host"),
    ] {
        let got = call(json!({ "plugin": "ivr", "egress": [bad.clone()] })).await;
        assert_eq!(got.problem(), (400, "invalid"), "{bad}: {}", got.body);
        assert!(got.body["at"].as_str().unwrap_or_default().starts_with(at), "{bad}: {}", got.body);
    }
    let made = call(json!({ "plugin": "ivr", "egress": [rule, { "host": "127.0.0.1", "methods": ["GET"], "port": 8443 }] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.body["grants"], json!(["settings", "http", "log"]), "rules ask for the grant");
    let shown = api.get(&api.acme, &format!("{FLOW}/releases/1")).await;
    let rules = json!([
        { "scheme": "https", "host": "api.example.com", "port": 443, "methods": ["GET", "POST"] },
        { "scheme": "https", "host": "127.0.0.1", "port": 8443, "methods": ["GET"] },
    ]);
    assert_eq!(shown.body["egress"], rules);
    assert_eq!(api.get(&api.acme, &format!("{FLOW}/egress")).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let api = Api::furnished().await;
    let path = "/v1/tenants/acme/secrets/crm";
    let set = |body: Value| api.call(&api.acme, Method::PUT, path, body);
    let canary = "canary-1b2c3d4e5f";
    for (bad, at) in [
        (json!({ "value": canary, "hosts": [] }), "hosts"),
        (json!({ "value": canary, "hosts": ["*.example.com"] }), "hosts[0]"),
        (json!({ "value": canary, "hosts": ["api.example.com", "https://api.example.com"] }), "hosts[1]"),
        (json!({ "value": format!("{canary}\r\nx: y"), "hosts": ["api.example.com"] }), "value"),
        (json!({ "value": "", "hosts": ["api.example.com"] }), "value"),
    ] {
        let got = set(bad.clone()).await;
        assert_eq!((got.problem(), got.body["at"].as_str()), ((400, "invalid"), Some(at)), "{bad}: {}", got.body);
        assert!(!got.body.to_string().contains(canary), "{}", got.body);
    }
    // Hosts without the value would let somebody who does not know it send it to himself.
    assert_eq!(set(json!({ "hosts": ["evil.example"] })).await.problem(), (400, "invalid"));
    let made = set(json!({ "value": canary, "hosts": ["api.example.com", "eu.example.com:8443"] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let again = set(json!({ "value": format!("{canary}-2"), "hosts": ["api.example.com"] })).await;
    assert_eq!(again.status, StatusCode::OK);
    let (shown, listed) = (api.get(&api.acme, path).await, api.get(&api.acme, "/v1/tenants/acme/secrets").await);
    assert_eq!((&shown.body["hosts"], &listed.body["items"][0]["handle"]), (&json!(["api.example.com:443"]), &json!("crm")));
    for got in [&made, &again, &shown, &listed] {
        assert!(!got.body.to_string().contains(canary), "{}", got.body);
    }
    assert_eq!(api.get(&api.acme, "/v1/tenants/acme-sub/secrets").await.body["items"], json!([]), "a secret is not inherited");
    assert_eq!(api.call(&api.acme, Method::DELETE, path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&api.acme, path).await.problem(), (404, "not-found"));
}

#[tokio::test]
async fn rolling_back_goes_to_what_was_live_before_and_never_returns_to_what_was_rolled_back() {
    let api = Api::furnished().await;
    api.plugin("acme", "ivr", 1, &["say"], "").await;
    let rollback = || api.call(&api.acme, Method::POST, "/v1/tenants/acme/flows/main/rollback", json!({}));
    for number in 1..=3 {
        released(&api, "ivr").await;
        assert_eq!(activate(&api, number).await.body["release"], number);
    }
    let back = rollback().await;
    assert_eq!((&back.body["from"], &back.body["to"]), (&json!(3), &json!(2)));
    let back = rollback().await;
    assert_eq!((&back.body["from"], &back.body["to"]), (&json!(2), &json!(1)));
    assert_eq!(rollback().await.problem(), (404, "not-found"));
    assert_eq!(activate(&api, 9).await.problem(), (404, "not-found"));
}

#[tokio::test]
async fn what_needs_an_outbox_is_refused_when_bound_and_when_made_live() {
    let api = Api::furnished().await;
    api.plugin("acme", "sender", 1, &["say", "send-message"], "").await;
    api.plugin("acme", "speaker", 1, &["converse"], "").await;
    api.plugin("acme", "ivr", 1, &["say", "hang-up"], "").await;
    for plugin in ["sender", "ivr", "speaker"] {
        released(&api, plugin).await;
    }
    assert_eq!(activate(&api, 1).await.status, StatusCode::OK, "nothing is bound yet");
    let bound = json!({ "address": "+18005551234", "connection": "acme-twilio", "flow": "main" });
    let bind = || api.call(&api.acme, Method::POST, "/v1/tenants/acme/addresses", bound.clone());
    assert_eq!(bind().await.problem(), (422, "needs-outbox"));
    assert_eq!(activate(&api, 2).await.status, StatusCode::OK);
    assert_eq!(bind().await.status, StatusCode::CREATED);
    assert_eq!(activate(&api, 1).await.problem(), (422, "needs-outbox"));
    assert_eq!(activate(&api, 3).await.problem(), (422, "needs-speaker"));
    let live = api.get(&api.acme, &format!("{FLOW}/aliases")).await;
    assert_eq!(live.body["aliases"]["live"], 2, "what was refused did not become live");
}

#[tokio::test]
async fn a_flow_that_is_made_again_counts_on_and_begins_without_settings() {
    let api = Api::furnished().await;
    api.plugin("acme", "ivr", 1, &["say"], "").await;
    api.operator(Method::PUT, &format!("{FLOW}/settings"), json!({ "a": 1 })).await;
    released(&api, "ivr").await;
    api.operator(Method::DELETE, FLOW, Value::Null).await;
    api.operator(Method::POST, "/v1/tenants/acme/flows", json!({ "name": "main", "label": "Again" })).await;
    assert_eq!(api.get(&api.acme, &format!("{FLOW}/settings")).await.body["value"], json!({}));
    let next = released(&api, "ivr").await;
    assert_eq!((&next.body["number"], &next.body["settings"]), (&json!(2), &json!({})));
}

fn contact() -> Contact {
    serde_json::from_value(json!({
        "id": "0193490a-5d80-7000-8000-000000000001", "tenant": "acme", "flow": "main", "connection": "acme-twilio", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": "voice",
        "arrival": {
            "provider_contact": "CA0123", "parent": null, "direction": "inbound",
            "customer": { "address": { "raw": "+15551230100", "e164": "+15551230100" }, "name": null, "anonymous": false, "attestation": null },
            "entry": { "raw": "+18005551234", "e164": "+18005551234" }, "forwarded_from": null, "headers": [], "extras": [],
        },
        "release": 3, "plan": "standard", "language": "en-US", "started": 1_732_030_000_000_u64, "ended": null, "end_cause": null,
        "phase": "running", "turn": 1, "asked_turns": 1, "idle_turns": 0, "attributes": {}, "open": null, "queues": ["sales"],
        "failures": ["fuel-exceeded"], "consents": {}, "state_schema": null, "state_bytes": 0,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_contact_is_found_by_what_is_remembered_of_it_and_by_nobody_else() {
    let api = Api::furnished().await;
    let contact = contact();
    let scope = api.app.store.tenant(&contact.tenant);
    let change = scope.change().put(&contact, Expect::Absent).platform(|platform| platform.home(&contact, None));
    change.commit().await.unwrap();
    let found = |query: &'static str| {
        let path = format!("/v1/tenants/acme/contacts?{query}");
        let api = &api;
        async move { api.get(&api.acme, &path).await.body["items"].as_array().unwrap().len() }
    };
    for query in ["", "caller=%2B15551230100", "caller_suffix=0100", "address=%2B18005551234", "call_id=CA0123", "queue=sales", "release=3"]
    {
        assert_eq!(found(query).await, 1, "{query}");
    }
    for query in ["failure=fuel-exceeded", "flow=main"] {
        assert_eq!(found(query).await, 1, "{query}");
    }
    for query in ["caller_suffix=0101", "queue=support", "release=4", "failure=trapped", "flow=next", "from=2026-01-01"] {
        assert_eq!(found(query).await, 0, "{query}");
    }
    let anywhere = format!("/v1/contacts/{}", contact.id);
    for token in [&api.acme, &api.operator] {
        assert_eq!(api.get(token, &anywhere).await.body["contact"]["flow"], "main");
    }
    let stranger = api.get(&api.other, &anywhere).await;
    assert_eq!(stranger.problem(), (404, "not-found"));
    assert_eq!(stranger.body["detail"], format!("there is no contact {}", contact.id));
}

#[tokio::test]
async fn usage_is_asked_by_day_within_bounds() {
    let api = Api::new().await;
    let usage = |query: &'static str| api.get(&api.acme, query);
    assert_eq!(usage("/v1/tenants/acme/usage").await.body["from"], "2026-11-20");
    assert_eq!(usage("/v1/tenants/acme/usage?from=2026-11-01&to=2026-11-20").await.body["items"], json!([]));
    for query in ["from=x", "from=2026-11-20&to=2026-11-19", "from=2020-01-01&to=2026-01-01"] {
        let path = format!("/v1/tenants/acme/usage?{query}");
        assert_eq!(api.get(&api.acme, &path).await.problem(), (400, "invalid"), "{query}");
    }
}
