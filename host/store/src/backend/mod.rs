//! Holds the backends of the port `Rows`: the one in memory, which says what is right, and sled, which is what stays.
//!
//! The store is built over either and cannot tell them apart; one suite, `conformance`, holds for both. Guards are evaluated in
//! `guard`, once, so that the backends cannot disagree about what a conflict is.

pub mod conformance;
pub(crate) mod groups;
pub(crate) mod guard;
pub(crate) mod memory;
#[cfg(any(test, feature = "power-cut"))]
pub mod power_cut;
pub(crate) mod sled;
#[cfg(any(test, feature = "power-cut"))]
pub(crate) mod slow;
pub(crate) mod watched;
