//! Tells promises in few lines: a platform to test, a Twilio that calls it, and the guests that misbehave on it.
//!
//! `tests/all.rs`, the demo and the soak runs use it. It talks to the server only through its public doors - webhooks and the admin
//! API - so that a promise holds for a user and not for an inside.

pub mod artifacts;
pub mod bombs;
pub mod capacity;
pub mod capturing;
pub mod collector;
pub mod corpus;
pub mod crash;
pub mod determinism;
pub mod doors;
pub mod fuzzing;
pub mod ledger;
pub mod line;
pub mod load;
pub mod neighbours;
pub mod overload;
pub mod platform;
pub mod process;
pub mod recycled;
pub mod reference;
pub mod replays;
pub mod slowest;
pub mod stock;
pub mod stranger;
pub mod subject;
pub mod tally;
pub mod twiml;
pub mod web;
