//! Reads every recorded request and compares with the event that it stands for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use jackfield_domain::contact::decision::{Action, Enqueue, Menu, Prompt, Ringing, Target};
use jackfield_domain::contact::open::exit_action;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{Person, Queue};
use proptest::prelude::*;

use super::signature::{SIGNATURE_HEADER, TIME_HEADER};
use super::*;
use crate::provider::{Place, Step, provider};
use crate::recorded::{self, Request, Stage, assert_read, cases, choice, named, question, read};

/// RFC 8032, section 7.1, test 1.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const SIGNED_S: u64 = 1_795_212_000;
const APPLICATION: &str = "1234567890";

fn connection() -> Connection {
    recorded::connection("acme-telnyx", NAME, APPLICATION, PUBLIC_KEY)
}

fn signing_key(seed: &str) -> SigningKey {
    SigningKey::from_bytes(&hex::decode(seed).unwrap().try_into().unwrap())
}

fn sign(mut request: Request, key: &SigningKey) -> Request {
    let message = [SIGNED_S.to_string().as_bytes(), b"|", &request.body].concat();
    request.header(SIGNATURE_HEADER, &STANDARD.encode(key.sign(&message).to_bytes()));
    request.header(TIME_HEADER, &SIGNED_S.to_string());
    request.now = SIGNED_S * 1_000;
    request
}

fn signed(case: &str) -> Request {
    sign(Request::read(NAME, case), &signing_key(SEED))
}

fn refused(request: &Request, connection: &Connection) -> String {
    Telnyx.verify(&request.raw(), connection).unwrap_err().why
}

#[test]
fn every_recorded_webhook_is_read_as_its_case_says() {
    for case in cases(NAME, 10) {
        assert_read(&Telnyx, &connection(), &case);
    }
}

#[test]
fn every_recorded_webhook_is_verified_when_it_is_signed_and_refused_when_it_is_not() {
    for case in cases(NAME, 10) {
        assert!(refused(&Request::read(NAME, &case), &connection()).contains("no header telnyx-signature-ed25519"), "{case}");
        assert_eq!(Telnyx.verify(&signed(&case).raw(), &connection()).unwrap().secret_name, "2026-11", "{case}");
        let forged = sign(Request::read(NAME, &case), &signing_key(&"42".repeat(32)));
        assert!(refused(&forged, &connection()).contains("none of the connection's public keys"), "{case}");
        let mut altered = signed(&case);
        altered.body = [&altered.body[..], b"&Digits=9"].concat().into();
        assert!(refused(&altered, &connection()).contains("none of the connection's public keys"), "{case}");
    }
}

/// The vector was accepted by Telnyx's own library (telnyx 4.189.0).
#[test]
fn the_recorded_signature_of_telnyx_holds() {
    let anybody = Connection { account: None, ..connection() };
    let mut request = Request::post("/hooks/acme-telnyx/voice", read(NAME, "call-initiated.json").as_bytes());
    request.header(SIGNATURE_HEADER, "uokUgdZ8q+MJGe0tDZrFg5NscKcZ8QA5ERp9boYGr5Jw8HkmF+2Nem+6U59Xjz7CeF5H/t8xEzMumtSE985aCA==");
    request.header(TIME_HEADER, "1795212000");
    request.now = SIGNED_S * 1_000;
    assert!(Telnyx.verify(&request.raw(), &anybody).is_ok());
    request.header(TIME_HEADER, "1795212001");
    assert!(refused(&request, &anybody).contains("none of the connection's public keys"));
}

#[test]
fn a_signature_holds_for_five_minutes_and_for_its_own_time() {
    for (now_s, holds) in
        [(SIGNED_S, true), (SIGNED_S + 300, true), (SIGNED_S - 300, true), (SIGNED_S + 301, false), (SIGNED_S - 301, false)]
    {
        let request = Request { now: now_s * 1_000, ..signed("voice-inbound") };
        assert_eq!(Telnyx.verify(&request.raw(), &connection()).is_ok(), holds, "{now_s}");
    }
    for (time, why) in [
        ("", "no number"),
        ("+1795212000", "no number"),
        ("soon", "no number"),
        ("99999999999999999999", "no number"),
        ("0", "five minutes"),
    ] {
        let mut request = signed("voice-inbound");
        request.header(TIME_HEADER, time);
        assert!(refused(&request, &connection()).contains(why), "{time}");
    }
    let mut request = signed("voice-inbound");
    request.headers.remove(TIME_HEADER);
    assert!(refused(&request, &connection()).contains("no header telnyx-timestamp"));
}

