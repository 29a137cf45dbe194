//! What comes again gets its answer again; what is only the same once more is heard, and a late retry runs nothing a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::Clock;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{TOKEN, post_json, read};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

const BEGIN: Moment = 1_795_213_629_000;

#[derive(Debug)]
struct Standing(AtomicU64);

impl Clock for Standing {
    fn now(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
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
        let connection = json!({"id": "chat", "provider": "native", "public_url": platform.operator.hooks_url,
            "secrets": [{"name": "first", "value": TOKEN}], "options": {"channel": "chat"}});
        platform.operator.ok(Method::POST, "/v1/tenants/platform/connections", connection).await.unwrap();
        let tenancy = Tenancy {
            tenant: "acme",
            number: "+18005550011",
            component: artifacts::plugin("care-bot").unwrap(),
            settings: json!({"queue": "support", "branding": {"name": "acme"}, "features": {"chat_agents": true}, "escalation_keywords": ["person"]}),
            queues: &["support"],
            plan: "standard",
        };
        platform.operator.onboard("chat", tenancy).await.unwrap();
        let address = json!({"address": "chat:business-id:acme", "connection": "chat", "flow": "main"});
        platform.operator.ok(Method::POST, "/v1/tenants/acme/addresses", address).await.unwrap();
        Self { platform, clock }
    }

