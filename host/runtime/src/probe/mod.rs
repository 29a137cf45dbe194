//! Lets proofs reach what no caller may reach: recycled slots as the engine hands them out, and the edge where answers are lifted.
//!
//! The soak and fuzz runs and their short forms use it, each behind a feature that the server never has. Everything here goes through
//! the same configuration, the same store and the same checks as an invocation of a tenant, or it would prove nothing.

#[cfg(feature = "fuzz")]
pub mod edge;
#[cfg(feature = "bench")]
pub mod recycled;
