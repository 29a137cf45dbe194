//! Turns the small parts that several actions share: prompts, exits, targets, skills and choices.

use jackfield_domain::contact::decision::{Choice, Exit, Prompt, PromptContent, Relaxation, SipTarget, Skill, Target};

use super::extension;
use crate::abi::v1::imports::{decisions, types};

pub(super) fn prompt(of: types::Prompt) -> Prompt {
    let types::Prompt { content, language, voice } = of;
    let content = match content {
        types::PromptContent::Text(text) => PromptContent::Text(text),
        types::PromptContent::Ssml(ssml) => PromptContent::Ssml(ssml),
        types::PromptContent::Audio(url) => PromptContent::Audio(url),
        types::PromptContent::Other(of) => PromptContent::Other(extension(of)),
    };
    Prompt { content, language, voice }
}

pub(super) fn prompts(of: Vec<types::Prompt>) -> Vec<Prompt> {
    of.into_iter().map(prompt).collect()
}

pub(super) fn exits(of: Vec<decisions::Exit>) -> Vec<Exit> {
    of.into_iter().map(exit).collect()
}

fn exit(of: decisions::Exit) -> Exit {
    match of {
        decisions::Exit::Continue(tag) => Exit::Continue(tag),
        decisions::Exit::Say(of) => Exit::Say(prompt(of)),
        decisions::Exit::Enqueue(queue) => Exit::Enqueue(queue),
        decisions::Exit::Number(number) => Exit::Number(number),
        decisions::Exit::Flow(flow) => Exit::Flow(flow),
        decisions::Exit::Voicemail(mailbox) => Exit::Voicemail(mailbox),
        decisions::Exit::HangUp => Exit::HangUp,
        decisions::Exit::Other(of) => Exit::Other(extension(of)),
    }
}

pub(super) fn target(of: decisions::Target) -> Target {
    match of {
        decisions::Target::Flow(flow) => Target::Flow(flow),
        decisions::Target::Number(number) => Target::Number(number),
        decisions::Target::Sip(decisions::SipTarget { uri, headers }) => Target::Sip(SipTarget { uri, headers }),
        decisions::Target::Person(name) => Target::Person(name),
        decisions::Target::Other(of) => Target::Other(extension(of)),
    }
}

pub(super) fn skills(of: Vec<decisions::Skill>) -> Vec<Skill> {
    of.into_iter().map(|decisions::Skill { name, level }| Skill { name, level }).collect()
}

pub(super) fn relaxations(of: Vec<decisions::Relaxation>) -> Vec<Relaxation> {
    of.into_iter().map(|decisions::Relaxation { after, skills: of }| Relaxation { after_ms: after, skills: skills(of) }).collect()
}

pub(super) fn choices(of: Vec<decisions::Choice>) -> Vec<Choice> {
    of.into_iter().map(|decisions::Choice { key, label, value, phrases }| Choice { key, label, value, phrases }).collect()
}
