use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::{
    AskConsent, Choice, Collect, Conference, Converse, Decision, Enqueue, Menu, Play, Prompt, PromptContent, Relaxation, Ringing,
    SendMessage, SipTarget, Skill, Target, Transfer, Vetted, Voicemail, Wake,
};
use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::{Heard, LEAVE_QUEUE};
use jackfield_domain::contact::persona::{Field, Persona};
use jackfield_domain::contact::{Endpoint, Moment};
use jackfield_domain::fallback::{AnsweredBy, Case, Failure, FailureKind, Tried, World, settle, vet};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::{Address, Channel};
use jackfield_domain::tenant::directory::{Directory, Person, Queue};
use proptest::prelude::*;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

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

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn ssml(text: &str) -> Action {
    Action::Say(Prompt { content: PromptContent::Ssml(text.to_owned()), language: None, voice: None })
}

fn voiced() -> Action {
    Action::Say(Prompt {
        language: Some("de-DE".to_owned()),
        voice: Some("Polly.Vicki-Neural".to_owned()),
        ..Prompt::text("Guten Tag & <willkommen>, \"Ann\"")
    })
}

fn audio(url: &str) -> Prompt {
    Prompt { content: PromptContent::Audio(url.to_owned()), language: None, voice: None }
}

fn collect() -> Collect {
    Collect {
        tag: "c".to_owned(),
        prompts: vec![Prompt::text("Please enter your number."), audio("https://acme.example/beep.mp3")],
        dtmf: true,
        speech: true,
        min_digits: 4,
        max_digits: 8,
        terminator: Some("#".to_owned()),
        first_timeout_ms: 5_500,
        inter_digit_timeout_ms: 2_000,
        barge_in: BargeIn::Any,
        hints: vec!["one, two".to_owned(), "three".to_owned()],
        minimum_confidence: None,
        attempts: 2,
        no_input: Vec::new(),
        no_match: Vec::new(),
        low_confidence: Vec::new(),
        sensitive: false,
        extras: Vec::new(),
    }
}

fn menu() -> Menu {
    let choice = |key: &str, label: &str| Choice {
        key: key.to_owned(),
        label: label.to_owned(),
        value: label.to_owned(),
        phrases: vec![format!("the {label} department")],
    };
    Menu {
        collect: Collect {
            prompts: vec![Prompt::text("For sales, press 1. For support, press 2.")],
            terminator: None,
            first_timeout_ms: 5_000,
            inter_digit_timeout_ms: 0,
            hints: Vec::new(),
            ..collect()
        },
        choices: vec![choice("1", "sales"), choice("2", "support")],
    }
}