#[test]
fn nothing_that_the_public_key_alone_can_make_is_a_signature() {
    let mut request = signed("voice-inbound");
    let message = [SIGNED_S.to_string().as_bytes(), b"|", &request.body].concat();
    for key in [PUBLIC_KEY.as_bytes().to_vec(), STANDARD.decode(PUBLIC_KEY).unwrap()] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(&message);
        request.header(SIGNATURE_HEADER, &STANDARD.encode(mac.finalize().into_bytes()));
        assert!(refused(&request, &connection()).contains("not the 64 bytes of an Ed25519 signature"));
        let mut mac = Hmac::<sha2::Sha512>::new_from_slice(&key).unwrap();
        mac.update(&message);
        request.header(SIGNATURE_HEADER, &STANDARD.encode(mac.finalize().into_bytes()));
        assert!(refused(&request, &connection()).contains("none of the connection's public keys"));
    }
    for (given, why) in [("", "not the 64 bytes"), ("%%%", "not base64"), (&STANDARD.encode([0_u8; 64]), "none of the connection's")] {
        request.header(SIGNATURE_HEADER, given);
        assert!(refused(&request, &connection()).contains(why), "{given}");
    }
    // The key of order one, under which a signature of zeros holds for every message where nobody looks.
    let weak = STANDARD.encode([&[1_u8][..], &[0; 31]].concat());
    let zeros = STANDARD.encode([&[1_u8][..], &[0; 63]].concat());
    request.header(SIGNATURE_HEADER, &zeros);
    let careless = Connection { secrets: vec![named("weak", &weak)], ..connection() };
    assert!(refused(&request, &careless).contains("none of the connection's"));
    let mut twice = signed("voice-inbound");
    twice.headers.append(SIGNATURE_HEADER, zeros.parse().unwrap());
    assert!(refused(&twice, &connection()).contains("more than one header"));
}

#[test]
fn either_key_fits_while_it_is_changed_and_the_trail_knows_which() {
    let new = STANDARD.encode(signing_key(&"42".repeat(32)).verifying_key().to_bytes());
    let changing = Connection { secrets: vec![named("new", &new), named("old", PUBLIC_KEY)], ..connection() };
    assert_eq!(Telnyx.verify(&signed("voice-inbound").raw(), &changing).unwrap().secret_name, "old");
}

#[test]
fn a_webhook_of_another_application_or_account_is_refused_though_its_signature_holds() {
    let of = |account: Option<&str>| Connection { account: account.map(str::to_owned), ..connection() };
    let request = signed("voice-inbound");
    let sid = "f5586561-8ff0-4291-a51b-c7dfe4139ff9";
    for account in [None, Some(APPLICATION), Some(sid), Some(&sid.to_uppercase())] {
        assert!(Telnyx.verify(&request.raw(), &of(account)).is_ok(), "{account:?}");
    }
    for account in ["1234567891", "00000000-8ff0-4291-a51b-c7dfe4139ff9"] {
        assert!(refused(&request, &of(Some(account))).contains("another account"), "{account}");
    }
    let nameless = sign(Request::post("/hooks/acme-telnyx/voice", b"CallSid=v3:1&To=%2B18005551234"), &signing_key(SEED));
    assert!(refused(&nameless, &connection()).contains("names no account"));
    let both = b"CallSid=v3:1&To=%2B18005551234&ConnectionId=1234567890&ConnectionId=1";
    assert!(refused(&sign(Request::post("/hooks/acme-telnyx/voice", both), &signing_key(SEED)), &connection()).contains("more than one"));
    let glanced = Telnyx.glance(&request.raw(), &of(Some(sid))).unwrap();
    assert_eq!(glanced.account.as_deref(), Some(sid));
}

