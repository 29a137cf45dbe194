//! Configures the engine: what a guest may contain, how it is metered, and how its instances are pooled.
//!
//! The runtime makes two engines of it, `small` and `large`, because pools belong to an engine and one pool cannot fit a Rust
//! plugin and Python at once. The compiler's child makes a third one without a pool. All three come from [`config`], which
//! differs in pooling only, so that one artifact fits all of them; a test compares their fingerprints.
//!
//! `pagemap_scan` stays off and no setting can switch it on: in this version of the engine it lets an instance see bytes of the
//! one before it while the kernel compacts memory.

pub(crate) mod footprint;
pub(crate) mod machine;

use std::hash::{Hash, Hasher};

use jackfield_domain::budget::HOST_MEMORY_BYTES_MAX;
use jackfield_domain::flow::plugin::SlotClass;
use sha2::{Digest as _, Sha256};
use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

/// Largest memory of the small engine: a Rust plugin needs one or two MiB, QuickJS with a real program about eight.
pub(crate) const SMALL_MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest declared memory of a small plugin: the small engine rewrites up to 2 MiB between calls, and a plugin that begins
/// with more than twice that is slow there and better off among its like.
pub(crate) const SMALL_DECLARED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Elements of one table: QuickJS has 737, the largest Rust plugin seen a few thousand.
pub(crate) const SMALL_TABLE_ELEMENTS_MAX: u32 = 16_384;
/// Core instances of one component as declared: Python is thirty-eight.
pub(crate) const DECLARED_CORE_INSTANCES_MAX: u32 = 64;
/// Core instances of one component as made: the engine adds one for each pair of inner components that call each other; QuickJS
/// declares eleven and gets thirteen.
pub(crate) const CORE_INSTANCES_MAX: u32 = 96;
/// Elements of one table: StarlingMonkey has 7,688, Python 5,670; with room for larger programs.
pub(crate) const LARGE_TABLE_ELEMENTS_MAX: u32 = 50_000;
/// Memories of one component: every toolchain makes one; a composed component a few.
pub(crate) const MEMORIES_MAX: u32 = 4;
/// Tables of one component: a toolchain makes one and its shims another.
pub(crate) const TABLES_MAX: u32 = 16;

/// How many instances an engine keeps room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    /// Instances that keep their place, and with it their warm memory.
    pub(crate) slots: u32,
    /// Instances that run at once.
    pub(crate) running: u32,
}

/// What a guest's code may use. Everything that is young, that makes results differ from run to run, or that no toolchain for
/// plugins needs is off: each proposal is code of the engine that a hostile guest can reach.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

/// The one configuration. Without a pool it is the compiler's.
pub(crate) fn config(class: SlotClass, pool: Option<Pool>) -> Config {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(features(), true);
    // Components inside a component have a memory each, and the engine's own code that passes values between them sees both.
    // A guest's module may not: the pre-check validates without it.
    config.wasm_features(WasmFeatures::MULTI_MEMORY, true);
    config.consume_fuel(true);
    config.operator_cost(costs());
    config.epoch_interruption(false);
    config.concurrency_support(false);
    config.cranelift_nan_canonicalization(true);
    config.memory_init_cow(true);
    // A fibre's stack is used by one tenant after another.
    config.async_stack_zeroing(true);
    // Two compilers may run at once on a machine that answers calls meanwhile; each has one core at most.
    config.parallel_compilation(false);
    // Names of functions are enough for a plugin's developer; tables from code to source lines would double an artifact.
    config.generate_address_map(false);
    // The engine walks guest stacks by their frame pointers; registering unwind tables costs maps and time at every load.
    config.native_unwind_info(false);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(class, pool)));
    }
    config
}

fn costs() -> OperatorCost {
    let mut costs = OperatorCost::new();
    // A page costs a page fault, which is worth far more than the largest number that fits; the memory limit is the real bound.
    costs.variable.memory_grow_per_page = u8::MAX;
    costs
}

