//! Says what a webhook reports: which of Twilio's parameters mean which thing that was heard.
//!
//! The parser calls it with the hook and, where one of our URLs was called back, the place in its token. The place decides and not the
//! parameters alone: a question without an answer and prompts that are over look the same.

use jackfield_domain::contact::event::Alternative;
use jackfield_domain::contact::open::Heard;

use super::form::Form;
use super::parse::Hook;
use crate::provider::{Place, Unreadable};

/// Most fields that an AI speaker may hand over: what its persona may ask for.
const FIELDS_MAX: usize = 50;

/// What was heard; none where the report changes nothing.
pub(super) fn heard(hook: Hook, place: Option<Place>, form: &Form<'_>) -> Result<Option<Heard>, Unreadable> {
    match hook {
        Hook::Voice => at_place(place, form).map(Some),
        // Twilio asks here when a document could not be had. Whatever was open is lost, so the contact begins again.
        Hook::Fallback => Ok(Some(Heard::Arrival)),
        Hook::Wait => waiting(form).map(Some),
        Hook::Whisper => at_place(place, form).map(Some),
        Hook::Status => ended(form),
        // A recording that is ready is nobody's event: `voicemail-ended` has told of it.
        Hook::Recording => Ok(None),
    }
}

fn at_place(place: Option<Place>, form: &Form<'_>) -> Result<Heard, Unreadable> {
    match place {
        None => Ok(Heard::Arrival),
        Some(Place::Main) => Ok(if is_over(form)? { Heard::HungUp } else { Heard::Resumed }),
        Some(Place::Answered | Place::Screened { .. }) => answered(form),
        Some(Place::Dialled) => dialled(form),
        Some(Place::QueueLeft) => queue_left(form),
        Some(Place::Recorded) => recorded(form),
        Some(Place::ConferenceLeft) => conference_left(form),
        Some(Place::SpeakerEnded) => speaker_ended(form),
        Some(Place::QueueWait) => waiting(form),
        Some(Place::Whisper { .. }) => Ok(Heard::Arrival),
    }
}

/// True where the customer's own call is over.
fn is_over(form: &Form<'_>) -> Result<bool, Unreadable> {
    Ok(form.one("CallStatus")?.is_some_and(|status| final_cause(status).is_some()))
}

fn final_cause(status: &str) -> Option<&'static str> {
    ["completed", "busy", "failed", "no-answer", "canceled"].into_iter().find(|cause| *cause == status)
}

fn answered(form: &Form<'_>) -> Result<Heard, Unreadable> {
    if is_over(form)? {
        return Ok(Heard::HungUp);
    }
    if let Some(digits) = form.one("Digits")? {
        return Ok(Heard::Digits(digits.to_owned()));
    }
    let Some(text) = form.one("SpeechResult")? else { return Ok(Heard::Nothing) };
    let confidence = form.one("Confidence")?.and_then(|text| text.parse::<f32>().ok()).filter(|given| (0.0..=1.0).contains(given));
    Ok(Heard::Speech { text: text.to_owned(), confidence, alternatives: Vec::<Alternative>::new() })
}

fn dialled(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let talked_ms = form.seconds_as_ms("DialCallDuration")?;
    let bridged = form.one("DialBridged")? != Some("false");
    let outcome = match form.one("DialCallStatus")?.unwrap_or("failed") {
        // The target took the call, and then did not accept it.
        "completed" | "answered" if !bridged => "screened-out",
        "completed" | "answered" => "completed",
        known @ ("busy" | "no-answer" | "canceled") => known,
        _ => "failed",
    };
    // Nobody is left for whom the next target could ring.
    if outcome != "completed" && is_over(form)? {
        return Ok(Heard::HungUp);
    }
    let extras = form.one("DialCallSid")?.map(|leg| ("dialled-id".to_owned(), leg.to_owned())).into_iter().collect();
    Ok(Heard::Dialled { outcome: outcome.to_owned(), talked_ms, extras })
}

