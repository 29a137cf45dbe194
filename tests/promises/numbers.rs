//! The life of a number: claimed, proven by the first verified contact, moved without a gap, let go and kept back.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::Clock;
use jackfield_domain::quota::things::Thing;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{TOKEN, post_json, read};
use jackfield_tests::line::Line;
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, Operator, PUBLIC_URL, Platform};
use serde_json::{Value, json};

const NUMBER: &str = "+18005551234";
const BEGIN: Moment = 1_795_213_629_000;
const DAY_MS: Moment = 24 * 60 * 60 * 1_000;

/// A clock that stands until a test moves it.
#[derive(Debug)]
struct Standing(std::sync::atomic::AtomicU64);

impl Clock for Standing {
    fn now(&self) -> Moment {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

struct Stage {
    platform: Platform,
    clock: Arc<Standing>,
}

impl Stage {
    async fn new() -> Self {
        let clock = Arc::new(Standing(BEGIN.into()));
        let platform = Platform::start_with(clock.clone(), |_| {}).await.unwrap();
        let stage = Self { platform, clock };
        for name in ["a", "b"] {
            let body = json!({"id": name, "label": name, "zone": "UTC", "language": "en-US", "plan": "standard"});
            stage.ok(Method::POST, "/v1/tenants", body).await;
            stage.ok(Method::PUT, &format!("/v1/tenants/{name}/queues/{name}-queue"), json!({"label": name})).await;
            for flow in ["main", "other"] {
                stage.ok(Method::POST, &format!("/v1/tenants/{name}/flows"), json!({"name": flow, "label": flow})).await;
                let settings = json!({"open": {"queue": format!("{name}-queue")}});
                stage.ok(Method::PUT, &format!("/v1/tenants/{name}/flows/{flow}/settings"), settings).await;
                stage.platform.operator.release(name, flow, "logic", artifacts::plugin("switchboard").unwrap()).await.unwrap();
            }
            for line in ["one", "two"] {
                let body = json!({"id": format!("{name}-{line}"), "provider": "kamailio", "public_url": stage.platform.operator.hooks_url,
                    "secrets": [{"name": "first", "value": TOKEN}], "options": {"queues": "127.0.0.1:5091"}});
                stage.ok(Method::POST, &format!("/v1/tenants/{name}/connections"), body).await;
            }
        }
        stage
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        self.platform.operator.ok(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error:#}"))
    }

    /// What an operator of one tenant may do.
    async fn of(&self, tenant: &str) -> Operator {
        let token = self.ok(Method::POST, "/v1/tokens", json!({"tenant": tenant, "label": "operator"})).await;
        let Operator { admin_url, hooks_url, .. } = &self.platform.operator;
        Operator::new(admin_url, hooks_url, token["token"].as_str().unwrap()).unwrap()
    }

    fn after(&self, ms: Moment) {
        self.clock.0.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
    }

    /// Who takes a call that comes by a connection: the tenant, or nobody.
    async fn call(&self, connection: &str, call: &str) -> Option<String> {
        let url = format!("{}/hooks/{connection}/route", self.platform.operator.hooks_url);
        let told = read(&post_json(&url, TOKEN, &[], &json!({"call_id": call, "ruser": NUMBER})).await.unwrap());
        told["tenant"].as_str().map(str::to_owned)
    }

    /// The number as a tenant sees it, once what a contact has shown is written.
    async fn shown(&self, tenant: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/tenants/{tenant}/addresses/voice:number:{NUMBER}");
        for _ in 0..200 {
            if let Ok(reply) = self.platform.operator.api.get(&path, &[]).await
                && wanted(&reply.body)
            {
                return reply.body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to what was wanted")
    }
}

fn bind(connection: &str) -> Value {
    json!({"address": NUMBER, "connection": connection, "flow": "main"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_gives_way_to_whoever_gets_the_calls_and_a_proof_to_nobody() {
    let stage = Stage::new().await;
    let (a, b) = (stage.of("a").await, stage.of("b").await);
    a.ok(Method::POST, "/v1/tenants/a/addresses", bind("a-one")).await.unwrap();
    // One's own switch proves nothing against somebody else: whoever has it could make the call up.
    b.ok(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap();
    assert_eq!(stage.call("b-one", "c-0").await, None);
    b.ok(Method::DELETE, &format!("/v1/tenants/b/addresses/voice:number:{NUMBER}"), Value::Null).await.unwrap();
    let secrets = json!([{"name": "first", "value": AUTH_TOKEN}]);
    let twilio = json!({"id": "b-twilio", "provider": "twilio", "account": ACCOUNT, "public_url": PUBLIC_URL, "secrets": secrets});
    stage.ok(Method::POST, "/v1/tenants/b/connections", twilio).await;
    let line = Line::new(&stage.platform.operator.hooks_url, PUBLIC_URL, "b-twilio", ACCOUNT, AUTH_TOKEN).unwrap();
    let claimed = b.ok(Method::POST, "/v1/tenants/b/addresses", bind("b-twilio")).await.unwrap();
    assert!(claimed["notes"].to_string().contains("first verified contact decides") && !claimed.to_string().contains("\"a\""), "{claimed}");
    let counted = async |tenant: &str| {
        let platform = stage.platform.server.app.store.platform();
        platform.things(&tenant.parse().unwrap(), Thing::Addresses).await.unwrap().count
    };
    // Both are told that somebody else says the same, and neither who; both have it on their lists and on their counts.
    for (who, tenant) in [(&a, "a"), (&b, "b")] {
        let listed = who.ok(Method::GET, &format!("/v1/tenants/{tenant}/addresses"), Value::Null).await.unwrap();
        assert_eq!((listed["items"][0]["contested"].as_bool(), &listed["items"][0]["rivals"]), (Some(true), &Value::Null), "{listed}");
        assert_eq!(counted(tenant).await, 1, "{tenant}");
    }
    let seen = stage.ok(Method::GET, &format!("/v1/tenants/a/addresses/voice:number:{NUMBER}"), Value::Null).await;
    assert_eq!(seen["rivals"][0]["tenant"], "b", "who runs the platform decides, and must know");
    // What a claim names stays while it stands.
    for thing in ["connections/b-twilio", "flows/main"] {
        let kept = b.refused(Method::DELETE, &format!("/v1/tenants/b/{thing}"), Value::Null).await.unwrap();
        assert_eq!(kept.code, "in-use", "{thing}");
    }
    // A switch of one's own serves whoever holds the number, and proves nothing while somebody else claims it.
    assert_eq!(stage.call("a-one", "c-1").await.as_deref(), Some("a"));
    // The provider's calls come to b: b has the number, and a has it no more.
    assert!(line.call("+14155550100", NUMBER).arrive().await.unwrap().twiml.queue().is_some_and(|queue| queue.contains("b-queue")));
    stage.shown("b", |shown| shown["proven"].as_u64() == Some(BEGIN)).await;
    let lost = a.refused(Method::GET, &format!("/v1/tenants/a/addresses/voice:number:{NUMBER}"), Value::Null).await.unwrap();
    assert_eq!(lost.code, "not-found");
    assert_eq!(stage.call("a-one", "c-2").await, None);
    assert_eq!((counted("a").await, counted("b").await, counted("platform").await), (0, 1, 1));
    assert!(a.ok(Method::GET, "/v1/tenants/a/addresses", Value::Null).await.unwrap()["items"].as_array().unwrap().is_empty());
    // What is proven cannot be claimed.
    assert_eq!(a.refused(Method::POST, "/v1/tenants/a/addresses", bind("a-one")).await.unwrap().code, "conflict");
    assert!(line.call("+14155550100", NUMBER).arrive().await.unwrap().twiml.queue().is_some());
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_moves_at_its_time_or_with_the_first_contact_and_running_contacts_stay() {
    let stage = Stage::new().await;
    let a = stage.of("a").await;
    let at = format!("/v1/tenants/a/addresses/voice:number:{NUMBER}");
    a.ok(Method::POST, "/v1/tenants/a/addresses", bind("a-one")).await.unwrap();
    assert_eq!(stage.call("a-one", "m-1").await.as_deref(), Some("a"));
    stage.shown("a", |shown| shown["proven"].is_u64()).await;
    // With the first contact: the old line serves until the new one brings a call.
    a.ok(Method::PUT, &at, json!({"connection": "a-two", "flow": "other", "with_first_contact": true})).await.unwrap();
    // Until then what the move names stays, as what it has now does.
    for thing in ["connections/a-one", "connections/a-two", "flows/main", "flows/other"] {
        assert_eq!(a.refused(Method::DELETE, &format!("/v1/tenants/a/{thing}"), Value::Null).await.unwrap().code, "in-use", "{thing}");
    }
    assert_eq!(stage.call("a-one", "m-2").await.as_deref(), Some("a"));
    assert_eq!(stage.call("a-two", "m-3").await.as_deref(), Some("a"));
    stage.shown("a", |shown| shown["connection"] == "a-two" && shown["flow"] == "other" && shown["next"].is_null()).await;
    assert_eq!(stage.call("a-one", "m-4").await, None, "moved is moved");
    // At a time: not a moment before, and from then on.
    let problem = a.refused(Method::PUT, &at, json!({"connection": "a-one", "flow": "main", "at": "2001-01-01T00:00:00"})).await.unwrap();
    assert_eq!((problem.code.as_str(), problem.at.as_deref()), ("invalid", Some("at")));
    a.ok(Method::PUT, &at, json!({"connection": "a-one", "flow": "main", "at": "2026-11-21T00:00:00Z"})).await.unwrap();
    assert_eq!((stage.call("a-two", "m-5").await.as_deref(), stage.call("a-one", "m-6").await), (Some("a"), None));
    stage.after(2 * DAY_MS);
    assert_eq!((stage.call("a-two", "m-7").await, stage.call("a-one", "m-8").await.as_deref()), (None, Some("a")));
    // At once: what was proven stays proven, so that nobody may claim the number between two lines.
    a.ok(Method::PUT, &at, json!({"connection": "a-two", "flow": "main"})).await.unwrap();
    let b = stage.of("b").await;
    assert_eq!(b.refused(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap().code, "conflict");
    a.ok(Method::DELETE, &at, Value::Null).await.unwrap();
    let kept = b.refused(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap();
    assert!(kept.detail.contains("30 days"), "{kept:?}");
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_let_go_is_kept_back_for_a_while() {
    let stage = Stage::new().await;
    let (a, b) = (stage.of("a").await, stage.of("b").await);
    let at = format!("/v1/tenants/a/addresses/voice:number:{NUMBER}");
    // One that nobody ever called is free at once.
    a.ok(Method::POST, "/v1/tenants/a/addresses", bind("a-one")).await.unwrap();
    a.ok(Method::DELETE, &at, Value::Null).await.unwrap();
    b.ok(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap();
    b.ok(Method::DELETE, &at.replace("/a/", "/b/"), Value::Null).await.unwrap();
    // One that had callers is not: but its last holder may have it back, and the platform may decide.
    a.ok(Method::POST, "/v1/tenants/a/addresses", bind("a-one")).await.unwrap();
    assert_eq!(stage.call("a-one", "q-1").await.as_deref(), Some("a"));
    stage.shown("a", |shown| shown["proven"].is_u64()).await;
    a.ok(Method::DELETE, &at, Value::Null).await.unwrap();
    let kept = b.refused(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap();
    assert!(kept.code == "conflict" && kept.detail.contains("30 days"), "{kept:?}");
    stage.after(31 * DAY_MS);
    b.ok(Method::POST, "/v1/tenants/b/addresses", bind("b-one")).await.unwrap();
    // Many at once, all or none.
    let many = |numbers: &[&str]| json!({"addresses": numbers, "connection": "a-one", "flow": "main"});
    let taken = a.refused(Method::POST, "/v1/tenants/a/address-batches", many(&["+18005550001", NUMBER])).await.unwrap();
    assert_eq!(taken.code, "conflict");
    assert!(
        a.ok(Method::GET, "/v1/tenants/a/addresses", Value::Null).await.unwrap()["items"].as_array().unwrap().is_empty(),
        "none of them"
    );
    let numbers: Vec<String> = (1..=250).map(|at| format!("+1800556{at:04}")).collect();
    let borrowed: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(a.ok(Method::POST, "/v1/tenants/a/address-batches", many(&borrowed)).await.unwrap()["bound"], 250);
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_claims_goes_with_it_and_what_it_held_is_the_next_ones() {
    let stage = Stage::new().await;
    for tenant in ["a", "b"] {
        stage.ok(Method::POST, &format!("/v1/tenants/{tenant}/addresses"), bind(&format!("{tenant}-one"))).await;
    }
    let local = json!({"address": "voice:sip-user:reception", "connection": "a-one", "flow": "main"});
    stage.ok(Method::POST, "/v1/tenants/a/addresses", local.clone()).await;
    // A name on somebody's line is not for others to claim.
    stage.ok(Method::POST, "/v1/tenants", json!({"id": "a-sub", "label": "Sub", "parent": "a"})).await;
    stage.ok(Method::POST, "/v1/tenants/a-sub/flows", json!({"name": "main", "label": "main"})).await;
    let sub = stage.of("a-sub").await;
    let on_its_parents = json!({"address": "voice:sip-user:reception", "connection": "a-two", "flow": "main"});
    assert_eq!(sub.refused(Method::POST, "/v1/tenants/a-sub/addresses", on_its_parents).await.unwrap().code, "forbidden");
    // Whoever goes must have let go first.
    let still = stage.platform.operator.refused(Method::DELETE, "/v1/tenants/b", Value::Null).await.unwrap();
    assert!(still.code == "in-use" && still.detail.contains(NUMBER), "{still:?}");
    // A holder that lets go leaves the number to the oldest other claim.
    stage.ok(Method::DELETE, &format!("/v1/tenants/a/addresses/voice:number:{NUMBER}"), Value::Null).await;
    let heirs = stage.shown("b", |shown| shown["connection"] == "b-one").await;
    assert_eq!((&heirs["contested"], &heirs["proven"]), (&Value::Null, &Value::Null), "{heirs}");
    assert_eq!(stage.call("b-one", "h-1").await.as_deref(), Some("b"));
    stage.platform.stop().await;
}
