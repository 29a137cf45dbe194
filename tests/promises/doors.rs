//! Whoever comes by another door than Twilio's is verified, finds its tenant and gets its answer in its own words.

use std::time::Duration;

use http::Method;
use jackfield_server::sip::Rules;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{ACCESS_KEY, AwsClient, SECRET_KEY, Switch, TOKEN, connect_event, post_json, read};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

const NUMBER: &str = "+18005551234";
const QUEUE: &str = "arn:aws:connect:us-east-1:123456789012:instance/abc12300/queue/acme";
const FLOW: &str = "arn:aws:connect:us-east-1:123456789012:instance/abc12300/contact-flow/acme-main";

async fn ok(platform: &Platform, method: Method, path: &str, body: Value) -> Value {
    platform.operator.ok(method, path, body).await.unwrap()
}

async fn connected(platform: &Platform, id: &str, provider: &str, secret: (&str, &str), options: Value) {
    let (name, value) = secret;
    let secrets = if value.is_empty() { json!([]) } else { json!([{"name": name, "value": value}]) };
    let body = json!({"id": id, "provider": provider, "public_url": platform.operator.hooks_url, "secrets": secrets, "options": options});
    ok(platform, Method::POST, "/v1/tenants/platform/connections", body).await;
}

async fn tenant(platform: &Platform, connection: &str, name: &str, number: &str, plugin: &str, settings: Value) {
    let tenancy = Tenancy {
        tenant: name,
        number,
        component: artifacts::plugin(plugin).unwrap(),
        settings,
        queues: &["support", "sales"],
        plan: "standard",
    };
    platform.operator.onboard(connection, tenancy).await.unwrap();
}

fn front(name: &str, enabled: bool) -> Value {
    json!({"tenant_id": name, "tenant_name": name.to_uppercase(), "greeting": format!("Welcome to {name}."), "queue": "support", "enabled": enabled})
}