    fn after(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    async fn write(&self, id: Option<&str>, text: &str) -> Value {
        let url = format!("{}/hooks/chat/events", self.platform.operator.hooks_url);
        let event = json!({"id": id, "contact": "visitor-1", "to": "acme", "event": {"text": text}});
        let reply = post_json(&url, TOKEN, &[], &event).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        read(&reply)
    }

    /// How many events were heard, and in how many conversations.
    async fn heard(&self) -> (usize, usize) {
        let found = self.platform.operator.api.get("/v1/tenants/acme/contacts", &[]).await.unwrap().body;
        let mut turns = 0;
        let contacts = found["items"].as_array().unwrap();
        for contact in contacts {
            let id = contact["id"].as_str().unwrap();
            let shown = self.platform.operator.api.get(&format!("/v1/tenants/acme/contacts/{id}"), &[]).await.unwrap().body;
            turns += shown["turns"].as_array().unwrap().len();
        }
        (turns, contacts.len())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_word_at_once_is_a_retry_and_a_while_later_it_is_said_again() {
    let stage = Stage::new().await;
    let first = stage.write(None, "hello").await;
    stage.after(20);
    assert_eq!(stage.write(None, "hello").await, first);
    assert_eq!(stage.heard().await, (1, 1));
    stage.after(61);
    stage.write(None, "hello").await;
    assert_eq!(stage.heard().await, (2, 1), "the customer said it once more");
    stage.write(None, "hello").await;
    assert_eq!(stage.heard().await, (2, 1), "and this is the retry of that");
    // The next day the conversation begins anew, whatever is written first.
    stage.after(25 * 60 * 60);
    stage.write(None, "hello").await;
    assert_eq!(stage.heard().await, (3, 2));
    // What has an id of its own is that event, however late it comes.
    let named = stage.write(Some("m-1"), "hello").await;
    stage.after(600);
    assert_eq!(stage.write(Some("m-1"), "hello").await, named);
    assert_eq!(stage.heard().await, (4, 2));
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_to_the_tenant_before_is_answered_by_the_one_that_has_the_address_now() {
    let stage = Stage::new().await;
    let operator = &stage.platform.operator;
    stage.write(Some("m-1"), "hello").await;
    let tenancy = Tenancy {
        tenant: "bolt",
        number: "+18005550012",
        component: artifacts::plugin("care-bot").unwrap(),
        settings: json!({"queue": "support", "branding": {"name": "bolt"}, "features": {"chat_agents": true}, "escalation_keywords": ["person"]}),
        queues: &["support"],
        plan: "standard",
    };
    operator.onboard("chat", tenancy).await.unwrap();
    operator.ok(Method::DELETE, "/v1/tenants/acme/addresses/chat:business-id:acme", Value::Null).await.unwrap();
    let address = json!({"address": "chat:business-id:acme", "connection": "chat", "flow": "main"});
    operator.ok(Method::POST, "/v1/tenants/bolt/addresses", address).await.unwrap();
    // What has begun stays where it began, and ends after a day.
    assert_eq!(stage.write(Some("m-2"), "hello").await["answered_by"], "plugin");
    assert_eq!(stage.heard().await, (2, 1));
    stage.after(25 * 60 * 60);
    for id in ["m-3", "m-4"] {
        let answered = stage.write(Some(id), "hello").await;
        assert_eq!(answered["answered_by"], "plugin", "{answered}");
    }
    let found = operator.api.get("/v1/tenants/bolt/contacts", &[]).await.unwrap().body;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(stage.heard().await, (2, 1), "nothing more came to the one before");
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_answered_with_a_goodbye_goes_on_as_the_one_contact_that_it_is() {
    let stage = Stage::new().await;
    let operator = &stage.platform.operator;
    let quota = json!({"meters": {"contacts": {"day": 1}}});
    operator.ok(Method::PUT, "/v1/tenants/acme/quotas", quota).await.unwrap();
    // Without a release the platform's words answer: they end with hanging up.
    operator.ok(Method::POST, "/v1/tenants/acme/flows", json!({"name": "bare", "label": "bare"})).await.unwrap();
    operator.ok(Method::DELETE, "/v1/tenants/acme/addresses/chat:business-id:acme", Value::Null).await.unwrap();
    let address = json!({"address": "chat:business-id:acme", "connection": "chat", "flow": "bare"});
    operator.ok(Method::POST, "/v1/tenants/acme/addresses", address).await.unwrap();
    for id in ["m-1", "m-2", "m-3"] {
        let answered = stage.write(Some(id), "hello").await;
        assert_eq!(answered["actions"].as_array().unwrap().last().unwrap()["do"], "hang-up", "{answered}");
    }
    let found = operator.api.get("/v1/tenants/acme/contacts", &[]).await.unwrap().body;
    let id = found["items"][0]["id"].as_str().unwrap();
    let shown = operator.api.get(&format!("/v1/tenants/acme/contacts/{id}"), &[]).await.unwrap().body;
    let barred: Vec<&str> = shown["turns"].as_array().unwrap().iter().filter_map(|turn| turn["barred"].as_str()).collect();
    assert_eq!(barred, ["no-release"; 3], "the second message was not paid for as another contact");
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_retry_finds_its_answer_though_the_conversation_began_anew() {
    let stage = Stage::new().await;
    let handed_over = stage.write(Some("m-1"), "I want a person").await;
    assert!(handed_over["actions"].to_string().contains("\"queue\":\"support\""), "{handed_over}");
    let url = format!("{}/hooks/chat/events", stage.platform.operator.hooks_url);
    let ended = json!({"id": "m-1-end", "contact": "visitor-1", "to": "acme", "event": {"kind": "ended", "cause": "completed"}});
    assert!(post_json(&url, TOKEN, &[], &ended).await.unwrap().status < 300);
    let anew = stage.write(Some("m-2"), "hello").await;
    // Two messages, the end, and what the plugin's observer was told of it: that comes behind the answer.
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mut heard = stage.heard().await;
    while heard != (4, 2) && std::time::Instant::now() < patience {
        heard = stage.heard().await;
    }
    assert_eq!(heard, (4, 2), "what has ended is over, and the next message begins a new one");
    assert_eq!(stage.write(Some("m-1"), "I want a person").await, handed_over);
    assert_eq!(stage.write(Some("m-2"), "hello").await, anew);
    assert_eq!(stage.heard().await, heard);
    stage.platform.stop().await;
}
