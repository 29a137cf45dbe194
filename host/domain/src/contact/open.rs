//! Carries what was begun and not yet answered, and does by rule what needs no plugin: asking again, ringing the next target,
//! leaving a queue that takes too long.
//!
//! The commit step keeps an [`Open`] with the contact, providers say what they [`Heard`], and [`Open::hear`] answers with an event
//! for the plugin or with the host's own next step. It is one rule for all providers instead of verbs that re-prompt by
//! themselves, because those cannot tell a wrong answer from none, and a plugin's turn would be spent on each.

use serde::{Deserialize, Serialize};

use super::Moment;
use super::decision::{Action, AskConsent, Choice, Collect, Draft, Enqueue, Exit, Prompt, Ringing, Target, Transfer};
use super::event::{
    AiEnded, Alternative, ConferenceEnded, ConsentEnded, DialEnded, Event, Extension, Input, InputOutcome, QueueEnded, QueueWaiting,
    VoicemailEnded,
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
    Next::Ask(match heard {
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
    })
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

impl Open {
    /// Says what follows. The open thing changes where the host goes on with it.
    pub fn hear(&mut self, heard: Heard) -> Next {
        match (&mut self.begun, heard) {
            (_, heard @ (Heard::Ended { .. } | Heard::Message(_) | Heard::MessageStatus(_) | Heard::Other(_))) => hear_without(heard),
            (Begun::Collect { collect, choices, attempt }, heard) => answered(collect, choices, attempt, heard),
            (Begun::Consent(ask), heard) => {
                let given = matches!(&heard, Heard::Digits(digits) if *digits == ask.accept_key);
                Next::Ask(Event::ConsentEnded(ConsentEnded { topic: ask.topic.clone(), given }))
            }
            (Begun::Transfer { transfer, leg }, Heard::Dialled { outcome, talked_ms, extras }) => {
                dialled(transfer, leg, outcome, talked_ms, extras)
            }
            (Begun::Queue { enqueue, announced_ms, .. }, Heard::Waiting { position, waited_ms, estimate_ms, size }) => {
                let waiting = QueueWaiting {
                    tag: enqueue.tag.clone(),
                    queue: enqueue.queue.clone(),
                    position,
                    waited_ms,
                    estimate_ms,
                    size,
                    extras: Vec::new(),
                };
                wait(enqueue, announced_ms, waiting)
            }
            (Begun::Queue { enqueue, .. }, Heard::QueueLeft { outcome, waited_ms }) => queue_left(enqueue, outcome, waited_ms),
            (Begun::Voicemail { tag }, Heard::Recorded { outcome, length_ms, audio }) => Next::Ask(Event::VoicemailEnded(VoicemailEnded {
                tag: tag.clone(),
                outcome,
                length_ms,
                audio,
                transcript: None,
                extras: Vec::new(),
            })),
            (Begun::Conference { tag }, Heard::ConferenceLeft { outcome, stayed_ms }) => {
                Next::Ask(Event::ConferenceEnded(ConferenceEnded { tag: tag.clone(), outcome, stayed_ms }))
            }
            (Begun::Converse { tag, on_failure }, Heard::SpeakerEnded { reason, fields }) => {
                if reason == "failed" && !on_failure.is_empty() {
                    return go_out(on_failure, "the AI speaker failed");
                }
                Next::Ask(Event::AiEnded(AiEnded { tag: tag.clone(), reason, fields, extras: Vec::new() }))
            }
            (Begun::Continue { tag }, Heard::Resumed) => Next::Ask(Event::Continued(tag.clone())),
            (Begun::Wake { tag }, Heard::Resumed) => Next::Ask(Event::Timer(tag.clone())),
            (Begun::Flow { name }, Heard::Resumed) => Next::Move { flow: name.clone() },
            (_, heard) => hear_without(heard),
        }
    }
}

/// A question's answer: the event, or the question again.
fn answered(collect: &mut Collect, choices: &[Choice], attempt: &mut u32, heard: Heard) -> Next {
    let asked = *attempt;
    let event = judge(collect, choices, asked, heard);
    let prompts = match event.outcome {
        InputOutcome::NoInput => &collect.no_input,
        InputOutcome::NoMatch => &collect.no_match,
        InputOutcome::LowConfidence => &collect.low_confidence,
        InputOutcome::Matched | InputOutcome::HangUp => return Next::Ask(Event::Input(event)),
    };
    if asked >= collect.attempts {
        return Next::Ask(Event::Input(event));
    }
    let mut again: Vec<Action> = prompts.iter().cloned().map(Action::Say).collect();
    again.push(match choices {
        [] => Action::Collect(collect.clone()),
        choices => Action::Menu(super::decision::Menu { collect: collect.clone(), choices: choices.to_vec() }),
    });
    *attempt += 1;
    let outcome = match event.outcome {
        InputOutcome::NoInput => "no input",
        InputOutcome::NoMatch => "no match",
        _ => "low confidence",
    };
    let note = format!("asked again after {outcome}, {} of {}", asked + 1, collect.attempts);
    Next::Host { draft: Draft { actions: again, reason: note.clone() }, note }
}

fn judge(collect: &Collect, choices: &[Choice], attempts: u32, heard: Heard) -> Input {
    let sensitive = collect.sensitive;
    let base = |kind: &str, value: String| Input { sensitive, ..input(&collect.tag, kind, value, attempts) };
    match heard {
        Heard::Digits(digits) if digits.is_empty() => base("", digits),
        Heard::Digits(digits) => {
            let within = digits.len() >= collect.min_digits as usize && digits.len() <= collect.max_digits.max(1) as usize;
            let choice = choices.iter().find(|choice| choice.key == digits);
            match (choice, choices.is_empty() && within && collect.dtmf) {
                (Some(choice), _) => base("digits", choice.value.clone()),
                (None, true) => base("digits", digits),
                (None, false) => Input { outcome: InputOutcome::NoMatch, ..base("digits", digits) },
            }
        }
        Heard::Speech { text, confidence, alternatives } => {
            let heard = Input { confidence, ..base(kind_of("speech", &text), text.clone()) };
            let unclear = matches!((collect.minimum_confidence, confidence), (Some(least), Some(given)) if given < least);
            if unclear {
                return Input { outcome: InputOutcome::LowConfidence, alternatives, ..heard };
            }
            if choices.is_empty() {
                return Input { alternatives, ..heard };
            }
            let readings = std::iter::once(text.as_str()).chain(alternatives.iter().map(|other| other.value.as_str()));
            match readings.into_iter().find_map(|reading| spoken_choice(choices, reading)) {
                Some(choice) => Input { value: choice.value.clone(), alternatives, outcome: InputOutcome::Matched, ..heard },
                None => Input { outcome: InputOutcome::NoMatch, alternatives, ..heard },
            }
        }
        Heard::HungUp => Input { outcome: InputOutcome::HangUp, ..base("", String::new()) },
        _ => base("", String::new()),
    }
}

fn spoken_choice<'a>(choices: &'a [Choice], said: &str) -> Option<&'a Choice> {
    let plain = |text: &str| text.trim().trim_end_matches(['.', '!', '?', ',']).to_lowercase();
    let said = plain(said);
    choices
        .iter()
        .find(|choice| plain(&choice.label) == said || choice.key == said || choice.phrases.iter().any(|phrase| plain(phrase) == said))
}

