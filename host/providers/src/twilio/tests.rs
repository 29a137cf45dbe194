//! Reads every recorded request and compares with the event that it stands for.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jackfield_domain::contact::decision::{Action, Draft, Prompt, Ringing, Target, Transfer};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::{NamedSecret, Secret};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::provider::{Place, Step, provider};

pub(in crate::twilio) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/twilio")
}

pub(in crate::twilio) fn read_fixture(name: &str) -> String {
    let path = fixtures().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(in crate::twilio) fn connection() -> Connection {
    Connection {
        id: "acme-twilio".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        provider: NAME.to_owned(),
        account: Some("AC00000000000000000000000000000000".to_owned()),
        public_url: "https://hooks.example".to_owned(),
        secrets: vec![NamedSecret { name: "2026-11".to_owned(), secret: Secret::new(TOKEN.to_owned()), added: 0 }],
        unbound: None,
        speaker_url: Some("wss://speak.example/relay".to_owned()),
        voice: None,
        options: std::collections::BTreeMap::new(),
        created: 0,
    }
}

/// A request as it is kept in a fixture: request line, headers, an empty line, the body byte for byte.
struct Request {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    fn read(case: &str) -> Self {
        let text = read_fixture(&format!("{case}/request.txt"));
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        Self {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            headers: lines.map(header).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn raw(&self) -> Raw<'_> {
        let path = self.target.split('?').next().unwrap();
        let tail = path.strip_prefix("/hooks/acme-twilio/").unwrap();
        Raw { method: &self.method, tail, path_and_query: &self.target, headers: &self.headers, body: &self.body, peer: None, now: 0 }
    }

    fn signed(mut self, token: &str) -> Self {
        let url = format!("https://hooks.example{}", self.target);
        let params = form::decode(if self.method == Method::GET { b"" } else { &self.body }).unwrap();
        let signature = sign(token, &url, &params.owned());
        self.headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        self
    }
}

fn cases() -> Vec<String> {
    let mut cases: Vec<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("request.txt").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    cases
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Main => "main",
        Place::Answered => "answered",
        Place::Dialled => "dialled",
        Place::QueueLeft => "queue-left",
        Place::Recorded => "recorded",
        Place::ConferenceLeft => "conference-left",
        Place::SpeakerEnded => "speaker-ended",
        Place::QueueWait => "queue-wait",
        Place::Whisper { .. } => "whisper",
        Place::Screened { .. } => "screened",
    }
}

#[test]
fn every_recorded_webhook_is_read_as_its_case_says() {
    for case in cases() {
        let expected: Value = serde_json::from_str(&read_fixture(&format!("{case}/expected.json"))).unwrap();
        let request = Request::read(&case);
        let glance = Twilio.glance(&request.raw(), &connection()).unwrap_or_else(|error| panic!("{case}: {error}"));
        let seen = json!({
            "address": glance.addresses.first().map(ToString::to_string),
            "account": glance.account,
            "place": glance.step.map(|step| place_name(step.place)),
        });
        assert_eq!(seen, expected["glance"], "{case}: at a glance");
        assert!(glance.step.is_none_or(|step| step.turn == 2), "{case}: the turn");
        let parsed = Twilio.parse(&request.raw(), &connection()).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(serde_json::to_value(&parsed.arrival).unwrap(), expected["arrival"], "{case}: the arrival");
        assert_eq!(serde_json::to_value(&parsed.heard).unwrap(), expected["heard"], "{case}: what was heard");
        assert_eq!(json!(parsed.ignored), expected["ignored"], "{case}: ignored");
        assert_eq!(json!(parsed.sensitive_possible), expected["sensitive_possible"], "{case}: sensitive");
    }
}

#[test]
fn every_recorded_webhook_is_verified_when_it_is_signed_and_refused_when_it_is_not() {
    for case in cases() {
        let unsigned = Twilio.verify(&Request::read(&case).raw(), &connection()).unwrap_err();
        assert!(unsigned.why.contains("no X-Twilio-Signature"), "{case}: {unsigned}");
        let signed = Request::read(&case).signed(TOKEN);
        assert_eq!(Twilio.verify(&signed.raw(), &connection()).unwrap().secret_name, "2026-11", "{case}");
        let forged = Request::read(&case).signed("another token");
        let refused = Twilio.verify(&forged.raw(), &connection()).unwrap_err();
        assert!(refused.forms_tried.len() >= 2, "{case}");
        assert!(!format!("{refused:?}").contains(TOKEN) && !format!("{refused:?}").contains("%2B1415"), "{case}: {refused:?}");
    }
}

#[test]
fn behind_a_proxy_the_public_url_is_signed_and_headers_are_not_believed() {
    let proxied = Connection { public_url: "https://example.com:8443/jackfield".to_owned(), ..connection() };
    let mut request = Request::read("gather-digits");
    request.headers.insert("host", HeaderValue::from_static("evil.example"));
    request.headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    let params = form::decode(&request.body).unwrap();
    for url in ["https://example.com:8443/jackfield", "https://example.com/jackfield"] {
        let signature = sign(TOKEN, &format!("{url}{}", request.target), &params.owned());
        request.headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        assert!(Twilio.verify(&request.raw(), &proxied).is_ok(), "{url}");
    }
    let signature = sign(TOKEN, &format!("http://evil.example{}", request.target), &params.owned());
    request.headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
    let refused = Twilio.verify(&request.raw(), &proxied).unwrap_err();
    assert_eq!(refused.url_seen, "https://example.com:8443/jackfield/hooks/acme-twilio/voice?s=...");
}

#[test]
fn a_webhook_of_another_account_is_refused_though_its_signature_holds() {
    let other = Connection { account: Some("AC11111111111111111111111111111111".to_owned()), ..connection() };
    let request = Request::read("voice-inbound").signed(TOKEN);
    assert!(Twilio.verify(&request.raw(), &other).unwrap_err().why.contains("another account"));
    let any = Connection { account: None, ..connection() };
    assert!(Twilio.verify(&request.raw(), &any).is_ok());
}

#[test]
fn a_json_body_counts_only_with_its_digest_in_the_signed_url() {
    let body = br#"{"property": "value", "boolean": true}"#;
    let digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let request = |query: &str, body: &[u8]| {
        let mut request = Request {
            method: Method::POST,
            target: format!("/hooks/acme-twilio/status{query}"),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        };
        request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        let signature = sign(TOKEN, &format!("https://hooks.example{}", request.target), &[]);
        request.headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        request
    };
    let query = format!("?bodySHA256={digest}");
    assert!(Twilio.verify(&request(&query, body).raw(), &connection()).is_ok());
    assert!(Twilio.verify(&request(&query, b"{}").raw(), &connection()).is_err());
    assert!(Twilio.verify(&request("", body).raw(), &connection()).is_err());
}

#[test]
fn bad_requests_get_a_clear_status() {
    let status = |method: Method, tail: &str, query: &str, content_type: Option<&'static str>, body: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.map(|value| (http::header::CONTENT_TYPE, HeaderValue::from_static(value))));
        let (target, body) = (format!("/hooks/acme-twilio/{tail}{query}"), Bytes::copy_from_slice(body));
        let raw = Raw { method: &method, tail, path_and_query: &target, headers: &headers, body: &body, peer: None, now: 0 };
        Twilio
            .glance(&raw, &connection())
            .map(|_| ())
            .and_then(|()| Twilio.parse(&raw, &connection()).map(|_| ()))
            .map_err(|error| error.status())
    };
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    const GOOD: &[u8] = b"CallSid=CA1&From=%2B14155550100&To=%2B18005551234&CallStatus=ringing";
    let stale = Step { contact: jackfield_domain::id::ContactId::new(1, [1; 10]), turn: 1, place: Place::QueueWait };
    assert_eq!(status(Method::POST, "voice", "", FORM, GOOD), Ok(()));
    assert_eq!(status(Method::PUT, "voice", "", FORM, GOOD), Err(405));
    assert_eq!(status(Method::POST, "nowhere", "", FORM, GOOD), Err(404));
    assert_eq!(status(Method::POST, "../voice", "", FORM, GOOD), Err(404));
    assert_eq!(status(Method::POST, "voice", "", None, GOOD), Err(415));
    assert_eq!(status(Method::POST, "voice", "", Some("text/xml"), GOOD), Err(415));
    assert_eq!(status(Method::POST, "voice", "", Some("application/json"), b"{}"), Err(415));
    assert_eq!(status(Method::POST, "voice", "?s=nonsense", FORM, GOOD), Err(400));
    assert_eq!(status(Method::POST, "voice", &format!("?s={stale}"), FORM, GOOD), Err(400));
    assert_eq!(status(Method::POST, "wait", "", FORM, GOOD), Err(400));
    assert_eq!(status(Method::POST, "voice", "?s=%", FORM, GOOD), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b""), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&From=%2B14155550100"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"From=%2B14155550100&To=%2B18005551234"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&To=%2B18005551234&To=%2B18005555678"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&CallSid=CA2&To=%2B18005551234"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA%001&To=%2B18005551234"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&To=%2B1800555123"), Ok(()));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&To=%2"), Err(400));
    assert_eq!(status(Method::POST, "voice", "", FORM, b"CallSid=CA1&To=\xff\xfe"), Err(400));
    let long = format!("CallSid={}&To=%2B18005551234", "C".repeat(600));
    assert_eq!(status(Method::POST, "voice", "", FORM, long.as_bytes()), Err(413));
}

