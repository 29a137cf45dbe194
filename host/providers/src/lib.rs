//! Speaks the wire formats of providers: verifies and parses what they send, renders what they are told.
//!
//! The server's pipeline calls it between the socket and the rules; it hands on domain types only. In and out go by the same
//! door, one folder for each provider, because a signature, a parameter and a verb of one provider change together.
//!
//! It must not open a socket, read a clock or know a tenant's plugin: it gets bytes and gives bytes, so that every hook of every
//! provider can be tested with a file.

pub mod connect;
mod connection;
#[cfg(test)]
mod damaged;
mod json;
pub mod kamailio;
pub mod native;
pub mod options;
mod party;
pub mod provider;
#[cfg(test)]
mod recorded;
mod registry;
pub mod retell;
mod secrets;
pub mod sip;
mod targets;
pub mod telnyx;
pub mod token;
pub mod twilio;
pub mod twilio_messaging;
pub mod vapi;
mod voice_ai;