fn waiting(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let number = |name| -> Result<Option<u32>, Unreadable> { Ok(form.one(name)?.and_then(|text| text.parse().ok())) };
    Ok(Heard::Waiting {
        position: number("QueuePosition")?,
        waited_ms: form.seconds_as_ms("QueueTime")?,
        // Twilio has no average before anybody was served, and says 0.
        estimate_ms: Some(form.seconds_as_ms("AvgQueueTime")?).filter(|estimate| *estimate > 0),
        size: number("CurrentQueueSize")?,
    })
}

fn queue_left(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let outcome = match form.one("QueueResult")?.unwrap_or("error") {
        "bridged" | "bridging-in-process" => "bridged",
        "queue-full" => "full",
        "hangup" => "hang-up",
        "leave" => "left",
        "redirected" | "redirected-from-bridged" => "redirected",
        _ => "failed",
    };
    Ok(Heard::QueueLeft { outcome: outcome.to_owned(), waited_ms: form.seconds_as_ms("QueueTime")? })
}

fn recorded(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let audio = form.one("RecordingUrl")?.map(str::to_owned);
    let length_ms = form.seconds_as_ms("RecordingDuration")?;
    let outcome = match (&audio, length_ms) {
        (Some(_), 1..) => "recorded",
        _ if form.one("Digits")? == Some("hangup") || is_over(form)? => "hang-up",
        _ => "empty",
    };
    Ok(Heard::Recorded { outcome: outcome.to_owned(), length_ms, audio: audio.filter(|_| length_ms > 0) })
}

fn conference_left(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let outcome = match form.one("DialCallStatus")?.unwrap_or("failed") {
        "completed" | "answered" => "left",
        _ => "failed",
    };
    Ok(Heard::ConferenceLeft { outcome: outcome.to_owned(), stayed_ms: form.seconds_as_ms("DialCallDuration")? })
}

/// What the speaker handed over wins; else how the session ended says enough.
fn speaker_ended(form: &Form<'_>) -> Result<Heard, Unreadable> {
    let handed: Option<serde_json::Value> = form.one("HandoffData")?.and_then(|text| serde_json::from_str(text).ok());
    let said = |name: &str| handed.as_ref().and_then(|data| data.get(name)).and_then(serde_json::Value::as_str);
    let failed = form.one("SessionStatus")? == Some("failed") || form.one("ErrorCode")?.is_some_and(|code| code != "0");
    let reason = match said("reason").or_else(|| said("reasonCode")) {
        Some(known @ ("completed" | "escalated" | "hang-up" | "silence" | "max-duration" | "failed")) => known,
        // As Twilio's own examples name it.
        Some("live-agent-handoff") => "escalated",
        _ if failed => "failed",
        _ if is_over(form)? => "hang-up",
        _ => "completed",
    };
    let fields = handed.as_ref().and_then(|data| data.get("fields")).and_then(serde_json::Value::as_object);
    let written = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = fields.into_iter().flatten().take(FIELDS_MAX).map(|(name, value)| (name.clone(), written(value))).collect();
    Ok(Heard::SpeakerEnded { reason: reason.to_owned(), fields })
}

fn ended(form: &Form<'_>) -> Result<Option<Heard>, Unreadable> {
    // A dialled target's leg ends too; the contact hears of it by its own `dial-ended`.
    if form.one("ParentCallSid")?.is_some() && form.one("Direction")? == Some("outbound-dial") {
        return Ok(None);
    }
    let Some(cause) = form.one("CallStatus")?.and_then(final_cause) else { return Ok(None) };
    let extras = form.one("SipResponseCode")?.map(|code| ("sip-response".to_owned(), code.to_owned())).into_iter().collect();
    Ok(Some(Heard::Ended { cause: cause.to_owned(), lasted_ms: form.seconds_as_ms("CallDuration")?, extras }))
}
