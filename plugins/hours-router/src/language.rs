//! Finds out in which language to speak: the only one, the one chosen before, or the one chosen now.
//!
//! What a customer chose is kept in the tenant's state under the customer's id, which is opaque where the tenant keeps no
//! personal data. Remembering is a courtesy: where state cannot be read or written, the question is simply asked.

use jackfield_sdk::prelude::*;

use crate::LANGUAGE;
use crate::settings::{Language, Settings};

/// Half a year: long enough for who calls now and then, and nothing is kept for ever of who does not.
const REMEMBERED: Duration = Duration::from_secs(180 * 24 * 60 * 60);

fn key(contact: &Contact) -> Option<String> {
    (!contact.customer.anonymous && !contact.customer.id.is_empty()).then(|| format!("language/{}", contact.customer.id))
}

/// The language that needs no question.
pub(crate) fn known<'a>(settings: &'a Settings, contact: &Contact, host: &Host) -> Option<&'a Language> {
    if let [only] = settings.languages.as_slice() {
        return Some(only);
    }
    let entry = settings.remember_language.then(|| key(contact)).flatten().and_then(|key| host.tenant_state().get(&key).ok().flatten());
    entry.and_then(|entry| String::from_utf8(entry.value).ok()).and_then(|tag| settings.language(&tag))
}

/// Keeps what the customer chose.
pub(crate) fn remember(settings: &Settings, contact: &Contact, language: &Language, host: &Host) {
    let Some(key) = key(contact).filter(|_| settings.remember_language) else { return };
    if let Err(denial) = host.tenant_state().set_for(&key, &language.tag, REMEMBERED) {
        host.warn(&format!("the language is not remembered: {denial}"));
    }
}

/// Asks, each language in its own words and voice.
pub(crate) fn ask(settings: &Settings) -> Decision {
    let mut menu = Menu::new(LANGUAGE, "");
    menu.collect.prompts = settings.languages.iter().map(|language| language.prompt(&language.offer)).collect();
    menu.collect.attempts = settings.attempts;
    for (at, language) in settings.languages.iter().enumerate() {
        let key = language.key.clone().unwrap_or_else(|| at.saturating_add(1).to_string());
        menu = menu.choice(key, &language.tag, &language.name);
    }
    menu.because("there is more than one language, and the customer has not chosen")
}
