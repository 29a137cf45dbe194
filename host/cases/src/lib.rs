//! Runs test cases of plugins: files that say who calls, what the caller does and what must come of it.
//!
//! The command line calls [`read()`] and [`Bench`] on a developer's machine; nothing here needs a server, a provider or a network. What
//! runs is what runs in production: the same runtime with the same limits, the same live capabilities over values of the case, the same
//! rules for what is open and for what a decision may be. Only what lies outside - providers, other hosts, the clock - is the case's word.
//!
//! It must not know a database or a socket.

mod bench;
mod coverage;
mod expect;
pub mod format;
mod from_contact;
mod heard;
mod junit;
mod read;
mod stand_in;
mod step;
mod talk;
mod walk;
mod world;

pub use bench::{Bench, CaseReport, FileReport, Wrong};
pub use coverage::Unreached;
pub use format::schema;
pub use from_contact::{Around, case_of};
pub use junit::junit;
pub use read::{BadFile, parse, read};
pub use talk::{Talk, Told, WORDS};
pub use world::Given;
