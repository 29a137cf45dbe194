//! Maps machine code: the one place of the whole host that the compiler cannot check.
//!
//! The engine trusts an artifact completely and cannot know where it came from, so its function is unsafe by nature. What makes
//! it sound is the argument's type: an [`Authenticated`] exists only for a file whose code, under this node's key, covers its
//! content, its component and the engine's fingerprint, in a directory that nobody else can write and whose files are
//! replaced by renaming only. It must not be called with anything else, and there is nothing else to call it with.

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

use super::Authenticated;

/// Maps an artifact into an engine.
#[expect(unsafe_code, reason = "machine code can only be trusted, and the argument is the proof that it may be")]
pub(crate) fn map(engine: &Engine, artifact: &Authenticated) -> Result<Component> {
    // SAFETY: the file is what our own compiler wrote for an engine with this fingerprint, and nobody else can change it.
    unsafe { Component::deserialize_file(engine, artifact.path()) }
}
