//! Reads how many connections may be open, from whom, for how long, and how the server leaves: the table `[listeners]` of the file.
//!
//! `config` reads it with the rest; `listen` and `serve` obey it. Defaults depend on how many files the process may open, because a
//! socket is one, and a cap that the system does not honour is none.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::{BadConfig, within};

/// Providers' connections where files are no limit: a busy platform has a few hundred, each of a proxy that keeps it open.
const HOOKS_CONNECTIONS: u64 = 4_096;
/// The admin API's: people and their programs.
const ADMIN_CONNECTIONS: u64 = 256;
/// Files that neither connections nor artifacts use: the store, logs, the compiler's pipes, libraries.
pub const FILES_OF_OUR_OWN: u64 = 500;
/// One peer's share of a door: eight of them must act together to fill it.
const PEERS_PER_DOOR: u64 = 8;
/// A share smaller than that would hit a small proxy.
const PER_PEER_LEAST: u64 = 16;
/// A head is one packet; 10 s allow for two lost ones.
const HEADER_MS: u64 = 10_000;
/// Longer than the usual proxy keeps a quiet connection (60 s), so that it is the proxy that closes and no request meets a closed one.
const IDLE_MS: u64 = 75_000;
/// A peer that takes no byte of its answer for that long does not read it.
const STALL_MS: u64 = 10_000;
/// What is in progress ends by itself before that: Twilio's deadline of 10 s is the longest, and the rest is for writing the answer.
const DRAIN_DEADLINE_MS: u64 = 12_000;
/// Bytes of one request of a provider with all that goes on beside it on the connection: 32 bodies of the largest kind.
const HOOKS_REQUEST_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The same for the admin API, where components are uploaded and too large ones are read to their end before they are refused.
const ADMIN_REQUEST_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawListeners {
    hooks_connections_max: Option<u64>,
    admin_connections_max: Option<u64>,
    per_peer_max: Option<u64>,
    trusted_proxies: Option<Vec<String>>,
    header_ms: Option<u64>,
    idle_ms: Option<u64>,
    stall_ms: Option<u64>,
    drain_notice_ms: Option<u64>,
    drain_deadline_ms: Option<u64>,
}

/// The rules of one listener.
#[derive(Debug, Clone)]
pub struct DoorRules {
    /// Connections at once.
    pub connections_max: usize,
    /// Of one peer.
    pub per_peer_max: usize,
    /// Peers that stand for many: reverse proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for the head of a request.
    pub header: Duration,
    /// Time between requests.
    pub idle: Duration,
    /// Time in which the peer must take something of its answer.
    pub stall: Duration,
    /// Bytes that may come for one request.
    pub request_bytes_max: u64,
}

/// How the server listens and leaves.
#[derive(Debug, Clone)]
pub struct Listeners {
    /// For providers.
    pub hooks: DoorRules,
    /// For the admin API.
    pub admin: DoorRules,
    /// After it was told to end, so long everything is still answered while readiness fails.
    pub drain_notice: Duration,
    /// After that, so long what is in progress may take.
    pub drain_deadline: Duration,
}

impl DoorRules {
    /// A provider's door with so many connections; the rest as it comes.
    pub fn of_hooks(connections_max: usize) -> Self {
        Self {
            connections_max,
            per_peer_max: connections_max,
            trusted_proxies: Vec::new(),
            header: Duration::from_millis(HEADER_MS),
            idle: Duration::from_millis(IDLE_MS),
            stall: Duration::from_millis(STALL_MS),
            request_bytes_max: HOOKS_REQUEST_BYTES_MAX,
        }
    }
}

