//! What is to route later routes then, to the millisecond, and for as long as it should; and some callers alone hear what is to come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::Clock;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

const NUMBER: &str = "+18005550179";
/// 2026-12-23T12:00:00Z, seven in the morning in New York.
const BEFORE: Moment = 1_798_027_200_000;
const HOUR_MS: u64 = 60 * 60 * 1000;
const FLOW: &str = "/v1/tenants/acme/flows/main";

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }
}

struct Shop {
    platform: Platform,
    line: Line,
    clock: Arc<SetClock>,
}

impl Shop {
    /// A tenant whose live release says "One"; release 2 says "Two", and is live nowhere.
    async fn open() -> Self {
        let clock = Arc::new(SetClock(AtomicU64::new(BEFORE)));
        let platform = Platform::start_with(clock.clone(), |_| {}).await.unwrap();
        let line = platform.operator.connect_twilio("twilio").await.unwrap();
        let greeting = |greeting: &str| json!({"greeting": greeting});
        let tenancy = Tenancy {
            tenant: "acme",
            number: NUMBER,
            component: artifacts::plugin("acme-ivr").unwrap(),
            settings: greeting("One."),
            queues: &["sales", "technical-support", "billing", "general-support"],
            plan: "standard",
        };
        platform.operator.onboard("twilio", tenancy).await.unwrap();
        platform.operator.ok(Method::PUT, &format!("{FLOW}/settings"), greeting("Two.")).await.unwrap();
        platform.operator.ok(Method::POST, &format!("{FLOW}/releases"), json!({"plugin": "logic", "version": 1})).await.unwrap();
        Self { platform, line, clock }
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        self.platform.operator.ok(method, &format!("{FLOW}/{path}"), body).await.unwrap()
    }

    async fn refused(&self, path: &str, body: Value) -> (String, String) {
        let problem = self.platform.operator.refused(Method::POST, &format!("{FLOW}/{path}"), body).await.unwrap();
        (problem.code.clone(), problem.at.clone().unwrap_or_default())
    }

    async fn hears(&self, from: &str) -> String {
        let said = self.line.call(from, NUMBER).arrive().await.unwrap().twiml.said();
        said.split('.').next().unwrap_or_default().to_owned()
    }