#[test]
fn bad_requests_get_a_clear_status() {
    let status = |tail: &str, body: &[u8]| Request::post(&format!("/hooks/acme-telnyx/{tail}"), body).status(&Telnyx, &connection());
    const GOOD: &[u8] = b"CallSid=v3%3Aa-b_c&From=%2B14155550100&To=%2B18005551234&ConnectionId=1234567890";
    let stale = Step { contact: jackfield_domain::id::ContactId::new(1, [1; 10]), turn: 1, place: Place::QueueWait };
    assert_eq!(status("voice", GOOD), None);
    assert_eq!(status("nowhere", GOOD), Some(404));
    assert_eq!(status("voice?s=nonsense", GOOD), Some(400));
    assert_eq!(status(&format!("voice?s={stale}"), GOOD), Some(400), "a step belongs to its own hook");
    assert_eq!(status("wait", GOOD), Some(400));
    assert_eq!(status("voice", b""), Some(400));
    assert_eq!(status("voice", b"CallSid=v3%3Aa"), Some(400));
    assert_eq!(status("voice", b"To=%2B18005551234"), Some(400));
    assert_eq!(status("voice", b"CallSid=v3%3Aa&CallSid=v3%3Ab&To=%2B18005551234"), Some(400));
    assert_eq!(status("voice", b"CallSid=v3%3Aa&To=%2B18005551234&ConnectionId=1&ConnectionId=2"), Some(400));
    assert_eq!(status("voice", b"CallSid=v3%3Aa&To=%2"), Some(400));
    let by_get = Request { method: Method::GET, ..Request::post("/hooks/acme-telnyx/voice?CallSid=v3:1&To=%2B18005551234", b"") };
    assert_eq!(by_get.status(&Telnyx, &connection()), Some(405));
    assert!(refused(&by_get, &connection()).contains("only POST"));
}

#[test]
fn only_the_body_is_read_for_what_happened() {
    let mut request = Request::read(NAME, "gather-nothing");
    let before = Telnyx.parse(&request.raw(), &connection()).unwrap();
    request.target.push_str("&Digits=1&CallSid=v3:other&To=%2B19005550100");
    let after = Telnyx.parse(&request.raw(), &connection()).unwrap();
    assert_eq!((before.heard, before.arrival), (after.heard, after.arrival));
}

#[test]
fn a_retried_request_is_the_same_event_and_another_is_not() {
    let material = |request: &Request| Telnyx.parse(&request.raw(), &connection()).unwrap().event_material;
    let first = Request::read(NAME, "gather-digits");
    let mut retried = signed("gather-digits");
    retried.header(TIME_HEADER, "1795212007");
    assert_eq!(material(&first), material(&retried));
    for other in ["gather-nothing", "voice-inbound", "status-ringing"] {
        assert_ne!(material(&first), material(&Request::read(NAME, other)), "{other}");
    }
    assert_ne!(
        material(&Request::read(NAME, "voice-inbound")),
        material(&Request::read(NAME, "status-ringing")),
        "the same body at another hook"
    );
}

fn stage() -> Stage {
    let mut stage = Stage::new(connection(), "+18005551234");
    let provider_ids =
        [(NAME.to_owned(), "TelnyxSales".to_owned()), ("twilio".to_owned(), "WW0123456789abcdef0123456789abcdef".to_owned())].into();
    let sales = Queue { name: "sales".parse().unwrap(), label: "sales".to_owned(), language: None, hours: None, provider_ids };
    stage.directory.queues.insert("sales".to_owned(), sales);
    let address = jackfield_domain::contact::Endpoint { raw: "client:cid".to_owned(), e164: None };
    stage.directory.people.insert("cid".to_owned(), Person { name: "cid".parse().unwrap(), label: "Cid".to_owned(), address });
    stage
}

fn rendered(action: Action) -> Result<(String, Vec<String>), Inability> {
    let stage = stage();
    let draft = Draft { actions: vec![action], reason: String::new() };
    let document = Telnyx.document(&draft, &stage.connection, Some(&stage.scene()))?;
    assert_eq!(document.reply.content_type, "text/xml; charset=utf-8");
    Ok((String::from_utf8(document.reply.body.to_vec()).unwrap(), document.notes))
}

fn dial(targets: Vec<Target>) -> Transfer {
    let Action::Transfer(transfer) = exit_action(&jackfield_domain::contact::decision::Exit::Number("+14155550123".to_owned())) else {
        panic!("no transfer")
    };
    Transfer { targets, ringing: Ringing::Series, ring_timeout_ms: Some(300_000), talk_limit_ms: Some(30_000), ..transfer }
}

#[test]
fn what_telnyx_does_in_another_way_is_rendered_as_its_fixture_says() {
    let menu =
        Menu { collect: question(vec![Prompt::text("What is it about?")]), choices: vec![choice("1", "sales"), choice("2", "support")] };
    let Action::Enqueue(enqueue) = exit_action(&jackfield_domain::contact::decision::Exit::Enqueue("sales".to_owned())) else {
        panic!("no queue")
    };
    let cases = [
        ("gather", Action::Menu(menu), 0),
        ("enqueue", Action::Enqueue(Enqueue { priority: Some(1), ..enqueue }), 1),
        ("dial", Action::Transfer(dial(vec![Target::Number("+14155550123".to_owned())])), 2),
    ];
    for (name, action, notes) in cases {
        let (text, noted) = rendered(action).unwrap();
        assert_eq!(text, read(NAME, &format!("render/{name}.xml")), "{name}");
        assert_eq!(noted.len(), notes, "{name}: {noted:?}");
        assert!(noted.iter().all(|note| !note.contains("Twilio")), "{noted:?}");
    }
}

