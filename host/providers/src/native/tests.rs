//! Reads recorded events, and tries every way in that proves nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackfield_domain::contact::decision::{Action, Draft};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::recorded::{self, Request, Stage, assert_read, cases};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW_S: u64 = 1_614_265_330;

fn connection() -> Connection {
    let mut connection = recorded::connection("acme-native", NAME, "", SECRET);
    connection.account = None;
    connection
}

fn with(name: &str, value: &str) -> Connection {
    let mut connection = connection();
    connection.options.insert(name.to_owned(), value.to_owned());
    connection
}

fn why(request: &Request, connection: &Connection) -> String {
    let unverified = Native.verify(&request.raw(), connection).unwrap_err();
    assert!(!format!("{unverified:?}").contains(SECRET), "{unverified:?}");
    unverified.why
}

#[test]
fn every_recorded_event_is_read_as_its_case_says() {
    for case in cases(NAME, 5) {
        assert_read(&Native, &connection(), &case);
    }
}

#[test]
fn a_token_is_the_secret_and_nothing_else() {
    let given = |authorization: &str| {
        let mut request = Request::read(NAME, "arrived");
        request.header("authorization", authorization);
        request
    };
    let basic = |user: &str, password: &str| given(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
    for good in [given(&format!("Bearer {SECRET}")), basic("acme-native", SECRET)] {
        assert_eq!(Native.verify(&good.raw(), &connection()).unwrap().secret_name, "2026-11");
    }
    for bad in [
        given("Bearer x"),
        given("Bearer "),
        basic("other", SECRET),
        basic("acme-native", ""),
        basic("acme-native", "x"),
        given("Digest x"),
    ] {
        assert!(!why(&bad, &connection()).is_empty());
    }
    assert!(why(&Request::read(NAME, "arrived"), &connection()).contains("no header authorization"));
    assert!(why(&given(&format!("Bearer {SECRET}")), &with(AUTH, "signature")).contains("webhook-id"), "a token where a signature is due");
}

#[test]
fn a_signature_is_that_of_standard_webhooks() {
    // The vector that the specification's own libraries test with.
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let signed = || {
        let mut request = Request::read(NAME, "arrived");
        let signature = sign(SECRET, "m1", &NOW_S.to_string(), &request.body);
        for (name, value) in
            [("webhook-id", "m1"), ("webhook-timestamp", &NOW_S.to_string()), ("webhook-signature", &format!("v1a,xx v1,{signature}"))]
        {
            request.header(name, value);
        }
        request.now = NOW_S * 1_000;
        request
    };
    let demands = with(AUTH, "signature");
    assert!(Native.verify(&signed().raw(), &demands).is_ok());
    let changed = |change: &dyn Fn(&mut Request)| {
        let mut request = signed();
        change(&mut request);
        why(&request, &demands)
    };
    assert!(changed(&|request| request.body = "{}".into()).contains("fits none"));
    assert!(changed(&|request| request.now += 301_000).contains("five minutes"));
    assert!(changed(&|request| request.header("webhook-id", "m2")).contains("fits none"));
    assert!(changed(&|request| request.header("webhook-signature", "v1a,xx")).contains("fits none"), "another version");
    assert!(changed(&|request| drop(request.headers.remove("webhook-timestamp"))).contains("no header webhook-timestamp"));
}

#[test]
fn who_names_a_tenant_must_be_trusted_to() {
    let named = |peer: Option<&str>, connection: &Connection| {
        let mut request = Request::read(NAME, "arrived");
        request.header("authorization", &format!("Bearer {SECRET}"));
        request.header("x-tenant-id", "tenant-a");
        request.header("x-subtenant-id", "a-1");
        request.header("host", "tenant-a.example.com:8080");
        let raw = Raw { peer: peer.map(|peer| peer.parse().unwrap()), ..request.raw() };
        let addresses: Vec<String> = Native.glance(&raw, connection).unwrap().addresses.iter().map(ToString::to_string).collect();
        (Native.verify(&raw, connection).is_ok(), addresses)
    };
    let trusting = with(TRUSTED_PEERS, "10.0.0.0/8");
    let (verified, addresses) = named(Some("10.1.2.3"), &trusting);
    assert!(verified);
    let all = ["voice:number:+18005551234", "voice:business-id:a-1", "voice:business-id:tenant-a", "voice:domain:tenant-a.example.com"];
    assert_eq!(addresses, all);
    for (peer, connection) in [(Some("192.0.2.1"), &trusting), (None, &trusting), (Some("10.1.2.3"), &connection())] {
        let (verified, addresses) = named(peer, connection);
        assert!(!verified, "{peer:?}");
        assert_eq!(addresses, [all[0], all[3]], "the header of {peer:?} names nobody");
    }
}

#[test]
fn the_answer_is_the_decision_with_a_step_and_an_unknown_kind_is_refused() {
    let stage = Stage::new(connection(), "+18005551234");
    let draft = Draft { actions: vec![Action::Pause(500), Action::HangUp(None)], reason: "because".to_owned() };
    let reply = Native.document(&draft, &stage.connection, Some(&stage.scene())).unwrap().reply;
    let told: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&told["actions"][0], &told["turn"]), (&json!({"do": "pause", "with": 500}), &json!(2)));
    assert!(told["step"].as_str().unwrap().parse::<Step>().is_ok());
    let alone = Native.document(&draft, &stage.connection, None).unwrap().reply;
    assert!(serde_json::from_slice::<Value>(&alone.body).unwrap().get("step").is_none());
    let status = |body: &str| Request::post("/hooks/acme-native/events", body.as_bytes()).status(&Native, &connection());
    assert_eq!(status(r#"{"contact": "a", "event": "dance"}"#), Some(400));
    assert_eq!(status(r#"{"event": "arrived"}"#), Some(400), "no contact");
    assert_eq!(status(r#"{"contact": "a b"}"#), Some(400));
    assert_eq!(status(r#"{"contact": "a", "step": "x"}"#), Some(400));
    assert_eq!(status("[]"), Some(400));
    assert_eq!(status(r#"{"contact": "a", "event": null, "to": 7, "from": [], "headers": "x"}"#), None);
    let elsewhere = Request::post("/hooks/acme-native/v1/contacts/other/events", br#"{"contact": "a"}"#);
    assert_eq!(elsewhere.status(&Native, &connection()), Some(400), "two names for one contact");
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        text in "[{}\\[\\]\":,a-z_0-9]{0,160}",
        authorization in "(Basic |Bearer )?[A-Za-z0-9+/=]{0,60}",
        as_text: bool,
    ) {
        let mut request = Request::post("/hooks/acme-native/events", if as_text { text.as_bytes() } else { &body });
        request.header("authorization", &authorization);
        let _glanced = Native.glance(&request.raw(), &connection());
        let _parsed = Native.parse(&request.raw(), &connection());
        prop_assert!(Native.verify(&request.raw(), &connection()).is_err());
    }
}
