//! Says what can be done of an action in TwiML, before any call.
//!
//! The admin API asks when a flow is bound, of Twilio and of whoever else speaks TwiML: no sentence here names one. A draft itself is checked by rendering it, so that no list of rules can drift from what is
//! really written.

use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;

use crate::provider::Can;

/// What is known of an action before any call.
pub(crate) fn can(action: &str, connection: &Connection) -> Can {
    match action {
        "send-message" | "callback" => Can::Not(Code::NeedsOutbox, "it needs an outbox, and there is none yet"),
        "converse" if connection.speaker_url.is_none() => {
            Can::Not(Code::NeedsSpeaker, "the connection has no speaker_url, which the caller would be connected to")
        }
        "keep" => Can::Lesser("a call whose answer is empty ends, so it can be used only while a customer waits in a queue"),
        "record-audio" => Can::Lesser("an answer can begin a recording, but not end, halt or resume one"),
        "reject" => Can::Lesser("there are only busy and rejected; unavailable and not-found become rejected"),
        "voicemail" => Can::Lesser("a transcript is ready after voicemail-ended, and is not asked for"),
        "wake-after" => Can::Lesser("the call is silent meanwhile, for at most ten minutes"),
        _ => Can::Fully,
    }
}
