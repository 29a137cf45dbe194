//! Takes any bytes to the edges where a stranger's bytes come in, and says how far they came.
//!
//! The fuzz targets in `tests/fuzz` and the promise that replays their seeds call the same functions, so a finding that is kept as a seed is
//! tried for ever without a fuzzer. The targets compile these files once more under the fuzzer's own settings.
//!
//! It must not swallow anything: a promise that does not hold is a panic.
#![allow(clippy::panic, reason = "a panic is what a fuzzer understands")]

pub mod lift;
pub mod recorded;
pub mod sip;
pub mod stage;
pub mod upload;
pub mod webhooks;
