//! Names what the rules need from outside, as traits: rows, blobs, plugin state and the clock.
//!
//! The store implements them, the server wires them, tests replace them. Boxed futures stand only here, at this edge, so that a
//! backend can be chosen at start; everything inside is plain values.

pub mod blobs;
pub mod ledger;
pub mod outbound;
pub mod permits;
pub mod rows;
pub mod spending;
pub mod state;

use std::future::Future;
use std::pin::Pin;

use crate::contact::Moment;

/// A future that can be held and sent.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the time. The server has the only real one.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now(&self) -> Moment;
}
