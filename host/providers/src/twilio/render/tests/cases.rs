use jackfield_domain::contact::decision::{
    AskConsent, Choice, Collect, Conference, Converse, Enqueue, Menu, Play, Prompt, PromptContent, Relaxation, Ringing, SipTarget, Skill,
    Target, Transfer, Voicemail, Wake,
};
use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::LEAVE_QUEUE;
use jackfield_domain::contact::persona::{Field, Persona};

use super::*;

pub(super) fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

pub(super) fn ssml(text: &str) -> Action {
    Action::Say(Prompt { content: PromptContent::Ssml(text.to_owned()), language: None, voice: None })
}

pub(super) fn voiced() -> Action {
    Action::Say(Prompt {
        language: Some("de-DE".to_owned()),
        voice: Some("Polly.Vicki-Neural".to_owned()),
        ..Prompt::text("Guten Tag & <willkommen>, \"Ann\"")
    })
}

pub(super) fn audio(url: &str) -> Prompt {
    Prompt { content: PromptContent::Audio(url.to_owned()), language: None, voice: None }
}

pub(super) fn collect() -> Collect {
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

pub(super) fn menu() -> Menu {
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

pub(super) fn enqueue(queue: &str) -> Enqueue {
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

pub(super) fn skilled() -> Enqueue {
    let skill = |name: &str, level| Skill { name: name.to_owned(), level };
    Enqueue {
        priority: Some(7),
        skills: vec![skill("german", 5)],
        relaxations: vec![Relaxation { after_ms: 60_000, skills: vec![skill("german", 1)] }],
        ..enqueue("skilled")
    }
}

pub(super) fn transfer(targets: Vec<Target>) -> Transfer {
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

pub(super) fn number(number: &str) -> Target {
    Target::Number(number.to_owned())
}

pub(super) fn person(name: &str) -> Target {
    Target::Person(name.to_owned())
}

pub(super) fn sip() -> Target {
    let headers = vec![("X-Tenant".to_owned(), "acme & co".to_owned())];
    Target::Sip(SipTarget { uri: "sip:desk@pbx.example;transport=tls".to_owned(), headers })
}

pub(super) fn persona() -> Persona {
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

pub(super) fn voicemail() -> Voicemail {
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

pub(super) fn conference() -> Conference {
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

pub(super) fn record(recording: Recording) -> Action {
    Action::RecordAudio(RecordingPolicy { recording, announcement: Some(Prompt::text("This call is recorded.")), separate_channels: true })
}

pub(super) fn leave() -> Action {
    Action::Other(Extension { kind: LEAVE_QUEUE.to_owned(), data: "{}".to_owned() })
}

pub(super) fn play(barge_in: BargeIn) -> Action {
    Action::Play(Play { url: "https://acme.example/a.mp3?x=1&y=2".to_owned(), times: 2, barge_in })
}

/// Each fixture with what is asked, where, and how many notes that leaves.
pub(super) fn cases() -> Vec<(&'static str, Stage, Vec<Action>, usize)> {
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
        (
            "say-ssml",
            main(),
            vec![
                ssml(
                    "<speak>Wait <break time=\"1s\"/><!-- x --><prosody rate='slow'>a &amp; <say-as interpret-as=\"digits\">12</say-as></prosody><![CDATA[ <b> ]]></speak>",
                ),
                hang_up(),
            ],
            0,
        ),
        ("play", main(), vec![play(BargeIn::Any), hang_up()], 1),
        ("pause", main(), vec![Action::Pause(1_200), hang_up()], 0),
        ("send-digits", main(), vec![Action::SendDigits("1w2#".to_owned()), hang_up()], 0),
        (
            "set-language",
            main(),
            vec![say("Hello."), Action::SetLanguage("fr-FR".to_owned()), say("Bonjour."), Action::Collect(collect())],
            1,
        ),
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