/// The platform's instance, and Acme behind it by number and by queue.
async fn acme_on_connect(platform: &Platform, options: Value) -> AwsClient {
    connected(platform, "front", "amazon-connect", (ACCESS_KEY, SECRET_KEY), options).await;
    tenant(platform, "front", "acme", NUMBER, "connect-front", front("acme", true)).await;
    ok(platform, Method::PUT, "/v1/tenants/acme/queues/support", json!({"label": "Support", "provider_ids": {"amazon-connect": QUEUE}}))
        .await;
    let by_queue = json!({"address": format!("voice:queue-arn:{QUEUE}"), "connection": "front", "flow": "main"});
    ok(platform, Method::POST, "/v1/tenants/acme/addresses", by_queue).await;
    AwsClient::new(&platform.operator.hooks_url, "front").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_of_amazon_connect_learns_by_number_or_by_queue_whose_call_it_is() {
    let platform = Platform::start().await.unwrap();
    let aws = acme_on_connect(&platform, json!({})).await;
    for (contact, dialled, queue) in [("c-1", Some(NUMBER), None), ("c-2", None, Some(QUEUE)), ("c-3", Some("+15555555555"), Some(QUEUE))] {
        let told = aws.invoke(&connect_event(contact, dialled, queue, &json!({}))).await.unwrap();
        let map = read(&told);
        assert_eq!(
            (told.status, map["TenantId"].as_str(), map["TenantGreeting"].as_str()),
            (200, Some("acme"), Some("Welcome to acme.")),
            "{contact}"
        );
        assert_eq!((map["decision_action"].as_str(), map["decision_queue"].as_str()), (Some("transfer_to_queue"), Some(QUEUE)));
        assert_eq!(told.headers["x-amz-executed-version"], "1");
    }
    // A retry of the block is the same event: one contact, one turn, the same answer.
    let event = connect_event("c-4", Some(NUMBER), None, &json!({}));
    let (one, other) = (aws.invoke(&event).await.unwrap(), aws.invoke(&event).await.unwrap());
    assert_eq!((one.body, one.headers["x-amz-executed-version"].clone()), (other.body, other.headers["x-amz-executed-version"].clone()));
    let contact = platform.operator.contact_of("acme", "c-4").await.unwrap();
    assert_eq!(contact["turns"].as_array().unwrap().len(), 1);
    assert_eq!(contact["turns"][0]["verified_with"], ACCESS_KEY);
    for figure in ["contacts_begun", "contacts_ended"] {
        assert_eq!(platform.operator.counted("acme", figure).await.unwrap(), 4, "{figure}: Connect is handed the call and reports no end");
    }
    // Nobody's number: refused in AWS's words, or the connection's own route.
    let stranger = connect_event("c-5", Some("+15555555555"), None, &json!({}));
    let nobody = aws.invoke(&stranger).await.unwrap();
    assert_eq!((nobody.status, nobody.headers["x-amzn-errortype"].to_str().unwrap()), (404, "ResourceNotFoundException"));
    let route = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": "DefaultSupportQueue"}}], "reason": "nobody's"});
    ok(&platform, Method::PUT, "/v1/tenants/platform/connections/front/unbound", route).await;
    let nobody = read(&aws.invoke(&stranger).await.unwrap());
    assert_eq!((nobody["decision_queue"].as_str(), nobody["decision_fallback"].as_str()), (Some("DefaultSupportQueue"), Some("true")));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_switched_off_gets_its_default_queue_and_the_flow_can_see_why() {
    let platform = Platform::start().await.unwrap();
    let aws = acme_on_connect(&platform, json!({})).await;
    ok(&platform, Method::PUT, "/v1/tenants/acme/flows/main/settings", front("acme", false)).await;
    let released =
        ok(&platform, Method::POST, "/v1/tenants/acme/flows/main/releases", json!({"plugin": "logic", "version": 1, "note": "off"})).await;
    let alias = json!({"release": released["number"], "approve": true});
    ok(&platform, Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", alias).await;
    let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": "sales"}}], "reason": "the default queue"});
    ok(&platform, Method::PUT, "/v1/tenants/acme/routes", json!([{"channel": "voice", "open": open}])).await;
    let told = read(&aws.invoke(&connect_event("c-1", Some(NUMBER), None, &json!({}))).await.unwrap());
    assert_eq!((told["decision_queue"].as_str(), told["decision_error"].as_str()), (Some("sales"), Some("declined")));
    assert_eq!(told["decision_answered_by"], "tenant_default");
    // An owner who wants the flow's own error branch gets an error of the function.
    ok(&platform, Method::PATCH, "/v1/tenants/platform/connections/front", json!({"options": {"on_failure": "error"}})).await;
    let failed = aws.invoke(&connect_event("c-2", Some(NUMBER), None, &json!({}))).await.unwrap();
    assert_eq!((failed.status, failed.headers["x-amz-function-error"].to_str().unwrap()), (200, "Unhandled"));
    assert_eq!(read(&failed)["errorType"], "declined");
    // An alias or a number chooses the release; one that is not there is not replaced by another.
    let by = |query: &'static str, contact: &'static str| {
        let aws = aws.clone();
        async move { aws.invoke_as(&connect_event(contact, Some(NUMBER), None, &json!({})), query).await.unwrap() }
    };
    let first = by("?Qualifier=1", "c-3").await;
    assert_eq!((first.headers["x-amz-executed-version"].to_str().unwrap(), read(&first)["TenantId"].as_str()), ("1", Some("acme")));
    let missing = by("?Qualifier=99", "c-4").await;
    assert_eq!((missing.status, missing.headers["x-amzn-errortype"].to_str().unwrap()), (404, "ResourceNotFoundException"));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_acme_ivr_runs_in_a_flow_that_brings_the_step_back() {
    let platform = Platform::start().await.unwrap();
    connected(&platform, "front", "amazon-connect", (ACCESS_KEY, SECRET_KEY), json!({"voicemail_flow": FLOW, "ends": "reported"})).await;
    let tenancy = Tenancy {
        tenant: "acme",
        number: NUMBER,
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    platform.operator.onboard("front", tenancy).await.unwrap();
    let aws = AwsClient::new(&platform.operator.hooks_url, "front").unwrap();
    let say = |contact: &'static str, parameters: Value| {
        let aws = aws.clone();
        async move { read(&aws.invoke(&connect_event(contact, Some(NUMBER), None, &parameters)).await.unwrap()) }
    };
    for (contact, digit, queue) in
        [("c-1", "1", "sales"), ("c-2", "2", "technical-support"), ("c-3", "3", "billing"), ("c-0", "0", "general-support")]
    {
        let menu = say(contact, json!({})).await;
        assert_eq!((menu["decision_action"].as_str(), menu["decision_menu_count"].as_str()), (Some("get_input"), Some("4")), "{menu}");
        assert!(menu["decision_prompt"].as_str().unwrap().contains("press 1"));
        let chosen = say(contact, json!({"step": menu["decision_step"], "digits": digit})).await;
        assert_eq!((chosen["decision_action"].as_str(), chosen["decision_queue"].as_str()), (Some("transfer_to_queue"), Some(queue)));
        assert_eq!(chosen["main-menu"], queue);
    }
    // Silence is asked again by the host, and then leads to general support: the step tells two silences apart.
    let mut told = say("c-9", json!({})).await;
    for _ in 0..5 {
        if told["decision_action"] != "get_input" {
            break;
        }
        told = say("c-9", json!({"step": told["decision_step"], "digits": "Timeout"})).await;
    }
    assert_eq!(told["decision_queue"], "general-support");
    // Who leaves the queue unserved is sent to the flow that takes a message, and the end is reported.
    let full = say("c-9", json!({"step": told["decision_step"], "outcome": "full"})).await;
    assert_eq!((full["decision_action"].as_str(), full["decision_flow"].as_str()), (Some("transfer_to_flow"), Some(FLOW)));
    say("c-9", json!({"event": "ended", "seconds": "30"})).await;
    assert_eq!(platform.operator.contact_of("acme", "c-9").await.unwrap()["contact"]["phase"], "ended");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_the_provider_gets_its_refusal_and_writes_nothing() {
    let platform = Platform::start().await.unwrap();
    let aws = acme_on_connect(&platform, json!({})).await;
    let event = connect_event("c-1", Some(NUMBER), None, &json!({}));
    let forged = AwsClient { secret: "another".to_owned(), ..aws.clone() }.invoke(&event).await.unwrap();
    assert_eq!((forged.status, forged.headers["x-amzn-errortype"].to_str().unwrap()), (403, "AccessDeniedException"));
    let unknown = AwsClient { function: "nobody".to_owned(), ..aws.clone() }.invoke(&event).await.unwrap();
    assert_eq!((unknown.status, unknown.headers["x-amzn-errortype"].to_str().unwrap()), (404, "ResourceNotFoundException"));
    let much = connect_event("c-1", Some(NUMBER), None, &json!({"much": "x".repeat(300_000)}));
    let large = aws.invoke(&much).await.unwrap();
    assert_eq!((large.status, large.headers["x-amzn-errortype"].to_str().unwrap()), (413, "RequestTooLargeException"));
    // A connection of another tenant, with a signature that is valid there, does not reach Acme's number.
    tenant(&platform, "front", "other", "+18005550002", "connect-front", front("other", true)).await;
    let body = json!({"id": "others", "provider": "amazon-connect", "public_url": platform.operator.hooks_url, "secrets": [{"name": ACCESS_KEY, "value": "others-secret"}]});
    ok(&platform, Method::POST, "/v1/tenants/other/connections", body).await;
    let attacker = AwsClient { function: "others".to_owned(), secret: "others-secret".to_owned(), ..aws.clone() };
    assert_eq!(attacker.invoke(&event).await.unwrap().status, 404);
    let found = platform.operator.api.get("/v1/tenants/acme/contacts", &[("from", "2000-01-01T00:00:00Z")]).await.unwrap().body;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(0));
    // A secret is changed without a gap.
    let change = json!({"add_secret": {"name": "AKIDNEXT", "value": "the-next-secret"}});
    ok(&platform, Method::PATCH, "/v1/tenants/platform/connections/front", change).await;
    assert_eq!(aws.invoke(&event).await.unwrap().status, 200);
    ok(&platform, Method::PATCH, "/v1/tenants/platform/connections/front", json!({"remove_secret": ACCESS_KEY})).await;
    assert_eq!(aws.invoke(&event).await.unwrap().status, 403);
    platform.stop().await;
}

fn routes() -> Value {
    json!({"open": {"queue": "sales", "then": ["support"], "ring_s": 30}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kamailio_is_told_where_a_call_goes() {
    let platform = Platform::start().await.unwrap();
    connected(&platform, "kamailio", "kamailio", ("first", TOKEN), json!({"queues": "127.0.0.1:5091"})).await;
    tenant(&platform, "kamailio", "acme", NUMBER, "switchboard", routes()).await;
    let url = format!("{}/hooks/kamailio/route", platform.operator.hooks_url);
    let invite =
        |call: &str, user: &str| json!({"event": "invite", "call_id": call, "ruser": user, "fuser": "sipp", "src_ip": "127.0.0.1"});
    let told = read(&post_json(&url, TOKEN, &[], &invite("k-1", "18005551234")).await.unwrap());
    assert_eq!((told["routing"].as_str(), told["tenant"].as_str()), (Some("serial"), Some("acme")));
    let uris: Vec<_> = told["routes"].as_array().unwrap().iter().map(|route| route["uri"].as_str().unwrap()).collect();
    assert_eq!(uris, ["sip:sales@127.0.0.1:5091", "sip:support@127.0.0.1:5091"]);
    assert_eq!(told["routes"][0]["headers"]["extra"], "X-Tenant-Id: acme\r\n");
    let unknown = post_json(&url, TOKEN, &[], &invite("k-2", "15555555555")).await.unwrap();
    assert_eq!((unknown.status, read(&unknown)["reject"]["code"].as_u64()), (404, Some(404)));
    assert_eq!(post_json(&url, "another", &[], &invite("k-3", "18005551234")).await.unwrap().status, 403);
    // What was handed over is over: it holds none of the tenant's live contacts.
    assert_eq!(platform.operator.contact_of("acme", "k-1").await.unwrap()["contact"]["end_cause"], "handed-over");
    // A menu cannot be shown by a switch: the binding is refused and names the action.
    ok(&platform, Method::POST, "/v1/tenants/acme/flows", json!({"name": "ivr", "label": "IVR"})).await;
    platform.operator.release("acme", "ivr", "acme-ivr", artifacts::plugin("acme-ivr").unwrap()).await.unwrap();
    let bind = json!({"address": "+18005550009", "connection": "kamailio", "flow": "ivr"});
    let problem = platform.operator.refused(Method::POST, "/v1/tenants/acme/addresses", bind).await.unwrap();
    assert_eq!(problem.code, "cannot-render");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_sends_an_invite_is_redirected_once_however_often_it_asks() {
    let rules = Rules { listen: ([127, 0, 0, 1], 0).into(), connections: vec!["pbx".parse().unwrap(), "other".parse().unwrap()] };
    let platform =
        Platform::start_with(std::sync::Arc::new(jackfield_server::clock::SystemClock), |config| config.sip = Some(rules)).await.unwrap();
    let server = platform.server.sip.unwrap();
    let switch = Switch::new(server).await.unwrap();
    // Before the connection exists, and from whom it does not let in, there is silence.
    switch.send(&switch.request("OPTIONS", "x", "o-0").unwrap()).await.unwrap();
    assert_eq!(switch.next(Duration::from_millis(300)).await.unwrap(), None);
    connected(&platform, "pbx", "sip", ("", ""), json!({"sources": "127.0.0.1/32", "queues": "127.0.0.1:5096"})).await;
    tenant(&platform, "pbx", "acme", NUMBER, "switchboard", routes()).await;
    switch.send(&switch.request("OPTIONS", "x", "o-1").unwrap()).await.unwrap();
    assert!(switch.answer("o-1").await.unwrap().starts_with("SIP/2.0 200 OK"));
    let invite = switch.request("INVITE", "18005551234", "i-1").unwrap();
    switch.send(&invite).await.unwrap();
    let answer = switch.answer("i-1").await.unwrap();
    assert!(answer.starts_with("SIP/2.0 302 Moved Temporarily\r\n"), "{answer}");
    assert!(
        answer.contains(
            "\r\nContact: <sip:sales@127.0.0.1:5096?X-Tenant-Id=acme>;q=1.0\r\nContact: <sip:support@127.0.0.1:5096?X-Tenant-Id=acme>;q="
        ),
        "{answer}"
    );
    // It comes again by itself, and when it is asked for again, until it is acknowledged.
    assert_eq!(switch.answer("i-1").await.unwrap(), answer);
    switch.send(&invite).await.unwrap();
    assert_eq!(switch.answer("i-1").await.unwrap(), answer);
    // Whoever knows what the switch sent, and comes by another connection, meets nothing of it.
    connected(&platform, "other", "sip", ("", ""), json!({"sources": "127.0.0.2/32", "queues": "127.0.0.1:5097"})).await;
    let other = Switch::at("127.0.0.2", server).await.unwrap();
    other.send(&invite).await.unwrap();
    let nobodys = other.answer("i-1").await.unwrap();
    assert!(nobodys.starts_with("SIP/2.0 404 ") && !nobodys.contains("Contact"), "{nobodys}");
    other.send(&other.request("ACK", "18005551234", "i-1").unwrap()).await.unwrap();
    switch.send(&switch.request("ACK", "18005551234", "i-1").unwrap()).await.unwrap();
    // One that left before the acknowledgement was heard may still come; then there is silence, longer than the longest pause (T2).
    while let Some(late) = switch.next(Duration::from_millis(500)).await.unwrap() {
        assert_eq!(late, answer);
    }
    assert_eq!(switch.next(Duration::from_millis(4_200)).await.unwrap(), None, "acknowledged, it is not sent again");
    assert_eq!(platform.operator.counted("acme", "contacts_begun").await.unwrap(), 1, "it ran and counted once");
    for (method, user, call, expected) in [
        ("INVITE", "15555555555", "i-2", "404"),
        ("BYE", "x", "b-1", "481"),
        ("CANCEL", "x", "c-1", "481"),
        ("REGISTER", "x", "r-1", "405"),
    ] {
        switch.send(&switch.request(method, user, call).unwrap()).await.unwrap();
        let answer = switch.answer(call).await.unwrap();
        assert!(answer.starts_with(&format!("SIP/2.0 {expected} ")), "{method}: {answer}");
        switch.send(&switch.request("ACK", user, call).unwrap()).await.unwrap();
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_ones_own_finds_its_tenant_by_number_domain_or_a_trusted_header() {
    let platform = Platform::start().await.unwrap();
    connected(&platform, "chat", "native", ("first", TOKEN), json!({"trusted_peers": "127.0.0.0/8", "channel": "chat"})).await;
    let settings = |name: &str| json!({"queue": "support", "branding": {"name": name}, "features": {"chat_agents": true}, "escalation_keywords": ["person"]});
    for (name, number) in [("tenant-a", "+18005550011"), ("tenant-b", "+18005550012")] {
        tenant(&platform, "chat", name, number, "care-bot", settings(name)).await;
        for address in [format!("chat:domain:{name}.example.com"), format!("chat:business-id:{name}")] {
            let body = json!({"address": address, "connection": "chat", "flow": "main"});
            ok(&platform, Method::POST, &format!("/v1/tenants/{name}/addresses"), body).await;
        }
    }
    let url = format!("{}/hooks/chat/events", platform.operator.hooks_url);
    let write = |contact: &str, text: &str| json!({"contact": contact, "event": {"text": text}, "from": "visitor"});
    let host = [("host", "tenant-b.example.com")];
    let by_domain = read(&post_json(&url, TOKEN, &host, &write("d-1", "Hello")).await.unwrap());
    assert!(by_domain["actions"][0].to_string().contains("tenant-b will answer"), "{by_domain}");
    let named = [("x-tenant-id", "tenant-a")];
    let by_header = read(&post_json(&url, TOKEN, &named, &write("h-1", "Hello")).await.unwrap());
    assert!(by_header["actions"][0].to_string().contains("tenant-a will answer"), "{by_header}");
    // Header and domain that name different tenants: somebody lies, and nobody is answered.
    let both = [("host", "tenant-b.example.com"), ("x-tenant-id", "tenant-a")];
    assert_eq!(post_json(&url, TOKEN, &both, &write("x-1", "Hello")).await.unwrap().status, 404);
    // A name that leads nowhere is nobody's, whatever else the request says; and one that is no name is refused.
    for (name, value, status) in [("x-tenant-id", "tenant-c", 404), ("x-subtenant-id", "tenant-c", 404), ("x-tenant-id", "", 400)] {
        let headers = [("host", "tenant-b.example.com"), (name, value)];
        assert_eq!(post_json(&url, TOKEN, &headers, &write("m-1", "Hello")).await.unwrap().status, status, "{name}: {value:?}");
    }
    // From a peer that is not trusted the header is refused and not passed over.
    ok(&platform, Method::PATCH, "/v1/tenants/platform/connections/chat", json!({"options": {"trusted_peers": "192.0.2.0/24"}})).await;
    assert_eq!(post_json(&url, TOKEN, &named, &write("h-2", "Hello")).await.unwrap().status, 403);
    // The conversation goes on in the same contact, and the path that names it is the same door.
    let second = format!("{}/v1/contacts/d-1/events", platform.operator.hooks_url);
    let basic = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("chat:{TOKEN}")));
    let headers = [("authorization".to_owned(), basic), ("host".to_owned(), "tenant-b.example.com".to_owned())];
    let body = json!({"event": {"text": "I want a person"}}).to_string();
    let client = jackfield_egress::PlainClient::new().unwrap();
    let reply = client.send(Method::POST, &second.parse().unwrap(), &headers, body.into()).await.unwrap();
    assert!(read(&reply)["actions"].to_string().contains("\"queue\":\"support\""), "{}", reply.text());
    assert_eq!(platform.operator.contact_of("tenant-b", "d-1").await.unwrap()["turns"].as_array().unwrap().len(), 2);
    let none = client.send(Method::POST, &second.parse().unwrap(), &[], "{}".into()).await.unwrap();
    assert_eq!(none.status, 401);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_and_a_default_catch_what_is_dialled_on_ones_own_line_alone() {
    let platform = Platform::start().await.unwrap();
    connected(&platform, "shared", "kamailio", ("first", TOKEN), json!({"queues": "127.0.0.1:5091"})).await;
    tenant(&platform, "shared", "acme", NUMBER, "switchboard", routes()).await;
    let own = json!({"id": "own", "provider": "kamailio", "public_url": platform.operator.hooks_url, "options": {"queues": "127.0.0.1:5091"},
        "secrets": [{"name": "first", "value": "acmes-token"}]});
    ok(&platform, Method::POST, "/v1/tenants/acme/connections", own).await;
    ok(&platform, Method::POST, "/v1/tenants/acme/flows", json!({"name": "rest", "label": "Rest"})).await;
    ok(&platform, Method::PUT, "/v1/tenants/acme/flows/rest/settings", json!({"open": {"queue": "support"}})).await;
    platform.operator.release("acme", "rest", "logic", artifacts::plugin("switchboard").unwrap()).await.unwrap();
    let token = ok(&platform, Method::POST, "/v1/tokens", json!({"tenant": "acme", "label": "a developer"})).await;
    let acme = jackfield_tests::platform::Operator::new(
        &platform.operator.admin_url,
        &platform.operator.hooks_url,
        token["token"].as_str().unwrap(),
    )
    .unwrap();
    let bind = |address: &str, connection: &str, flow: &str| json!({"address": address, "connection": connection, "flow": flow});
    for (body, code) in [
        (bind("voice:any:shared", "shared", "rest"), "forbidden"),
        (bind("voice:prefix:shared/+1", "shared", "rest"), "forbidden"),
        (bind("voice:any:own", "shared", "rest"), "invalid"),
    ] {
        let problem = acme.refused(Method::POST, "/v1/tenants/acme/addresses", body.clone()).await.unwrap();
        assert_eq!(problem.code, code, "{body}: {problem:?}");
    }
    for body in [bind("voice:prefix:own/+1800", "own", "main"), bind("voice:any:own", "own", "rest")] {
        acme.ok(Method::POST, "/v1/tenants/acme/addresses", body).await.unwrap();
    }
    let asked = |connection: &'static str, token: &'static str, call: &'static str, user: &'static str| {
        let url = format!("{}/hooks/{connection}/route", platform.operator.hooks_url);
        async move { post_json(&url, token, &[], &json!({"call_id": call, "ruser": user})).await.unwrap() }
    };
    let first = |reply: &jackfield_egress::PlainReply| read(reply)["routes"][0]["uri"].as_str().map(str::to_owned);
    assert_eq!(first(&asked("own", "acmes-token", "p-1", "+18005557777").await).as_deref(), Some("sip:sales@127.0.0.1:5091"), "the prefix");
    assert_eq!(first(&asked("own", "acmes-token", "p-2", "1001").await).as_deref(), Some("sip:support@127.0.0.1:5091"), "the default");
    assert_eq!(asked("shared", TOKEN, "p-3", "1001").await.status, 404, "nobody's on the shared line");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_rust_walks_a_menu_by_types() {
    use jackfield_domain::contact::decision::Action;
    use jackfield_egress::contacts::{ContactsClient, Happened, Untold};
    let platform = Platform::start().await.unwrap();
    connected(&platform, "switch", "native", ("first", TOKEN), json!({})).await;
    let tenancy = Tenancy {
        tenant: "acme",
        number: NUMBER,
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    platform.operator.onboard("switch", tenancy).await.unwrap();
    let client = ContactsClient::new(&platform.operator.hooks_url, "switch", TOKEN).unwrap();
    let mut call = client.contact("call-1+a=b", Some(NUMBER), Some("+14155550100"));
    let menu = call.tell(&Happened::Arrived).await.unwrap();
    assert!(matches!(menu.actions.last(), Some(Action::Menu(menu)) if menu.choices.len() == 4), "{menu:?}");
    // Two silences are two events; the host asks again by itself, and then the plugin decides.
    let again = call.tell(&Happened::Nothing).await.unwrap();
    assert!(matches!(again.actions.last(), Some(Action::Menu(_))), "{again:?}");
    let chosen = call.tell(&Happened::Digits { value: "3".to_owned() }).await.unwrap();
    assert!(matches!(chosen.actions.last(), Some(Action::Enqueue(enqueue)) if enqueue.queue == "billing"), "{chosen:?}");
    assert_eq!((chosen.turn, chosen.answered_by.as_deref()), (Some(3), Some("plugin")));
    let over = call.tell(&Happened::Ended { cause: "completed".to_owned(), lasted_ms: 9_000 }).await.unwrap();
    assert!(over.actions.is_empty());
    let wrong = ContactsClient::new(&platform.operator.hooks_url, "switch", "another").unwrap();
    assert!(matches!(wrong.contact("x", Some(NUMBER), None).tell(&Happened::Arrived).await, Err(Untold::Refused(403))));
    platform.stop().await;
}
