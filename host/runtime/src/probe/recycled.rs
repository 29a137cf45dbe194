//! Makes fresh instances in few slots, so that a guest written for it can look for what an instance before it left there.
//!
//! The recycled-slot proof calls it from several threads. Engine, pool, store, limiter and metering are those of an invocation; only the
//! component's world is another one, because a plugin of the contract cannot be as curious as this. Such a component exports
//! `visit: func() -> u64`, which looks and then leaves everything dirty, and may import `look-at-stack: func() -> u64`.
//!
//! A guest cannot see the unused part of its own stack, and the compiler clears every local, so the host looks for it: through the
//! kernel's file of this process' memory, which needs no unsafe code and shows the pages as they are.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_domain::budget::Limits;
use jackfield_domain::flow::plugin::SlotClass;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Error, Result};

use crate::RuntimeFault;
use crate::engine::{Pool, config};
use crate::guest::{Guest, GuestParts};
use crate::install::Nothing;
use crate::invocation::store_on;

/// What a guest fills everything with that it can write.
pub const SECRET_BYTE: u8 = 0xc5;
/// The part of the unused stack where the host's own frames may have been: only the secret counts as stale there.
const NEAR_BYTES: usize = 48 * 1024;
/// The rest of what is looked at: more than the deepest guest of the proof uses. Every byte that is not zero is stale.
const FAR_BYTES: usize = 112 * 1024;

/// A pool with few slots, and the components that share them.
pub struct Slots {
    engine: Engine,
    components: Vec<InstancePre<Guest>>,
    yield_fuel: u64,
}

fn fault(error: &Error) -> RuntimeFault {
    RuntimeFault::Engine(format!("{error:#}"))
}

impl Slots {
    /// Makes the pool of the small engine with so many places, and compiles the components for it.
    pub fn new(places: u32, components: &[Vec<u8>], yield_fuel: u64) -> Result<Self, RuntimeFault> {
        let made = || {
            let engine = Engine::new(&config(SlotClass::Small, Some(Pool { slots: places, running: places })))?;
            let mut linker = Linker::<Guest>::new(&engine);
            let memory = Arc::new(File::open("/proc/self/mem").map_err(Error::from)?);
            let seen = Arc::new(Mutex::new(Vec::new()));
            linker.root().func_wrap("look-at-stack", move |_, ()| Ok((look_below(&memory, &seen)?,)))?;
            let link = |bytes: &Vec<u8>| linker.instantiate_pre(&Component::new(&engine, bytes)?);
            let components = components.iter().map(link).collect::<Result<Vec<_>>>()?;
            Ok(Self { engine, components, yield_fuel })
        };
        made().map_err(|error: Error| fault(&error))
    }

    /// Makes a fresh instance of a component, lets it visit so often, and drops it; the last visit's report. More than once is the
    /// control: what the first visit left must be found by the second.
    pub async fn visit(&self, component: usize, visits: u32) -> Result<u64, RuntimeFault> {
        self.visit_within(component, visits).await.map_err(|error| fault(&error))
    }

    async fn visit_within(&self, component: usize, visits: u32) -> Result<u64> {
        let limits = Limits::host();
        let parts = GuestParts {
            limits,
            capabilities: Box::new(Nothing),
            grants: BTreeSet::new(),
            seed: [0; 32],
            now: 0,
            deadline: limits.wall_ms_max,
            yield_fuel: self.yield_fuel,
            place: None,
        };
        let mut store = store_on(&self.engine, Guest::new(parts), &limits, self.yield_fuel)?;
        let made = self.components.get(component).ok_or_else(|| Error::msg("there is no such component"))?;
        let instance = made.instantiate_async(&mut store).await?;
        let visit = instance.get_typed_func::<(), (u64,)>(&mut store, "visit")?;
        let mut report = 0;
        for _ in 0..visits {
            (report,) = visit.call_async(&mut store, ()).await?;
        }
        Ok(report)
    }

    /// Memory slots that were ever used. While they are fewer than the components, components share them.
    pub fn memories_used(&self) -> u32 {
        self.engine.pooling_allocator_metrics().map_or(0, |metrics| metrics.unused_warm_memories())
    }
}

/// Looks at the stack below whoever calls it; gives back how many bytes are stale. `seen` keeps room for what is read, because new
/// pages for each of two million looks would be most of the work.
fn look_below(memory: &File, seen: &Mutex<Vec<Vec<u8>>>) -> Result<u64> {
    // Whole blocks are compared first: almost every block is clean.
    const CLEAN: [u8; 4096] = [0; 4096];
    let here = 0_u8;
    // Guests spill whole words, so words are looked at where words lie.
    let top = std::ptr::from_ref(&here).addr() & !7;
    let room = seen.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut bytes = room.unwrap_or_else(|| vec![0; NEAR_BYTES + FAR_BYTES]);
    let from = top.checked_sub(bytes.len()).ok_or_else(|| Error::msg("the stack begins at nothing"))?;
    memory.read_exact_at(&mut bytes, from as u64).map_err(Error::from)?;
    let (far, near) = bytes.split_at(FAR_BYTES);
    let far = far.chunks(CLEAN.len()).filter(|block| *block != CLEAN.get(..block.len()).unwrap_or_default());
    let far: usize = far.map(|block| block.iter().filter(|byte| **byte != 0).count()).sum();
    let secret = [SECRET_BYTE; 8];
    let near = near.chunks(CLEAN.len()).filter(|block| block.contains(&SECRET_BYTE));
    let near: usize = near.map(|block| block.as_chunks::<8>().0.iter().filter(|word| **word == secret).count() * secret.len()).sum();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    Ok((far + near) as u64)
}
