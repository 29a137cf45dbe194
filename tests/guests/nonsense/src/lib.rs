//! Answers with decisions that cannot be. The setting `sin` chooses which; without settings it is ten thousand actions.
//!
//! Each is well formed as far as the component model goes, so that only the host's own check can find it.

mod sins;

use shape::{Contact, Decision, Event, Failure, Guest, commit, decide, setting};

struct Nonsense;

impl Guest for Nonsense {
    const NAME: &str = "nonsense";
    const ACTIONS: &[&str] = &[
        "keep",
        "say",
        "play",
        "pause",
        "send-digits",
        "set-language",
        "set-attributes",
        "collect",
        "menu",
        "continue",
        "wake-after",
        "ask-consent",
        "enqueue",
        "transfer",
        "conference",
        "converse",
        "voicemail",
        "hang-up",
        "reject",
        "other",
    ];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let sin = setting("sin").unwrap_or_else(|| "many-actions".into());
        match sins::actions(&sin, &contact) {
            Some(actions) => Ok(decide(actions, if sin == "control-characters" { "bell \u{7}" } else { "nonsense on purpose" })),
            None => Err(Failure::BadSettings(format!("/sin: there is no sin {sin:?}"))),
        }
    }
}

commit!(Nonsense);
