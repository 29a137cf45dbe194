//! Reads recorded invocations, and tries every way in that is not AWS's.

mod answers;

use jackfield_domain::contact::open::Heard;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::provider::Place;
use crate::recorded::{self, Request, assert_read, cases, named};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const DATE: &str = "20261120T222709Z";
const NOW: u64 = 1_795_213_629_000;
const INSTANCE: &str = "arn:aws:connect:us-east-1:123456789012:instance/abc12300-0000-4000-8000-000000000000";

fn connection() -> Connection {
    let mut connection = recorded::connection("acme-connect", NAME, INSTANCE, SECRET);
    connection.secrets = vec![named(KEY, SECRET)];
    connection
}

fn with(name: &str, value: &str) -> Connection {
    let mut connection = connection();
    connection.options.insert(name.to_owned(), value.to_owned());
    connection
}

fn signed_by(mut request: Request, key: &str, secret: &str) -> Request {
    request.header("x-amz-date", DATE);
    let authorization = sign(key, secret, "us-east-1", "hooks.example", &request.target, DATE, &request.body);
    request.header("authorization", &authorization);
    request.now = NOW;
    request
}

fn signed(case: &str) -> Request {
    let mut request = Request::read(NAME, case);
    // An SDK signs these too; the small signer of ours does not, and the test of that is by AWS's own client.
    request.headers.remove("x-amz-invocation-type");
    request.headers.remove("x-amz-log-type");
    signed_by(request, KEY, SECRET)
}

fn refused(request: &Request) -> String {
    let unverified = Connect.verify(&request.raw(), &connection()).unwrap_err();
    assert!(!format!("{unverified:?}").contains(SECRET) && !format!("{unverified:?}").contains("4155550100"), "{unverified:?}");
    unverified.why
}

#[test]
fn every_recorded_invocation_is_read_as_its_case_says() {
    for case in cases(NAME, 10) {
        assert_read(&Connect, &connection(), &case);
    }
}

#[test]
fn every_recorded_invocation_is_verified_when_it_is_signed_and_refused_when_it_is_not() {
    for case in cases(NAME, 10) {
        assert!(refused(&Request::read(NAME, &case)).contains("no header authorization"), "{case}");
        assert_eq!(Connect.verify(&signed(&case).raw(), &connection()).unwrap().secret_name, KEY, "{case}");
    }
}