impl Listeners {
    /// Checks the table. `files_max` is how many files the process may open.
    pub(super) fn check(raw: RawListeners, files_max: u64) -> Result<Self, BadConfig> {
        // A quarter of the files for providers and a sixteenth for the admin API leave most of them to artifacts.
        let hooks_default = (files_max / 4).clamp(64, HOOKS_CONNECTIONS);
        let admin_default = (files_max / 16).clamp(16, ADMIN_CONNECTIONS);
        let count = |name, given: Option<u64>, default: u64| {
            within(name, given.unwrap_or(default), 4, 1_000_000, "4 to 1,000,000 is possible: each takes an open file")
        };
        let time = |name, given: Option<u64>, default: u64, least, most, rule| {
            within(name, given.unwrap_or(default), least, most, rule).map(Duration::from_millis)
        };
        let hooks_max = count("listeners.hooks_connections_max", raw.hooks_connections_max, hooks_default)?;
        let admin_max = count("listeners.admin_connections_max", raw.admin_connections_max, admin_default)?;
        let trusted_proxies = networks(raw.trusted_proxies)?;
        let header = time("listeners.header_ms", raw.header_ms, HEADER_MS, 100, 120_000, "100 to 120,000 is possible")?;
        let idle = time("listeners.idle_ms", raw.idle_ms, IDLE_MS, 100, 3_600_000, "100 to 3,600,000 is possible")?;
        let stall = time("listeners.stall_ms", raw.stall_ms, STALL_MS, 100, 120_000, "100 to 120,000 is possible")?;
        let share = |max: u64| {
            let share = raw.per_peer_max.unwrap_or_else(|| (max / PEERS_PER_DOOR).max(PER_PEER_LEAST)).min(max);
            within("listeners.per_peer_max", share, 1, 1_000_000, "1 to 1,000,000 is possible")
        };
        let door = |max: u64, request_bytes_max| -> Result<DoorRules, BadConfig> {
            Ok(DoorRules {
                connections_max: usize::try_from(max).unwrap_or(usize::MAX),
                per_peer_max: usize::try_from(share(max)?).unwrap_or(usize::MAX),
                trusted_proxies: trusted_proxies.clone(),
                header,
                idle,
                stall,
                request_bytes_max,
            })
        };
        Ok(Self {
            hooks: door(hooks_max, HOOKS_REQUEST_BYTES_MAX)?,
            admin: door(admin_max, ADMIN_REQUEST_BYTES_MAX)?,
            drain_notice: time("listeners.drain_notice_ms", raw.drain_notice_ms, 0, 0, 600_000, "0 to 600,000 is possible")?,
            drain_deadline: time(
                "listeners.drain_deadline_ms",
                raw.drain_deadline_ms,
                DRAIN_DEADLINE_MS,
                100,
                600_000,
                "100 to 600,000 is possible; under 10,000 a call in progress may be cut off",
            )?,
        })
    }

    /// Files that are neither artifacts' nor anybody's but ours: all connections at once, and what we hold ourselves.
    pub fn files(&self) -> u64 {
        (self.hooks.connections_max as u64).saturating_add(self.admin.connections_max as u64).saturating_add(FILES_OF_OUR_OWN)
    }
}

/// Where nobody says, a proxy on this machine is trusted, because strangers do not come from there.
fn networks(given: Option<Vec<String>>) -> Result<Vec<IpNet>, BadConfig> {
    let given = given.unwrap_or_else(|| vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]);
    let network = |text: &String| {
        let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
        text.parse::<IpNet>().ok().or_else(alone).ok_or_else(|| BadConfig::OutOfRange {
            name: "listeners.trusted_proxies",
            given: text.chars().take(80).collect(),
            rule: "a network is written as 10.0.0.0/8 or 2001:db8::/32",
        })
    };
    given.iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, files_max: u64) -> Result<Listeners, BadConfig> {
        Listeners::check(toml::from_str(text).unwrap(), files_max)
    }

    #[test]
    fn caps_fit_the_files_that_the_process_may_open() {
        for files_max in [1_024, 4_096, 20_000, 1 << 20] {
            let listeners = read("", files_max).unwrap();
            assert!(listeners.files() < files_max, "{files_max}: {listeners:?}");
            assert!(listeners.hooks.per_peer_max < listeners.hooks.connections_max);
        }
    }

    #[test]
    fn a_call_in_progress_outlives_the_default_deadline_of_no_provider() {
        let connection = serde_json::from_value(serde_json::json!({
            "id": "a", "tenant": "a", "provider": "", "public_url": "", "secrets": [], "created": 0
        }))
        .unwrap();
        let all = jackfield_providers::provider::names().filter_map(jackfield_providers::provider::provider);
        let longest = all.map(|provider| provider.deadline_ms(&connection)).max();
        assert!(read("", 20_000).unwrap().drain_deadline > Duration::from_millis(longest.unwrap()));
    }

    #[test]
    fn an_impossible_rule_is_named() {
        for (text, name) in [
            ("hooks_connections_max = 1", "listeners.hooks_connections_max"),
            ("trusted_proxies = [\"everybody\"]", "listeners.trusted_proxies"),
            ("drain_deadline_ms = 1", "listeners.drain_deadline_ms"),
        ] {
            assert!(read(text, 20_000).unwrap_err().to_string().contains(name), "{text}");
        }
        let listeners = read("trusted_proxies = [\"192.0.2.7\", \"10.0.0.0/8\"]\nper_peer_max = 3", 20_000).unwrap();
        assert_eq!((listeners.hooks.trusted_proxies.len(), listeners.hooks.per_peer_max), (2, 3));
    }
}
