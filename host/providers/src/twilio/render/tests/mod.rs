mod alone;
mod cases;
mod wild;

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::{
    Converse, Decision, Prompt, PromptContent, SendMessage, SipTarget, Target, Transfer, Vetted, Wake,
};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Endpoint, Moment};
use jackfield_domain::fallback::{AnsweredBy, Case, Failure, FailureKind, Tried, World, settle, vet};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::{Address, Channel};
use jackfield_domain::tenant::directory::{Directory, Person, Queue};
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use self::cases::{cases, collect, enqueue, leave, number, person, persona, record, say, ssml, transfer};
use super::*;
use crate::provider::Provider as _;
use crate::twilio::Twilio;
use crate::twilio::tests::{connection, read_fixture};

const CONTACT: [u8; 16] = [0x01, 0x98, 0x7c, 0x6e, 0x4a, 0x00, 0x71, 0x23, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const WORKFLOW: &str = "WW0123456789abcdef0123456789abcdef";

fn directory() -> Directory {
    let queue = |name: &str, id: Option<&str>| {
        let provider_ids = id.map(|id| ("twilio".to_owned(), id.to_owned())).into_iter().collect();
        (name.to_owned(), Queue { name: name.parse().unwrap(), label: name.to_owned(), language: None, hours: None, provider_ids })
    };
    let person = |name: &str, raw: &str, e164: Option<&str>| {
        let address = Endpoint { raw: raw.to_owned(), e164: e164.map(str::to_owned) };
        (name.to_owned(), Person { name: name.parse().unwrap(), label: name.to_owned(), address })
    };
    Directory {
        tenant: Some("acme".parse().unwrap()),
        queues: [queue("sales", None), queue("support", Some("AcmeSupport")), queue("skilled", Some(WORKFLOW))].into(),
        people: [
            person("ann", "+14155550150", Some("+14155550150")),
            person("bob", "sip:bob@pbx.example", None),
            person("cid", "client:cid", None),
            person("dan", "somewhere", None),
        ]
        .into(),
        flows: vec!["main".to_owned(), "evening".to_owned()],
        numbers: vec!["+18005551234".to_owned()],
        zone: "UTC".to_owned(),
        ..Directory::default()
    }
}

/// Owns what a scene borrows.
struct Stage {
    connection: Connection,
    directory: Directory,
    caller: Endpoint,
    entry: Address,
    place: Place,
    turn: u32,
}

impl Stage {
    fn new() -> Self {
        Self {
            connection: connection(),
            directory: directory(),
            caller: Endpoint { raw: "+14155550100".to_owned(), e164: Some("+14155550100".to_owned()) },
            entry: "+18005551234".parse().unwrap(),
            place: Place::Main,
            turn: 2,
        }
    }

    fn at(place: Place) -> Self {
        Self { place, ..Self::new() }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            connection: &self.connection,
            contact: ContactId::from_bytes(CONTACT),
            turn: self.turn,
            place: self.place,
            language: "en-US",
            entry: Some(&self.entry),
            caller: &self.caller,
            directory: &self.directory,
            asked: "",
            ran: None,
            now: 0,
            alone: false,
        }
    }

    fn vet(&self, actions: Vec<Action>) -> Result<Vetted, Failure> {
        let (scene, limits) = (self.scene(), Plan::Maximum.limits());
        let abilities = Twilio.abilities(&scene);
        let world = World { directory: &self.directory, limits: &limits, listed: None, abilities: abilities.as_ref() };
        vet(Draft { actions, reason: "because".to_owned() }, &world)
    }

    fn settle(&self, vetted: Vetted) -> Decision {
        let (scene, limits, now): (_, _, Moment) = (self.scene(), Plan::Maximum.limits(), 0);
        let abilities = Twilio.abilities(&scene);
        let attempts = vec![Tried { by: AnsweredBy::Plugin, result: Ok(vetted) }];
        let case = Case {
            attempts,
            barred: None,
            steps: Vec::new(),
            limits: &limits,
            abilities: abilities.as_ref(),
            channel: Channel::Voice,
            language: "en-US",
            now,
        };
        settle(case).decision
    }

    fn render(&self, actions: Vec<Action>) -> (String, Vec<String>) {
        let vetted = self.vet(actions).unwrap_or_else(|failure| panic!("{}: {}", failure.code(), failure.detail));
        let decision = self.settle(vetted);
        let reply = Twilio.render(&decision, &self.scene());
        assert_eq!((reply.status, reply.content_type), (200, "text/xml; charset=utf-8"));
        (String::from_utf8(reply.body.to_vec()).unwrap(), decision.degraded().to_vec())
    }

    fn refused(&self, actions: Vec<Action>) -> Failure {
        self.vet(actions).unwrap_err()
    }
}

/// Fixtures are indented for people; no text in them has a line of its own.
fn unindented(xml: &str) -> String {
    xml.lines().map(str::trim).collect()
}

