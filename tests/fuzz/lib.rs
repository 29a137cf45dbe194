//! Compiles the edges once more, under the fuzzer's compiler and instrumentation.
//!
//! The files are those of `tests/support`: what a target tries here is what the promise replays there, to the letter. The whole library of
//! tests is not used, because the server around it would be built as well and never run.

#[path = "../support/fuzzing/mod.rs"]
pub mod fuzzing;
#[path = "../support/subject.rs"]
pub mod subject;
#[path = "../support/twiml.rs"]
pub mod twiml;
