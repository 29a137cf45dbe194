//! Bounds how many contacts are live at once, of a tenant and of everyone above it.
//!
//! The admit step asks for a permit with a contact's first event and again with each later one, which holds it already; the end of
//! the contact gives it back. Here it is a port and in the server a map, rebuilt at start from the rows that stand beside live
//! contacts; among several nodes it will be a protocol.

use super::BoxFuture;
use crate::contact::Moment;
use crate::id::{ContactId, TenantId};

/// A contact that wants to be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanting {
    /// Which.
    pub contact: ContactId,
    /// Every level that counts it, the tenant's own first, with the most that may be live there; none where nobody set any.
    pub levels: Vec<(TenantId, Option<u64>)>,
    /// When it is over, if nobody reports its end.
    pub until: Moment,
    /// True where no limit bars it: it is counted all the same.
    pub exempt: bool,
}

/// What was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It became live now.
    New,
    /// It was live before.
    Held,
}

/// A level has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoom {
    /// Which.
    pub level: TenantId,
    /// How many may be live there, of this kind.
    pub limit: u64,
}

/// Permits of live contacts.
pub trait Permits: Send + Sync {
    /// Gives a permit, or says which level has no room. All levels count it, or none.
    fn acquire(&self, wanting: Wanting, now: Moment) -> BoxFuture<'_, Result<Permit, NoRoom>>;

    /// Takes a contact's permit back; nothing happens where it has none.
    fn release(&self, contact: ContactId) -> BoxFuture<'_, ()>;

    /// How many are live at a level.
    fn live<'a>(&'a self, level: &'a TenantId, now: Moment) -> BoxFuture<'a, u64>;
}
