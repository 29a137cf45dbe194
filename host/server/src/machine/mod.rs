//! Compares what the configuration needs with what the machine allows, before anything is started.
//!
//! `serve` refuses to start on what cannot work and logs what is tight; `jackfield check` shows all of it. Past a limit of the system
//! the process fails in the middle of the day, at its busiest, with a message that names neither the limit nor the setting that asked
//! for so much. Here both stand in one sentence, with the two numbers and the knobs that move them.

mod limits;
pub mod memory;

pub use limits::{Allowed, allowed};

use std::fmt;

use jackfield_runtime::RuntimeSettings;
use serde::Serialize;

use crate::config::Config;

/// Fewer artifacts than this are no service; each keeps a file open.
const ARTIFACT_FILES: u64 = 16;
/// Threads beside the runtime's: webhooks' own, those that may wait for files, the store's, and the watchdog.
const OTHER_THREADS: u64 = 32;

/// How much something is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Below it the server fails.
    Must,
    /// Below it the server fails when it is used as much as it is configured to be.
    Should,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// "address space", "memory maps", "open files", "threads", "memory".
    pub what: &'static str,
    /// What the configuration needs.
    pub needed: u64,
    /// What the machine allows; none where it sets no limit.
    pub allowed: Option<u64>,
    /// Whether the server can do without.
    pub weight: Weight,
    /// What the need is made of.
    pub because: String,
    /// What moves either number.
    pub knobs: &'static str,
}

impl Compared {
    /// True where it fits.
    pub fn fits(&self) -> bool {
        self.allowed.is_none_or(|allowed| allowed >= self.needed)
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, needed, allowed, because, knobs, .. } = self;
        let amount =
            |n: u64| if matches!(*what, "address space" | "memory") { format!("{} MiB", n.div_ceil(1 << 20)) } else { n.to_string() };
        let there = allowed.map_or_else(|| "sets no limit".to_owned(), |allowed| format!("allows {}", amount(allowed)));
        write!(f, "{what}: the configuration needs {} ({because}) and the machine {there}", amount(*needed))?;
        if self.fits() { Ok(()) } else { write!(f, "; {knobs}") }
    }
}

/// The machine cannot do what the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the machine's limits are too low for the configuration:\n  {}", .0.join("\n  "))]
pub struct TooSmall(pub Vec<String>);

/// Compares everything.
pub fn compare(config: &Config, settings: &RuntimeSettings, allowed: &Allowed) -> Vec<Compared> {
    let footprint = settings.footprint();
    let (slots, doors) = (
        format!("{} small and {} large slots", config.small_slots, config.large_slots),
        format!(
            "{} connections of providers and {} of the admin API",
            config.listeners.hooks.connections_max, config.listeners.admin.connections_max
        ),
    );
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    vec![
        Compared {
            what: "address space",
            needed: footprint.address_bytes,
            allowed: allowed.address_bytes,
            weight: Weight::Must,
            because: format!("{slots} reserve addresses that they never touch"),
            knobs: "set LimitAS=infinity (ulimit -v unlimited), or configure fewer small_slots and large_slots",
        },
        Compared {
            what: "memory maps",
            needed: footprint.maps,
            allowed: Some(allowed.maps),
            weight: Weight::Must,
            because: slots.clone(),
            knobs: "raise vm.max_map_count (sysctl), or configure fewer small_slots and large_slots",
        },
        Compared {
            what: "open files",
            needed: settings.files_reserved.saturating_add(ARTIFACT_FILES),
            allowed: allowed.files,
            weight: Weight::Must,
            because: format!("{doors}, plugins and their requests"),
            knobs: "raise LimitNOFILE (ulimit -Hn), or lower listeners.hooks_connections_max and listeners.admin_connections_max",
        },
        Compared {
            what: "threads",
            needed: footprint.threads.saturating_add(cores).saturating_add(OTHER_THREADS),
            allowed: allowed.threads,
            weight: Weight::Should,
            because: format!("{} for plugins, and those that wait for files", config.guest_workers),
            knobs: "raise TasksMax (pids.max) and LimitNPROC (ulimit -u), or configure fewer guest_workers",
        },
        Compared {
            what: "memory",
            needed: memory::of(config, settings).usual_bytes,
            allowed: allowed.memory_bytes,
            weight: Weight::Should,
            because: format!("{slots} in use, {} MiB of artifacts, two compilers, {doors}", config.artifact_bytes_max >> 20),
            knobs: "raise MemoryMax (memory.max), or configure fewer slots and a smaller artifact_mib_max",
        },
    ]
}

/// Refuses what cannot work, and logs what is tight.
pub fn demand(config: &Config, settings: &RuntimeSettings) -> Result<(), TooSmall> {
    let compared = compare(config, settings, &allowed());
    let short = |weight: Weight| compared.iter().filter(move |one| !one.fits() && one.weight == weight);
    for tight in short(Weight::Should) {
        tracing::warn!("{tight}");
    }
    let refused: Vec<String> = short(Weight::Must).map(ToString::to_string).collect();
    if refused.is_empty() { Ok(()) } else { Err(TooSmall(refused)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    const ROOMY: Allowed = Allowed { address_bytes: None, maps: 1 << 20, files: Some(1 << 20), threads: None, memory_bytes: None };

    fn settings(config: &Config) -> RuntimeSettings {
        crate::serve::runtime_settings(config, [0; 32])
    }

    #[test]
    fn each_limit_that_is_too_low_is_named_with_both_numbers_and_a_knob() {
        let config = Config::read(None, Overrides::default(), "jackfield".into()).unwrap();
        let settings = settings(&config);
        let short = |allowed: Allowed| -> Vec<String> {
            compare(&config, &settings, &allowed).iter().filter(|one| !one.fits()).map(ToString::to_string).collect()
        };
        assert_eq!(short(ROOMY), Vec::<String>::new());
        for (allowed, words) in [
            (Allowed { address_bytes: Some(1 << 30), ..ROOMY }, ["address space", "allows 1024 MiB", "LimitAS", "small_slots"]),
            (Allowed { maps: 5_000, ..ROOMY }, ["memory maps", "allows 5000", "vm.max_map_count", "small_slots"]),
            (Allowed { files: Some(300), ..ROOMY }, ["open files", "allows 300", "LimitNOFILE", "hooks_connections_max"]),
            (Allowed { threads: Some(10), ..ROOMY }, ["threads", "allows 10", "TasksMax", "guest_workers"]),
            (Allowed { memory_bytes: Some(64 << 20), ..ROOMY }, ["memory", "allows 64 MiB", "MemoryMax", "artifact_mib_max"]),
        ] {
            let said = short(allowed);
            assert_eq!(said.len(), 1, "{said:?}");
            for word in words {
                assert!(said[0].contains(word), "{word} is not in {:?}", said[0]);
            }
        }
    }
}
