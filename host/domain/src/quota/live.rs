//! Says which contacts are live, and for how long if nobody reports their end.
//!
//! The row is written in the batch of the first event that was let in and goes in the batch of the contact's end, so that permits can
//! be counted again after a start. It holds nothing about the customer.

use serde::{Deserialize, Serialize};

use crate::contact::{MESSAGE_LIFETIME_MS, Moment, VOICE_LIFETIME_MS};
use crate::id::{ContactId, TenantId};
use crate::tenant::address::Channel;

/// A contact that holds a permit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveContact {
    /// Which.
    pub contact: ContactId,
    /// Whose.
    pub tenant: TenantId,
    /// It holds the permit at most so long.
    pub until: Moment,
}

/// When a contact is over if nothing more is heard of it: a call from its start on, a conversation from its last event on.
pub fn over_at(channel: Channel, started: Moment, now: Moment) -> Moment {
    match channel {
        Channel::Voice => started.saturating_add(VOICE_LIFETIME_MS),
        _ => now.saturating_add(MESSAGE_LIFETIME_MS),
    }
}
