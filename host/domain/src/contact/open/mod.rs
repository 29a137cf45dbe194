//! Carries what was begun and not yet answered, and does by rule what needs no plugin: asking again, ringing the next target,
//! leaving a queue that takes too long.
//!
//! The commit step keeps an [`Open`] with the contact, providers say what they [`Heard`], and [`Open::hear`] answers with an event
//! for the plugin or with the host's own next step. It is one rule for all providers instead of verbs that re-prompt by
//! themselves, because those cannot tell a wrong answer from none, and a plugin's turn would be spent on each.

mod rules;

pub use rules::{WAIT_STEP_MS, exit_action};

use serde::{Deserialize, Serialize};

use super::Moment;
use super::decision::{Action, AskConsent, Choice, Collect, Draft, Enqueue, Exit, Target, Transfer};
use super::event::{
    AiEnded, Alternative, ConferenceEnded, DialEnded, Event, Extension, Input, InputOutcome, QueueEnded, QueueWaiting, VoicemailEnded,
};

/// The `other` action with which a host or plugin takes the customer out of a queue.
pub const LEAVE_QUEUE: &str = "leave-queue";

/// What a provider heard, before any rule is applied to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// The contact has begun.
    Arrival,
    /// Keys, possibly none.
    Digits(String),
    /// Speech.
    Speech {
        /// What was said.
        text: String,
        /// 0.0 to 1.0.
        confidence: Option<f32>,
        /// Other readings, best first.
        alternatives: Vec<Alternative>,
    },
    /// Nothing in time.
    Nothing,
    /// The customer went away meanwhile.
    HungUp,
    /// A message.
    Message(super::event::Message),
    /// A message's status.
    MessageStatus(super::event::MessageStatus),
    /// The prompts before a `continue`, or the pause of a `wake-after`, are over.
    Resumed,
    /// A dialled leg came back.
    Dialled {
        /// As in `dial-ended`.
        outcome: String,
        /// How long the two talked.
        talked_ms: u64,
        /// What else the provider told.
        extras: Vec<(String, String)>,
    },
    /// The customer waits in a queue.
    Waiting {
        /// 1 is next.
        position: Option<u32>,
        /// So far.
        waited_ms: u64,
        /// In all.
        estimate_ms: Option<u64>,
        /// Who waits.
        size: Option<u32>,
    },
    /// The customer left the queue.
    QueueLeft {
        /// As in `queue-ended`.
        outcome: String,
        /// In all.
        waited_ms: u64,
    },
    /// A recording is there, or is not.
    Recorded {
        /// As in `voicemail-ended`.
        outcome: String,
        /// Of the recording.
        length_ms: u64,
        /// Where it is.
        audio: Option<String>,
    },
    /// The customer left a conference.
    ConferenceLeft {
        /// As in `conference-ended`.
        outcome: String,
        /// In it.
        stayed_ms: u64,
    },
    /// The AI speaker gave the contact back.
    SpeakerEnded {
        /// As in `ai-ended`.
        reason: String,
        /// What it found out.
        fields: Vec<(String, String)>,
    },
    /// The contact is over.
    Ended {
        /// As in `ended`.
        cause: String,
        /// In all.
        lasted_ms: u64,
        /// What else the provider told.
        extras: Vec<(String, String)>,
    },
    /// Something that no case holds.
    Other(Extension),
}

impl Heard {
    /// True where the provider waits for a decision.
    pub fn expects_answer(&self) -> bool {
        !matches!(self, Self::Ended { .. } | Self::MessageStatus(_))
    }
}

/// What was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begun {
    /// A question.
    Collect {
        /// How it was asked.
        collect: Collect,
        /// What may be answered; empty where anything may.
        choices: Vec<Choice>,
        /// Counted from 1.
        attempt: u32,
    },
    /// A question for consent.
    Consent(AskConsent),
    /// Dialling.
    Transfer {
        /// What was asked for.
        transfer: Transfer,
        /// The target that rings, from 0; all ring where the action says parallel.
        leg: u32,
    },
    /// A queue.
    Queue {
        /// What was asked for.
        enqueue: Enqueue,
        /// When the customer entered.
        entered: Moment,
        /// The waited time of the last announcement.
        announced_ms: u64,
    },
    /// A voice message.
    Voicemail {
        /// Its tag.
        tag: String,
    },
    /// A conference.
    Conference {
        /// Its tag.
        tag: String,
    },
    /// An AI speaker.
    Converse {
        /// Its tag.
        tag: String,
        /// What to do when it breaks.
        on_failure: Vec<Exit>,
    },
    /// Prompts, and then the plugin again.
    Continue {
        /// Its tag.
        tag: String,
    },
    /// A pause, and then the plugin again.
    Wake {
        /// Its tag.
        tag: String,
    },
    /// A move to another flow of the tenant.
    Flow {
        /// Its name.
        name: String,
    },
}

