//! Holds one file per noun: its verbs, what they send, and how the answer reads.
//!
//! `cli::admin` chooses the noun. A verb ends with the session's `show` or `say`; none prints by itself.

pub mod address;
mod alone;
pub mod captures;
pub mod cases;
pub mod closure;
pub mod connection;
pub mod contacts;
pub mod entry;
pub mod flow;
pub mod host;
pub mod hours;
pub mod plugin;
pub mod quota;
pub mod route;
pub mod secret;
pub mod settings;
pub mod tenant;
pub mod token;
pub mod usage;
