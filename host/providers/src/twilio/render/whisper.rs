//! Renders what a dialled target hears before it is connected, and what follows from the key that it pressed.
//!
//! The pipeline asks for it on the target's own leg, where no plugin answers: the transfer that is open says all. An empty document
//! connects the two, a hang-up leaves the customer to the next target.

use jackfield_domain::contact::decision::{Prompt, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::fallback::Inability;

use super::{Dialect, Page, bounded, hang_up};
use crate::provider::{Place, Scene};

/// How long a target has to accept: long enough to take the telephone from the ear and press a key.
const ACCEPT_SECONDS: &str = "10";

pub(crate) fn whisper(dialect: &Dialect, transfer: Option<&Transfer>, heard: &Heard, scene: &Scene<'_>) -> Vec<u8> {
    let Some(transfer) = transfer else { return hang_up() };
    match (scene.place, heard) {
        // Vetting tried the same document, so the other arm needs a transfer that nobody vetted.
        (Place::Whisper { leg }, _) => first_words(dialect, transfer, leg, scene).unwrap_or_else(|_| hang_up()),
        (Place::Screened { .. }, Heard::Digits(digits)) if !digits.is_empty() => {
            Page::new(dialect, scene.connection, Some(scene)).markup.finish()
        }
        _ => hang_up(),
    }
}

/// Also what vetting tries: a whisper that cannot be rendered must not be found out on the target's leg.
pub(super) fn first_words(dialect: &Dialect, transfer: &Transfer, leg: u8, scene: &Scene<'_>) -> Result<Vec<u8>, Inability> {
    let mut page = Page::new(dialect, scene.connection, Some(scene));
    if !transfer.screening {
        if let Some(whisper) = &transfer.whisper {
            page.prompt(whisper, "transfer")?;
        }
        return bounded(page.markup.finish(), dialect.called);
    }
    let url = page.hook(Place::Screened { leg }, "transfer")?;
    let unasked = Prompt { language: Some("en-US".to_owned()), ..Prompt::text("You have a call. Press any key to accept it.") };
    page.one_key(&url, ACCEPT_SECONDS);
    page.prompt(transfer.whisper.as_ref().unwrap_or(&unasked), "transfer")?;
    page.markup.end();
    page.markup.empty("Hangup", &[]);
    bounded(page.markup.finish(), dialect.called)
}
