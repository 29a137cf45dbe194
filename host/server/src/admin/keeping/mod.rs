//! Answers for what is kept so that it can be run again, and for running it again.

pub mod captures;
pub mod logs;
pub mod replays;
