//! Reads every recorded request and compares with the event that it stands for, and every reply with its fixture.

use http::HeaderValue;
use jackfield_domain::contact::decision::{Action, Exit, Menu, Play, Prompt, PromptContent, SendMessage, Template, Wake};
use jackfield_domain::contact::open::{Begun, Heard, Next, Open, exit_action, opened_by};
use jackfield_domain::contact::persona::BargeIn;
use jackfield_domain::refusal::Code;
use proptest::prelude::*;

use super::*;
use crate::provider::provider;
use crate::recorded::{self, Request, Stage, assert_read, cases, choice, named, question, read, ssml};
use crate::twilio::form::decode;
use crate::twilio::{SIGNATURE_HEADER, sign};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const ACCOUNT: &str = "AC00000000000000000000000000000000";

fn connection() -> Connection {
    recorded::connection("acme-messages", NAME, ACCOUNT, TOKEN)
}

fn signed(case: &str, token: &str) -> Request {
    let mut request = Request::read(NAME, case);
    let signature = sign(token, &format!("https://hooks.example{}", request.target), &decode(&request.body).unwrap().owned());
    request.header(SIGNATURE_HEADER, &signature);
    request
}

#[test]
fn every_recorded_webhook_is_read_as_its_case_says() {
    for case in cases(NAME, 9) {
        assert_read(&TwilioMessaging, &connection(), &case);
    }
}

#[test]
fn every_recorded_webhook_is_verified_when_it_is_signed_and_refused_when_it_is_not() {
    let refused = |request: &Request, connection: &Connection| TwilioMessaging.verify(&request.raw(), connection).unwrap_err().why;
    for case in cases(NAME, 9) {
        assert!(refused(&Request::read(NAME, &case), &connection()).contains("no X-Twilio-Signature"), "{case}");
        assert_eq!(TwilioMessaging.verify(&signed(&case, TOKEN).raw(), &connection()).unwrap().secret_name, "2026-11", "{case}");
        assert!(refused(&signed(&case, "another token"), &connection()).contains("none of the connection's secrets"), "{case}");
        let mut altered = signed(&case, TOKEN);
        altered.body = [&altered.body[..], b"&Body=yes"].concat().into();
        assert!(refused(&altered, &connection()).contains("none of the connection's secrets"), "{case}");
        let other = Connection { account: Some(ACCOUNT.replace('0', "1")), ..connection() };
        assert!(refused(&signed(&case, TOKEN), &other).contains("another account"), "{case}");
    }
}

#[test]
fn a_conversation_has_one_id_from_either_side_and_for_each_channel() {
    let contact = |tail: &str, body: &str| {
        let request =
            Request::post(&format!("/hooks/acme-messages/{tail}"), format!("MessageSid=SM1&MessageStatus=sent&{body}").as_bytes());
        TwilioMessaging.parse(&request.raw(), &connection()).unwrap().arrival.provider_contact
    };
    let sms = contact("message", "From=%2B14155550100&To=%2B18005551234");
    assert_eq!(sms, contact("status", "From=%2B18005551234&To=%2B14155550100"));
    assert_eq!(sms, contact("fallback", "From=%2B14155550100&To=%2B18005551234"));
    let whatsapp = contact("message", "From=whatsapp%3A%2B14155550100&To=whatsapp%3A%2B18005551234");
    assert_eq!(whatsapp, contact("status", "From=whatsapp%3A18005551234&To=whatsapp%3A14155550100"));
    assert_ne!(sms, whatsapp);
    assert_eq!(contact("message", "From=12345&To=ACME"), "ACME|12345");
}

