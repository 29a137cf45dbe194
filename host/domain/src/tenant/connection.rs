//! Says how a provider reaches the platform: an account with its secrets, its public address and what it answers on its own.
//!
//! The resolve step finds it by the path of a webhook, providers take what they need from it. Secrets are in here only while a
//! request is verified; the store keeps the row sealed, and nothing prints them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::contact::Moment;
use crate::contact::decision::Draft;
use crate::id::{ConnectionId, TenantId};

/// Most secrets that are valid at once: the one in use and the one that follows it.
pub const SECRETS_MAX: usize = 2;

/// A secret in memory. It never prints and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes it over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for computing with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A secret with a name by which the trail can call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedSecret {
    /// For example "2026-11".
    pub name: String,
    /// The value.
    pub secret: Secret,
    /// Since when.
    pub added: Moment,
}

/// A tenant's, or the platform's, account at a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name, part of its webhook URLs.
    pub id: ConnectionId,
    /// Whose it is. Descendants may bind addresses to it.
    pub tenant: TenantId,
    /// The provider's name, for example "twilio".
    pub provider: String,
    /// The account's id at the provider, for example an AccountSid; a webhook of another account is refused.
    pub account: Option<String>,
    /// Scheme, host, optional port and path prefix under which the provider reaches us, without a trailing slash. What the
    /// provider signs; never taken from a header.
    pub public_url: String,
    /// One or two, newest first.
    pub secrets: Vec<NamedSecret>,
    /// What an address that nobody bound gets, once the signature holds.
    pub unbound: Option<Draft>,
    /// wss URL of the AI speaker that `converse` connects to, where the platform runs one.
    pub speaker_url: Option<String>,
    /// The provider's name of the voice that speaks where a prompt names none.
    pub voice: Option<String>,
    /// What the provider lets a connection choose, by its own names, for example how an answer is written or who may send. Checked when it
    /// is set; a name that the provider does not know is refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// When it was made.
    pub created: Moment,
}

impl Connection {
    /// What was chosen, if anything was.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}
