//! Makes each decision, by the name of its sin: those that cannot be, and those that only look as if they could do harm.

mod floods;
mod markup;
mod numbers;
mod places;

use shape::jackfield::plugin::decisions::{Collect, Converse, Enqueue, Menu, Play, Ringing, Target, Transfer, Voicemail};
use shape::jackfield::plugin::personas::{BargeIn, Persona};
use shape::{Action, Contact, Prompt, PromptContent, text};

/// The actions of a sin; none where nobody knows it.
pub(crate) fn actions(sin: &str, contact: &Contact) -> Option<Vec<Action>> {
    floods::actions(sin).or_else(|| markup::actions(sin)).or_else(|| numbers::actions(sin)).or_else(|| places::actions(sin, contact))
}

fn one(action: Action) -> Option<Vec<Action>> {
    Some(vec![action])
}

fn say(what: impl Into<String>) -> Action {
    Action::Say(text(what))
}

fn ssml(ssml: impl Into<String>) -> Action {
    Action::Say(Prompt { content: PromptContent::Ssml(ssml.into()), language: None, voice: None })
}

fn play(url: &str) -> Action {
    Action::Play(Play { url: url.into(), times: 1, barge_in: BargeIn::None })
}

fn number(number: &str) -> Target {
    Target::Number(number.into())
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

fn collect() -> Collect {
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
        attempts: 1,
        no_input: Vec::new(),
        no_match: Vec::new(),
        low_confidence: Vec::new(),
        sensitive: false,
        extras: Vec::new(),
    }
}

fn menu(choices: &[&str]) -> Menu {
    let choice = |key: &&str| shape::jackfield::plugin::decisions::Choice {
        key: (*key).into(),
        label: "a choice".into(),
        value: "choice".into(),
        phrases: Vec::new(),
    };
    Menu { collect: collect(), choices: choices.iter().map(choice).collect() }
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

fn converse(instructions: &str, greeting: &str) -> Converse {
    let persona = Persona {
        instructions: instructions.into(),
        greeting: Some(greeting.into()),
        voice: None,
        model: None,
        language: "en-US".into(),
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
        max_duration: None,
        interruptible: BargeIn::Any,
        silence_timeout: None,
        hints: Vec::new(),
        fields: Vec::new(),
        escalation: None,
        knowledge: Vec::new(),
        extras: Vec::new(),
    };
    Converse { tag: "talk".into(), persona, on_failure: Vec::new() }
}
