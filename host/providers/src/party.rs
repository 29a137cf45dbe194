//! Reads who is at either end, as every provider spells it: one place for numbers, ids and withheld callers.
//!
//! Providers call it for every address that they hand on. What arrived is kept as it is beside what it means, because a plugin may know
//! a spelling that we do not.

use jackfield_domain::contact::{Endpoint, Party};
use jackfield_domain::tenant::address::phone;

use crate::provider::Unreadable;

/// Longest party or id that is taken: a SIP URI with parameters is about 200 bytes.
pub(crate) const VALUE_BYTES_MAX: usize = 512;

/// A withheld number arrives as the word on a keypad: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE.
const KEYPAD_WORDS: [&str; 5] = ["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];
/// Or as the word itself, in a SIP address or alone.
const WORDS: [&str; 6] = ["anonymous", "restricted", "blocked", "unknown", "unavailable", "private"];

/// A provider's id: visible ASCII, because it becomes part of a key and of log lines.
pub(crate) fn id(text: &str) -> Result<String, Unreadable> {
    if text.is_empty() {
        return Err(Unreadable::Malformed("a call's id is empty"));
    }
    if bounded(text)?.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(Unreadable::Malformed("a call's id has spaces or letters that are not ASCII"))
    }
}

/// The text itself, unless it is longer than any provider's.
pub(crate) fn bounded(text: &str) -> Result<&str, Unreadable> {
    if text.len() <= VALUE_BYTES_MAX { Ok(text) } else { Err(Unreadable::TooMuch("a party or an id is longer than 512 bytes")) }
}

/// An end that is written in E.164, or is no number.
pub(crate) fn endpoint(raw: Option<&str>) -> Result<Endpoint, Unreadable> {
    dialled(raw, None)
}

/// An end that may be written as the country's own people write it, or without its plus.
pub(crate) fn dialled(raw: Option<&str>, country: Option<&str>) -> Result<Endpoint, Unreadable> {
    let raw = bounded(raw.unwrap_or_default())?;
    Ok(Endpoint { raw: raw.to_owned(), e164: phone::number(raw, country) })
}

/// A withheld number keeps what arrived, but is no number that anybody could call.
pub(crate) fn party(mut address: Endpoint) -> Party {
    let bare = address.raw.split_once(':').map_or(address.raw.as_str(), |(_, rest)| rest);
    let user = bare.split('@').next().unwrap_or(bare);
    let anonymous = user.is_empty() || KEYPAD_WORDS.contains(&user) || WORDS.iter().any(|word| user.eq_ignore_ascii_case(word));
    if anonymous {
        address.e164 = None;
    }
    Party { address, anonymous, ..Party::default() }
}
