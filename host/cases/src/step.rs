//! Turns what a customer does into what a provider would have heard of it.
//!
//! A provider does not deliver everything that a customer does: keys after the time to answer are lost, keys beyond the most that are
//! asked for are cut off, and what comes into a prompt that lets nobody barge in was never heard. The case says what the customer did;
//! what comes of it depends on what is open.

use jackfield_domain::contact::decision::Collect;
use jackfield_domain::contact::event::{Alternative, Message};
use jackfield_domain::contact::open::{Begun, Heard, Open};
use jackfield_domain::contact::persona::BargeIn;

use crate::format::{Chosen, Press, Pressed, Said, Say, Step, Text};

/// What a recogniser is usually sure with.
const CONFIDENCE: f32 = 0.9;

/// What was heard. `lasted_ms` is how long the contact lasts so far.
pub(crate) fn heard(step: &Step, open: Option<&Open>, lasted_ms: u64) -> Result<Heard, String> {
    if let Some(press) = &step.press {
        return Ok(pressed(press, asked(open)));
    }
    if let Some(say) = &step.say {
        return Ok(said(say, asked(open)));
    }
    if let Some(message) = &step.message {
        return Ok(Heard::Message(written(message)));
    }
    if let Some(outcome) = &step.dialled {
        let talked_ms = if outcome == "answered" { 60_000 } else { 0 };
        return Ok(Heard::Dialled { outcome: outcome.clone(), talked_ms, extras: Vec::new() });
    }
    if let Some(outcome) = &step.queue_left {
        return Ok(Heard::QueueLeft { outcome: outcome.clone(), waited_ms: 30_000 });
    }
    if let Some(seconds) = step.queue_wait_s {
        return Ok(Heard::Waiting { position: Some(1), waited_ms: seconds.saturating_mul(1_000), estimate_ms: None, size: None });
    }
    if let Some(outcome) = &step.recorded {
        let length_ms = if outcome == "recorded" { 20_000 } else { 0 };
        return Ok(Heard::Recorded { outcome: outcome.clone(), length_ms, audio: None });
    }
    if let Some(reason) = &step.speaker {
        return Ok(Heard::SpeakerEnded { reason: reason.clone(), fields: Vec::new() });
    }
    if let Some(cause) = &step.ended {
        return Ok(Heard::Ended { cause: cause.clone(), lasted_ms, extras: Vec::new() });
    }
    match (step.silence, step.hang_up, step.resume) {
        (Some(true), _, _) => Ok(Heard::Nothing),
        (_, Some(true), _) => Ok(gone(open, lasted_ms)),
        (_, _, Some(true)) => Ok(Heard::Resumed),
        _ => Err("what happens in a step is true, or left out".to_owned()),
    }
}

/// The question that is open.
fn asked(open: Option<&Open>) -> Option<&Collect> {
    match open.map(|open| &open.begun) {
        Some(Begun::Collect { collect, .. }) => Some(collect),
        _ => None,
    }
}

fn pressed(press: &Press, asked: Option<&Collect>) -> Heard {
    let Pressed { digits, late, barge_in } = match press {
        Press::Key(key) => &Pressed { digits: key.to_string(), late: false, barge_in: false },
        Press::Digits(digits) => &Pressed { digits: digits.clone(), late: false, barge_in: false },
        Press::Otherwise(pressed) => pressed,
    };
    let Some(collect) = asked else { return Heard::Digits(digits.clone()) };
    let is_heard = !barge_in || matches!(collect.barge_in, BargeIn::Dtmf | BargeIn::Any);
    if *late || !is_heard || !collect.dtmf {
        return Heard::Nothing;
    }
    let ends = |digit: &char| collect.terminator.as_deref().is_some_and(|terminator| terminator.starts_with(*digit));
    let most = usize::try_from(collect.max_digits).unwrap_or(usize::MAX);
    Heard::Digits(digits.chars().take_while(|digit| !ends(digit)).take(most).collect())
}

fn said(say: &Say, asked: Option<&Collect>) -> Heard {
    let Said { text, confidence, alternatives, barge_in } = match say {
        Say::Text(text) => &Said { text: text.clone(), confidence: None, alternatives: Vec::new(), barge_in: false },
        Say::Otherwise(said) => said,
    };
    let listens = |collect: &Collect| collect.speech && (!barge_in || matches!(collect.barge_in, BargeIn::Speech | BargeIn::Any));
    if asked.is_some_and(|collect| !listens(collect)) {
        return Heard::Nothing;
    }
    let confidence = confidence.unwrap_or(CONFIDENCE);
    let alternatives = alternatives.iter().map(|value| Alternative { value: value.clone(), confidence: confidence / 2.0 }).collect();
    Heard::Speech { text: text.clone(), confidence: Some(confidence), alternatives }
}

fn written(message: &Text) -> Message {
    let (text, choice) = match message {
        Text::Text(text) => (text.clone(), None),
        Text::Chosen(Chosen { text, choice }) => (text.clone(), Some(choice.clone())),
    };
    Message { id: "bench".to_owned(), text, media: Vec::new(), choice, reply_to: None, extras: Vec::new() }
}

/// Who goes away while something is open is told by what was open; else the contact is simply over.
fn gone(open: Option<&Open>, lasted_ms: u64) -> Heard {
    match open.map(|open| &open.begun) {
        Some(Begun::Collect { .. } | Begun::Consent(_)) => Heard::HungUp,
        Some(Begun::Queue { .. }) => Heard::QueueLeft { outcome: "hang-up".to_owned(), waited_ms: lasted_ms },
        Some(Begun::Voicemail { .. }) => Heard::Recorded { outcome: "hang-up".to_owned(), length_ms: 0, audio: None },
        _ => Heard::Ended { cause: "completed".to_owned(), lasted_ms, extras: Vec::new() },
    }
}
