//! Adds up what the whole process may take of memory, part by part, from the bounds that are configured.
//!
//! The greeting prints it, `GET /v1/host` tells it, and [`super::compare`] holds it against the machine. Everything that grows with
//! what tenants, callers or strangers send has a bound, and each bound is a part here: a part that is missing is one that nobody
//! bounded. Two sums are told, because one of them is what a busy day takes and the other what all tenants together could force.

use std::fmt;

use jackfield_domain::budget::{HOST_HTTP_BYTES_MAX, HOST_INPUT_BYTES_MAX, HOST_MEMORY_BYTES_MAX};
use jackfield_runtime::RuntimeSettings;
use serde::Serialize;

use crate::config::{Config, HOOK_BODY_BYTES_MAX};

/// The process itself, its threads, and the store's cache of 64 MiB with what it writes.
const BASE_BYTES: u64 = 192 << 20;
/// Rows on their way through the journal: a quarter of a full file or so.
const AHEAD_BYTES: u64 = 16 << 20;
/// Compilers that run at once, as processes of their own, with what most components take.
const COMPILERS: u64 = 2;
const COMPILER_BYTES: u64 = 512 << 20;
/// What an open connection takes with the buffers of its request.
const CONNECTION_BYTES: u64 = 64 << 10;
/// What an event usually takes while it is answered: request, contact, trail, reply.
const EVENT_BYTES: u64 = 64 << 10;
/// A small guest's memory at its largest.
const SMALL_MEMORY_BYTES: u64 = 16 << 20;
/// What is kept of tenants between events: their surroundings, a hundred megabytes of entries at worst.
const KNOWN_BYTES: u64 = 100 << 20;
/// What one invocation is told at most, kept until its end.
const TAPE_BYTES_MAX: u64 = 4 << 20;
/// What a request of a plugin keeps beside its bodies: headers, buffers of its connection, TLS.
const REQUEST_BYTES: u64 = 64 << 10;
/// A hundred megabytes of live contacts, at the most that one process counts.
const LIVE_BYTES: u64 = 100 << 20;
/// Lines and spans on their way out: eight thousand of each, of four kilobytes at most.
const TELLING_BYTES: u64 = 2 * (8_192 * 4_096);
/// What connections remember of requests that were turned away.
const REFUSED_BYTES: u64 = 100 << 20;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// For people.
    pub what: &'static str,
    /// On a busy day, in bytes.
    pub usual_bytes: u64,
    /// At worst, in bytes.
    pub most_bytes: u64,
}

/// All parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The largest first.
    pub parts: Vec<Part>,
    /// On a busy day, in bytes.
    pub usual_bytes: u64,
    /// At worst, in bytes.
    pub most_bytes: u64,
}

/// Adds it up.
pub fn of(config: &Config, settings: &RuntimeSettings) -> Memory {
    let footprint = settings.footprint();
    let connections = (config.listeners.hooks.connections_max as u64).saturating_add(config.listeners.admin.connections_max as u64);
    let slots_full = u64::from(config.small_slots)
        .saturating_mul(SMALL_MEMORY_BYTES)
        .saturating_add(u64::from(config.large_slots).saturating_mul(HOST_MEMORY_BYTES_MAX));
    let in_flight = config.in_flight_max as u64;
    let part = |what, usual_bytes: u64, most_bytes: u64| Part { what, usual_bytes, most_bytes: most_bytes.max(usual_bytes) };
    let mut parts = vec![
        part("process and store", BASE_BYTES, BASE_BYTES),
        part("rows on their way", AHEAD_BYTES, jackfield_store::AHEAD_BYTES_MAX),
        part("guests", footprint.guest_memory_bytes, slots_full),
        part("loaded plugins", config.artifact_bytes_max, config.artifact_bytes_max),
        part(
            "connections",
            connections.saturating_mul(CONNECTION_BYTES),
            connections.saturating_mul(CONNECTION_BYTES.saturating_add(HOOK_BODY_BYTES_MAX as u64)),
        ),
        part("events", in_flight.saturating_mul(EVENT_BYTES), in_flight.saturating_mul(HOST_INPUT_BYTES_MAX)),
        part(
            "plugins' requests",
            0,
            (jackfield_egress::guest::REQUESTS_MAX as u64).saturating_mul(REQUEST_BYTES.saturating_add(2 * HOST_HTTP_BYTES_MAX)),
        ),
        part(
            "what guests were told",
            footprint.running.saturating_mul(TAPE_BYTES_MAX),
            u64::from(config.small_slots).saturating_add(u64::from(config.large_slots)).saturating_mul(TAPE_BYTES_MAX),
        ),
        part("live contacts", 0, LIVE_BYTES),
        part("log and traces", 0, TELLING_BYTES),
        part("uploads", 0, crate::admin::compile::room::BYTES_MAX),
        part(
            "compilers beside",
            COMPILERS.saturating_mul(COMPILER_BYTES),
            COMPILERS.saturating_mul(config.compile.limits.address_bytes_max),
        ),
        part("caches", 0, KNOWN_BYTES.saturating_add(REFUSED_BYTES)),
    ];
    parts.sort_by_key(|part| std::cmp::Reverse(part.most_bytes));
    let sum = |of: fn(&Part) -> u64| parts.iter().map(of).fold(0, u64::saturating_add);
    let (usual_bytes, most_bytes) = (sum(|part| part.usual_bytes), sum(|part| part.most_bytes));
    Memory { parts, usual_bytes, most_bytes }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB on a busy day, {} MiB at most (", self.usual_bytes >> 20, self.most_bytes >> 20)?;
        for (at, part) in self.parts.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", part.what, part.most_bytes >> 20)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn every_bound_that_is_configured_moves_the_sum() {
        let config = Config::read(None, Overrides::default(), "jackfield".into()).unwrap();
        let most = |config: &Config| of(config, &crate::serve::runtime_settings(config, [0; 32])).most_bytes;
        let before = most(&config);
        for change in [
            |config: &mut Config| config.small_slots *= 2,
            |config: &mut Config| config.large_slots *= 2,
            |config: &mut Config| config.artifact_bytes_max *= 2,
            |config: &mut Config| config.in_flight_max *= 2,
            |config: &mut Config| config.listeners.hooks.connections_max *= 2,
        ] {
            let mut larger = config.clone();
            change(&mut larger);
            assert!(most(&larger) > before, "a bound is not a part of the sum");
        }
    }
}
