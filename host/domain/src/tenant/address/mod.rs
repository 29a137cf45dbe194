//! Normalises what a contact arrives at, once, so that an address is found however a provider spells it.
//!
//! Providers parse the dialled side with it, the admin API what an operator types. The caller's address is never one: an
//! address is what is dialled, and finds its tenant.

pub mod life;
pub mod phone;
pub mod route;

pub use life::Binding;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{BadId, ConnectionId};

/// By what a contact is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Telephone calls.
    Voice,
    /// Text messages.
    Sms,
    /// WhatsApp.
    Whatsapp,
    /// Chat on a page.
    Chat,
    /// Electronic mail.
    Email,
}

impl Channel {
    /// As plugins and people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Chat => "chat",
            Self::Email => "email",
        }
    }
}

impl FromStr for Channel {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        [Self::Voice, Self::Sms, Self::Whatsapp, Self::Chat, Self::Email].into_iter().find(|c| c.as_str() == text).ok_or(BadId {
            what: "channel",
            given: text.chars().take(80).collect(),
            rule: "use voice, sms, whatsapp, chat or email",
        })
    }
}

/// What kind of thing an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// A telephone number in E.164.
    Number,
    /// The ARN of a queue.
    QueueArn,
    /// A domain.
    Domain,
    /// WhatsApp's id of a number.
    PhoneNumberId,
    /// The user part of a SIP address.
    SipUser,
    /// A business id.
    BusinessId,
    /// Whatever begins so on one connection, as `connection/beginning`: [`route::prefix`].
    Prefix,
    /// Whatever else comes through one connection: [`route::default`].
    Any,
}

impl AddressKind {
    /// As people and keys write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::QueueArn => "queue-arn",
            Self::Domain => "domain",
            Self::PhoneNumberId => "phone-number-id",
            Self::SipUser => "sip-user",
            Self::BusinessId => "business-id",
            Self::Prefix => "prefix",
            Self::Any => "any",
        }
    }
}

impl FromStr for AddressKind {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        [Self::Number, Self::QueueArn, Self::Domain, Self::PhoneNumberId, Self::SipUser, Self::BusinessId, Self::Prefix, Self::Any]
            .into_iter()
            .find(|k| k.as_str() == text)
            .ok_or(BadId {
                what: "address kind",
                given: text.chars().take(80).collect(),
                rule: "use number, queue-arn, domain, phone-number-id, sip-user, business-id, prefix or any",
            })
    }
}

/// What a contact arrives at: channel, kind and normalised value. Written `voice:number:+18005551234`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// By what it is carried.
    pub channel: Channel,
    /// What kind of thing it is.
    pub kind: AddressKind,
    value: String,
}

/// Longest value of an address: an ARN of a queue is about 150 bytes.
pub const VALUE_BYTES_MAX: usize = 256;

impl Address {
    /// Normalises and checks a value.
    pub fn new(channel: Channel, kind: AddressKind, value: &str) -> Result<Self, BadId> {
        let refuse = |rule| BadId { what: "address", given: value.chars().take(80).collect(), rule };
        let value_kept = match kind {
            AddressKind::Number => e164(value).ok_or_else(|| refuse("use a telephone number in E.164, for example +18005551234"))?,
            AddressKind::Domain => value.trim_end_matches('.').to_ascii_lowercase(),
            AddressKind::Prefix if !route::is_prefix(value) => return Err(refuse("use connection/beginning, for example pbx/+4930")),
            AddressKind::Any if value.parse::<ConnectionId>().is_err() => return Err(refuse("use the name of a connection")),
            _ => value.to_owned(),
        };
        let sound = !value_kept.is_empty()
            && value_kept.len() <= VALUE_BYTES_MAX
            && value_kept.chars().all(|c| !c.is_control() && !c.is_whitespace());
        if sound {
            Ok(Self { channel, kind, value: value_kept })
        } else {
            Err(refuse("use 1 to 256 characters without spaces or control characters"))
        }
    }

    /// The normalised value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.channel.as_str(), self.kind.as_str(), self.value)
    }
}

impl FromStr for Address {
    type Err = BadId;
    /// Takes `channel:kind:value`, and a bare E.164 number as a voice number.
    fn from_str(text: &str) -> Result<Self, BadId> {
        if text.starts_with('+') {
            return Self::new(Channel::Voice, AddressKind::Number, text);
        }
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(channel), Some(kind), Some(value)) => Self::new(channel.parse()?, kind.parse()?, value),
            _ => Err(BadId {
                what: "address",
                given: text.chars().take(80).collect(),
                rule: "use +18005551234 for a voice number, or channel:kind:value",
            }),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A telephone number in E.164 (ITU-T E.164: a plus and 2 to 15 digits, the first not zero), from the spellings that providers
/// use: `tel:`, `whatsapp:`, `sip:+1...@host`, and a missing plus where `whatsapp:` says that there is a number.
pub fn e164(raw: &str) -> Option<String> {
    let trimmed = raw.trim();
    let (bare, plus_optional) = match trimmed.split_once(':') {
        Some(("tel", rest)) => (rest, false),
        Some(("whatsapp", rest)) => (rest, true),
        Some(("sip" | "sips", rest)) => (rest.split(['@', ';', '?']).next().unwrap_or(rest), false),
        Some(_) => return None,
        None => (trimmed, false),
    };
    let digits = match bare.strip_prefix('+') {
        Some(digits) => digits,
        None if plus_optional => bare,
        None => return None,
    };
    let sound = (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    sound.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_spelling() {
        for raw in [
            "+18005551234",
            "tel:+18005551234",
            "whatsapp:+18005551234",
            "whatsapp:18005551234",
            "sip:+18005551234@pbx.example;user=phone",
            " +18005551234 ",
        ] {
            assert_eq!(e164(raw).as_deref(), Some("+18005551234"), "{raw}");
        }
        for raw in ["18005551234", "+0123", "+1", "+1234567890123456", "sip:sales@example.com", "client:bob", "", "+1800555abcd", "+1٣"] {
            assert_eq!(e164(raw), None, "{raw}");
        }
    }

    #[test]
    fn an_address_survives_being_written_and_read() {
        for text in [
            "voice:number:+18005551234",
            "sms:number:+18005551234",
            "voice:queue-arn:arn:aws:connect:us-east-1:1:instance/a/queue/b",
            "chat:domain:tenant-a.example.com",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("+18005551234".parse::<Address>().unwrap().to_string(), "voice:number:+18005551234");
        for text in ["voice", "voice:number:12", "fax:number:+18005551234", "voice:domain:a b", "voice:domain:", "voice:domain:a\0b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