fn pooling(class: SlotClass, Pool { slots, running }: Pool) -> PoolingAllocationConfig {
    let large_memory_bytes_max = usize::try_from(HOST_MEMORY_BYTES_MAX).unwrap_or(usize::MAX);
    // Memory to keep and rewrite between calls instead of handing it back to the kernel: it must cover what a guest touches, or
    // every call pays for system calls, and two cores are slower than one. 2 MiB covers an untuned Rust guest and QuickJS;
    // 16 MiB covers StarlingMonkey and Python.
    let (memory_bytes_max, keep_bytes, table_elements, table_keep_bytes, stack_keep_bytes) = match class {
        SlotClass::Small => (SMALL_MEMORY_BYTES_MAX, 2 << 20, SMALL_TABLE_ELEMENTS_MAX, 16 << 10, 16 << 10),
        SlotClass::Large => (large_memory_bytes_max, 16 << 20, LARGE_TABLE_ELEMENTS_MAX, 64 << 10, 64 << 10),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.pagemap_scan(Enabled::No);
    pool.decommit_batch_size(1);
    pool.total_component_instances(slots);
    // Multiples of the slots, so that nothing but the number of running guests can ever run out.
    pool.total_core_instances(slots.saturating_mul(CORE_INSTANCES_MAX));
    pool.total_memories(slots.saturating_mul(MEMORIES_MAX));
    pool.total_tables(slots.saturating_mul(TABLES_MAX));
    // A dropped invocation gives its stack back a moment after its permit: twice as many stacks as guests that run.
    pool.total_stacks(running.saturating_mul(2).max(2));
    pool.max_core_instances_per_component(CORE_INSTANCES_MAX);
    pool.max_memories_per_component(MEMORIES_MAX);
    pool.max_tables_per_component(TABLES_MAX);
    pool.max_component_instance_size(1 << 20);
    pool.max_memory_size(memory_bytes_max);
    pool.table_elements(usize::try_from(table_elements).unwrap_or(usize::MAX));
    pool.max_unused_warm_slots(slots);
    pool.linear_memory_keep_resident(keep_bytes);
    pool.table_keep_resident(table_keep_bytes);
    pool.async_stack_keep_resident(stack_keep_bytes);
    pool
}

/// Names what an artifact depends on: engine version, settings, target and the processor's features. Two engines with the same
/// fingerprint can load each other's artifacts.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    struct Stable(Sha256);
    impl Hasher for Stable {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Stable(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest: [u8; 32] = hasher.0.finalize().into();
    hex::encode(digest.iter().take(16).copied().collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_of_the_compiler_fits_both_engines() {
        let pool = Some(Pool { slots: 2, running: 1 });
        let small = Engine::new(&config(SlotClass::Small, pool)).unwrap();
        let large = Engine::new(&config(SlotClass::Large, pool)).unwrap();
        let compiler = Engine::new(&config(SlotClass::Small, None)).unwrap();
        assert_eq!(fingerprint(&small), fingerprint(&large));
        assert_eq!(fingerprint(&small), fingerprint(&compiler));
        assert_eq!(fingerprint(&Engine::new(&config(SlotClass::Large, None)).unwrap()), fingerprint(&compiler));
    }

    #[test]
    fn another_configuration_has_another_fingerprint() {
        let ours = Engine::new(&config(SlotClass::Small, None)).unwrap();
        let mut other = config(SlotClass::Small, None);
        other.consume_fuel(false);
        assert_ne!(fingerprint(&ours), fingerprint(&Engine::new(&other).unwrap()));
    }

    #[test]
    fn what_leaks_between_instances_stays_off() {
        for class in [SlotClass::Small, SlotClass::Large] {
            assert!(matches!(pooling(class, Pool { slots: 8, running: 4 }).get_pagemap_scan(), Enabled::No), "{class:?}");
        }
    }
}
