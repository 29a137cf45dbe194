//! Says what follows from what was heard: an event for the plugin, or the host's own next step.
//!
//! Only [`super::Open::hear`] leads here. Every rule is a plain function of what was begun and what was heard, so that a test can
//! walk a whole call without a provider.

use super::{Begun, Heard, LEAVE_QUEUE, Next, Open, hear_without, input, kind_of};
use crate::contact::decision::{Action, Choice, Collect, Draft, Enqueue, Exit, Menu, Play, Prompt, Ringing, Target, Transfer, Voicemail};
use crate::contact::event::{
    AiEnded, ConferenceEnded, ConsentEnded, DialEnded, Event, Extension, Input, InputOutcome, Message, QueueEnded, QueueWaiting,
    VoicemailEnded,
};
use crate::contact::persona::BargeIn;

impl Open {
    /// The provider was told all targets of a transfer at once, and what comes back is of all of them.
    pub fn all_were_tried(&mut self) {
        if let Begun::Transfer { transfer, leg } = &mut self.begun
            && transfer.targets.len() > 1
        {
            *leg = u32::try_from(transfer.targets.len()).unwrap_or(u32::MAX);
        }
    }

    /// Says what follows. The open thing changes where the host goes on with it.
    pub fn hear(&mut self, heard: Heard) -> Next {
        match (&mut self.begun, heard) {
            (Begun::Collect { collect, choices, attempt }, Heard::Message(message)) if says_something(&message) => {
                answered(collect, choices, attempt, Heard::Message(message))
            }
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

/// A file alone answers no question: the plugin gets it as the message that it is, and the question is over.
fn says_something(message: &Message) -> bool {
    !message.text.trim().is_empty() || message.choice.as_ref().is_some_and(|choice| !choice.is_empty())
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
        choices => Action::Menu(Menu { collect: collect.clone(), choices: choices.to_vec() }),
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
        Heard::Message(message) => judge_written(collect, choices, message, base),
        _ => base("", String::new()),
    }
}

/// An answer in writing. A button that was pressed says which choice it is, and words are taken as if they were spoken; where only keys
/// were asked for, words are none.
fn judge_written(collect: &Collect, choices: &[Choice], message: Message, base: impl Fn(&str, String) -> Input) -> Input {
    let text = message.text.trim();
    let extras = vec![("message-id".to_owned(), message.id.clone())];
    let pressed = message.choice.as_deref().filter(|pressed| !pressed.is_empty());
    let kind = if pressed.is_some() { "choice" } else { "text" };
    let said = pressed.unwrap_or(text);
    let found =
        pressed.and_then(|pressed| chosen(choices, pressed)).or_else(|| chosen(choices, text)).or_else(|| spoken_choice(choices, text));
    if let Some(choice) = found {
        return Input { extras, ..base(kind, choice.value.clone()) };
    }
    let keys: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let are_keys = keys.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'));
    let within = keys.len() >= collect.min_digits as usize && keys.len() <= collect.max_digits.max(1) as usize;
    match (choices.is_empty(), collect.speech) {
        (true, true) => Input { extras, ..base(kind, said.to_owned()) },
        (true, false) if are_keys && within => Input { extras, ..base(kind, keys) },
        _ => Input { extras, outcome: InputOutcome::NoMatch, ..base(kind, said.to_owned()) },
    }
}

/// The choice of that key or value, however it is written.
fn chosen<'a>(choices: &'a [Choice], written: &str) -> Option<&'a Choice> {
    let same = |text: &str| !text.is_empty() && text.to_lowercase() == written.trim().to_lowercase();
    choices.iter().find(|choice| same(&choice.key) || same(&choice.value))
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
    let next = transfer.targets.get((*leg as usize).saturating_add(1));
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
    let is_known = (*leg as usize) < transfer.targets.len();
    let leg = (reached && is_known && transfer.ringing == Ringing::Series).then_some(*leg);
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
        Some(url) => Action::Play(Play { url: url.clone(), times: 1, barge_in: BargeIn::None }),
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
        Exit::Voicemail(mailbox) => Action::Voicemail(Voicemail {
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