#[test]
fn a_retried_request_is_the_same_event_and_another_is_not() {
    let material = |case: &str, change: &dyn Fn(&mut Request)| {
        let mut request = Request::read(case);
        change(&mut request);
        Twilio.parse(&request.raw(), &connection()).unwrap().event_material
    };
    let first = material("gather-digits", &|_| {});
    let retried = |request: &mut Request| {
        request.headers.insert("i-twilio-idempotency-token", HeaderValue::from_static("fresh"));
    };
    assert_eq!(first, material("gather-digits", &retried), "a header that nobody signed makes no new event");
    let pressed_otherwise = |request: &mut Request| {
        let body = String::from_utf8(request.body.to_vec()).unwrap().replace("Digits=2", "Digits=3");
        request.body = body.into();
    };
    assert_ne!(first, material("gather-digits", &pressed_otherwise));
    assert_ne!(material("voice-inbound", &|_| {}), material("status-ringing", &|_| {}));
}

#[test]
fn a_withheld_number_is_nobodys() {
    for from in [
        "%2B266696687",
        "%2B7378742833",
        "%2B2562533",
        "%2B8656696",
        "%2B86282452253",
        "anonymous",
        "Restricted",
        "",
        "sip%3Aanonymous%40anonymous.invalid",
    ] {
        let mut request = Request::read("voice-inbound");
        request.body = format!("CallSid=CA1&To=%2B18005551234&From={from}").into();
        let customer = Twilio.parse(&request.raw(), &connection()).unwrap().arrival.customer;
        assert!(customer.anonymous && customer.address.e164.is_none(), "{from}");
    }
}

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn to_number(caller_id: Option<&str>) -> Action {
    Action::Transfer(Transfer {
        tag: String::new(),
        targets: vec![Target::Number("+14155550123".to_owned())],
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: caller_id.map(str::to_owned),
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    })
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Twilio.check_connection(&connection()), Ok(()));
    let unbound = |actions: Vec<Action>| Some(Draft { actions, reason: String::new() });
    let fine = Connection {
        unbound: unbound(vec![say("Nobody is here."), to_number(None)]),
        public_url: "http://u:p@10.0.0.1:8080/a".to_owned(),
        ..connection()
    };
    assert_eq!(Twilio.check_connection(&fine), Ok(()));
    let two_named_alike = vec![connection().secrets[0].clone(), connection().secrets[0].clone()];
    let bad = [
        ("account", Connection { account: Some("AC123".to_owned()), ..connection() }),
        ("public_url", Connection { public_url: "https://hooks.example/".to_owned(), ..connection() }),
        ("public_url", Connection { public_url: "ftp://hooks.example".to_owned(), ..connection() }),
        ("public_url", Connection { public_url: "hooks.example".to_owned(), ..connection() }),
        ("public_url", Connection { public_url: "https://hooks.example?a=1".to_owned(), ..connection() }),
        ("public_url", Connection { public_url: "https://hooks.example/a#b".to_owned(), ..connection() }),
        ("public_url", Connection { public_url: "HTTPS://hooks.example".to_owned(), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("secrets", Connection { secrets: two_named_alike, ..connection() }),
        (
            "secrets",
            Connection {
                secrets: vec![NamedSecret { secret: Secret::new(" ".to_owned()), ..connection().secrets[0].clone() }],
                ..connection()
            },
        ),
        ("speaker_url", Connection { speaker_url: Some("https://speak.example".to_owned()), ..connection() }),
        ("voice", Connection { voice: Some(String::new()), ..connection() }),
        ("unbound", Connection { unbound: unbound(Vec::new()), ..connection() }),
        ("unbound", Connection { unbound: unbound(vec![say("Wait."), Action::Continue("x".to_owned())]), ..connection() }),
        ("unbound", Connection { unbound: unbound(vec![to_number(Some("+18005551234"))]), ..connection() }),
    ];
    for (at, connection) in bad {
        let refusal = Twilio.check_connection(&connection).unwrap_err();
        assert_eq!((refusal.at.as_deref(), refusal.code == Code::Invalid || at == "unbound"), (Some(at), true), "{refusal}");
    }
}

#[test]
fn a_binding_names_the_action_that_cannot_be_done() {
    let bindable = |action: &str, connection: &Connection| Twilio.bindable(&[action.to_owned()], connection);
    let speechless = Connection { speaker_url: None, ..connection() };
    for (action, code) in [
        ("send-message", Code::NeedsOutbox),
        ("callback", Code::NeedsOutbox),
        ("converse", Code::NeedsSpeaker),
        ("dance", Code::CannotRender),
    ] {
        let refusal = bindable(action, &speechless).unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_deref()), (code, Some(action)));
    }
    assert_eq!(bindable("converse", &connection()), Ok(Vec::new()));
    assert_eq!(bindable("enqueue", &connection()), Ok(Vec::new()));
    assert_eq!(bindable("record-audio", &connection()).unwrap().len(), 1);
}

