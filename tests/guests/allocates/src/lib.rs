//! Takes memory until it is refused, and then traps.
//!
//! It asks for pages directly, because an allocator would stop at its own error first. Every page is touched, so that the memory is
//! really there.

use shape::{Contact, Decision, Event, Failure, Guest, commit};

/// A page of WebAssembly.
const PAGE_BYTES: usize = 65_536;
/// Grown by a MiB at a time: small steps would meet the fuel limit first.
const STEP_PAGES: usize = 16;

struct Allocates;

impl Guest for Allocates {
    const NAME: &str = "allocates";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        loop {
            let before = core::arch::wasm32::memory_grow(0, STEP_PAGES);
            if before == usize::MAX {
                core::arch::wasm32::unreachable();
            }
            for page in before..before + STEP_PAGES {
                // SAFETY: the page was just granted, and nothing else knows of it.
                unsafe { core::ptr::with_exposed_provenance_mut::<u8>(page * PAGE_BYTES).write_volatile(1) };
            }
        }
    }
}

commit!(Allocates);
