//! Runs plugins: checks and compiles what is uploaded, and gives every invocation a fresh instance inside its limits.
//!
//! The server's invoke step calls [`Runtime::call`], its upload route [`Runtime::install`], and the `jackfield compile` child
//! [`compiler_main`]. What comes back is plain values of the domain: nobody outside this crate ever names the engine, so the
//! engine can be replaced, and a value of one engine can never meet another.
//!
//! It must not decide what an answer is worth: a draft leaves here unchecked, and the domain vets it.

mod abi;
mod artifact;
#[cfg(feature = "bench")]
pub mod bare;
mod call;
pub mod capability;
mod check;
mod compile;
mod engine;
mod guest;
mod install;
mod invocation;
mod load;
mod prepare;
#[cfg(any(feature = "bench", feature = "fuzz"))]
pub mod probe;
mod pulse;
mod replay;
mod runtime;
mod selftest;
mod threads;
mod turnstile;
mod upload;
mod wasi;

pub use artifact::engines::Swept;
pub use artifact::poison::Poisoned;
pub use call::{Call, Function, Outcome, Ran};
pub use compile::board::{Job, Phase, Seen, Totals};
pub use compile::compiler_main;
pub use compile::order::{ChildLimits, CompileSettings, Quarantine};
pub use compile::probe::{Probe, Tried};
pub use compile::queue::Purpose;
pub use compile::walls::{Standing, Wall};
pub use engine::footprint::Footprint;
pub use install::{InstallError, Installed};
pub use prepare::{Prepared, Preparer};
pub use pulse::GuestPulse;
pub use replay::{Candidate, NotReplayed, came_to};
pub use runtime::{Busy, Resident, Runtime, RuntimeFault, RuntimeSettings};
pub use selftest::SelfTested;
