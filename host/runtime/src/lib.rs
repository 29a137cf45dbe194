//! Runs plugins: checks and compiles what is uploaded, and gives every invocation a fresh instance inside its limits.
//!
//! The server's invoke step calls [`Runtime::call`], its upload route [`Runtime::install`], and the `jackfield compile` child
//! [`run_compiler`]. What comes back is plain values of the domain: nobody outside this crate ever names the engine, so the
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
mod runtime;
mod turnstile;
mod wasi;

pub use call::{Call, Function, Outcome, Ran};
pub use compile::{CompileFault, run_compiler};
pub use install::{InstallError, Installed};
pub use runtime::{Resident, Runtime, RuntimeFault, RuntimeSettings};
