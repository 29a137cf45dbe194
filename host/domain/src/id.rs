//! Checks identities once, at the edge, so that no later code meets an impossible name.
//!
//! Handlers, the CLI and the store all parse into these types; a value of one of them is always safe to put in a key, a path
//! segment or a log line. Names are chosen by people and stay readable; ids are made by the host and sort by time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

/// Longest name: fits a DNS label, so that a name can become part of a host name later.
pub const NAME_BYTES_MAX: usize = 63;

/// Why a text is not a name or an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not valid: {rule}")]
pub struct BadId {
    /// What it should have been, for example "tenant".
    pub what: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn bad(what: &'static str, given: &str, rule: &'static str) -> BadId {
    BadId { what, given: given.chars().take(80).collect(), rule }
}

const NAME_RULE: &str = "use 1 to 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit";

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The text, safe in keys, paths and logs.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(bad($what, text, NAME_RULE)) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A tenant, for example `acme`. Chosen at onboarding and never changed: it stands in keys and in URLs.
    TenantId, "tenant"
);
name!(
    /// A flow, unique within its tenant.
    FlowName, "flow"
);
name!(
    /// A plugin, unique within its tenant.
    PluginName, "plugin"
);
name!(
    /// A connection, unique on the platform: it stands in webhook URLs.
    ConnectionId, "connection"
);
name!(
    /// A queue, person, mailbox or set of hours, unique within its tenant and kind.
    EntryName, "name"
);
name!(
    /// A name for a release, for example `live`.
    AliasName, "alias"
);

impl TenantId {
    /// The root of every tenant: whoever runs Jackfield.
    pub fn platform() -> Self {
        Self("platform".to_owned())
    }
}

impl AliasName {
    /// The alias that routes.
    pub fn live() -> Self {
        Self("live".to_owned())
    }
}

/// A contact. A UUID of version 7, so that contacts sort by their arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactId(uuid::Uuid);

impl ContactId {
    /// Makes an id from the arrival in milliseconds since 1970 and ten random bytes.
    pub fn new(arrived_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(arrived_ms, &random).into_uuid())
    }

    /// The least id of that millisecond: where a search by time begins.
    pub fn first_at(moment_ms: u64) -> Self {
        Self::new(moment_ms, [0; 10])
    }

    /// The sixteen bytes, big-endian, in order of arrival.
    pub fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// From the sixteen bytes of [`ContactId::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// The arrival in milliseconds since 1970.
    pub fn arrived_ms(self) -> u64 {
        self.0.as_u128().checked_shr(80).and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0)
    }
}

impl FromStr for ContactId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| bad("contact", text, "use the id that `contacts find` prints"))
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 of a blob: what content-addressing goes by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }

    /// The thirty-two bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| bad("digest", text, "use 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_place_is_no_name() {
        for given in ["", "..", "../x", "a/b", "A", "a b", "-a", "a-", "a\0", "ä", "a\u{202e}b", &"a".repeat(64)] {
            assert!(given.parse::<TenantId>().is_err(), "{given:?} was taken");
        }
        for given in ["a", "acme", "acme-2", "0", &"a".repeat(63)] {
            assert!(given.parse::<TenantId>().is_ok(), "{given:?} was refused");
        }
    }

    #[test]
    fn contacts_sort_by_arrival_and_say_when_it_was() {
        let early = ContactId::new(1_700_000_000_000, [255; 10]);
        let late = ContactId::new(1_700_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!(late.arrived_ms(), 1_700_000_000_001);
        assert!(ContactId::first_at(1_700_000_000_000) <= early);
        assert_eq!(ContactId::from_bytes(early.to_bytes()), early);
    }
}
