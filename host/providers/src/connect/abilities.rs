//! Says what a flow of Amazon Connect can do of an action, before any call.
//!
//! The admin API asks when a flow is bound; a draft itself is checked by rendering it, so that what is promised and what is told cannot
//! differ for long.

use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;

use crate::provider::Can;

/// What is known of an action before any call.
pub(super) fn can(action: &str, connection: &Connection) -> Can {
    match action {
        "send-digits" => Can::Not(Code::CannotRender, "a flow has no block that sends digits"),
        "conference" => Can::Not(Code::CannotRender, "Connect has no conference that a flow could put a customer into"),
        "voicemail" if connection.option(super::VOICEMAIL_FLOW).is_none() => {
            Can::Not(Code::CannotRender, "Connect records no voice message by itself; name a flow that does with the option voicemail_flow")
        }
        "voicemail" => Can::Lesser("the contact goes to the flow that the option voicemail_flow names"),
        "send-message" => Can::Not(Code::NeedsOutbox, "it needs an outbox, and there is none yet"),
        "pause" => Can::Lesser("it is written as decision_pause_ms; the flow must wait"),
        "callback" => Can::Lesser("the number and the queue are written; the flow must set them and transfer to a callback queue"),
        "converse" => Can::Lesser("the persona is written as decision_ai_ keys; the flow must hand them to its own bot"),
        "reject" => Can::Lesser("the call is answered already, so it is disconnected"),
        "record-audio" => Can::Lesser("it is written as decision_recording; the flow must set it, again after each transfer"),
        "collect" | "menu" | "ask-consent" => Can::Lesser("the flow must ask, and invoke again with the parameters step and digits"),
        "continue" | "wake-after" => Can::Lesser("the flow must invoke again with the parameter step"),
        _ => Can::Fully,
    }
}