#[test]
fn what_telnyx_cannot_do_is_refused_and_nobody_else_is_named() {
    let person = Action::Transfer(dial(vec![Target::Person("cid".to_owned())]));
    for action in [person, Action::Keep, Action::SendDigits("A".to_owned()), Action::Say(recorded::ssml("<audio src='x'/>"))] {
        let inability = rendered(action).unwrap_err();
        assert_eq!(inability.code, Code::CannotRender);
        assert!(!inability.why.contains("Twilio"), "{}", inability.why);
    }
    let bindable = |action: &str| Telnyx.bindable(&[action.to_owned()], &connection());
    for (action, code) in [("send-message", Code::NeedsOutbox), ("converse", Code::NeedsSpeaker), ("dance", Code::CannotRender)] {
        assert_eq!(bindable(action).unwrap_err().code, code, "{action}");
    }
    assert_eq!((bindable("say"), bindable("enqueue").unwrap().len()), (Ok(Vec::new()), 1));
    for action in jackfield_domain::contact::decision::ACTION_NAMES {
        let sentence = match Telnyx.can(action, &connection()) {
            Can::Fully => "",
            Can::Lesser(why) | Can::Not(_, why) => why,
        };
        assert!(!sentence.contains("Twilio"), "{action}: {sentence}");
    }
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Telnyx.check_connection(&connection()), Ok(()));
    let secret = |text: &str| Connection { secrets: vec![named("a", text)], ..connection() };
    let account = |text: &str| Connection { account: Some(text.to_owned()), ..connection() };
    let bad = [
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("secrets", secret("KEY0123456789ABCDEF")),
        ("secrets", secret(&STANDARD.encode([7_u8; 31]))),
        ("secrets", secret(&STANDARD.encode([&[1_u8][..], &[0; 31]].concat()))),
        ("secrets", secret(&"0".repeat(64))),
        ("account", account("AC00000000000000000000000000000000")),
        ("account", account("")),
        ("account", account("f5586561-8ff0-4291-a51b")),
        ("speaker_url", Connection { speaker_url: Some("https://speak.example".to_owned()), ..connection() }),
        ("voice", Connection { voice: Some(String::new()), ..connection() }),
        ("public_url", Connection { public_url: "hooks.example".to_owned(), ..connection() }),
        ("options.colour", Connection { options: [("colour".to_owned(), "red".to_owned())].into(), ..connection() }),
    ];
    for (at, connection) in bad {
        let refusal = Telnyx.check_connection(&connection).unwrap_err();
        assert_eq!((refusal.at.as_deref(), refusal.code), (Some(at), Code::Invalid), "{refusal}");
        assert!(!refusal.to_string().contains("KEY0123"), "a secret is repeated");
    }
}

#[test]
fn the_provider_is_found_by_its_name_and_always_has_last_words() {
    assert_eq!(provider(NAME).map(|provider| provider.name()), Some(NAME));
    let impossible = Draft { actions: vec![Action::Continue("x".to_owned())], reason: String::new() };
    let text = String::from_utf8(Telnyx.render_unbound(&impossible, &connection()).body.to_vec()).unwrap();
    assert!(text.ends_with("</Say><Hangup/></Response>"), "{text}");
    assert!(Telnyx.hosting().readme.contains("TeXML"));
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[A-Za-z%+&=;0-9]{0,120}",
        tail in prop_oneof![Just("voice"), Just("status"), Just("wait"), Just("whisper"), Just("fallback"), Just("recording"), Just("")],
        query in "(s=[A-Za-z0-9_-]{0,40})?[%&=a-z]{0,10}",
        signature in prop_oneof!["[A-Za-z0-9+/]{86}==", "[ -~]{0,100}"],
        time in prop_oneof![Just(SIGNED_S.to_string()), "[ -~]{0,30}"],
        as_text: bool,
    ) {
        let body = if as_text { text.into_bytes() } else { body };
        let mut request = Request::post(&format!("/hooks/acme-telnyx/{tail}?{query}"), &body);
        request.header(SIGNATURE_HEADER, &signature);
        request.header(TIME_HEADER, &time);
        request.now = SIGNED_S * 1_000;
        let _status = request.status(&Telnyx, &connection());
        prop_assert!(Telnyx.verify(&request.raw(), &connection()).is_err());
    }
}