/// A leg that nobody took: the next target rings, as the plugin asked; else the plugin hears how it ended.
fn dialled(transfer: &Transfer, leg: &mut u32, outcome: String, talked_ms: u64, extras: Vec<(String, String)>) -> Next {
    let reached = outcome == "completed";
    let next = transfer.targets.get(*leg as usize + 1);
    if let (false, Ringing::Series, Some(target)) = (reached, transfer.ringing, next) {
        *leg += 1;
        let note = format!("target {} of {}: the one before was {outcome}", *leg + 1, transfer.targets.len());
        let one = Transfer { targets: vec![target.clone()], ..transfer.clone() };
        return Next::Host { draft: Draft { actions: vec![Action::Transfer(one)], reason: note.clone() }, note };
    }
    if !transfer.warm && reached {
        let note = "the transfer was blind and is over".to_owned();
        return Next::Host { draft: Draft { actions: vec![Action::HangUp(Some("transferred".to_owned()))], reason: note.clone() }, note };
    }
    let leg = (reached && transfer.ringing == Ringing::Series).then_some(*leg);
    Next::Ask(Event::DialEnded(DialEnded { tag: transfer.tag.clone(), outcome, leg, talked_ms, extras }))
}

/// What a waiting customer hears: the plugin's choice where it asked for that, else position and music until the time is up.
fn wait(enqueue: &Enqueue, announced_ms: &mut u64, waiting: QueueWaiting) -> Next {
    if enqueue.maximum_wait_ms.is_some_and(|most| waiting.waited_ms >= most) {
        let note = format!("left the queue after {} s, the longest that was asked for", waiting.waited_ms / 1_000);
        let leave = Action::Other(Extension { kind: LEAVE_QUEUE.to_owned(), data: "{}".to_owned() });
        return Next::Host { draft: Draft { actions: vec![leave], reason: note.clone() }, note };
    }
    if enqueue.notify {
        return Next::Ask(Event::QueueWaiting(waiting));
    }
    let due = enqueue.announce_every_ms.is_some_and(|every| waiting.waited_ms >= announced_ms.saturating_add(every));
    let mut actions = Vec::new();
    if let (true, Some(position)) = (due, waiting.position) {
        *announced_ms = waiting.waited_ms;
        actions.push(Action::Say(Prompt::text(format!("You are number {position} in the queue."))));
    }
    actions.push(match &enqueue.hold_music {
        Some(url) => Action::Play(super::decision::Play { url: url.clone(), times: 1, barge_in: super::persona::BargeIn::None }),
        None => Action::Pause(WAIT_STEP_MS),
    });
    let note = format!("waiting for {} s", waiting.waited_ms / 1_000);
    Next::Host { draft: Draft { actions, reason: note.clone() }, note }
}

