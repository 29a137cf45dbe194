//! Gives each scope its typed store: one tenant's, and the platform's.
//!
//! A scope is taken once, from [`crate::Store`], and from then on every row is named by its noun and id. What a scope keeps beside
//! plain rows has a file of its own: contacts with their trails, plugin state, counters.

pub(crate) mod addresses;
pub(crate) mod brief;
pub(crate) mod contact;
pub(crate) mod forget;
pub(crate) mod ledger;
pub(crate) mod live;
pub(crate) mod platform;
pub(crate) mod secrets;
pub(crate) mod state;
pub(crate) mod tenant;
pub(crate) mod things;
pub(crate) mod usage;
