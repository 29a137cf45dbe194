//! Asks the machine what it allows, so that a runtime that cannot fit refuses to start instead of failing on a call.
//!
//! Every slot in use and every mapped artifact takes memory maps, and the kernel gives a process only so many; past the limit
//! instances fail in the middle of the day. So the limit is read once, at the start, and shared out.

use std::fs;

use crate::runtime::{RuntimeFault, RuntimeSettings};

/// What Linux allows unless somebody changed it.
const MAPS_MAX_DEFAULT: u64 = 65_530;
/// Maps of a slot in use: its memory's image, guards and tables.
pub(crate) const MAPS_PER_SLOT: u64 = 5;
/// Maps of a loaded artifact: its code, its data and its guards.
pub(crate) const MAPS_PER_ARTIFACT: u64 = 5;
/// Maps of everything else: threads, libraries, the allocator, the store.
pub(crate) const MAPS_RESERVED: u64 = 4_000;
/// Fewer artifacts than this is no service.
pub(crate) const ARTIFACTS_MIN: u64 = 16;
/// What the machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Memory maps of this process.
    pub(crate) maps_max: u64,
    /// Artifacts that fit.
    pub(crate) artifacts_max: usize,
}

/// Reads the limits, and raises that of open files as far as the system lets us: each loaded artifact keeps its file open.
pub(crate) fn measure(settings: &RuntimeSettings) -> Result<Machine, RuntimeFault> {
    let maps_max =
        fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(MAPS_MAX_DEFAULT);
    let files_max = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(settings.files_reserved + ARTIFACTS_MIN);
    share(maps_max, files_max.saturating_sub(settings.files_reserved), u64::from(settings.small_slots) + u64::from(settings.large_slots))
}

/// `by_files` is how many files are left to artifacts.
fn share(maps_max: u64, by_files: u64, slots: u64) -> Result<Machine, RuntimeFault> {
    let by_maps = maps_max.saturating_sub(MAPS_RESERVED).saturating_sub(slots.saturating_mul(MAPS_PER_SLOT)) / MAPS_PER_ARTIFACT;
    let artifacts = by_maps.min(by_files);
    if artifacts < ARTIFACTS_MIN {
        return Err(RuntimeFault::Engine(format!(
            "{slots} slots leave room for {artifacts} plugins with vm.max_map_count {maps_max} and {by_files} files for them; \
             configure fewer slots, or raise the two"
        )));
    }
    Ok(Machine { maps_max, artifacts_max: usize::try_from(artifacts).unwrap_or(usize::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_plugins_fit_a_machine_as_it_comes() {
        let machine = share(MAPS_MAX_DEFAULT, 1 << 20, 1_000).unwrap();
        assert!(machine.artifacts_max > 10_000, "{machine:?}");
    }

    #[test]
    fn a_machine_that_is_too_small_is_found_out_at_the_start() {
        assert!(share(MAPS_MAX_DEFAULT, 1 << 20, 12_500).is_err());
        assert!(share(MAPS_MAX_DEFAULT, 10, 10).is_err());
    }
}