/// Without music, a waiting customer's provider asks again this often.
pub const WAIT_STEP_MS: u64 = 10_000;

fn queue_left(enqueue: &Enqueue, outcome: String, waited_ms: u64) -> Next {
    let over = enqueue.maximum_wait_ms.is_some_and(|most| waited_ms >= most);
    let outcome = if outcome == "left" && over { "timed-out".to_owned() } else { outcome };
    let overflowed = matches!(outcome.as_str(), "timed-out" | "full" | "failed");
    if overflowed && !enqueue.overflow.is_empty() {
        return go_out(&enqueue.overflow, &format!("the queue {} was {outcome}", enqueue.queue));
    }
    Next::Ask(Event::QueueEnded(QueueEnded {
        tag: enqueue.tag.clone(),
        queue: enqueue.queue.clone(),
        outcome,
        waited_ms,
        extras: Vec::new(),
    }))
}

fn go_out(exits: &[Exit], why: &str) -> Next {
    let actions = exits.iter().map(exit_action).collect();
    Next::Host { draft: Draft { actions, reason: why.to_owned() }, note: why.to_owned() }
}

/// The action that an exit stands for.
pub fn exit_action(exit: &Exit) -> Action {
    match exit {
        Exit::Continue(tag) => Action::Continue(tag.clone()),
        Exit::Say(prompt) => Action::Say(prompt.clone()),
        Exit::Enqueue(queue) => Action::Enqueue(Enqueue {
            tag: "overflow".to_owned(),
            queue: queue.clone(),
            priority: None,
            skills: Vec::new(),
            relaxations: Vec::new(),
            hold_music: None,
            announce_every_ms: None,
            notify: false,
            maximum_wait_ms: None,
            overflow: Vec::new(),
            extras: Vec::new(),
        }),
        Exit::Number(number) => Action::Transfer(transfer_to(Target::Number(number.clone()))),
        Exit::Flow(flow) => Action::Transfer(transfer_to(Target::Flow(flow.clone()))),
        Exit::Voicemail(mailbox) => Action::Voicemail(super::decision::Voicemail {
            tag: "overflow".to_owned(),
            mailbox: (!mailbox.is_empty()).then(|| mailbox.clone()),
            prompts: Vec::new(),
            max_length_ms: 120_000,
            silence_timeout_ms: None,
            terminator: Some("#".to_owned()),
            beep: true,
            transcribe: false,
        }),
        Exit::HangUp => Action::HangUp(None),
        Exit::Other(extension) => Action::Other(extension.clone()),
    }
}

fn transfer_to(target: Target) -> Transfer {
    Transfer {
        tag: "overflow".to_owned(),
        targets: vec![target],
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
