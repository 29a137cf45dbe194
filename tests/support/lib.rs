//! Tells promises in few lines: a platform to test, a Twilio that calls it, and the guests that misbehave on it.
//!
//! `tests/all.rs`, the demo and the soak runs use it. It talks to the server only through its public doors - webhooks and the admin
//! API - so that a promise holds for a user and not for an inside.

pub mod artifacts;
pub mod capacity;
pub mod crash;
pub mod line;
pub mod platform;
pub mod process;
pub mod twiml;
