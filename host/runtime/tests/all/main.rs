//! Promises of the runtime, kept by real guests: small components written for one promise each, compiled in the real child.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there, its helpers included"
)]

mod contract;
mod failures;
mod isolation;
mod loading;
mod support;
mod wasi;
