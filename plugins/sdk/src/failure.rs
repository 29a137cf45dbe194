//! Says why a plugin gives no answer, and why the host gives none to a plugin.
//!
//! A [`Denial`] becomes a [`Failure`] by `?`, so that a plugin which cannot go on without its queues or settings falls back as
//! the tenant wished, and the trail names the capability.

use core::fmt;

/// Something that this version of the contract has no case for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Registered name, lower case with dashes.
    pub kind: String,
    /// A JSON value.
    pub data: String,
}

/// Why a plugin gives no answer. The host then answers by the fallback rule, and the tenant sees the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The plugin does not handle this kind of event.
    Unsupported(String),
    /// A setting is missing or has a value that the plugin cannot use; names the setting.
    BadSettings(String),
    /// Something that the plugin needs did not answer.
    Unavailable(String),
    /// Anything else; a sentence for the plugin's own developer.
    Internal(String),
    /// A reason that this version of the contract has no case for.
    Other(Extension),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, detail) = match self {
            Self::Unsupported(detail) => ("unsupported", detail),
            Self::BadSettings(detail) => ("bad settings", detail),
            Self::Unavailable(detail) => ("unavailable", detail),
            Self::Internal(detail) => ("internal", detail),
            Self::Other(extension) => ("other", &extension.kind),
        };
        write!(f, "{what}: {detail}")
    }
}

impl core::error::Error for Failure {}

/// Why a capability does not answer. One type for all interfaces; each has only the reasons that it can meet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// The release has no grant for the capability; names it.
    Denied(&'static str),
    /// The invocation has used its host calls.
    Exhausted,
    /// The host could not read it in time.
    Unavailable,
    /// A key is 1 to 256 bytes, without control characters.
    BadKey,
    /// A value is at most 16 KiB.
    TooLarge,
    /// The stored bytes of the contact or of the tenant are used up.
    Full,
    /// The value is not a number, or would leave the range of 64 bits.
    NotANumber,
    /// `describe` does not list this outcome.
    Unknown(String),
    /// A name or number that cannot be; says which.
    Invalid(String),
    /// A reason that this version of the contract has no case for.
    Other(Extension),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(capability) => write!(f, "the release has no grant for {capability}"),
            Self::Exhausted => f.write_str("the invocation has used its host calls"),
            Self::Unavailable => f.write_str("the host could not read it in time"),
            Self::BadKey => f.write_str("a key is 1 to 256 bytes, without control characters"),
            Self::TooLarge => f.write_str("a value is at most 16 KiB"),
            Self::Full => f.write_str("the stored bytes are used up"),
            Self::NotANumber => f.write_str("the value is not a number"),
            Self::Unknown(outcome) => write!(f, "describe does not list the outcome {outcome:?}"),
            Self::Invalid(what) => write!(f, "{what} cannot be"),
            Self::Other(extension) => write!(f, "the host gave an unknown reason, {:?}", extension.kind),
        }
    }
}

impl core::error::Error for Denial {}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Denied(_) | Denial::Exhausted | Denial::Unavailable | Denial::Full => Self::Unavailable(denial.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}
