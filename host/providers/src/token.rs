//! Writes and reads the step token: the only thing about a contact that a callback URL carries.
//!
//! Renderers put a [`Step`] into every URL that a provider is to call back, the pipeline finds contact and turn by it. It is a
//! contact's random id and three small numbers, because a provider logs URLs: no tenant, no number and no name may stand in one.
//! It carries no signature of its own; the provider signs the whole URL, and a contact's id cannot be guessed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jackfield_domain::id::ContactId;

/// The query parameter that carries a token.
pub const PARAMETER: &str = "s";

/// Contact (16), turn (4), place (1), leg (1).
const TOKEN_BYTES: usize = 22;

/// Which document is asked for, or what it is that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The contact's own document; a request without anything in it means that its prompts are over.
    Main,
    /// A question came back.
    Answered,
    /// A dialled leg came back.
    Dialled,
    /// The contact left a queue.
    QueueLeft,
    /// A voice message was left, or was not.
    Recorded,
    /// The contact left a conference.
    ConferenceLeft,
    /// The AI speaker gave the contact back.
    SpeakerEnded,
    /// What a contact hears while it waits in a queue.
    QueueWait,
    /// What a dialled target hears before it is connected.
    Whisper {
        /// The target, from 0 in the order of the rendered action.
        leg: u8,
    },
    /// A dialled target pressed a key, or did not, to accept the contact.
    Screened {
        /// The target, from 0 in the order of the rendered action.
        leg: u8,
    },
}

impl Place {
    /// True where it is about a dialled target's own leg: [`crate::provider::Provider::render_whisper`] answers it, and no plugin
    /// is asked.
    pub fn is_for_target(self) -> bool {
        matches!(self, Self::Whisper { .. } | Self::Screened { .. })
    }

    fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Main => [0, 0],
            Self::Answered => [1, 0],
            Self::Dialled => [2, 0],
            Self::QueueLeft => [3, 0],
            Self::Recorded => [4, 0],
            Self::ConferenceLeft => [5, 0],
            Self::SpeakerEnded => [6, 0],
            Self::QueueWait => [7, 0],
            Self::Whisper { leg } => [8, leg],
            Self::Screened { leg } => [9, leg],
        }
    }

    fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        Some(match bytes {
            [0, 0] => Self::Main,
            [1, 0] => Self::Answered,
            [2, 0] => Self::Dialled,
            [3, 0] => Self::QueueLeft,
            [4, 0] => Self::Recorded,
            [5, 0] => Self::ConferenceLeft,
            [6, 0] => Self::SpeakerEnded,
            [7, 0] => Self::QueueWait,
            [8, leg] => Self::Whisper { leg },
            [9, leg] => Self::Screened { leg },
            _ => return None,
        })
    }
}

/// Where in a contact a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// Which contact.
    pub contact: ContactId,
    /// The turn whose decision made the URL.
    pub turn: u32,
    /// Which document of it, or what came back.
    pub place: Place,
}

/// Why a text is not a step token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the step token in the URL is not one of ours")]
pub struct BadToken;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(&self.contact.to_bytes());
        bytes.extend_from_slice(&self.turn.to_be_bytes());
        bytes.extend_from_slice(&self.place.to_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Step {
    type Err = BadToken;
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadToken)?;
        let (contact, rest) = bytes.split_first_chunk::<16>().ok_or(BadToken)?;
        let (turn, rest) = rest.split_first_chunk::<4>().ok_or(BadToken)?;
        let place = rest.try_into().ok().and_then(Place::from_bytes).ok_or(BadToken)?;
        Ok(Self { contact: ContactId::from_bytes(*contact), turn: u32::from_be_bytes(*turn), place })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        (0_u8..10, any::<u8>()).prop_filter_map("only two places have a leg", |(place, leg)| Place::from_bytes([place, leg]))
    }

    proptest! {
        #[test]
        fn a_step_survives_being_written_and_read(contact: [u8; 16], turn: u32, place in place()) {
            let step = Step { contact: ContactId::from_bytes(contact), turn, place };
            let token = step.to_string();
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(token.parse(), Ok(step));
        }

        #[test]
        fn no_text_but_a_token_is_a_step(text in ".{0,64}") {
            if let Ok(step) = text.parse::<Step>() {
                prop_assert_eq!(step.to_string(), text);
            }
        }
    }

    #[test]
    fn a_token_cut_or_lengthened_is_none() {
        let step = Step { contact: ContactId::new(1, [7; 10]), turn: 3, place: Place::Main };
        let token = step.to_string();
        let cut: String = token.chars().take(token.len() - 1).collect();
        for bad in [String::new(), "A".to_owned(), cut, format!("{token}A"), format!("{token}=")] {
            assert_eq!(bad.parse::<Step>(), Err(BadToken), "{bad}");
        }
    }
}