#[test]
fn what_is_not_signed_by_a_key_of_the_connection_is_refused() {
    let read = || Request::read(NAME, "voice-inbound");
    assert!(refused(&signed_by(read(), KEY, "another secret")).contains("fits none"));
    assert!(refused(&signed_by(read(), "AKIDOTHER", SECRET)).contains("fits none"), "a secret under another key's id");
    let changed = |change: &dyn Fn(&mut Request)| {
        let mut request = signed("voice-inbound");
        change(&mut request);
        refused(&request)
    };
    assert!(changed(&|request| request.body = "{}".into()).contains("fits none"), "an altered body");
    assert!(changed(&|request| request.target.push_str("?Qualifier=2")).contains("fits none"), "an altered version");
    assert!(changed(&|request| request.now += 301_000).contains("five minutes"), "a stale one");
    assert!(changed(&|request| request.now -= 301_000).contains("five minutes"), "one from the future");
    assert!(changed(&|request| request.header("x-amz-invocation-type", "Event")).contains("must be signed"), "an unsigned type");
    assert!(changed(&|request| request.header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")).contains("must be signed"));
    assert!(changed(&|request| request.header("x-amz-date", "20261121T222709Z")).contains("five minutes"));
    let confused = |from: &'static str, to: &'static str| {
        changed(&|request| {
            let given = request.headers["authorization"].to_str().unwrap().replace(from, to);
            request.header("authorization", &given);
        })
    };
    assert!(confused("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 ").contains("not AWS4-HMAC-SHA256"), "another algorithm");
    assert!(confused("/lambda/", "/s3/").contains("another service"));
    assert!(confused("host;x-amz-date", "x-amz-date").contains("must be signed"));
    assert!(confused("us-east-1", "eu-west-1").contains("fits none"));
    let mut none = connection();
    none.secrets = vec![named(KEY, "")];
    let empty = signed_by(read(), KEY, "");
    assert!(Connect.verify(&empty.raw(), &none).is_err(), "everybody knows an empty secret");
    let other = Connection { account: Some(INSTANCE.replace("abc", "def")), ..connection() };
    assert!(Connect.verify(&signed("voice-inbound").raw(), &other).unwrap_err().why.contains("another instance"));
}

#[test]
fn a_function_is_named_in_every_way_that_clients_name_one() {
    for (named, function_is, version) in [
        ("acme-connect", "acme-connect", None),
        ("acme-connect:live", "acme-connect", Some("live")),
        ("123456789012:function:acme-connect", "acme-connect", None),
        ("arn:aws:lambda:us-east-1:123456789012:function:acme-connect:7", "acme-connect", Some("7")),
        ("acme-connect:$LATEST", "acme-connect", None),
    ] {
        let tail = format!("2015-03-31/functions/{named}/invocations");
        assert_eq!(function(&tail).as_deref(), Some(function_is), "{named}");
        let mut request = Request::read(NAME, "voice-inbound");
        request.target = format!("/hooks/acme-connect/{tail}");
        assert_eq!(Connect.glance(&request.raw(), &connection()).unwrap().release.as_deref(), version, "{named}");
    }
    for bad in
        ["2015-03-31/functions//invocations", "2015-03-31/functions/a/b/invocations", "functions/a", "2016-01-01/functions/a/invocations"]
    {
        assert_eq!(function(bad), None, "{bad}");
    }
    let mut twice = Request::read(NAME, "voice-inbound");
    twice.target = "/hooks/acme-connect/2015-03-31/functions/a:1/invocations?Qualifier=2".to_owned();
    assert_eq!(twice.status(&Connect, &connection()), Some(400));
}

#[test]
fn the_system_is_asked_for_and_never_the_caller() {
    let addresses = |case: &str| -> Vec<String> {
        let request = Request::read(NAME, case);
        Connect.glance(&request.raw(), &connection()).unwrap().addresses.iter().map(ToString::to_string).collect()
    };
    let queue = format!("voice:queue-arn:{INSTANCE}/queue/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    assert_eq!(addresses("voice-inbound"), ["voice:number:+18005551234".to_owned(), queue.clone()]);
    for form in ["queue-alone", "queue-as-text"] {
        assert_eq!(addresses(form), std::slice::from_ref(&queue), "{form}");
    }
    assert_eq!(addresses("chat-without-endpoints"), ["chat:business-id:acme"]);
    assert!(addresses("dry-run").is_empty());
}

#[test]
fn members_that_are_missing_null_or_of_another_type_stop_no_call() {
    let whole: Value = serde_json::from_slice(&Request::read(NAME, "voice-inbound").body).unwrap();
    let mut pointers = Vec::new();
    walk(&whole, "", &mut pointers);
    assert!(pointers.len() > 25);
    for pointer in pointers.iter().filter(|pointer| !"/Details/ContactData/ContactId".starts_with(pointer.as_str())) {
        for other in [Value::Null, json!(7), json!([]), json!({"a": null}), json!("text")] {
            let mut changed = whole.clone();
            *changed.pointer_mut(pointer).unwrap() = other.clone();
            let request = Request::post("/hooks/acme-connect/2015-03-31/functions/a/invocations", changed.to_string().as_bytes());
            let raw = request.raw();
            assert!(Connect.glance(&raw, &connection()).is_ok() && Connect.parse(&raw, &connection()).is_ok(), "{pointer}: {other}");
        }
    }
}

fn walk(value: &Value, at: &str, pointers: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let here = format!("{at}/{name}");
        walk(value, &here, pointers);
        pointers.push(here);
    }
}

#[test]
fn a_retried_invocation_is_the_same_event_and_another_step_is_not() {
    let material = |case: &str| Connect.parse(&Request::read(NAME, case).raw(), &connection()).unwrap().event_material;
    assert_eq!(material("voice-inbound"), material("voice-inbound"));
    assert_ne!(material("digits"), material("nothing-entered"));
    let mut spaced = Request::read(NAME, "voice-inbound");
    let value: Value = serde_json::from_slice(&spaced.body).unwrap();
    spaced.body = value.to_string().into();
    assert_eq!(material("voice-inbound"), Connect.parse(&spaced.raw(), &connection()).unwrap().event_material, "spaces make no event");
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Connect.check_connection(&connection()), Ok(()));
    for (at, connection) in [
        ("account", Connection { account: Some("123456789012".to_owned()), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("speaker_url", Connection { speaker_url: Some("wss://a.example".to_owned()), ..connection() }),
        ("options.reply", with(REPLY, "xml")),
        ("options.deadline_ms", with("deadline_ms", "9000")),
        ("options.deadline_ms", with("deadline_ms", "100")),
        ("options.colour", with("colour", "red")),
    ] {
        assert_eq!(Connect.check_connection(&connection).unwrap_err().at.as_deref(), Some(at));
    }
    assert_eq!((Connect.deadline_ms(&connection()), Connect.deadline_ms(&with("deadline_ms", "3000"))), (5_000, 3_000));
}

#[test]
fn what_the_flow_brings_back_depends_on_where_it_was_sent() {
    let heard = |place: Place, parameters: Value| {
        let step = crate::provider::Step { contact: jackfield_domain::id::ContactId::from_bytes([7; 16]), turn: 3, place };
        let mut parameters = parameters;
        parameters["step"] = json!(step.to_string());
        let body = json!({"Details": {"ContactData": {"ContactId": "c"}, "Parameters": parameters}});
        let request = Request::post("/hooks/acme-connect/2015-03-31/functions/a/invocations", body.to_string().as_bytes());
        Connect.parse(&request.raw(), &connection()).unwrap().heard
    };
    assert_eq!(heard(Place::Answered, json!({"digits": "12#"})), Heard::Digits("12#".to_owned()));
    assert_eq!(heard(Place::Answered, json!({"digits": "NoInput"})), Heard::Nothing);
    assert_eq!(heard(Place::Answered, json!({})), Heard::Nothing);
    assert_eq!(heard(Place::Main, json!({})), Heard::Resumed);
    assert_eq!(
        heard(Place::QueueLeft, json!({"outcome": "timeout", "seconds": 60})),
        Heard::QueueLeft { outcome: "timeout".to_owned(), waited_ms: 60_000 }
    );
    assert!(matches!(heard(Place::Dialled, json!({"outcome": "busy"})), Heard::Dialled { outcome, .. } if outcome == "busy"));
    assert!(matches!(heard(Place::Main, json!({"event": "anything"})), Heard::Other(other) if other.kind == FLOW_EVENT));
    // The fields of a bot reach the trail as they are, so nothing that the customer entered is one of them.
    let of_bot = json!({"outcome": "escalated", "digits": "4711", "Digits": "1", "speech": "my pin", "confidence": 1, "city": "Bonn"});
    assert_eq!(
        heard(Place::SpeakerEnded, of_bot),
        Heard::SpeakerEnded { reason: "escalated".to_owned(), fields: vec![("city".to_owned(), "Bonn".to_owned())] }
    );
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[{}\\[\\]\":,a-zA-Z0-9/]{0,120}",
        path in "[a-zA-Z0-9:/%$.-]{0,60}",
        query in "[a-zA-Z0-9=&%]{0,20}",
        authorization in "(AWS4-HMAC-SHA256 )?[A-Za-z0-9=/,; -]{0,120}",
        date in "[0-9TZ]{0,17}",
        as_text: bool,
    ) {
        let body = if as_text { text.into_bytes() } else { body };
        let mut request = Request::post(&format!("/hooks/acme-connect/2015-03-31/functions/{path}/invocations?{query}"), &body);
        request.header("authorization", &authorization);
        request.header("x-amz-date", &date);
        let raw = request.raw();
        let _glanced = Connect.glance(&raw, &connection());
        let _parsed = Connect.parse(&raw, &connection());
        prop_assert!(Connect.verify(&raw, &connection()).is_err());
    }
}
