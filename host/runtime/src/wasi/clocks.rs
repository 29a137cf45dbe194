//! Offers `wasi:clocks`: both clocks show the guest's own time, which only its own waits move.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Linker, Lower, Resource};

use super::io::Pollable;
use super::{function, interface};
use crate::guest::Guest;
use crate::guest::time::Awaited;

/// Both clocks tick in milliseconds as far as anyone is told: the event's time is no finer.
const RESOLUTION_NS: u32 = 1_000_000;

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    let mut wall = interface(linker, "wasi:clocks/wall-clock")?;
    function(&mut wall, "now", |guest, (): ()| {
        let now = guest.time.wall();
        Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
    })?;
    function(&mut wall, "resolution", |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: RESOLUTION_NS },)))?;

    let mut monotonic = interface(linker, "wasi:clocks/monotonic-clock")?;
    function(&mut monotonic, "now", |guest, (): ()| Ok((guest.time.monotonic_ns(),)))?;
    function(&mut monotonic, "resolution", |_, (): ()| Ok((u64::from(RESOLUTION_NS),)))?;
    function(&mut monotonic, "subscribe-instant", |guest, (when_ns,): (u64,)| {
        Ok((Resource::<Pollable>::new_own(guest.time.subscribe(Awaited::Time(when_ns))?),))
    })?;
    function(&mut monotonic, "subscribe-duration", |guest, (wait_ns,): (u64,)| {
        Ok((Resource::<Pollable>::new_own(guest.time.subscribe_after(wait_ns)?),))
    })
}
