//! Offers `wasi:random`: numbers that nobody outside can foretell and that the same seed gives again.
//!
//! The seed is drawn for each invocation by the server and stands in the trail; the numbers are ChaCha20's of it. Secure and
//! insecure numbers come from the same stream: a second generator would only be something else to get wrong.

use rand_chacha::rand_core::Rng;
use wasmtime::Result;
use wasmtime::component::Linker;

use super::{function, function_at, interface};
use crate::guest::Guest;

/// Most bytes of one call: a guest seeds a generator of its own, and needs 32.
const BYTES_MAX: u64 = 64 * 1024;
/// What a byte costs in fuel, about as long as it takes.
const BYTE_FUEL: u64 = 16;

#[derive(Debug, thiserror::Error)]
#[error("{0} random bytes at once; at most {BYTES_MAX}")]
struct TooMany(u64);

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for (name, bytes, number) in [
        ("wasi:random/random", "get-random-bytes", "get-random-u64"),
        ("wasi:random/insecure", "get-insecure-random-bytes", "get-insecure-random-u64"),
    ] {
        let mut instance = interface(linker, name)?;
        let fuel = |(count,): &(u64,)| count.saturating_mul(BYTE_FUEL);
        function_at(&mut instance, bytes, fuel, |guest, (count,): (u64,)| {
            let count = usize::try_from(count).ok().filter(|_| count <= BYTES_MAX).ok_or(TooMany(count))?;
            let mut bytes = vec![0; count];
            guest.random().fill_bytes(&mut bytes);
            Ok((bytes,))
        })?;
        function(&mut instance, number, |guest, (): ()| Ok((guest.random().next_u64(),)))?;
    }
    let mut seed = interface(linker, "wasi:random/insecure-seed")?;
    function(&mut seed, "insecure-seed", |guest, (): ()| Ok((guest.insecure_seed(),)))
}
