//! Says what can be done of an action in a conversation, and gives the renderer the same sentences.
//!
//! The admin API asks when a flow is bound. One table for both, so that what was refused for a flow is refused for a draft by the same words.

use jackfield_domain::refusal::Code;

use crate::provider::Can;

/// What is known of an action before any message.
pub(super) fn can(action: &str) -> Can {
    // One plugin may serve calls and messages, and lists what it does in either.
    if matches!(action, "send-digits" | "record-audio" | "voicemail" | "conference" | "converse" | "enqueue" | "transfer") {
        return Can::Lesser("it is for calls: as the answer to a message it gives way to the default route");
    }
    if let Some(why) = cannot(action) {
        return Can::Not(Code::CannotRender, why);
    }
    match action {
        "collect" | "menu" => Can::Lesser("the question is a message, and no time runs out: the next message is taken as its answer"),
        "play" => Can::Lesser("the file is sent once, with a message of its own"),
        "send-message" => Can::Lesser("only to the customer who wrote, without templates, and choices are numbered text"),
        "hang-up" => Can::Lesser("nothing tells the customer that the conversation is over"),
        _ => Can::Fully,
    }
}

/// Why an action can never be done in a conversation.
pub(super) fn cannot(action: &str) -> Option<&'static str> {
    Some(match action {
        "pause" | "wake-after" => "a message is answered at once, and nothing comes back by itself",
        "continue" => "a message is answered once, and nothing comes back after the answer",
        "send-digits" | "record-audio" | "voicemail" | "conference" | "converse" => "it needs a call, and this is a conversation",
        "enqueue" | "transfer" => "Twilio's answer to a message can give the conversation to nobody else",
        "ask-consent" => "consent is asked for by a key, and a conversation has none; ask with a menu",
        "reject" => "a message that has arrived cannot be rejected; answer it with nothing",
        "callback" => "nothing here begins a call",
        "other" => "no action of a kind of its own means anything in a conversation",
        _ => return None,
    })
}
