//! Names what Jackfield is about and the rules that hold without any input or output.
//!
//! Every other crate calls it; it calls none of them. It has no async runtime, no engine, no database and no HTTP, so a rule
//! here can be tested with plain values. What it needs from outside stands in [`ports`] as traits.
//!
//! It must not read a clock, draw a random number or touch a file: those come in as arguments.

pub mod budget;
pub mod capability;
pub mod capture;
pub mod contact;
pub mod fallback;
pub mod flow;
pub mod id;
pub mod ports;
pub mod priority;
pub mod quota;
pub mod refusal;
pub mod request;
pub mod retention;
pub mod tenant;
pub mod trail;
pub mod usage;
