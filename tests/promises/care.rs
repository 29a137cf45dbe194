//! Reference system 1: a care platform whose organisations have departments, told apart by domain or header, ruled by inherited features.

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{TOKEN, post_json, read};
use jackfield_tests::platform::{PUBLIC_URL, Platform};
use serde_json::{Value, json};

const CLINIC: &str = "+18005550031";

async fn ok(platform: &Platform, method: Method, path: &str, body: Value) -> Value {
    platform.operator.ok(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error:#}"))
}

async fn tenant(platform: &Platform, id: &str, parent: Option<&str>) {
    let body = json!({"id": id, "label": id, "parent": parent, "zone": "America/New_York", "language": "en-US", "plan": "standard"});
    ok(platform, Method::POST, "/v1/tenants", body).await;
}

async fn settings(platform: &Platform, tenant: &str, value: Value) {
    ok(platform, Method::PUT, &format!("/v1/tenants/{tenant}/settings"), value).await;
}

/// A flow `main` of a tenant that runs the bot, which the organisation above owns; and what leads to it.
async fn serves(platform: &Platform, tenant: &str, addresses: &[(&str, &str)]) {
    let at = format!("/v1/tenants/{tenant}");
    for queue in ["care", "billing"] {
        ok(platform, Method::PUT, &format!("{at}/queues/{queue}"), json!({"label": queue})).await;
    }
    ok(platform, Method::POST, &format!("{at}/flows"), json!({"name": "main", "label": "Main"})).await;
    released(platform, tenant).await;
    for (address, connection) in addresses {
        let body = json!({"address": address, "connection": connection, "flow": "main"});
        ok(platform, Method::POST, &format!("{at}/addresses"), body).await;
    }
}

async fn released(platform: &Platform, tenant: &str) {
    let at = format!("/v1/tenants/{tenant}/flows/main");
    let release = ok(platform, Method::POST, &format!("{at}/releases"), json!({"plugin": "care-bot", "version": 1, "note": "care"})).await;
    ok(platform, Method::PUT, &format!("{at}/aliases/live"), json!({"release": release["number"], "approve": true})).await;
}

async fn platform() -> Platform {
    let platform = Platform::start().await.unwrap();
    platform.operator.connect_twilio("twilio").await.unwrap();
    let chat = json!({"id": "chat", "provider": "native", "public_url": platform.operator.hooks_url, "secrets": [{"name": "first", "value": TOKEN}],
        "options": {"channel": "chat", "trusted_peers": "127.0.0.0/8"}});
    ok(&platform, Method::POST, "/v1/tenants/platform/connections", chat).await;
    platform.operator.api.upload("/v1/tenants/platform/plugins/care-bot/versions", artifacts::plugin("care-bot").unwrap()).await.unwrap();
    // The platform sets what there is; an organisation narrows it, and so does a department.
    settings(
        &platform,
        "platform",
        json!({"features": {"voice_agents": true, "chat_agents": true, "call_recording": true, "custom_workflows": true}, "queue": "care"}),
    )
    .await;
    tenant(&platform, "clinic", None).await;
    let clinic = json!({"branding": {"name": "Clinic"}, "features": {"call_recording": false}, "agent": {"instructions": "Help patients."}, "escalation_keywords": ["person"]});
    settings(&platform, "clinic", clinic).await;
    tenant(&platform, "clinic-billing", Some("clinic")).await;
    settings(
        &platform,
        "clinic-billing",
        json!({"branding": {"name": "Clinic billing"}, "features": {"voice_agents": false}, "queue": "billing"}),
    )
    .await;
    serves(&platform, "clinic", &[(CLINIC, "twilio"), ("chat:domain:clinic.example.com", "chat"), ("chat:business-id:clinic", "chat")])
        .await;
    let billing =
        [("+18005550032", "twilio"), ("chat:domain:billing.clinic.example.com", "chat"), ("chat:business-id:clinic-billing", "chat")];
    serves(&platform, "clinic-billing", &billing).await;
    platform
}

fn line(platform: &Platform) -> jackfield_tests::line::Line {
    use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN};
    jackfield_tests::line::Line::new(&platform.operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_inherits_what_its_organisation_has_and_features_decide_what_the_bot_does() {
    let platform = platform().await;
    let line = line(&platform);
    // The clinic has voice agents: an agent answers, and nothing is recorded, because the clinic does not want it.
    let agent = line.call("+14155550100", CLINIC).arrive().await.unwrap();
    assert!(agent.twiml.first("ConversationRelay").is_some() && agent.twiml.first("Recording").is_none(), "{:?}", agent.twiml);
    // Its billing has none: people answer, under billing's own name, in billing's own queue.
    let people = line.call("+14155550100", "+18005550032").arrive().await.unwrap();
    assert!(people.twiml.said().contains("Welcome to Clinic billing"), "{:?}", people.twiml);
    assert!(people.twiml.queue().is_some_and(|queue| queue.contains("billing")));
    // What is off above cannot be switched on below, neither now nor by what was written before.
    let wider = json!({"features": {"call_recording": true}});
    let problem = platform.operator.refused(Method::PUT, "/v1/tenants/clinic-billing/settings", wider).await.unwrap();
    assert_eq!((problem.code.as_str(), problem.at.as_deref()), ("invalid", Some("/features/call_recording")));
    assert!(problem.detail.contains("clinic"), "{problem:?}");
    let shown = platform.operator.api.get("/v1/tenants/clinic-billing/effective", &[("flow", "main")]).await.unwrap().body;
    let of =
        |pointer: &str| shown["settings"].as_array().unwrap().iter().find(|one| one["pointer"] == pointer).cloned().unwrap_or_default();
    for (pointer, value, from) in [
        ("/features/chat_agents", json!(true), "platform"),
        ("/features/call_recording", json!(false), "clinic"),
        ("/features/voice_agents", json!(false), "clinic-billing"),
        ("/agent/instructions", json!("Help patients."), "clinic"),
        ("/branding/name", json!("Clinic billing"), "clinic-billing"),
    ] {
        assert_eq!((&of(pointer)["value"], of(pointer)["from"].as_str()), (&value, Some(from)), "{pointer}");
    }
    // The clinic switches chat agents off: billing has none with its next release, whatever it asked for.
    settings(
        &platform,
        "clinic-billing",
        json!({"branding": {"name": "Clinic billing"}, "features": {"voice_agents": false, "chat_agents": true}, "queue": "billing"}),
    )
    .await;
    let clinic = json!({"branding": {"name": "Clinic"}, "features": {"call_recording": false, "chat_agents": false}, "escalation_keywords": ["person"]});
    settings(&platform, "clinic", clinic).await;
    released(&platform, "clinic-billing").await;
    let shown = platform.operator.api.get("/v1/tenants/clinic-billing/effective", &[]).await.unwrap().body;
    let chat = shown["settings"].as_array().unwrap().iter().find(|one| one["pointer"] == "/features/chat_agents").unwrap().clone();
    assert_eq!((&chat["value"], chat["narrowed"]["by"].as_str()), (&json!(false), Some("clinic-billing")));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_is_open_and_closed_with_its_organisation_and_may_close_more_but_never_less() {
    let platform = platform().await;
    let operator = &platform.operator;
    let week = |from: &str, to: &str| json!({"zone": "UTC", "weekly": [{"weekday": 1, "from": from, "to": to}]});
    operator.ok(Method::PUT, "/v1/tenants/clinic/hours/desk", week("09:00", "17:00")).await.unwrap();
    let open = async |time: &str| {
        let at = operator.api.get("/v1/tenants/clinic-billing/hours/desk/at", &[("time", time)]).await.unwrap().body;
        at["open"].as_bool().unwrap()
    };
    assert!(open("2026-11-23T16:00:00Z").await && !open("2026-11-23T08:30:00Z").await, "inherited");
    operator.ok(Method::PUT, "/v1/tenants/clinic-billing/hours/desk", week("08:00", "12:00")).await.unwrap();
    let all = [open("2026-11-23T08:30:00Z").await, open("2026-11-23T10:00:00Z").await, open("2026-11-23T16:00:00Z").await];
    assert_eq!(all, [false, true, false], "narrowed by both");
    let closed = |reason: &str, bypass: bool| json!({"reason": reason, "bypass": bypass});
    operator.ok(Method::PUT, "/v1/tenants/clinic/closure", closed("flood", true)).await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/clinic-billing/closure", closed("audit", false)).await.unwrap();
    let shown = operator.api.get("/v1/tenants/clinic-billing/effective", &[]).await.unwrap().body;
    assert_eq!(shown["hours"]["desk"], json!({"from": "clinic-billing", "within": ["clinic"]}));
    assert_eq!((shown["closure"]["from"].as_str(), shown["closure"]["reason"].as_str()), (Some("clinic"), Some("flood")));
    let call = line(&platform).call("+14155550100", "+18005550032");
    let turned_away = call.arrive().await.unwrap();
    assert!(!turned_away.twiml.said().contains("Welcome to Clinic billing"), "{:?}", turned_away.twiml);
    let found = operator.contact_of("clinic-billing", &call.sid).await.unwrap();
    assert_eq!(found["turns"][0]["barred"], "closed", "{found}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_reach_organisation_and_department_by_domain_or_by_the_gateways_headers() {
    let platform = platform().await;
    let url = format!("{}/hooks/chat/events", platform.operator.hooks_url);
    let write = |contact: &str, text: &str| json!({"contact": contact, "event": {"text": text}, "from": "visitor"});
    for (contact, headers, name) in [
        ("v-1", vec![("host", "clinic.example.com")], "Clinic will answer"),
        ("v-2", vec![("host", "billing.clinic.example.com:443")], "Clinic billing will answer"),
        ("v-3", vec![("x-tenant-id", "clinic")], "Clinic will answer"),
        ("v-4", vec![("x-tenant-id", "clinic"), ("x-subtenant-id", "clinic-billing")], "Clinic billing will answer"),
        (
            "v-5",
            vec![("host", "billing.clinic.example.com"), ("x-tenant-id", "clinic"), ("x-subtenant-id", "clinic-billing")],
            "Clinic billing will answer",
        ),
    ] {
        let told = read(&post_json(&url, TOKEN, &headers, &write(contact, "Hello")).await.unwrap());
        assert!(told["actions"].to_string().contains(name), "{contact}: {told}");
    }
    let nobody = post_json(&url, TOKEN, &[("host", "stranger.example.com")], &write("v-6", "Hello")).await.unwrap();
    assert_eq!(nobody.status, 404, "never a default tenant");
    let person = read(&post_json(&url, TOKEN, &[("host", "clinic.example.com")], &write("v-1", "I want a person")).await.unwrap());
    assert!(person["actions"].to_string().contains("\"queue\":\"care\""), "{person}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_an_organisation_may_have_at_once_get_the_default_route() {
    let platform = platform().await;
    let line = line(&platform);
    let open = json!({"actions": [{"do": "say", "with": {"content": {"text": "All our lines are busy."}}}, {"do": "hang-up", "with": null}], "reason": "busy"});
    ok(&platform, Method::PUT, "/v1/tenants/clinic/routes", json!([{"channel": "voice", "open": open}])).await;
    ok(&platform, Method::PUT, "/v1/tenants/clinic/quotas", json!({"concurrency": 2})).await;
    let calls: Vec<_> = [CLINIC, "+18005550032", CLINIC].into_iter().map(|number| line.call("+14155550100", number)).collect();
    let mut heard = Vec::new();
    for call in &calls {
        heard.push(call.arrive().await.unwrap().twiml.said());
    }
    assert!(
        heard[..2].iter().all(|said| !said.contains("busy")) && heard[2].contains("All our lines are busy"),
        "a department's calls count for its organisation: {heard:?}"
    );
    calls[1].end().await.unwrap();
    assert!(
        !line.call("+14155550100", CLINIC).arrive().await.unwrap().twiml.said().contains("busy"),
        "one has ended, so one more may begin"
    );
    platform.stop().await;
}