fn enqueue(queue: &str) -> Enqueue {
    Enqueue {
        tag: "q".to_owned(),
        queue: queue.to_owned(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every_ms: None,
        notify: false,
        maximum_wait_ms: None,
        overflow: Vec::new(),
        extras: Vec::new(),
    }
}

fn skilled() -> Enqueue {
    let skill = |name: &str, level| Skill { name: name.to_owned(), level };
    Enqueue {
        priority: Some(7),
        skills: vec![skill("german", 5)],
        relaxations: vec![Relaxation { after_ms: 60_000, skills: vec![skill("german", 1)] }],
        ..enqueue("skilled")
    }
}

fn transfer(targets: Vec<Target>) -> Transfer {
    Transfer {
        tag: "t".to_owned(),
        targets,
        ringing: Ringing::Series,
        ring_timeout_ms: Some(20_000),
        talk_limit_ms: Some(3_600_000),
        caller_id: None,
        whisper: None,
        screening: false,
        warm: true,
        extras: Vec::new(),
    }
}

fn number(number: &str) -> Target {
    Target::Number(number.to_owned())
}

fn person(name: &str) -> Target {
    Target::Person(name.to_owned())
}

fn sip() -> Target {
    let headers = vec![("X-Tenant".to_owned(), "acme & co".to_owned())];
    Target::Sip(SipTarget { uri: "sip:desk@pbx.example;transport=tls".to_owned(), headers })
}

fn persona() -> Persona {
    Persona {
        instructions: "You are Mason, who sells \"fences\" <cheaply>.".to_owned(),
        greeting: Some("Hi there, I'm Mason.".to_owned()),
        voice: Some("en-US-Neural2-D".to_owned()),
        model: None,
        language: "en-US".to_owned(),
        tools: Vec::new(),
        temperature: Some(0.5),
        max_tokens: None,
        max_duration_ms: Some(1_800_000),
        interruptible: BargeIn::Speech,
        silence_timeout_ms: None,
        hints: vec!["fence".to_owned(), "gate, post".to_owned()],
        fields: vec![Field { name: "name".to_owned(), description: "the caller's name".to_owned(), schema: "{}".to_owned() }],
        escalation: None,
        knowledge: Vec::new(),
        extras: Vec::new(),
    }
}

fn voicemail() -> Voicemail {
    Voicemail {
        tag: "v".to_owned(),
        mailbox: None,
        prompts: vec![Prompt::text("We are closed. Please leave a message after the tone.")],
        max_length_ms: 120_000,
        silence_timeout_ms: Some(4_000),
        terminator: Some("#".to_owned()),
        beep: true,
        transcribe: false,
    }
}

fn conference() -> Conference {
    Conference {
        tag: "c".to_owned(),
        name: "standup".to_owned(),
        start_on_enter: true,
        end_on_exit: false,
        muted: false,
        max_participants: Some(300),
        hold_music: Some("https://acme.example/hold.mp3".to_owned()),
    }
}

fn record(recording: Recording) -> Action {
    Action::RecordAudio(RecordingPolicy { recording, announcement: Some(Prompt::text("This call is recorded.")), separate_channels: true })
}

fn leave() -> Action {
    Action::Other(Extension { kind: LEAVE_QUEUE.to_owned(), data: "{}".to_owned() })
}

fn play(barge_in: BargeIn) -> Action {
    Action::Play(Play { url: "https://acme.example/a.mp3?x=1&y=2".to_owned(), times: 2, barge_in })
}

/// Each fixture with what is asked, where, and how many notes that leaves.
fn cases() -> Vec<(&'static str, Stage, Vec<Action>, usize)> {
    let main = Stage::new;
    let first = || Stage { turn: 1, ..Stage::new() };
    let waiting = || Stage::at(Place::QueueWait);
    let consent = AskConsent {
        topic: "recording".to_owned(),
        prompts: vec![Prompt::text("Press 1 to agree.")],
        accept_key: "1".to_owned(),
        timeout_ms: 8_000,
    };
    let hang_up = || Action::HangUp(None);
    let parallel = Transfer {
        ringing: Ringing::Parallel,
        whisper: Some(Prompt::text("A call from Acme.")),
        screening: true,
        caller_id: Some("+18005551234".to_owned()),
        ..transfer(vec![number("+14155550123"), sip(), person("ann"), person("bob"), person("cid")])
    };
    let sensitive = Collect { speech: false, barge_in: BargeIn::None, terminator: None, sensitive: true, ..collect() };
    let keys = Menu { collect: Collect { terminator: Some("2".to_owned()), barge_in: BargeIn::Dtmf, ..menu().collect }, ..menu() };
    vec![
        ("say", main(), vec![say("Hello."), voiced(), hang_up()], 0),
        ("say-ssml", main(), vec![ssml("<speak>Wait <break time=\"1s\"/><!-- x --><prosody rate='slow'>a &amp; <say-as interpret-as=\"digits\">12</say-as></prosody><![CDATA[ <b> ]]></speak>"), hang_up()], 0),
        ("play", main(), vec![play(BargeIn::Any), hang_up()], 1),
        ("pause", main(), vec![Action::Pause(1_200), hang_up()], 0),
        ("send-digits", main(), vec![Action::SendDigits("1w2#".to_owned()), hang_up()], 0),
        ("set-language", main(), vec![say("Hello."), Action::SetLanguage("fr-FR".to_owned()), say("Bonjour."), Action::Collect(collect())], 1),
        ("set-attributes", main(), vec![Action::SetAttributes(vec![("secret".to_owned(), "kept".to_owned())]), hang_up()], 0),
        ("collect", main(), vec![Action::Collect(collect())], 1),
        ("collect-sensitive", main(), vec![Action::Collect(sensitive)], 2),
        ("menu", main(), vec![say("Welcome to Acme."), Action::Menu(menu())], 0),
        ("menu-terminator", main(), vec![Action::Menu(keys)], 2),
        ("continue", main(), vec![say("One moment."), Action::Continue("next".to_owned())], 0),
        ("wake-after", main(), vec![Action::WakeAfter(Wake { after_ms: 30_000, tag: "w".to_owned() })], 0),
        ("ask-consent", main(), vec![Action::AskConsent(consent)], 0),
        ("enqueue", main(), vec![Action::Enqueue(Enqueue { priority: Some(1), ..enqueue("sales") })], 1),
        ("enqueue-named", main(), vec![Action::Enqueue(enqueue("support"))], 0),
        ("enqueue-workflow", main(), vec![Action::Enqueue(skilled())], 0),
        ("transfer-number", main(), vec![Action::Transfer(transfer(vec![number("+14155550123"), number("+14155550124")]))], 0),
        ("transfer-sip", main(), vec![Action::Transfer(transfer(vec![sip()]))], 0),
        ("transfer-parallel", main(), vec![Action::Transfer(parallel)], 0),
        ("transfer-flow", main(), vec![say("Good evening."), Action::Transfer(transfer(vec![Target::Flow("evening".to_owned())]))], 0),
        ("conference", main(), vec![Action::Conference(conference())], 1),
        ("converse", main(), vec![Action::Converse(Converse { tag: "ai".to_owned(), persona: persona(), on_failure: Vec::new() })], 0),
        ("voicemail", main(), vec![Action::Voicemail(Voicemail { transcribe: true, ..voicemail() })], 1),
        ("record-audio", main(), vec![record(Recording::On), Action::Enqueue(enqueue("sales"))], 0),
        ("record-audio-off", first(), vec![record(Recording::Off), say("Hello."), hang_up()], 0),
        ("hang-up", main(), vec![Action::HangUp(Some("done".to_owned()))], 0),
        ("reject", first(), vec![Action::Reject("busy".to_owned())], 0),
        ("reject-lesser", first(), vec![Action::Reject("not-found".to_owned())], 1),
        ("reject-too-late", main(), vec![Action::Reject("busy".to_owned())], 1),
        ("queue-keep", waiting(), vec![Action::Keep], 0),
        ("queue-say", waiting(), vec![say("You are number 3 in the queue."), play(BargeIn::None)], 0),
        ("queue-leave", waiting(), vec![say("Goodbye to the queue."), leave()], 0),
        ("queue-hang-up", waiting(), vec![hang_up()], 0),
    ]
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

fn wild_text() -> impl Strategy<Value = String> {
    prop_oneof![".{1,40}", "[<>&\"'/a-zA-Z0-9 \u{e9}\u{1f600}]{1,60}", Just("</Say><Hangup/>".to_owned()), Just("]]>".to_owned())]
}

fn wild_ssml() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "<p>", "</p>", "<s>", "</s>", "<break time='1s'/>", "<speak>", "</speak>", "</Say>", "<Dial/>", "a", " & ", "&amp;", "&#65;", "&#1;", "<![CDATA[<x>]]>", "<!-- -->",
        "<sub alias='&lt;\"'>b</sub>", "<", ">", "<?x?>", "\u{1f600}",
    ]);
    proptest::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat())
}

