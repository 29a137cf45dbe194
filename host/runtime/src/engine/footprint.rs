//! Says what a runtime asks of the machine before it is started: addresses, memory maps, threads and memory.
//!
//! The server compares it with what the machine allows, so that a limit that is too low is a sentence with two numbers at the start
//! and not a trap in the middle of the day. It follows the pool's own arithmetic; a promise holds it against a real process.

use jackfield_domain::budget::HOST_MEMORY_BYTES_MAX;

use super::{CORE_INSTANCES_MAX, LARGE_TABLE_ELEMENTS_MAX, MEMORIES_MAX, SMALL_TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::engine::machine::{ARTIFACTS_MIN, MAPS_PER_ARTIFACT, MAPS_PER_SLOT, MAPS_RESERVED};

/// Addresses of one memory of a slot: the four gigabytes that a guest can name, so that the processor checks its bounds, and a guard.
const MEMORY_ADDRESS_BYTES: u64 = (4 << 30) + (32 << 20);
/// An element of a table is a pointer.
const ELEMENT_BYTES: u64 = 8;
/// What the engine keeps beside an instance's memories.
const INSTANCE_BYTES: u64 = 1 << 20;
/// Of each guest's stack, guard included; a slot has two, because the one before may not have given its own back yet.
const STACK_BYTES: u64 = 2 * ((2 << 20) + (64 << 10));
/// Everything else that takes addresses: stacks of threads, arenas of the allocator, libraries, the store, loaded artifacts.
const OTHER_ADDRESS_BYTES: u64 = 16 << 30;
/// Warm memory of a small and of a large slot.
const SMALL_WARM_BYTES: u64 = 2 << 20;
const LARGE_WARM_BYTES: u64 = 16 << 20;
/// Threads that wait for files on behalf of one async runtime, by tokio's own default.
const WAITING_THREADS: u64 = 512;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Addresses, most of them never touched.
    pub address_bytes: u64,
    /// Memory maps with the fewest artifacts that are a service.
    pub maps: u64,
    /// Threads of all kinds, at most.
    pub threads: u64,
    /// Memory that warm slots and running guests take, at most.
    pub guest_memory_bytes: u64,
    /// Guests that may run at once.
    pub running: u64,
}

impl Footprint {
    /// Of a runtime with these pools, where `running` guests run at once on so many `workers`.
    pub(crate) fn of(small_slots: u32, large_slots: u32, running: u32, workers: usize) -> Self {
        let (small, large) = (u64::from(small_slots), u64::from(large_slots));
        let slot = |elements: u32| {
            u64::from(MEMORIES_MAX) * MEMORY_ADDRESS_BYTES
                + u64::from(TABLES_MAX) * u64::from(elements) * ELEMENT_BYTES
                + u64::from(CORE_INSTANCES_MAX) * INSTANCE_BYTES
                + STACK_BYTES
        };
        let slots =
            small.saturating_mul(slot(SMALL_TABLE_ELEMENTS_MAX)).saturating_add(large.saturating_mul(slot(LARGE_TABLE_ELEMENTS_MAX)));
        Self {
            address_bytes: slots.saturating_add(OTHER_ADDRESS_BYTES),
            maps: MAPS_RESERVED + (small + large).saturating_mul(MAPS_PER_SLOT) + ARTIFACTS_MIN * MAPS_PER_ARTIFACT,
            threads: (workers as u64).saturating_mul(2) + WAITING_THREADS,
            guest_memory_bytes: small.saturating_mul(SMALL_WARM_BYTES)
                + large.saturating_mul(LARGE_WARM_BYTES)
                + u64::from(running).saturating_mul(HOST_MEMORY_BYTES_MAX),
            running: u64::from(running),
        }
    }
}
