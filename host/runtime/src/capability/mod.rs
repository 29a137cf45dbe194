//! Puts the host's side of every import interface between the guest and the one trait that answers.
pub mod live;