/// What was begun by which turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The turn whose decision began it.
    pub turn: u32,
    /// What.
    pub begun: Begun,
}

/// What follows from what was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The plugin is asked.
    Ask(Event),
    /// The host goes on by itself.
    Host {
        /// What is done.
        draft: Draft,
        /// For the trail.
        note: String,
    },
    /// The contact moves to another flow, which begins as if the contact had just arrived.
    Move {
        /// The flow's name.
        flow: String,
    },
}

/// What a decision leaves open: its last action, where that one waits for something.
pub fn opened_by(actions: &[Action], turn: u32, now: Moment) -> Option<Open> {
    let begun = match actions.last()? {
        Action::Collect(collect) => Begun::Collect { collect: collect.clone(), choices: Vec::new(), attempt: 1 },
        Action::Menu(menu) => Begun::Collect { collect: menu.collect.clone(), choices: menu.choices.clone(), attempt: 1 },
        Action::AskConsent(ask) => Begun::Consent(ask.clone()),
        Action::Transfer(transfer) => match transfer.targets.first() {
            Some(Target::Flow(name)) => Begun::Flow { name: name.clone() },
            _ => Begun::Transfer { transfer: transfer.clone(), leg: 0 },
        },
        Action::Enqueue(enqueue) => Begun::Queue { enqueue: enqueue.clone(), entered: now, announced_ms: 0 },
        Action::Voicemail(voicemail) => Begun::Voicemail { tag: voicemail.tag.clone() },
        Action::Conference(conference) => Begun::Conference { tag: conference.tag.clone() },
        Action::Converse(converse) => Begun::Converse { tag: converse.tag.clone(), on_failure: converse.on_failure.clone() },
        Action::Continue(tag) => Begun::Continue { tag: tag.clone() },
        Action::WakeAfter(wake) => Begun::Wake { tag: wake.tag.clone() },
        _ => return None,
    };
    Some(Open { turn, begun })
}

/// What was heard while nothing was open: the contact's own beginning, its end, or something late.
pub fn hear_without(heard: Heard) -> Next {
    Next::Ask(event_of(heard))
}

/// The plain event of what was heard, without anything that was open.
pub fn event_of(heard: Heard) -> Event {
    match heard {
        Heard::Arrival => Event::Arrived,
        Heard::Message(message) => Event::Message(message),
        Heard::MessageStatus(status) => Event::MessageStatus(status),
        Heard::Ended { cause, lasted_ms, extras } => Event::Ended(super::event::Ended { cause, lasted_ms, extras }),
        Heard::Digits(value) => Event::Input(input("", kind_of("digits", &value), value, 1)),
        Heard::Speech { text, confidence, alternatives } => {
            Event::Input(Input { confidence, alternatives, ..input("", kind_of("speech", &text), text, 1) })
        }
        Heard::Nothing => Event::Input(Input { outcome: InputOutcome::NoInput, ..input("", "", String::new(), 1) }),
        Heard::HungUp => Event::Input(Input { outcome: InputOutcome::HangUp, ..input("", "", String::new(), 1) }),
        Heard::Resumed => Event::Continued(String::new()),
        Heard::Dialled { outcome, talked_ms, extras } => {
            Event::DialEnded(DialEnded { tag: String::new(), outcome, leg: None, talked_ms, extras })
        }
        Heard::Waiting { position, waited_ms, estimate_ms, size } => Event::QueueWaiting(QueueWaiting {
            tag: String::new(),
            queue: String::new(),
            position,
            waited_ms,
            estimate_ms,
            size,
            extras: Vec::new(),
        }),
        Heard::QueueLeft { outcome, waited_ms } => {
            Event::QueueEnded(QueueEnded { tag: String::new(), queue: String::new(), outcome, waited_ms, extras: Vec::new() })
        }
        Heard::Recorded { outcome, length_ms, audio } => {
            Event::VoicemailEnded(VoicemailEnded { tag: String::new(), outcome, length_ms, audio, transcript: None, extras: Vec::new() })
        }
        Heard::ConferenceLeft { outcome, stayed_ms } => Event::ConferenceEnded(ConferenceEnded { tag: String::new(), outcome, stayed_ms }),
        Heard::SpeakerEnded { reason, fields } => Event::AiEnded(AiEnded { tag: String::new(), reason, fields, extras: Vec::new() }),
        Heard::Other(extension) => Event::Other(extension),
    }
}

fn kind_of(kind: &'static str, value: &str) -> &'static str {
    if value.is_empty() { "" } else { kind }
}

fn input(tag: &str, kind: &str, value: String, attempts: u32) -> Input {
    Input {
        tag: tag.to_owned(),
        outcome: if value.is_empty() { InputOutcome::NoInput } else { InputOutcome::Matched },
        kind: kind.to_owned(),
        value,
        confidence: None,
        alternatives: Vec::new(),
        attempts,
        extras: Vec::new(),
        sensitive: false,
    }
}

#[cfg(test)]
mod tests;