    fn at(&self, moment: Moment) {
        self.clock.0.store(moment, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holiday_routes_otherwise_from_its_first_to_its_last_minute_and_then_as_before() {
    let shop = Shop::open().await;
    // Midnight to midnight in New York: 05:00Z.
    let planned = shop.ok(Method::POST, "planned", json!({"release": 2, "at": "2026-12-24T00:00", "until": "2026-12-25T00:00"})).await;
    assert_eq!((&planned["planned"]["id"], &planned["planned"]["from"]), (&json!(1), &json!(BEFORE + 17 * HOUR_MS)), "{planned}");
    let caller = "+14155550100";
    let day = BEFORE + 17 * HOUR_MS;
    for (moment, hears) in [(BEFORE, "One"), (day - 1, "One"), (day, "Two"), (day + 24 * HOUR_MS - 1, "Two"), (day + 24 * HOUR_MS, "One")] {
        shop.at(moment);
        assert_eq!(shop.hears(caller).await, hears, "at {moment}");
    }
    let calendar = shop.platform.operator.api.get(&format!("{FLOW}/planned"), &[]).await.unwrap().body;
    assert_eq!((&calendar["items"], &calendar["routes_now"]), (&json!([]), &json!(1)), "what is over is no plan any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_that_was_planned_is_like_one_by_hand_and_is_rolled_back_like_one() {
    let shop = Shop::open().await;
    shop.ok(Method::POST, "planned", json!({"release": 2, "at": "2026-12-23T13:00:00Z"})).await;
    shop.at(BEFORE + HOUR_MS);
    assert_eq!(shop.hears("+14155550100").await, "Two");
    let back = shop.ok(Method::POST, "rollback", json!({})).await;
    assert_eq!((&back["from"], &back["to"]), (&json!(2), &json!(1)), "{back}");
    assert_eq!(shop.hears("+14155550100").await, "One");
    // A plan that was removed does nothing.
    shop.ok(Method::POST, "planned", json!({"release": 2, "at": "2026-12-23T15:00:00Z"})).await;
    shop.ok(Method::DELETE, "planned/1", Value::Null).await;
    shop.at(BEFORE + 4 * HOUR_MS);
    assert_eq!(shop.hears("+14155550100").await, "One");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_meant_is_refused_and_nothing_is_half_done() {
    let shop = Shop::open().await;
    let (code, at) = ("invalid".to_owned(), |at: &str| at.to_owned());
    for (body, expected) in [
        (json!({"release": 2, "at": "2026-12-23T06:00"}), (code.clone(), at("at"))),
        (json!({"release": 2, "at": "teatime"}), (code.clone(), at("at"))),
        // New York skips 02:00 to 03:00 on that day.
        (json!({"release": 2, "at": "2027-03-14T02:30"}), (code.clone(), at("at"))),
        (json!({"release": 2, "at": "2026-12-24", "until": "2026-12-23"}), (code.clone(), at("until"))),
        (json!({"release": 7, "at": "2026-12-24"}), ("not-found".to_owned(), at("release"))),
    ] {
        assert_eq!(shop.refused("planned", body.clone()).await, expected, "{body}");
    }
    let calendar = shop.platform.operator.api.get(&format!("{FLOW}/planned"), &[]).await.unwrap().body;
    assert_eq!(calendar["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_caller_alone_hears_what_is_to_come_and_counts_nowhere_as_live() {
    let shop = Shop::open().await;
    let missing =
        shop.platform.operator.refused(Method::PUT, &format!("{FLOW}/test-callers/%2B14155550123"), json!({"alias": "staging"})).await;
    assert_eq!(missing.unwrap().at.as_deref(), Some("alias"), "an alias that points nowhere");
    shop.ok(Method::PUT, "aliases/staging", json!({"release": 2})).await;
    shop.ok(Method::PUT, "test-callers/%2B14155550123", json!({"alias": "staging"})).await;
    assert_eq!((shop.hears("+14155550123").await, shop.hears("+14155550100").await), ("Two".to_owned(), "One".to_owned()));
    let usage =
        shop.platform.operator.api.get("/v1/tenants/acme/usage", &[("from", "2026-12-22"), ("to", "2026-12-24")]).await.unwrap().body;
    let of = |purpose: &str| -> Vec<(u64, u64)> {
        let rows = usage["items"].as_array().unwrap().iter().filter(|row| row["purpose"] == purpose);
        rows.map(|row| (row["release"].as_u64().unwrap(), row["counts"]["events"].as_u64().unwrap())).collect()
    };
    assert_eq!((of("live"), of("test")), (vec![(1, 1)], vec![(2, 1)]), "{usage}");
    let release = shop.platform.operator.api.get(&format!("{FLOW}/releases/2"), &[]).await.unwrap().body;
    assert_eq!(release["record"]["invocations"], 0, "a test makes no release a good one");
    shop.ok(Method::DELETE, "test-callers/%2B14155550123", Value::Null).await;
    assert_eq!(shop.hears("+14155550123").await, "One");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_rolled_back_keeps_its_callers_or_hands_them_to_the_default_routes() {
    let shop = Shop::open().await;
    let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": "general-support"}}], "reason": "default"});
    let routes = json!([{"channel": "voice", "open": open}]);
    shop.platform.operator.ok(Method::PUT, "/v1/tenants/acme/routes", routes).await.unwrap();
    let two = || shop.ok(Method::PUT, "aliases/live", json!({"release": 2}));
    // By default who began with a release keeps it.
    two().await;
    let call = shop.line.call("+14155550101", NUMBER);
    let menu = call.arrive().await.unwrap();
    shop.ok(Method::POST, "rollback", json!({})).await;
    let chosen = call.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")), "{:?}", chosen.twiml);

    two().await;
    let call = shop.line.call("+14155550102", NUMBER);
    let menu = call.arrive().await.unwrap();
    let back = shop.ok(Method::POST, "rollback", json!({"live_contacts": true})).await;
    assert_eq!((&back["from"], &back["to"], &back["live_contacts"]), (&json!(2), &json!(1), &json!(true)), "{back}");
    let chosen = call.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("general-support")), "{:?}", chosen.twiml);
    let contact = shop.platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let turn = contact["turns"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&turn["barred"], &turn["attempts"]), (&json!("withdrawn"), &json!([])), "{turn}");
    assert_eq!(shop.hears("+14155550103").await, "One", "who calls now has the release before");

    // Making it live again is meant for everybody: also for who is on the line with it.
    let waiting = shop.line.call("+14155550104", NUMBER);
    two().await;
    let menu = waiting.arrive().await.unwrap();
    shop.ok(Method::POST, "rollback", json!({"live_contacts": true})).await;
    two().await;
    let chosen = waiting.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")), "{:?}", chosen.twiml);

    // So is planning it: whoever begins with it while it routes keeps it.
    shop.ok(Method::POST, "rollback", json!({"live_contacts": true})).await;
    shop.ok(Method::POST, "planned", json!({"release": 2, "at": "2026-12-24T00:00", "until": "2026-12-25T00:00"})).await;
    shop.at(BEFORE + 18 * HOUR_MS);
    let call = shop.line.call("+14155550105", NUMBER);
    let menu = call.arrive().await.unwrap();
    assert!(menu.twiml.said().starts_with("Two"), "{}", menu.twiml.said());
    let chosen = call.press(&menu.twiml, "1").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("sales")), "{:?}", chosen.twiml);
}
