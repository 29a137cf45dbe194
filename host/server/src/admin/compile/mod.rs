//! Answers for everything about compiling: what is under way, how much may come at once, what stopped a compiler, what an upgrade needs.
//!
//! The upload route takes its room here; operators see and clear; `jackfield prepare` reads here what it compiles ahead.

pub mod ahead;
pub(crate) mod jobs;
pub(crate) mod poison;
pub(crate) mod room;