#[test]
fn every_action_is_rendered_as_its_fixture_says() {
    for (name, stage, actions, notes) in cases() {
        let (rendered, degraded) = stage.render(actions);
        assert_well_formed(&rendered);
        assert_eq!(rendered, unindented(&read_fixture(&format!("render/{name}.xml"))), "{name}");
        assert_eq!(degraded.len(), notes, "{name}: {degraded:?}");
    }
}

#[test]
fn no_url_and_no_document_tells_the_tenant_or_the_caller() {
    for (name, stage, actions, _) in cases() {
        let (rendered, _) = stage.render(actions);
        assert!(!rendered.contains("+14155550100"), "{name}: the caller's number");
        let urls = rendered.split('"').chain(rendered.split(['<', '>'])).filter(|part| part.contains("://hooks.example"));
        for url in urls.filter(|part| part.starts_with("https://")) {
            let (_, token) = url.split_once("?s=").unwrap_or_else(|| panic!("{name}: {url}"));
            let step: Step = token.parse().unwrap_or_else(|_| panic!("{name}: {url}"));
            assert_eq!((step.contact, step.turn), (ContactId::from_bytes(CONTACT), stage.turn), "{name}");
        }
    }
}

#[test]
fn what_twilio_cannot_do_is_refused_and_the_action_named() {
    let main = Stage::new();
    let waiting = Stage::at(Place::QueueWait);
    let silent = Stage { connection: Connection { speaker_url: None, ..connection() }, ..Stage::new() };
    let message = SendMessage {
        to: None,
        channel: None,
        text: "hello".to_owned(),
        media: Vec::new(),
        choices: Vec::new(),
        template: None,
        reply_to: None,
        extras: Vec::new(),
    };
    let converse = Action::Converse(Converse { tag: "ai".to_owned(), persona: persona(), on_failure: Vec::new() });
    let headers = vec![("X-Long".to_owned(), "a".repeat(1_100))];
    let long_headers = Target::Sip(SipTarget { uri: "sip:a@b.example".to_owned(), headers });
    let bad_whisper = Prompt { content: PromptContent::Ssml("<audio src='x'/>".to_owned()), language: None, voice: None };
    let whispered = Transfer { whisper: Some(bad_whisper), ..transfer(vec![number("+14155550123")]) };
    let cases = [
        ("keep", main.refused(vec![Action::Keep])),
        ("send-digits", main.refused(vec![Action::SendDigits("1A".to_owned())])),
        ("send-message", main.refused(vec![Action::SendMessage(message)])),
        ("wake-after", main.refused(vec![Action::WakeAfter(Wake { after_ms: 600_001, tag: "w".to_owned() })])),
        ("converse", silent.refused(vec![converse])),
        ("record-audio", main.refused(vec![record(Recording::Off)])),
        ("record-audio", main.refused(vec![record(Recording::Pause)])),
        ("transfer", main.refused(vec![Action::Transfer(transfer(vec![person("dan")]))])),
        ("transfer", main.refused(vec![Action::Transfer(transfer(vec![long_headers]))])),
        ("transfer", main.refused(vec![Action::Transfer(whispered)])),
        ("other", main.refused(vec![leave()])),
        ("say", main.refused(vec![ssml("<audio src='x'/>")])),
        ("decision", main.refused(vec![say(&"a&".repeat(20_000)), Action::HangUp(None)])),
        ("collect", waiting.refused(vec![Action::Collect(collect())])),
        ("enqueue", waiting.refused(vec![Action::Enqueue(enqueue("sales"))])),
        ("send-digits", waiting.refused(vec![Action::SendDigits("1".to_owned())])),
    ];
    for (action, failure) in cases {
        assert_eq!(failure.kind, FailureKind::CannotRender, "{action}: {}", failure.detail);
        assert!(failure.detail.starts_with(&format!("{action}: ")), "{}", failure.detail);
    }
}

#[test]
fn ssml_that_could_leave_its_say_or_is_not_spoken_is_refused() {
    let main = Stage::new();
    for bad in [
        "</Say><Dial>+19005550100</Dial><Say>",
        "<speak>a</speak></Say><Hangup/>",
        "<speak>",
        "a < b",
        "a & b",
        "&nbsp;",
        "&#0;",
        "&#x1;",
        "<p>a<s>b</p></s>",
        "<voice name='x'>a</voice>",
        "<break onload='x'/>",
        "<break time='1s' time='2s'/>",
        "<break time=1s/>",
        "<?php x?>a",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><speak>&a;</speak>",
        "<speak><speak>a</speak></speak>",
        "<p><speak>a</speak></p>",
        &"<p>".repeat(20),
        &format!("<p>{}</p>", "a".repeat(4_097)),
    ] {
        let failure = main.refused(vec![ssml(bad), Action::HangUp(None)]);
        assert_eq!(failure.kind, FailureKind::CannotRender, "{bad}");
    }
}

