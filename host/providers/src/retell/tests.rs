//! Reads every recorded webhook, checks the SDK's signatures, and renders the answer that Retell's documents show.

use jackfield_domain::contact::decision::{Action, Converse, Enqueue, Prompt, Ringing, Target, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::persona::{BargeIn, Persona};
use jackfield_domain::fallback::last_words;
use jackfield_domain::id::ContactId;
use jackfield_domain::refusal::Code;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::damaged::{WAYS, damage, places};
use crate::provider::{Place, Step, provider};
use crate::recorded::{self, Request, Stage, cases, named};
use crate::secrets::mac256;

const KEY: &str = "test-api-key";
const NOW: u64 = 1_795_212_000_000;

fn connection() -> Connection {
    Connection { account: None, ..recorded::connection("acme-retell", NAME, "", KEY) }
}

fn with_agent() -> Connection {
    Connection { options: [("agent_id".to_owned(), "agent_1".to_owned())].into(), ..connection() }
}

fn signed(mut request: Request, key: &str, at: u64) -> Request {
    let digest = hex::encode(mac256(key, &[&request.body, at.to_string().as_bytes()]));
    request.header(SIGNATURE_HEADER, &format!("v={at},d={digest}"));
    request
}

fn read(case: &str) -> Request {
    Request { now: NOW, ..Request::read(NAME, case) }
}

fn body_of(case: &str) -> Value {
    serde_json::from_slice(&read(case).body).unwrap()
}

fn post(body: &Value) -> Request {
    Request { now: NOW, ..Request::post("/hooks/acme-retell/inbound", body.to_string().as_bytes()) }
}

#[test]
fn every_recorded_webhook_is_read_as_its_case_says() {
    for case in cases(NAME, 7) {
        recorded::assert_read(&Retell, &connection(), &case);
    }
}

#[test]
fn every_recorded_webhook_is_verified_when_it_is_signed_and_refused_when_it_is_not() {
    for case in cases(NAME, 7) {
        let bare = Retell.verify(&read(&case).raw(), &connection()).unwrap_err();
        assert!(bare.why.contains("no header x-retell-signature"), "{case}: {bare}");
        assert_eq!(Retell.verify(&signed(read(&case), KEY, NOW).raw(), &connection()).unwrap().secret_name, "2026-11", "{case}");
        let refused = Retell.verify(&signed(read(&case), "another key", NOW).raw(), &connection()).unwrap_err();
        let shown = format!("{refused:?}");
        assert!(!shown.contains(KEY) && !shown.contains("+1213") && !shown.contains("d=0"), "{case}: {shown}");
        let mut altered = signed(read(&case), KEY, NOW);
        altered.body = "{}".into();
        assert!(Retell.verify(&altered.raw(), &connection()).is_err(), "{case}");
        let mut bearer = read(&case);
        bearer.header("authorization", &format!("Bearer {KEY}"));
        assert!(Retell.verify(&bearer.raw(), &connection()).is_err(), "{case}");
    }
}

/// The vectors retell-basic and retell-file-inbound, as Retell's SDK for Python makes them.
#[test]
fn the_sdks_signatures_hold() {
    let mut basic = Request::post("/hooks/acme-retell/events", b"{\"event\":\"call_ended\"}");
    basic.now = 1_700_000_000_000;
    basic.header(SIGNATURE_HEADER, "v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e");
    assert!(Retell.verify(&basic.raw(), &connection()).is_ok());
    for (now, fresh) in [(1_700_000_300_000, true), (1_700_000_300_001, false), (1_699_999_700_000, true), (1_699_999_699_999, false)] {
        basic.now = now;
        assert_eq!(Retell.verify(&basic.raw(), &connection()).is_ok(), fresh, "{now}");
    }
    let mut file = read("call-inbound");
    file.header(SIGNATURE_HEADER, "v=1795212000000,d=ce950a4bdc45ac195288292924c9dcf3b1aa618757e498f30dab623173055b69");
    assert!(Retell.verify(&file.raw(), &connection()).is_ok());
}

/// The vectors retell-malformed, and whatever a generous reader would take besides.
#[test]
fn only_the_sdks_form_is_a_signature() {
    let digest = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e";
    let malformed = recorded::read(NAME, "signatures-malformed.json");
    let malformed: Vec<String> = serde_json::from_str(&malformed).unwrap();
    let generous = [
        format!("v=1700000000000, d={digest}"),
        format!("V=1700000000000,d={digest}"),
        format!("v=1700000000000,d={}", digest.to_ascii_uppercase()),
        format!("v=1700000000000,d={digest}0"),
        format!("v=+1700000000000,d={digest}"),
        format!("v=99999999999999999999999,d={digest}"),
        format!("d={digest},v=1700000000000"),
        format!("v=1700000000000,d={digest},d={digest}"),
        format!("sha256={digest}"),
    ];
    for bad in malformed.iter().chain(&generous) {
        let mut request = Request::post("/hooks/acme-retell/events", b"{\"event\":\"call_ended\"}");
        request.now = 1_700_000_000_000;
        request.header(SIGNATURE_HEADER, bad);
        assert!(Retell.verify(&request.raw(), &connection()).is_err(), "{bad}");
    }
}

#[test]
fn a_retry_is_the_same_event_of_the_same_contact_and_another_call_is_not() {
    let parsed = |request: Request| {
        let parsed = Retell.parse(&request.raw(), &connection()).unwrap();
        (parsed.event_material, parsed.arrival.provider_contact)
    };
    let first = parsed(signed(read("call-inbound"), KEY, NOW));
    assert_eq!(first, parsed(signed(read("call-inbound"), KEY, NOW + 10_000)));
    let mut respaced = post(&body_of("call-inbound"));
    respaced.target = "/hooks/acme-retell/events".to_owned();
    assert_eq!(first, parsed(respaced));
    let mut later = body_of("call-inbound");
    later["event_timestamp"] = json!(NOW + 1);
    let later = parsed(post(&later));
    assert!(later.0 != first.0 && later.1 != first.1);
    // Without a time of its own the signature's tells two calls apart.
    let mut timeless = body_of("call-inbound");
    timeless.as_object_mut().unwrap().remove("event_timestamp");
    let at = |at: u64| parsed(signed(post(&timeless), KEY, at));
    assert_eq!(at(NOW), at(NOW));
    assert!(at(NOW).0 != at(NOW + 1).0 && at(NOW).1 != at(NOW + 1).1);
    assert_ne!(parsed(read("call-ended")).0, first.0);
}

#[test]
fn the_metadata_of_an_answer_leads_every_later_webhook_back() {
    let asked = Retell.parse(&read("call-inbound").raw(), &connection()).unwrap();
    let (answer, _) = inbound(vec![Action::Keep], connection(), &asked.asked).unwrap();
    let mut ended = body_of("call-ended");
    ended["call"]["metadata"] = answer["metadata"].clone();
    let parsed = Retell.parse(&post(&ended).raw(), &connection()).unwrap();
    assert_eq!(parsed.arrival.provider_contact, asked.arrival.provider_contact);
    let step = Retell.glance(&post(&ended).raw(), &connection()).unwrap().step.unwrap();
    assert_eq!((step.turn, step.place), (2, Place::Main));
    ended["call"]["metadata"] = json!({"jackfield_step": "nonsense"});
    assert_eq!(Retell.glance(&post(&ended).raw(), &connection()).unwrap().step, None);
    assert_eq!(Retell.parse(&post(&ended).raw(), &connection()).unwrap().arrival.provider_contact, "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6");
}

#[test]
fn bad_requests_get_a_clear_status() {
    let status =
        |target: &str, body: &str| Request::post(&format!("/hooks/acme-retell/{target}"), body.as_bytes()).status(&Retell, &connection());
    assert_eq!(status("inbound", "{}"), None);
    assert_eq!(status("events", "{\"event\":\"chat_inbound\"}"), None);
    assert_eq!(status("voice", "{}"), Some(404));
    assert_eq!(status("inbound", "7"), Some(400));
    assert_eq!(status("inbound", "{\"event\":\"call_inbound\"}"), Some(400));
    assert_eq!(status("inbound", "{\"event\":\"call_inbound\",\"call_inbound\":{\"to_number\":\"+12137771235\"}}"), None);
    assert_eq!(status("inbound", "{\"call_inbound\":{\"to_number\":\"+12137771235\"}}"), None);
    assert_eq!(status("events", "{\"event\":\"call_ended\",\"call\":{}}"), Some(400));
    let mut get = read("call-inbound");
    get.method = http::Method::GET;
    assert_eq!(get.status(&Retell, &connection()), Some(405));
}

#[test]
fn an_ending_has_one_of_the_contracts_causes() {
    for (reason, cause) in [
        ("user_hangup", "completed"),
        ("call_transfer", "completed"),
        ("inactivity", "completed"),
        ("max_duration_reached", "completed"),
        ("dial_busy", "busy"),
        ("dial_no_answer", "no-answer"),
        ("dial_failed", "failed"),
        ("concurrency_limit_reached", "failed"),
        ("error_llm_websocket_open", "failed"),
    ] {
        let mut body = body_of("call-ended");
        body["call"]["disconnection_reason"] = json!(reason);
        body["call"]["duration_ms"] = json!(1_234);
        let extras = vec![("ended-reason".to_owned(), reason.to_owned())];
        let heard = Retell.parse(&post(&body).raw(), &connection()).unwrap().heard;
        assert_eq!(heard, Heard::Ended { cause: cause.to_owned(), lasted_ms: 1_234, extras });
    }
}

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn set(pairs: &[(&str, &str)]) -> Action {
    Action::SetAttributes(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn persona(extras: &[(&str, &str)]) -> Persona {
    Persona {
        instructions: String::new(),
        greeting: None,
        voice: None,
        model: None,
        language: "en-US".to_owned(),
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
        max_duration_ms: None,
        interruptible: BargeIn::Any,
        silence_timeout_ms: None,
        hints: Vec::new(),
        fields: Vec::new(),
        escalation: None,
        knowledge: Vec::new(),
        extras: extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

fn converse(persona: Persona) -> Action {
    Action::Converse(Converse { tag: String::new(), persona, on_failure: Vec::new() })
}

fn transfer() -> Action {
    Action::Transfer(Transfer {
        tag: String::new(),
        targets: vec![Target::Number("+14155550123".to_owned())],
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    })
}

/// The answer's `call_inbound` with its notes; an inability's action where it cannot be.
fn inbound(actions: Vec<Action>, connection: Connection, asked: &str) -> Result<(Value, Vec<String>), String> {
    let stage = Stage::new(connection, "+12137771235");
    let scene = Scene { asked, ..stage.scene() };
    let draft = Draft { actions, reason: String::new() };
    let document = Retell.document(&draft, scene.connection, Some(&scene)).map_err(|inability| inability.action)?;
    assert_eq!((document.reply.status, document.reply.content_type), (200, "application/json"));
    let mut reply: Value = serde_json::from_slice(&document.reply.body).unwrap();
    Ok((reply["call_inbound"].take(), document.notes))
}

fn our_metadata() -> Value {
    let stage = Stage::new(connection(), "+12137771235");
    let step = Step { contact: stage.scene().contact, turn: 2, place: Place::Main };
    assert_ne!(step.contact, ContactId::from_bytes([0; 16]));
    json!({"jackfield_step": step.to_string(), "jackfield_call": "in-1"})
}

#[test]
fn the_answer_of_retells_documents_is_written() {
    let mut expected: Value = serde_json::from_str(&recorded::read(NAME, "replies/inbound.json")).unwrap();
    let metadata = expected["call_inbound"]["metadata"].as_object_mut().unwrap();
    metadata.extend(our_metadata().as_object().unwrap().clone());
    let extras = [
        ("agent-id", "agent_67890"),
        ("agent-version", "3"),
        ("metadata-tenant_id", "acme-corp"),
        ("metadata-variant", "B"),
        ("other", "x"),
    ];
    let attributes = set(&[("customer_name", "John"), ("is_returning_customer", "true"), ("gone", "")]);
    let (given, notes) = inbound(vec![attributes, converse(persona(&extras))], with_agent(), "call_inbound:in-1").unwrap();
    assert_eq!(json!({"call_inbound": given}), expected);
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn a_persona_fills_in_an_agent() {
    let whole = Persona {
        instructions: "Be kind.".to_owned(),
        greeting: Some("Hello.".to_owned()),
        voice: Some("11labs-Adrian".to_owned()),
        model: Some("gpt-4o".to_owned()),
        max_duration_ms: Some(1_000),
        silence_timeout_ms: Some(30_000),
        ..persona(&[("agent-version", "prod"), ("metadata-jackfield_step", "forged")])
    };
    let (given, notes) = inbound(vec![say("One moment."), converse(whole)], with_agent(), "call_inbound:in-1").unwrap();
    let expected = json!({
        "override_agent_id": "agent_1",
        "override_agent_version": "prod",
        "dynamic_variables": {"instructions": "Be kind.", "greeting": "One moment. Hello."},
        "agent_override": {"agent": {"voice_id": "11labs-Adrian", "max_call_duration_ms": 60_000, "end_call_after_silence_ms": 30_000}},
        "metadata": our_metadata(),
    });
    assert_eq!(given, expected);
    assert_eq!(notes.len(), 4, "{notes:?}");
}

#[test]
fn a_call_that_rings_is_taken_or_refused() {
    let given = |actions: Vec<Action>, connection: Connection| inbound(actions, connection, "call_inbound:in-1").unwrap();
    assert_eq!(given(vec![Action::Keep], with_agent()).0, json!({"metadata": our_metadata()}));
    let variables = json!({"dynamic_variables": {"name": "Ann"}, "metadata": our_metadata()});
    assert_eq!(given(vec![set(&[("name", "Ann")])], connection()), (variables, Vec::new()));
    let greeted = json!({"override_agent_id": "agent_1", "dynamic_variables": {"greeting": "Hi."}, "metadata": our_metadata()});
    let (answer, notes) = given(vec![say("Hi.")], with_agent());
    assert_eq!((answer, notes.len()), (greeted, 1));
    let refused = json!({"reject": true});
    assert_eq!(given(vec![Action::HangUp(None)], connection()), (refused.clone(), Vec::new()));
    assert_eq!(given(vec![Action::Reject("rejected".to_owned())], connection()), (refused.clone(), Vec::new()));
    let (answer, notes) = given(vec![Action::Reject("busy".to_owned())], connection());
    assert_eq!((answer, notes.len()), (refused.clone(), 1));
    let (answer, notes) = given(last_words().actions, connection());
    assert!(answer == refused && notes[0].contains("words are left out"), "{notes:?}");
    let queue: Enqueue = serde_json::from_value(json!({"tag": "", "queue": "support"})).unwrap();
    for (action, name) in [(transfer(), "transfer"), (Action::Enqueue(queue), "enqueue"), (Action::Continue(String::new()), "continue")] {
        assert_eq!(inbound(vec![action], connection(), "").unwrap_err(), name);
    }
}

#[test]
fn a_document_that_stands_alone_carries_nothing_that_could_come_back() {
    let stage = Stage::new(with_agent(), "+12137771235");
    let scene = Scene { alone: true, ..stage.scene() };
    let alone = Retell.render_alone(&Draft { actions: vec![set(&[("a", "b")])], reason: String::new() }, &scene).unwrap();
    let answer: Value = serde_json::from_slice(&alone.reply.body).unwrap();
    assert_eq!(answer, json!({"call_inbound": {"override_agent_id": "agent_1", "dynamic_variables": {"a": "b"}}}));
}

#[test]
fn without_a_contact_the_bound_agent_is_better_than_nothing() {
    let reply = |actions: Vec<Action>| -> Value {
        let draft = Draft { actions, reason: String::new() };
        serde_json::from_slice(&Retell.render_unbound(&draft, &connection()).body).unwrap()
    };
    assert_eq!(reply(last_words().actions), json!({"call_inbound": {"reject": true}}));
    assert_eq!(reply(vec![Action::Keep]), json!({"call_inbound": {}}));
    assert_eq!(reply(vec![transfer()]), json!({"call_inbound": {}}));
    assert_eq!(reply(vec![converse(persona(&[]))]), json!({"call_inbound": {}}));
    assert_eq!(Retell.at_the_very_end(&connection(), None).body, "{\"call_inbound\":{}}");
    assert_eq!(Retell.acknowledge("").body, "{}");
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Retell.check_connection(&with_agent()), Ok(()));
    assert_eq!(Retell.deadline_ms(&connection()), 10_000);
    let option = |name: &str, value: &str| Connection { options: [(name.to_owned(), value.to_owned())].into(), ..connection() };
    let unbound = |actions: Vec<Action>| Some(Draft { actions, reason: String::new() });
    assert_eq!(Retell.check_connection(&Connection { unbound: unbound(vec![Action::Keep]), ..connection() }), Ok(()));
    for (at, connection) in [
        ("options.agent_id", option("agent_id", "a b")),
        ("options.agent", option("agent", "a")),
        ("options.deadline_ms", option("deadline_ms", "10001")),
        ("account", Connection { account: Some("acme".to_owned()), ..connection() }),
        ("public_url", Connection { public_url: "hooks.example".to_owned(), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("secrets", Connection { secrets: vec![named("a", KEY), named("a", "b")], ..connection() }),
        ("speaker_url", Connection { speaker_url: Some("wss://s.example".to_owned()), ..connection() }),
        ("voice", Connection { voice: Some("alloy".to_owned()), ..connection() }),
        ("unbound", Connection { unbound: unbound(vec![transfer()]), ..connection() }),
    ] {
        assert_eq!(Retell.check_connection(&connection).unwrap_err().at.as_deref(), Some(at));
    }
}

#[test]
fn a_binding_names_the_action_that_cannot_be_done() {
    let bindable = |action: &str| Retell.bindable(&[action.to_owned()], &connection());
    for (action, code) in [("callback", Code::NeedsOutbox), ("menu", Code::CannotRender), ("dance", Code::CannotRender)] {
        let refusal = bindable(action).unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_deref()), (code, Some(action)));
    }
    assert_eq!(bindable("set-attributes"), Ok(Vec::new()));
    assert_eq!(bindable("converse").unwrap().len(), 1);
    assert_eq!(provider("retell").map(|provider| provider.name()), Some(NAME));
}

proptest! {
    #[test]
    fn a_damaged_webhook_is_read_as_long_as_its_call_or_number_is_there(
        case in 0_usize..7, damages in proptest::collection::vec((any::<proptest::sample::Index>(), 0..WAYS), 1..4),
    ) {
        let case = &cases(NAME, 7)[case];
        let mut body = body_of(case);
        let places = places(&body);
        for (place, way) in damages {
            damage(&mut body, place.get::<String>(&places), way);
        }
        let request = post(&body);
        prop_assert!(Retell.glance(&request.raw(), &connection()).is_ok());
        let told = crate::json::parse(&request.body).unwrap();
        let text = |places: &[&str]| crate::json::first(&told, places);
        if let Err(error) = Retell.parse(&request.raw(), &connection()) {
            let gone = match body["event"].as_str() {
                Some("call_ended") => text(&["/call/call_id", "/call/metadata/jackfield_call"]).is_none(),
                _ => text(&["/call_inbound/to_number"]).is_none(),
            };
            prop_assert!(gone, "{case}: {error}: {body}");
        }
    }

    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[{}\\[\\]\":,a-z0-9]{0,80}",
        tail in prop_oneof![Just("inbound"), Just("events"), Just(""), Just("x")],
        header in proptest::collection::vec(0x20_u8..0xff, 0..40),
        as_signature: bool,
        as_text: bool,
    ) {
        let body = if as_text { text.into_bytes() } else { body };
        let mut request = Request::post(&format!("/hooks/acme-retell/{tail}"), &body);
        let header = if as_signature { [b"v=1,d=", header.as_slice()].concat() } else { header };
        if let Ok(value) = http::HeaderValue::from_bytes(&header) {
            request.headers.insert(SIGNATURE_HEADER, value);
        }
        let _glanced = Retell.glance(&request.raw(), &connection());
        let _parsed = Retell.parse(&request.raw(), &connection());
        prop_assert!(Retell.verify(&request.raw(), &connection()).is_err());
    }
}