#[test]
fn bad_requests_get_a_clear_status() {
    let status = |tail: &str, body: &str| {
        Request::post(&format!("/hooks/acme-messages/{tail}"), body.as_bytes()).status(&TwilioMessaging, &connection())
    };
    const ENDS: &str = "From=%2B14155550100&To=%2B18005551234";
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}")), None, "an empty message is one");
    assert_eq!(status("voice", &format!("MessageSid=SM1&{ENDS}")), Some(404));
    assert_eq!(status("message", ""), Some(400));
    assert_eq!(status("message", ENDS), Some(400));
    assert_eq!(status("message", "MessageSid=SM1&To=%2B18005551234"), Some(400));
    assert_eq!(status("message", "MessageSid=SM1&From=%2B14155550100&To="), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM1&MessageSid=SM2&{ENDS}")), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}&From=%2B14155550199")), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}&Body=a&Body=b")), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}&NumMedia=1&MediaUrl0=a&MediaUrl0=b")), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM%001&{ENDS}")), Some(400));
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}&Body={}", "a".repeat(20_000))), Some(413));
    assert_eq!(status("message", &format!("MessageSid=SM1&{ENDS}&NumMedia=1&MediaUrl0={}", "a".repeat(3_000))), Some(413));
    assert_eq!(status("status", &format!("MessageSid=SM1&{ENDS}")), Some(400));
    let mut json = Request::post("/hooks/acme-messages/message", b"{}");
    json.headers.insert("content-type", HeaderValue::from_static("application/json"));
    assert_eq!(json.status(&TwilioMessaging, &connection()), Some(415));
}

#[test]
fn a_retried_request_is_the_same_event_and_another_is_not() {
    let material = |case: &str, change: (&str, &str)| {
        let mut request = Request::read(NAME, case);
        request.body = String::from_utf8(request.body.to_vec()).unwrap().replace(change.0, change.1).into();
        TwilioMessaging.parse(&request.raw(), &connection()).unwrap().event_material
    };
    let same = ("", "");
    assert_eq!(material("sms-inbound", same), material("sms-fallback", same), "the fallback would run the plugin twice");
    assert_ne!(material("sms-inbound", same), material("sms-inbound", ("SM1234", "SM9999")));
    assert_ne!(material("status-delivered", same), material("status-queued", same));
    assert_eq!(material("status-delivered", same), material("status-delivered", ("ApiVersion", "ApiVersion2")));
}