#[test]
fn a_long_text_becomes_several_says() {
    let (rendered, _) = Stage::new().render(vec![say(&"All our lines are busy. ".repeat(400)), Action::HangUp(None)]);
    assert_eq!(rendered.matches("<Say ").count(), 3);
    assert_well_formed(&rendered);
}

#[test]
fn two_tenants_on_one_account_never_share_a_queue_or_a_conference() {
    let queue_of = |tenant: &str, owner: &str, queue: &str| {
        let mut stage = Stage::new();
        stage.connection.tenant = owner.parse().unwrap();
        stage.directory.tenant = Some(tenant.parse().unwrap());
        let entry = Queue { name: queue.parse().unwrap(), ..stage.directory.queues["support"].clone() };
        stage.directory.queues.insert(queue.to_owned(), entry);
        let named = stage.render(vec![Action::Enqueue(enqueue(queue))]).0;
        stage.directory.queues.get_mut(queue).unwrap().provider_ids.clear();
        let unnamed = stage.render(vec![Action::Enqueue(enqueue(queue))]).0;
        let name = |rendered: &str| rendered.split("\">").last().unwrap().split('<').next().unwrap().to_owned();
        (name(&named), name(&unnamed))
    };
    assert_eq!(queue_of("acme", "acme", "b"), ("AcmeSupport".to_owned(), "acme.b".to_owned()));
    // On the platform's account even a chosen name is the tenant's own.
    assert_eq!(queue_of("other", "platform", "b"), ("other.AcmeSupport".to_owned(), "other.b".to_owned()));
    assert_ne!(queue_of("a-b", "platform", "c").1, queue_of("a", "platform", "b-c").1);
    let long = |last: &str| queue_of(&"t".repeat(63), "platform", &format!("{}{last}", "q".repeat(62))).1;
    assert_ne!(long("1"), long("2"));
    assert_eq!(long("1").len(), 64);
}

#[test]
fn a_dialled_target_hears_the_whisper_and_is_connected_only_when_it_accepts() {
    let text = |stage: &Stage, transfer: Option<&Transfer>, heard: Heard| {
        let reply = Twilio.render_whisper(transfer, &heard, &stage.scene());
        String::from_utf8(reply.body.to_vec()).unwrap().split_once("?>").unwrap().1.to_owned()
    };
    let (whisper, screened) = (Stage::at(Place::Whisper { leg: 1 }), Stage::at(Place::Screened { leg: 1 }));
    let spoken = Transfer { whisper: Some(Prompt::text("Acme calls.")), ..transfer(vec![number("+14155550123")]) };
    let asked = Transfer { screening: true, ..spoken.clone() };
    assert_eq!(text(&whisper, Some(&spoken), Heard::Arrival), "<Response><Say language=\"en-US\">Acme calls.</Say></Response>");
    let question = text(&whisper, Some(&asked), Heard::Arrival);
    assert_well_formed(&question);
    assert!(question.contains("numDigits=\"1\"") && question.ends_with("</Gather><Hangup/></Response>"), "{question}");
    let url = question.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(url.split_once("/whisper?s=").unwrap().1.parse::<Step>().unwrap().place, Place::Screened { leg: 1 });
    assert_eq!(text(&screened, Some(&asked), Heard::Digits("5".to_owned())), "<Response></Response>");
    for refused in [
        text(&screened, Some(&asked), Heard::Nothing),
        text(&screened, Some(&asked), Heard::HungUp),
        text(&screened, None, Heard::Digits("5".to_owned())),
        text(&whisper, None, Heard::Arrival),
        text(&Stage::new(), Some(&asked), Heard::Arrival),
    ] {
        assert_eq!(refused, "<Response><Hangup/></Response>");
    }
}

fn assert_well_formed(xml: &str) {
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_i32;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {xml}")) {
            Event::Start(start) => {
                depth += 1;
                for attribute in start.attributes() {
                    attribute.unwrap().normalized_value(XmlVersion::Implicit1_0).unwrap();
                }
            }
            Event::Empty(start) => {
                assert!(depth > 0, "a second root in {xml}");
                for attribute in start.attributes() {
                    attribute.unwrap().normalized_value(XmlVersion::Implicit1_0).unwrap();
                }
            }
            Event::End(_) => depth -= 1,
            Event::Text(text) => {
                assert!(depth > 0 || text.is_empty(), "text outside the root in {xml}");
                assert!(text.chars().all(markup::is_char), "a character that XML cannot carry in {xml}");
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().unwrap();
                assert!(character.map_or(["lt", "gt", "amp", "quot", "apos"].contains(&&*reference), markup::is_char), "{xml}");
            }
            Event::Eof => break,
            Event::Decl(_) => {}
            other => panic!("{other:?} in {xml}"),
        }
    }
    assert_eq!(depth, 0, "{xml}");
}