#[test]
fn without_a_contact_the_route_is_spoken_and_else_the_last_words() {
    let text = |draft: &Draft| String::from_utf8(Twilio.render_unbound(draft, &connection()).body.to_vec()).unwrap();
    let route = Draft { actions: vec![say("Nobody & nothing."), to_number(None)], reason: String::new() };
    assert_eq!(
        text(&route),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>Nobody &amp; nothing.</Say>\
         <Dial answerOnBridge=\"true\"><Number>+14155550123</Number></Dial></Response>"
    );
    let impossible = Draft { actions: vec![Action::Continue("x".to_owned())], reason: String::new() };
    assert_eq!(text(&impossible), text(&last_words()));
    assert!(text(&last_words()).ends_with("</Say><Hangup/></Response>"));
}

#[test]
fn the_provider_is_found_by_its_name() {
    assert_eq!(provider("twilio").map(|provider| provider.name()), Some("twilio"));
    assert!(provider("Twilio").is_none());
    let acknowledged = Twilio.acknowledge("");
    assert_eq!((acknowledged.status, acknowledged.body.len()), (204, 0));
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[A-Za-z%+&=;0-9]{0,120}",
        tail in prop_oneof![Just("voice"), Just("status"), Just("wait"), Just("whisper"), Just("fallback"), Just("recording"), Just("")],
        query in "(s=[A-Za-z0-9_-]{0,40})?[%&=a-z]{0,10}",
        method in prop_oneof![Just(Method::GET), Just(Method::POST), Just(Method::DELETE)],
        signature in proptest::collection::vec(0x20_u8..0xff, 0..40),
        as_text: bool,
    ) {
        let body = if as_text { Bytes::from(text) } else { Bytes::from(body) };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Ok(value) = HeaderValue::from_bytes(&signature) {
            headers.insert(SIGNATURE_HEADER, value);
        }
        let target = format!("/hooks/acme-twilio/{tail}?{query}");
        let raw = Raw { method: &method, tail, path_and_query: &target, headers: &headers, body: &body, peer: None, now: 0 };
        let _glanced = Twilio.glance(&raw, &connection());
        let _parsed = Twilio.parse(&raw, &connection());
        prop_assert!(Twilio.verify(&raw, &connection()).is_err());
    }
}
