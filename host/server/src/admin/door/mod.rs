//! Lets requests into the admin API and answers out of it, the same way for every noun.
//!
//! The table of routes puts [`guard`] before each handler; handlers take their body through [`body`], name things through
//! [`words`] and [`moment`], and leave through [`reply`] or [`problem`]; [`whole`] sees to it that what changes something goes to its end. A handler therefore holds only what its noun is about.

pub mod body;
pub mod guard;
pub mod moment;
pub mod problem;
pub mod reply;
pub mod whole;
pub mod words;