#[test]
fn files_are_read_by_number_and_no_more_than_there_can_be() {
    let media = |body: &str| {
        let whole = format!("MessageSid=SM1&From=%2B14155550100&To=%2B18005551234&{body}");
        let request = Request::post("/hooks/acme-messages/message", whole.as_bytes());
        match TwilioMessaging.parse(&request.raw(), &connection()).unwrap().heard {
            Heard::Message(message) => message.media,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(media("NumMedia=2&MediaUrl1=https%3A%2F%2Fa")[0].mime, "application/octet-stream");
    assert!(media("NumMedia=0&MediaUrl0=x").is_empty() && media("NumMedia=-1").is_empty() && media("NumMedia=999999999").is_empty());
    let many: String = (0..20).map(|number| format!("&MediaUrl{number}=u{number}")).collect();
    assert_eq!(media(&format!("NumMedia=20{many}")).len(), 10);
}

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn image(url: &str) -> Prompt {
    Prompt { content: PromptContent::Audio(url.to_owned()), language: None, voice: None }
}

fn message() -> SendMessage {
    SendMessage {
        to: None,
        channel: None,
        text: "Choose one".to_owned(),
        media: (0..2).map(|number| format!("https://acme.example/{number}.png")).collect(),
        choices: vec![choice("", "red"), choice("b", "blue")],
        template: None,
        reply_to: None,
        extras: Vec::new(),
    }
}

fn menu() -> Action {
    let collect = question(vec![Prompt::text("What is it about?")]);
    Action::Menu(Menu { collect, choices: vec![choice("1", "sales"), choice("2", "support")] })
}

fn rendered(entry: &str, actions: Vec<Action>) -> Result<(String, Vec<String>), Inability> {
    let stage = Stage::new(connection(), entry);
    let document = TwilioMessaging.document(&Draft { actions, reason: String::new() }, &stage.connection, Some(&stage.scene()))?;
    assert_eq!((document.reply.status, document.reply.content_type), (200, "text/xml; charset=utf-8"));
    Ok((String::from_utf8(document.reply.body.to_vec()).unwrap(), document.notes))
}

const SMS: &str = "sms:number:+18005551234";
const WHATSAPP: &str = "whatsapp:number:+18005551234";

#[test]
fn every_reply_is_rendered_as_its_fixture_says() {
    let play = Action::Play(Play { url: "https://acme.example/menu.pdf?a=1&b=2".to_owned(), times: 2, barge_in: BargeIn::None });
    let collect = question(vec![Prompt::text("Which order?"), image("https://acme.example/where.png")]);
    let silent = vec![Action::SetAttributes(vec![("a".to_owned(), "b".to_owned())]), Action::SetLanguage("de-DE".to_owned()), Action::Keep];
    let spoken = Action::Say(ssml("<speak><s>Wait.</s><s>Three <break time='1s'/>and <emphasis>four</emphasis></s></speak>"));
    let cases = [
        ("say", SMS, vec![say("¡Hola! ¿En qué te puedo ayudar?"), Action::HangUp(None)], 0),
        ("say-escaped", SMS, vec![say("One & <two>"), spoken], 0),
        ("nothing", SMS, Vec::new(), 0),
        ("nothing", SMS, silent, 0),
        ("nothing", SMS, vec![say("  "), Action::HangUp(None)], 0),
        ("play", SMS, vec![say("Our menu:"), play], 1),
        ("menu", SMS, vec![say("Welcome to Acme."), menu()], 0),
        ("collect", SMS, vec![Action::Collect(collect)], 0),
        ("send-message", SMS, vec![Action::SendMessage(message())], 1),
        ("send-message-whatsapp", WHATSAPP, vec![Action::SendMessage(message())], 2),
    ];
    for (name, entry, actions, notes) in cases {
        let (text, noted) = rendered(entry, actions).unwrap_or_else(|inability| panic!("{name}: {inability}"));
        assert_eq!(text, read(NAME, &format!("render/{name}.xml")), "{name}");
        assert_eq!(noted.len(), notes, "{name}: {noted:?}");
    }
}

#[test]
fn a_text_that_is_too_long_for_one_message_becomes_several() {
    let (text, notes) = rendered(SMS, vec![say(&"All our lines are busy. ".repeat(100))]).unwrap();
    let messages: Vec<&str> = text.split("<Message>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!((messages.len(), notes.len()), (2, 1));
    assert!(messages.iter().all(|message| message.chars().count() <= 1_600 && message.ends_with("busy.")), "{messages:?}");
    let whole = rendered(SMS, vec![say(&"a".repeat(70_000))]).unwrap_err();
    assert!(whole.why.contains("65,536"), "{}", whole.why);
}

#[test]
fn what_a_conversation_cannot_do_is_refused_and_the_action_named() {
    let to = |to: &str| SendMessage { to: Some(to.to_owned()), ..message() };
    let template = Template { name: "t".to_owned(), language: "en".to_owned(), parameters: Vec::new() };
    assert!(rendered(SMS, vec![Action::SendMessage(to("+14155550100"))]).is_ok());
    assert!(rendered(SMS, vec![Action::SendMessage(SendMessage { channel: Some("sms".to_owned()), ..message() })]).is_ok());
    let cases = [
        ("pause", Action::Pause(1_000)),
        ("send-digits", Action::SendDigits("1".to_owned())),
        ("wake-after", Action::WakeAfter(Wake { after_ms: 1, tag: "w".to_owned() })),
        ("continue", Action::Continue("x".to_owned())),
        ("reject", Action::Reject("busy".to_owned())),
        ("enqueue", exit_action(&Exit::Enqueue("sales".to_owned()))),
        ("transfer", exit_action(&Exit::Number("+14155550123".to_owned()))),
        ("voicemail", exit_action(&Exit::Voicemail(String::new()))),
        ("send-message", Action::SendMessage(to("+14155550101"))),
        ("send-message", Action::SendMessage(SendMessage { template: Some(template), ..message() })),
        ("send-message", Action::SendMessage(SendMessage { channel: Some("whatsapp".to_owned()), ..message() })),
        ("collect", Action::Collect(question(Vec::new()))),
        ("say", Action::Say(ssml("<audio src='x'/>"))),
    ];
    for (name, action) in cases {
        let inability = rendered(SMS, vec![action]).unwrap_err();
        assert_eq!((inability.action.as_str(), inability.code), (name, Code::CannotRender), "{inability}");
    }
    let draft = Draft { actions: vec![menu()], reason: String::new() };
    assert!(TwilioMessaging.document(&draft, &connection(), None).is_err(), "no answer could come back");
}

#[test]
fn a_binding_is_told_what_a_draft_is_told() {
    let bindable = |action: &str| TwilioMessaging.bindable(&[action.to_owned()], &connection());
    for action in ["pause", "wake-after", "ask-consent", "reject", "callback", "continue"] {
        let refusal = bindable(action).unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_deref()), (Code::CannotRender, Some(action)));
    }
    for (action, notes) in [
        ("say", 0),
        ("keep", 0),
        ("set-attributes", 0),
        ("set-language", 0),
        ("menu", 1),
        ("send-message", 1),
        ("hang-up", 1),
        ("play", 1),
        ("converse", 1),
        ("enqueue", 1),
    ] {
        assert_eq!(bindable(action).unwrap().len(), notes, "{action}");
    }
}

#[test]
fn a_menu_is_asked_in_words_and_a_message_answers_it() {
    let actions = vec![menu()];
    rendered(SMS, actions.clone()).unwrap();
    let mut open: Open = opened_by(&actions, 1, 0).unwrap();
    assert!(matches!(open.begun, Begun::Collect { .. }));
    let request = Request::post("/hooks/acme-messages/message", b"MessageSid=SM1&From=%2B14155550100&To=%2B18005551234&Body=Support.");
    let heard = TwilioMessaging.parse(&request.raw(), &connection()).unwrap().heard;
    let Next::Ask(event) = open.hear(heard) else { panic!("asked again") };
    assert_eq!(serde_json::to_value(event).unwrap()["of"]["value"], "support");
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    let unbound = |actions: Vec<Action>| Connection { unbound: Some(Draft { actions, reason: String::new() }), ..connection() };
    assert_eq!(TwilioMessaging.check_connection(&connection()), Ok(()));
    assert_eq!(TwilioMessaging.check_connection(&unbound(vec![say("Nobody is here."), Action::HangUp(None)])), Ok(()));
    let bad = [
        ("account", Connection { account: Some("1234567890".to_owned()), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
        ("secrets", Connection { secrets: vec![named("a", " ")], ..connection() }),
        ("public_url", Connection { public_url: "https://hooks.example/".to_owned(), ..connection() }),
        ("speaker_url", Connection { speaker_url: Some("wss://speak.example".to_owned()), ..connection() }),
        ("voice", Connection { voice: Some("Polly.Joanna".to_owned()), ..connection() }),
        ("options.colour", Connection { options: [("colour".to_owned(), "red".to_owned())].into(), ..connection() }),
        ("unbound", unbound(vec![menu()])),
    ];
    for (at, connection) in bad {
        assert_eq!(TwilioMessaging.check_connection(&connection).unwrap_err().at.as_deref(), Some(at));
    }
}

#[test]
fn the_provider_is_found_by_its_name_and_always_has_last_words() {
    assert_eq!(provider(NAME).map(|provider| provider.name()), Some(NAME));
    let impossible = Draft { actions: vec![Action::Continue("x".to_owned())], reason: String::new() };
    let text = String::from_utf8(TwilioMessaging.render_unbound(&impossible, &connection()).body.to_vec()).unwrap();
    assert!(text.contains("<Response><Message>"), "{text}");
    assert_eq!(TwilioMessaging.acknowledge("").status, 204);
    assert!(!TwilioMessaging.hands_over(&connection()));
    let stage = Stage::new(connection(), SMS);
    let alone = TwilioMessaging.render_alone(&Draft { actions: vec![say("Closed.")], reason: String::new() }, &stage.scene()).unwrap();
    assert!(!String::from_utf8(alone.reply.body.to_vec()).unwrap().contains("hooks.example"));
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "(MessageSid=SM1&)?(From=[a-z+%0-9:]{0,20}&To=[a-z+%0-9:]{0,20}&)?[A-Za-z%+&=;0-9]{0,120}",
        tail in prop_oneof![Just("message"), Just("status"), Just("fallback"), Just("")],
        signature in "[ -~]{0,40}",
        as_text: bool,
    ) {
        let body = if as_text { text.into_bytes() } else { body };
        let mut request = Request::post(&format!("/hooks/acme-messages/{tail}"), &body);
        request.header(SIGNATURE_HEADER, &signature);
        let _status = request.status(&TwilioMessaging, &connection());
        prop_assert!(TwilioMessaging.verify(&request.raw(), &connection()).is_err());
    }

    #[test]
    fn whatever_is_said_fits_into_messages(text in "[a-z<>&\"\u{e4}\u{1} .\n]{0,5000}") {
        let (body, _) = rendered(SMS, vec![say(&text)]).unwrap();
        for message in body.split("<Message>").skip(1) {
            let written = message.split("</Message>").next().unwrap();
            let written = written.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            prop_assert!(written.chars().count() <= 1_600);
        }
    }
}
