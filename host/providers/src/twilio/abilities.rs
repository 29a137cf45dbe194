//! Says what Twilio can do: for a draft by rendering it, for a binding by the names of the actions.
//!
//! Vetting calls the first on every draft, the admin API the second when a flow is bound. Rendering itself is the check, so that no list
//! of rules can drift from what is really written.

use jackfield_domain::contact::decision::{ACTION_NAMES, Draft};
use jackfield_domain::fallback::{Abilities, Inability};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::connection::Connection;

use super::render;
use crate::provider::Scene;

/// In one scene.
pub(super) struct InScene<'a>(pub(super) &'a Scene<'a>);

impl Abilities for InScene<'_> {
    fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability> {
        render::document(draft, self.0.connection, Some(self.0)).map(|document| document.notes)
    }
}

/// What is known of an action before any call.
pub(super) fn bindable(actions: &[String], connection: &Connection) -> Result<Vec<String>, Refusal> {
    let mut notes = Vec::new();
    for action in actions {
        let refuse = |code, why: &str| Err(Refusal::new(code, format!("{action}: {why}")).at(action.clone()));
        match action.as_str() {
            "send-message" | "callback" => return refuse(Code::NeedsOutbox, "it needs an outbox, and there is none yet"),
            "converse" if connection.speaker_url.is_none() => {
                return refuse(Code::NeedsSpeaker, "the connection has no speaker_url, which Twilio would connect the caller to");
            }
            "keep" => {
                notes.push("keep: Twilio ends a call whose answer is empty, so it can be used only while a customer waits in a queue")
            }
            "record-audio" => {
                notes.push("record-audio: Twilio's answers can begin a recording, but not end, halt or resume one");
            }
            "reject" => notes.push("reject: Twilio knows busy and rejected; unavailable and not-found become rejected"),
            "voicemail" => notes.push("voicemail: Twilio's transcript is ready after voicemail-ended, and is not asked for"),
            "wake-after" => notes.push("wake-after: Twilio keeps the call silent meanwhile, for at most ten minutes"),
            known if ACTION_NAMES.contains(&known) => {}
            _ => return refuse(Code::CannotRender, "there is no such action"),
        }
    }
    Ok(notes.into_iter().map(str::to_owned).collect())
}
