//! Holds what the canary pair has in common: the secret, and pages to keep it in.
//!
//! One guest writes the secret wherever it can, the other looks for it. The secret is put together when it is needed, so that it
//! stands in no guest's own data.

use core::ops::Range;

/// A page of WebAssembly.
const PAGE_BYTES: usize = 65_536;
/// Grown so much at a time: the host counts each growth against the memory limit, and the last one may be refused.
const STEP_PAGES: usize = 16;
/// Half of the secret; the other half is its complement.
const HALF: u32 = 0x5ec4_e7a1;

/// The word to look for.
pub fn secret() -> u64 {
    let half = core::hint::black_box(HALF);
    u64::from(half) << 32 | u64::from(!half)
}

/// Asks for more memory until so many MiB are there or it is refused; the addresses of what was granted.
pub fn grow(mib: u64) -> Range<usize> {
    let begin = core::arch::wasm32::memory_size(0);
    for _ in 0..mib {
        if core::arch::wasm32::memory_grow(0, STEP_PAGES) == usize::MAX {
            break;
        }
    }
    begin * PAGE_BYTES..core::arch::wasm32::memory_size(0) * PAGE_BYTES
}

/// The addresses of all memory.
pub fn all() -> Range<usize> {
    // The first word is left out: its address is no valid pointer in Rust.
    size_of::<u64>()..core::arch::wasm32::memory_size(0) * PAGE_BYTES
}

/// How often the secret stands in memory.
pub fn found() -> usize {
    let secret = secret();
    // SAFETY: every word below the size of memory can be read; who else may write it does not matter to a search.
    words(&all()).filter(|word| unsafe { word.read_volatile() } == secret).count()
}

/// Every word in a range of addresses.
pub fn words(range: &Range<usize>) -> impl Iterator<Item = *mut u64> + use<> {
    range.clone().step_by(size_of::<u64>()).map(core::ptr::with_exposed_provenance_mut::<u64>)
}
