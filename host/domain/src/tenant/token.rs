//! Says who may use the admin API: a token, what it is confined to and when it ends.
//!
//! The admin API's guard checks it on every request. Only a digest of the secret half is kept; random tokens of 256 bits need no
//! slow hash.

use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::id::TenantId;

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Everything.
    Platform,
    /// One tenant and those below it.
    Tenant(TenantId),
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The public half, sixteen hexadecimal digits.
    pub id: String,
    /// HMAC-SHA256 of the secret half under the platform's pepper, in hexadecimal.
    pub digest: String,
    /// For people.
    pub label: String,
    /// What it opens.
    pub reach: Reach,
    /// When it was made.
    pub created: Moment,
    /// It opens nothing from then on.
    pub expires: Option<Moment>,
    /// It opens nothing any more.
    pub revoked: Option<Moment>,
}

impl Token {
    /// True while it opens anything.
    pub fn is_good(&self, now: Moment) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }
}