fn wild_prompt() -> impl Strategy<Value = Prompt> {
    let content = prop_oneof![
        wild_text().prop_map(PromptContent::Text),
        wild_ssml().prop_map(PromptContent::Ssml),
        "https://[a-z]{1,8}/[a-z&?=<>\"']{0,20}".prop_map(PromptContent::Audio),
    ];
    (content, proptest::option::of("[a-z]{2}-[A-Z]{2}"), proptest::option::of(wild_text()))
        .prop_map(|(content, language, voice)| Prompt { content, language, voice })
}

fn wild_last() -> impl Strategy<Value = Action> {
    prop_oneof![
        (proptest::collection::vec(wild_prompt(), 0..3), wild_text(), any::<(bool, bool)>()).prop_map(|(prompts, hint, (dtmf, speech))| {
            Action::Collect(Collect { prompts, hints: vec![hint], dtmf, speech, ..collect() })
        }),
        (wild_text(), wild_text(), "[0-9*#]{1,8}").prop_map(|(label, phrase, key)| {
            let choice = Choice { key, label, value: "v".to_owned(), phrases: vec![phrase] };
            Action::Menu(Menu { choices: vec![choice], ..menu() })
        }),
        (wild_text(), any::<u8>()).prop_map(|(name, level)| {
            Action::Enqueue(Enqueue { skills: vec![Skill { name, level: level.into() }], ..skilled() })
        }),
        (wild_text(), "sip:[a-z&?<>\"']{1,20}").prop_map(|(value, uri)| {
            let headers = vec![("X-A".to_owned(), value.clone()), (format!("x-{value}"), value)];
            Action::Transfer(transfer(vec![Target::Sip(SipTarget { uri, headers })]))
        }),
        (wild_text(), wild_text(), wild_text()).prop_map(|(instructions, greeting, hint)| {
            let persona = Persona { instructions, greeting: Some(greeting), hints: vec![hint], ..persona() };
            Action::Converse(Converse { tag: "ai".to_owned(), persona, on_failure: Vec::new() })
        }),
        proptest::collection::vec(wild_prompt(), 0..3).prop_map(|prompts| Action::Voicemail(Voicemail { prompts, ..voicemail() })),
        wild_text().prop_map(|reason| Action::HangUp(Some(reason))),
        wild_prompt().prop_map(Action::Say),
        Just(Action::Keep),
        Just(leave()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_vetted_is_a_well_formed_document_of_twilios_size(
        prompts in proptest::collection::vec(wild_prompt(), 0..4),
        last in wild_last(),
        waiting: bool,
    ) {
        let stage = if waiting { Stage::at(Place::QueueWait) } else { Stage::new() };
        let mut actions: Vec<Action> = prompts.into_iter().map(Action::Say).collect();
        actions.push(last);
        if let Ok(vetted) = stage.vet(actions) {
            let decision = stage.settle(vetted);
            let body = Twilio.render(&decision, &stage.scene()).body;
            prop_assert!(body.len() <= DOCUMENT_BYTES_MAX);
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert_well_formed(&text);
            prop_assert!(text.starts_with("<?xml"));
            prop_assert!(!text.contains("<Dial/>") && text.matches("<Hangup/>").count() <= 1);
        }
    }
}

#[test]
fn zz_write() {
    for (name, stage, actions, _) in cases() {
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.render(actions)));
        match r { Ok((x, n)) => { println!("{name} {n:?}"); std::fs::write(format!("/tmp/render/{name}.xml"), x).unwrap(); } Err(_) => println!("FAILED {name}") }
    }
}
