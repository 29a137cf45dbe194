//! Reads every recorded message, checks every way of proof, and renders every answer that Vapi's documents show.

use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::{Action, Converse, Enqueue, Menu, Prompt, Ringing, SipTarget, Target, Transfer};
use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::persona::{BargeIn, Persona, Tool};
use jackfield_domain::fallback::last_words;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Secret;
use jackfield_domain::tenant::directory::{Person, Queue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::damaged::{WAYS, damage, places};
use crate::provider::provider;
use crate::recorded::{self, Request, Stage, cases, choice, named, question, ssml};
use crate::secrets::mac256;

const SECRET: &str = "vapi-server-secret-0123";
const NOW: u64 = 1_795_212_000_000;

fn connection() -> Connection {
    recorded::connection("acme-vapi", NAME, "eb166faa", SECRET)
}

fn with(options: &[(&str, &str)]) -> Connection {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Connection { options, ..connection() }
}

fn read(case: &str) -> Request {
    Request { now: NOW, ..Request::read(NAME, case) }
}

fn body_of(case: &str) -> Value {
    serde_json::from_slice(&read(case).body).unwrap()
}

#[test]
fn every_recorded_message_is_read_as_its_case_says() {
    for case in cases(NAME, 9) {
        recorded::assert_read(&Vapi, &connection(), &case);
    }
}

#[test]
fn a_message_counts_only_by_the_proof_that_was_chosen() {
    let timed = format!("{NOW}");
    let signature = |request: &Request, secret: &str, time: &str| {
        let parts: &[&[u8]] = if time.is_empty() { &[&request.body] } else { &[time.as_bytes(), b".", &request.body] };
        hex::encode(mac256(secret, parts))
    };
    let prove = |kind: &str, request: &mut Request, secret: &str| match kind {
        "secret" => request.header("x-vapi-secret", secret),
        "bearer" => request.header("authorization", &format!("Bearer {secret}")),
        "hmac" => request.header("x-vapi-signature", &signature(request, secret, "")),
        _ => {
            request.header("x-sig", &signature(request, secret, &timed));
            request.header("x-time", &timed);
        }
    };
    let timed_options = [("auth", "hmac"), ("hmac_header", "X-Sig"), ("hmac_timestamp_header", "X-Time")];
    let kinds: [(&str, Connection); 4] = [
        ("secret", with(&[])),
        ("bearer", with(&[("auth", "bearer")])),
        ("hmac", with(&[("auth", "hmac")])),
        ("timed", with(&timed_options)),
    ];
    for case in cases(NAME, 9) {
        for (chosen, connection) in &kinds {
            assert_eq!(Vapi.check_connection(connection), Ok(()), "{chosen}");
            let bare = Vapi.verify(&read(&case).raw(), connection).unwrap_err();
            assert!(bare.why.contains("has no header"), "{case} {chosen}: {bare}");
            for (kind, _) in &kinds {
                let mut request = read(&case);
                prove(kind, &mut request, SECRET);
                let verified = Vapi.verify(&request.raw(), connection);
                assert_eq!(verified.is_ok(), kind == chosen, "{case}: {kind} where {chosen} is chosen");
                let mut forged = read(&case);
                prove(kind, &mut forged, "another secret");
                let refused = Vapi.verify(&forged.raw(), connection).unwrap_err();
                let shown = format!("{refused:?}");
                assert!(!shown.contains(SECRET) && !shown.contains("another secret") && !shown.contains("+1415"), "{shown}");
            }
        }
    }
}

#[test]
fn a_signed_body_cannot_be_altered_and_a_signed_time_runs_out() {
    let sign = |request: &mut Request, time: &str| {
        let signature = hex::encode(mac256(SECRET, &[time.as_bytes(), b".", &request.body]));
        request.header("x-vapi-signature", &signature);
        request.header("x-timestamp", time);
    };
    let timed = with(&[("auth", "hmac"), ("hmac_timestamp_header", "x-timestamp")]);
    let verify = |time: &str, change: &dyn Fn(&mut Request)| {
        let mut request = read("assistant-request");
        sign(&mut request, time);
        change(&mut request);
        Vapi.verify(&request.raw(), &timed).map(|verified| verified.secret_name).map_err(|refused| refused.why)
    };
    let fine = Ok("2026-11".to_owned());
    assert_eq!(verify("1795212000000", &|_| {}), fine);
    assert_eq!(verify("1795212000", &|_| {}), fine);
    assert_eq!(verify("1795211700", &|_| {}), fine);
    for stale in ["1795211699", "1795212301", "1795212300001", "0", "18446744073709551615"] {
        assert!(verify(stale, &|_| {}).unwrap_err().contains("five minutes"), "{stale}");
    }
    assert!(verify("soon", &|_| {}).unwrap_err().contains("not a number"));
    assert!(verify("1795212000", &|request| request.body = "{}".into()).is_err());
    assert!(verify("1795212000", &|request| request.header("x-timestamp", "1795212001")).is_err());
    assert!(verify("1795212000", &|request| drop(request.headers.remove("x-timestamp"))).unwrap_err().contains("no header x-timestamp"));
    assert!(verify("1795212000", &|request| request.header("x-vapi-signature", "zz")).unwrap_err().contains("hexadecimal"));
    assert!(verify("1795212000", &|request| request.header("x-vapi-signature", "")).is_err());
}

#[test]
fn both_secrets_fit_while_one_is_changed_and_an_empty_one_never() {
    let mut request = read("assistant-request");
    request.header("x-vapi-secret", "older");
    let both = Connection { secrets: vec![named("new", SECRET), named("old", "older")], ..connection() };
    assert_eq!(Vapi.verify(&request.raw(), &both).unwrap().secret_name, "old");
    request.header("x-vapi-secret", "");
    let empty = Connection { secrets: vec![named("none", "")], ..connection() };
    assert!(Vapi.verify(&request.raw(), &empty).is_err());
}

#[test]
fn a_message_of_another_organisation_is_refused_though_its_secret_fits() {
    let mut request = read("assistant-request");
    request.header("x-vapi-secret", SECRET);
    let other = Connection { account: Some("another".to_owned()), ..connection() };
    assert!(Vapi.verify(&request.raw(), &other).unwrap_err().why.contains("another organisation"));
    assert!(Vapi.verify(&request.raw(), &Connection { account: None, ..connection() }).is_ok());
}

#[test]
fn a_message_sent_again_is_the_same_event_and_another_is_not() {
    let material = |case: &str, change: &dyn Fn(&mut Request)| {
        let mut request = read(case);
        change(&mut request);
        Vapi.parse(&request.raw(), &connection()).unwrap().event_material
    };
    let first = material("tool-calls", &|_| {});
    let respaced = |request: &mut Request| request.body = body_of("tool-calls").to_string().into();
    assert_eq!(first, material("tool-calls", &respaced));
    assert_eq!(first, material("tool-calls", &|request| request.header("x-vapi-signature", "fresh")));
    let otherwise = |request: &mut Request| request.body = body_of("tool-calls").to_string().replace("sat", "sun").into();
    assert_ne!(first, material("tool-calls", &otherwise));
    assert_ne!(first, material("assistant-request", &|_| {}));
}

#[test]
fn bad_requests_get_a_clear_status() {
    let status =
        |target: &str, body: &str| Request::post(&format!("/hooks/acme-vapi/{target}"), body.as_bytes()).status(&Vapi, &connection());
    let call = |message: &str| status("server", &format!("{{\"message\":{{{message}}}}}"));
    assert_eq!(status("server", "{}"), None);
    assert_eq!(status("voice", "{}"), Some(404));
    assert_eq!(status("server", "[]"), Some(400));
    assert_eq!(status("server", "{"), Some(400));
    assert_eq!(call("\"type\":\"transcript\""), None);
    assert_eq!(call("\"type\":\"assistant-request\""), Some(400));
    assert_eq!(call("\"type\":\"assistant-request\",\"call\":{\"id\":\"c\"}"), Some(400));
    assert_eq!(call("\"type\":\"assistant-request\",\"call\":{\"id\":\"c\"},\"phoneNumber\":{\"number\":\"+18005551234\"}"), None);
    assert_eq!(call("\"type\":\"end-of-call-report\",\"call\":{\"id\":\"a b\"}"), Some(400));
    let mut get = read("assistant-request");
    get.method = http::Method::GET;
    assert_eq!(get.status(&Vapi, &connection()), Some(405));
}

#[test]
fn the_ends_are_found_inside_the_call_too() {
    let mut body = body_of("assistant-request");
    let message = body["message"].as_object_mut().unwrap();
    let (number, _customer) = (message.remove("phoneNumber").unwrap(), message.remove("customer").unwrap());
    message["call"]["phoneNumber"] = number;
    let request = Request::post("/hooks/acme-vapi/server", body.to_string().as_bytes());
    let addresses = Vapi.glance(&request.raw(), &connection()).unwrap().addresses;
    assert_eq!(addresses.first().map(ToString::to_string).as_deref(), Some("voice:number:+18005551234"));
    let arrival = Vapi.parse(&request.raw(), &connection()).unwrap().arrival;
    assert_eq!((arrival.customer.address.raw.as_str(), arrival.entry.raw.as_str()), ("+14155550100", "+18005551234"));
}

#[test]
fn a_sip_address_at_vapi_is_an_address_too() {
    let mut body = body_of("assistant-request");
    body["message"]["phoneNumber"] = json!({"sipUri": "sip:acme@sip.vapi.ai"});
    let request = Request::post("/hooks/acme-vapi/server", body.to_string().as_bytes());
    let glance = Vapi.glance(&request.raw(), &connection()).unwrap();
    assert_eq!(glance.addresses.first().map(ToString::to_string).as_deref(), Some("voice:sip-user:acme"));
}

#[test]
fn an_ending_has_one_of_the_contracts_causes() {
    for (reason, cause) in [
        ("customer-ended-call", "completed"),
        ("silence-timed-out", "completed"),
        ("assistant-request-returned-error", "completed"),
        ("customer-busy", "busy"),
        ("customer-did-not-answer", "no-answer"),
        ("manually-canceled", "canceled"),
        ("assistant-request-failed", "failed"),
        ("call.start.error-vapifault-get-org", "failed"),
        ("assistant-not-found", "failed"),
    ] {
        let mut body = body_of("end-of-call-report");
        body["message"]["endedReason"] = json!(reason);
        body["message"]["durationMs"] = json!(1_234);
        let request = Request::post("/hooks/acme-vapi/server", body.to_string().as_bytes());
        let heard = Vapi.parse(&request.raw(), &connection()).unwrap().heard;
        let extras = vec![("ended-reason".to_owned(), reason.to_owned())];
        assert_eq!(heard, Heard::Ended { cause: cause.to_owned(), lasted_ms: 1_234, extras });
    }
}

#[test]
fn a_tools_arguments_are_handed_on_up_to_the_contracts_bound() {
    let data = |arguments: Value| {
        let mut body = body_of("tool-calls-several");
        body["message"]["toolCallList"][0]["function"]["arguments"] = arguments;
        let request = Request::post("/hooks/acme-vapi/server", body.to_string().as_bytes());
        match Vapi.parse(&request.raw(), &connection()).unwrap().heard {
            Heard::Other(Extension { kind, data }) if kind == "tool-call" => data,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(data(json!("not JSON")), "{\"name\":\"book\",\"parameters\":{}}");
    let large = data(json!({"text": "x".repeat(20_000)}));
    assert!(large.len() <= 16 * 1024 && large.contains("\"too-large\":true"), "{large}");
}

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn persona() -> Persona {
    Persona {
        instructions: "You are Mason, Superior Fence & Construction's virtual assistant...".to_owned(),
        greeting: Some("Hi there, I'm Mason...".to_owned()),
        voice: Some("openai/alloy".to_owned()),
        model: Some("openai/gpt-4o".to_owned()),
        language: "en-US".to_owned(),
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
        max_duration_ms: None,
        interruptible: BargeIn::None,
        silence_timeout_ms: None,
        hints: Vec::new(),
        fields: Vec::new(),
        escalation: None,
        knowledge: Vec::new(),
        extras: Vec::new(),
    }
}

fn converse(persona: Persona) -> Action {
    Action::Converse(Converse { tag: String::new(), persona, on_failure: Vec::new() })
}

fn to(targets: Vec<Target>) -> Transfer {
    Transfer {
        tag: String::new(),
        targets,
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    }
}

fn number(number: &str) -> Action {
    Action::Transfer(to(vec![Target::Number(number.to_owned())]))
}

fn enqueue(queue: &str) -> Action {
    Action::Enqueue(serde_json::from_value::<Enqueue>(json!({"tag": "", "queue": queue})).unwrap())
}

fn stage(connection: Connection) -> Stage {
    let mut stage = Stage::new(connection, "+18005551234");
    let queue = |name: &str, id: &str| {
        let provider_ids = [(NAME.to_owned(), id.to_owned())].into();
        (name.to_owned(), Queue { name: name.parse().unwrap(), label: name.to_owned(), language: None, hours: None, provider_ids })
    };
    stage.directory.queues = [queue("support", "+14155552671"), queue("pbx", "sip:q@pbx.example"), queue("odd", "Support")].into();
    let bob = Endpoint { raw: "sip:bob@pbx.example".to_owned(), e164: None };
    stage.directory.people = [("bob".to_owned(), Person { name: "bob".parse().unwrap(), label: "Bob".to_owned(), address: bob })].into();
    stage
}

/// What is answered to that, with its notes; an inability's action where it cannot be.
fn answer(actions: Vec<Action>, connection: Connection, asked: &str) -> Result<(Value, Vec<String>), String> {
    let stage = stage(connection);
    let scene = Scene { asked, ..stage.scene() };
    let draft = Draft { actions, reason: String::new() };
    let document = Vapi.document(&draft, scene.connection, Some(&scene)).map_err(|inability| inability.action)?;
    assert_eq!((document.reply.status, document.reply.content_type), (200, "application/json"));
    Ok((serde_json::from_slice(&document.reply.body).unwrap(), document.notes))
}

fn ringing(actions: Vec<Action>) -> Value {
    answer(actions, connection(), "assistant-request").unwrap().0
}

fn asked_by(case: &str) -> String {
    Vapi.parse(&read(case).raw(), &connection()).unwrap().asked
}

fn recorded_reply(name: &str) -> Value {
    serde_json::from_str(&recorded::read(NAME, &format!("replies/{name}.json"))).unwrap()
}

#[test]
fn the_answers_of_vapis_documents_are_written() {
    let mut expected = recorded_reply("assistant");
    // The older name of tools, empty: leaving it out says the same.
    assert_eq!(expected["assistant"]["model"].as_object_mut().unwrap().remove("functions"), Some(json!([])));
    assert_eq!(ringing(vec![converse(persona())]), expected);
    let transfer = vec![say("Connecting you to support."), number("+14155552671")];
    assert_eq!(ringing(transfer.clone()), recorded_reply("destination"));
    assert_eq!(answer(transfer, connection(), "transfer-destination-request").unwrap().0, recorded_reply("destination"));
    let results = answer(vec![say("{ \"open\": \"9-18\" }")], connection(), &asked_by("tool-calls")).unwrap().0;
    assert_eq!(results, recorded_reply("tool-results"));
}

#[test]
fn a_persona_becomes_a_whole_assistant() {
    let tool = Tool { name: "book".to_owned(), description: "Books.".to_owned(), parameters: "{\"type\":\"object\"}".to_owned() };
    let whole = Persona {
        voice: Some("11labs/paula".to_owned()),
        model: Some("claude".to_owned()),
        language: "de-DE".to_owned(),
        tools: vec![tool.clone()],
        temperature: Some(0.7),
        max_tokens: Some(10),
        max_duration_ms: Some(90_500),
        interruptible: BargeIn::Any,
        silence_timeout_ms: Some(5_000),
        hints: vec!["fence".to_owned()],
        ..persona()
    };
    let (answer_given, notes) = answer(vec![say("One moment."), converse(whole)], connection(), "assistant-request").unwrap();
    let expected = json!({"assistant": {
        "firstMessage": "One moment. Hi there, I'm Mason...",
        "firstMessageInterruptionsEnabled": true,
        "model": {
            "provider": "openai",
            "model": "claude",
            "messages": [{"role": "system", "content": "You are Mason, Superior Fence & Construction's virtual assistant..."}],
            "tools": [{"type": "function", "function": {"name": "book", "description": "Books.", "parameters": {"type": "object"}}}],
            "temperature": 0.7,
            "maxTokens": 50,
        },
        "voice": {"provider": "11labs", "voiceId": "paula"},
        "transcriber": {"provider": "deepgram", "model": "nova-2", "language": "de"},
        "maxDurationSeconds": 91,
        "silenceTimeoutSeconds": 10,
    }});
    assert_eq!(answer_given, expected);
    assert_eq!(notes.len(), 3, "{notes:?}");
    let silent = Persona { greeting: None, voice: None, ..persona() };
    assert_eq!(ringing(vec![converse(silent)])["assistant"]["firstMessageMode"], "assistant-waits-for-user");
    let broken = Persona { tools: vec![Tool { parameters: "[]".to_owned(), ..tool }], ..persona() };
    assert_eq!(answer(vec![converse(broken)], connection(), "assistant-request").unwrap_err(), "converse");
}

#[test]
fn a_call_that_rings_goes_somewhere_or_ends_with_a_sentence() {
    assert_eq!(ringing(last_words().actions)["error"], "We are sorry, we cannot take your call right now. Please try again later.");
    assert_eq!(ringing(vec![Action::HangUp(None)]), json!({"error": "We cannot take your call right now. Goodbye."}));
    assert_eq!(ringing(vec![Action::Reject("busy".to_owned())]), json!({"error": "We cannot take your call right now. Goodbye."}));
    assert_eq!(ringing(vec![say("Closed.")]), json!({"error": "Closed."}));
    let dialled = "{{phoneNumber.number}}";
    let support = json!({"destination": {"type": "number", "number": "+14155552671", "callerId": dialled, "message": ""}});
    assert_eq!(ringing(vec![enqueue("support")]), support);
    assert_eq!(ringing(vec![enqueue("pbx")]), json!({"destination": {"type": "sip", "sipUri": "sip:q@pbx.example", "message": ""}}));
    let person = Action::Transfer(to(vec![Target::Person("bob".to_owned())]));
    assert_eq!(ringing(vec![person])["destination"]["sipUri"], "sip:bob@pbx.example");
    let headers = vec![("X-Brand".to_owned(), "acme".to_owned())];
    let sip = Target::Sip(SipTarget { uri: "sip:a@b.example".to_owned(), headers });
    let shown = Transfer { caller_id: Some("+18005551234".to_owned()), warm: true, ..to(vec![sip, Target::Number("+1".to_owned())]) };
    let (given, notes) = answer(vec![Action::Transfer(shown)], connection(), "assistant-request").unwrap();
    let expected =
        json!({"type": "sip", "sipUri": "sip:a@b.example", "callerId": "+18005551234", "message": "", "sipHeaders": {"X-Brand": "acme"}});
    assert_eq!((&given["destination"], notes.len()), (&expected, 2), "{notes:?}");
    for impossible in [
        vec![enqueue("odd")],
        vec![enqueue("nowhere")],
        vec![Action::Transfer(to(vec![Target::Flow("evening".to_owned())]))],
        vec![Action::Transfer(to(Vec::new()))],
        vec![Action::Keep],
        vec![Action::SetAttributes(vec![("a".to_owned(), "b".to_owned())])],
        vec![Action::Say(ssml("<speak>Hi</speak>")), Action::HangUp(None)],
        vec![Action::Collect(question(Vec::new()))],
        vec![Action::Menu(Menu { collect: question(Vec::new()), choices: vec![choice("1", "sales")] })],
        vec![Action::Continue("x".to_owned())],
    ] {
        let shown = format!("{impossible:?}");
        assert!(answer(impossible, connection(), "assistant-request").is_err(), "{shown}");
    }
}

#[test]
fn attributes_alone_go_to_the_connections_own_assistant() {
    let own = with(&[("assistant_id", "asst-1")]);
    let pairs = |pairs: &[(&str, &str)]| Action::SetAttributes(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
    let given = |actions: Vec<Action>| answer(actions, own.clone(), "assistant-request").unwrap().0;
    let set = pairs(&[("name", "Ann"), ("gone", "")]);
    assert_eq!(given(vec![set.clone()]), json!({"assistantId": "asst-1", "assistantOverrides": {"variableValues": {"name": "Ann"}}}));
    let greeted = json!({"assistantId": "asst-1", "assistantOverrides": {"variableValues": {"name": "Ann"}, "firstMessage": "Hi."}});
    assert_eq!(given(vec![set, say("Hi.")]), greeted);
    assert_eq!(given(vec![Action::Keep]), json!({"assistantId": "asst-1"}));
    assert_eq!(given(vec![say("Closed."), Action::HangUp(None)]), json!({"error": "Closed."}));
}

#[test]
fn each_tool_call_of_a_message_is_answered_and_the_last_words_are_words() {
    let asked = asked_by("tool-calls-several");
    let results = answer(vec![say("Line one.\nLine two.")], connection(), &asked).unwrap().0;
    let expected = json!({"results": [
        {"name": "book", "toolCallId": "call_1", "result": "Line one. Line two."},
        {"name": "getHours", "toolCallId": "call_2", "error": "only one tool is answered at a time; call this one again"},
    ]});
    assert_eq!(results, expected);
    assert_eq!(answer(vec![Action::Keep], connection(), &asked).unwrap().0["results"][0]["result"], "done");
    let (spoken, notes) = answer(last_words().actions, connection(), &asked).unwrap();
    assert!(spoken["results"][0]["result"].as_str().unwrap().starts_with("We are sorry") && notes.len() == 1, "{spoken}");
    assert_eq!(answer(vec![number("+14155552671")], connection(), &asked).unwrap_err(), "transfer");
    assert!(answer(last_words().actions, connection(), "transfer-destination-request").unwrap().0["error"].is_string());
    assert_eq!(answer(vec![converse(persona())], connection(), "transfer-destination-request").unwrap_err(), "converse");
}

#[test]
fn without_a_contact_a_route_is_a_destination_or_a_sentence() {
    let reply = |actions: Vec<Action>| -> Value {
        let draft = Draft { actions, reason: String::new() };
        serde_json::from_slice(&Vapi.render_unbound(&draft, &connection()).body).unwrap()
    };
    let destination = json!({"destination": {"type": "number", "number": "+14155552671", "message": "Wait."}});
    assert_eq!(reply(vec![say("Wait."), number("+14155552671")]), destination);
    assert!(reply(vec![converse(persona())])["error"].as_str().unwrap().starts_with("We are sorry"));
    assert!(reply(vec![enqueue("support")])["error"].is_string());
    assert_eq!(Vapi.acknowledge("").body, "{}");
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Vapi.check_connection(&connection()), Ok(()));
    assert_eq!(Vapi.deadline_ms(&connection()), 7_500);
    let unbound = |actions: Vec<Action>| Some(Draft { actions, reason: String::new() });
    let fine = Connection { account: None, unbound: unbound(vec![say("Nobody."), number("+14155550123")]), ..connection() };
    assert_eq!(Vapi.check_connection(&fine), Ok(()));
    let empty = vec![named("a", " ")];
    for (at, connection) in [
        ("options.auth", with(&[("auth", "none")])),
        ("options.hmac_header", with(&[("hmac_header", "x-sig")])),
        ("options.hmac_header", with(&[("auth", "hmac"), ("hmac_header", "x sig")])),
        ("options.hmac_timestamp_header", with(&[("auth", "bearer"), ("hmac_timestamp_header", "x-time")])),
        ("options.assistant_id", with(&[("assistant_id", "")])),
        ("options.assistantId", with(&[("assistantId", "a")])),
        ("options.deadline_ms", with(&[("deadline_ms", "7501")])),
        ("account", Connection { account: Some("a b".to_owned()), ..connection() }),
        ("public_url", Connection { public_url: "https://hooks.example/".to_owned(), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("secrets", Connection { secrets: empty, ..connection() }),
        ("speaker_url", Connection { speaker_url: Some("wss://s.example".to_owned()), ..connection() }),
        ("voice", Connection { voice: Some("alloy".to_owned()), ..connection() }),
        ("unbound", Connection { unbound: unbound(vec![Action::Continue("x".to_owned())]), ..connection() }),
    ] {
        assert_eq!(Vapi.check_connection(&connection).unwrap_err().at.as_deref(), Some(at));
    }
    let hidden = Connection { secrets: vec![named("a", SECRET)], ..connection() };
    assert!(!format!("{hidden:?}").contains(SECRET) && Secret::new(SECRET.to_owned()).reveal() == SECRET);
}

#[test]
fn a_binding_names_the_action_that_cannot_be_done() {
    let bindable = |action: &str, connection: &Connection| Vapi.bindable(&[action.to_owned()], connection);
    for (action, code) in [
        ("send-message", Code::NeedsOutbox),
        ("collect", Code::CannotRender),
        ("voicemail", Code::CannotRender),
        ("record-audio", Code::CannotRender),
        ("dance", Code::CannotRender),
    ] {
        let refusal = bindable(action, &connection()).unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_deref()), (code, Some(action)));
    }
    assert_eq!(bindable("keep", &connection()).unwrap().len(), 1);
    assert_eq!(bindable("keep", &with(&[("assistant_id", "a")])), Ok(Vec::new()));
    assert_eq!(bindable("enqueue", &connection()).unwrap().len(), 1);
    assert_eq!(provider("vapi").map(|provider| provider.name()), Some(NAME));
}

proptest! {
    #[test]
    fn a_damaged_message_is_read_as_long_as_its_call_and_number_are_there(
        case in 0_usize..9, damages in proptest::collection::vec((any::<proptest::sample::Index>(), 0..WAYS), 1..4),
    ) {
        let case = &cases(NAME, 9)[case];
        let mut body = body_of(case);
        let places = places(&body);
        for (place, way) in damages {
            damage(&mut body, place.get::<String>(&places), way);
        }
        let request = Request::post("/hooks/acme-vapi/server", body.to_string().as_bytes());
        prop_assert!(Vapi.glance(&request.raw(), &connection()).is_ok());
        let told = crate::json::parse(&request.body).unwrap();
        let text = |places: &[&str]| crate::json::first(&told, places);
        let call = text(&["/message/call/id"]);
        let number = text(&["/message/phoneNumber/number", "/message/call/phoneNumber/number"]);
        match Vapi.parse(&request.raw(), &connection()) {
            Ok(parsed) => prop_assert!(parsed.ignored || call.is_some_and(|call| call == parsed.arrival.provider_contact)),
            Err(error) => prop_assert!(call.is_none() || number.is_none(), "{case}: {error}: {body}"),
        }
    }

    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[{}\\[\\]\":,a-z0-9]{0,80}",
        tail in prop_oneof![Just("server"), Just(""), Just("x")],
        header in proptest::collection::vec(0x20_u8..0xff, 0..40),
        auth in prop_oneof![Just("secret"), Just("bearer"), Just("hmac")],
        as_text: bool,
    ) {
        let body = if as_text { text.into_bytes() } else { body };
        let mut request = Request::post(&format!("/hooks/acme-vapi/{tail}"), &body);
        if let Ok(value) = http::HeaderValue::from_bytes(&header) {
            for name in ["x-vapi-secret", "authorization", "x-vapi-signature", "x-time"] {
                request.headers.insert(name, value.clone());
            }
        }
        let mut options = vec![("auth", auth)];
        options.extend((auth == "hmac").then_some(("hmac_timestamp_header", "x-time")));
        let connection = with(&options);
        let _glanced = Vapi.glance(&request.raw(), &connection);
        let _parsed = Vapi.parse(&request.raw(), &connection);
        prop_assert!(Vapi.verify(&request.raw(), &connection).is_err());
    }
}
