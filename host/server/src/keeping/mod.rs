//! Decides how long contacts are kept, and keeps what it takes to run their plugins again.

pub mod captures;
pub mod retention;
