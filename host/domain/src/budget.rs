//! Bounds one invocation: eight limits, each with a failure code of its own, and what was used of each.
//!
//! Plans set them, ancestors and the host cut them when a tenant is written, the runtime enforces them, the trail shows used and
//! limit side by side. There is no `Default`: a limit that nobody chose is a limit that nobody has.

use serde::{Deserialize, Serialize};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Most fuel of the host: about 60 ms to 300 ms of one core.
pub const HOST_FUEL_MAX: u64 = 2_000_000_000;
/// Most memory of the host: twice what a Python guest needs.
pub const HOST_MEMORY_BYTES_MAX: u64 = 128 * MIB;
/// Longest wall time of the host: above every provider's deadline but SIP's.
pub const HOST_WALL_MS_MAX: u64 = 20_000;
/// Longest wall time of the host for a release that may use `http`: the same, because a provider does not wait longer for it.
pub const HOST_HTTP_WALL_MS_MAX: u64 = HOST_WALL_MS_MAX;
/// What a row that was written before this limit existed gets: the standard plan's.
const HTTP_WALL_MS_BEFORE: u64 = 3_000;
/// Most host calls of the host.
pub const HOST_CALLS_MAX: u32 = 1_000;
/// Most requests among them.
pub const HOST_HTTP_CALLS_MAX: u32 = 10;
/// Largest body of one request or response.
pub const HOST_HTTP_BYTES_MAX: u64 = 256 * KIB;
/// Largest head of one request: a URL of 8 KiB and headers of as much.
pub const HTTP_HEAD_BYTES_MAX: u64 = 16 * KIB;
/// Largest input of the host.
pub const HOST_INPUT_BYTES_MAX: u64 = MIB;
/// Largest output of the host.
pub const HOST_OUTPUT_BYTES_MAX: u64 = 256 * KIB;
/// Largest log of the host.
pub const HOST_LOG_BYTES_MAX: u64 = 256 * KIB;
/// Most state of one contact.
pub const HOST_CONTACT_STATE_BYTES_MAX: u64 = 64 * KIB;
/// Most state of one tenant.
pub const HOST_TENANT_STATE_BYTES_MAX: u64 = 1024 * MIB;
/// Most actions of a decision.
pub const HOST_ACTIONS_MAX: u32 = 200;
/// Most turns of a contact.
pub const HOST_TURNS_MAX: u32 = 1_000;
/// Most turns in a row without anything from the customer.
pub const HOST_IDLE_TURNS_MAX: u32 = 50;
/// What a provider's deadline keeps for us: rendering, the commit and the way back.
pub const DEADLINE_RESERVE_MS: u64 = 1_500;
/// The first attempt's share of the time, in percent: the rest is for the last good release.
pub const FIRST_ATTEMPT_PERCENT: u64 = 60;
/// A second attempt is not begun with less than this.
pub const SECOND_ATTEMPT_FLOOR_MS: u64 = 100;

/// Which limits a tenant gets by contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Rust and QuickJS plugins.
    Standard,
    /// The same with memory for StarlingMonkey and Python.
    Large,
    /// All that the host has.
    Maximum,
}

impl Plan {
    /// Its limits, before ancestors and the host cut them.
    pub fn limits(self) -> Limits {
        let standard = Limits {
            fuel_max: 50_000_000,
            memory_bytes_max: 16 * MIB,
            wall_ms_max: 1_000,
            http_wall_ms_max: HTTP_WALL_MS_BEFORE,
            host_calls_max: 200,
            http_calls_max: 3,
            http_bytes_max: 256 * KIB,
            input_bytes_max: 128 * KIB,
            output_bytes_max: 32 * KIB,
            log_bytes_max: 16 * KIB,
            contact_state_bytes_max: 16 * KIB,
            tenant_state_bytes_max: 10 * MIB,
            actions_max: 50,
            turns_max: 200,
            idle_turns_max: 10,
        };
        match self {
            Self::Standard => standard,
            Self::Large => Limits { memory_bytes_max: 64 * MIB, ..standard },
            Self::Maximum => Limits::host(),
        }
    }
}

/// The limits of one invocation, and of the contact around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fuel; one unit is about one instruction.
    pub fuel_max: u64,
    /// Bytes of all memories and tables.
    pub memory_bytes_max: u64,
    /// Milliseconds from start to end, host waits included.
    pub wall_ms_max: u64,
    /// The same for a release that is granted `http`, where it is more: a service needs longer than a guest.
    #[serde(default = "http_wall_ms_before")]
    pub http_wall_ms_max: u64,
    /// Calls of capabilities.
    pub host_calls_max: u32,
    /// Requests among them.
    pub http_calls_max: u32,
    /// Bytes of one request's or response's body.
    pub http_bytes_max: u64,
    /// Bytes that the guest is given.
    pub input_bytes_max: u64,
    /// Bytes that the guest gives back, its calls of capabilities included.
    pub output_bytes_max: u64,
    /// Bytes of its log, stdout and stderr included.
    pub log_bytes_max: u64,
    /// Bytes of the contact's state.
    pub contact_state_bytes_max: u64,
    /// Bytes of the tenant's state.
    pub tenant_state_bytes_max: u64,
    /// Actions of one decision.
    pub actions_max: u32,
    /// Turns of a contact.
    pub turns_max: u32,
    /// Turns in a row without anything from the customer.
    pub idle_turns_max: u32,
}

impl Limits {
    /// All that the host has.
    pub fn host() -> Self {
        Self {
            fuel_max: HOST_FUEL_MAX,
            memory_bytes_max: HOST_MEMORY_BYTES_MAX,
            wall_ms_max: HOST_WALL_MS_MAX,
            http_wall_ms_max: HOST_HTTP_WALL_MS_MAX,
            host_calls_max: HOST_CALLS_MAX,
            http_calls_max: HOST_HTTP_CALLS_MAX,
            http_bytes_max: HOST_HTTP_BYTES_MAX,
            input_bytes_max: HOST_INPUT_BYTES_MAX,
            output_bytes_max: HOST_OUTPUT_BYTES_MAX,
            log_bytes_max: HOST_LOG_BYTES_MAX,
            contact_state_bytes_max: HOST_CONTACT_STATE_BYTES_MAX,
            tenant_state_bytes_max: HOST_TENANT_STATE_BYTES_MAX,
            actions_max: HOST_ACTIONS_MAX,
            turns_max: HOST_TURNS_MAX,
            idle_turns_max: HOST_IDLE_TURNS_MAX,
        }
    }

    /// The lesser of the two, limit by limit: child <= parent <= host holds whatever anyone asked for.
    pub fn within(self, ceiling: Self) -> Self {
        Self {
            fuel_max: self.fuel_max.min(ceiling.fuel_max),
            memory_bytes_max: self.memory_bytes_max.min(ceiling.memory_bytes_max),
            wall_ms_max: self.wall_ms_max.min(ceiling.wall_ms_max),
            http_wall_ms_max: self.http_wall_ms_max.min(ceiling.http_wall_ms_max),
            host_calls_max: self.host_calls_max.min(ceiling.host_calls_max),
            http_calls_max: self.http_calls_max.min(ceiling.http_calls_max),
            http_bytes_max: self.http_bytes_max.min(ceiling.http_bytes_max),
            input_bytes_max: self.input_bytes_max.min(ceiling.input_bytes_max),
            output_bytes_max: self.output_bytes_max.min(ceiling.output_bytes_max),
            log_bytes_max: self.log_bytes_max.min(ceiling.log_bytes_max),
            contact_state_bytes_max: self.contact_state_bytes_max.min(ceiling.contact_state_bytes_max),
            tenant_state_bytes_max: self.tenant_state_bytes_max.min(ceiling.tenant_state_bytes_max),
            actions_max: self.actions_max.min(ceiling.actions_max),
            turns_max: self.turns_max.min(ceiling.turns_max),
            idle_turns_max: self.idle_turns_max.min(ceiling.idle_turns_max),
        }
    }
}

fn http_wall_ms_before() -> u64 {
    HTTP_WALL_MS_BEFORE
}

impl Limits {
    /// Those of a release that is granted `http`: its wall time is the longer of the two.
    pub fn with_http(self) -> Self {
        Self { wall_ms_max: self.wall_ms_max.max(self.http_wall_ms_max), ..self }
    }

    /// Bytes of all requests of an invocation together, heads and bodies.
    pub fn http_request_bytes_max(&self) -> u64 {
        u64::from(self.http_calls_max).saturating_mul(self.http_bytes_max.saturating_add(HTTP_HEAD_BYTES_MAX))
    }
}

/// The eight limits of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Instructions.
    Fuel,
    /// Memories and tables.
    Memory,
    /// Time.
    Wall,
    /// Calls of capabilities.
    HostCalls,
    /// What the guest is given.
    Input,
    /// What the guest gives back.
    Output,
    /// What it logs.
    Log,
    /// What it keeps.
    Stored,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 8] = [Self::Fuel, Self::Memory, Self::Wall, Self::HostCalls, Self::Input, Self::Output, Self::Log, Self::Stored];

    /// The failure code of passing it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fuel => "fuel-exceeded",
            Self::Memory => "memory-exceeded",
            Self::Wall => "wall-exceeded",
            Self::HostCalls => "host-calls-exceeded",
            Self::Input => "input-exceeded",
            Self::Output => "output-exceeded",
            Self::Log => "log-exceeded",
            Self::Stored => "stored-exceeded",
        }
    }
}

/// What an invocation used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Fuel as charged.
    pub fuel: u64,
    /// Bytes of memories and tables at their peak.
    pub memory_bytes: u64,
    /// Microseconds from start to end.
    pub wall_us: u64,
    /// Of them in the host.
    pub host_us: u64,
    /// Calls of capabilities.
    pub host_calls: u32,
    /// Requests among them.
    pub http_calls: u32,
    /// Bytes of those requests, heads and bodies.
    #[serde(default)]
    pub http_sent_bytes: u64,
    /// Bytes of their responses, heads and bodies.
    #[serde(default)]
    pub http_received_bytes: u64,
    /// Bytes given.
    pub input_bytes: u64,
    /// Bytes given back.
    pub output_bytes: u64,
    /// Bytes logged.
    pub log_bytes: u64,
    /// Bytes stored for the contact and the tenant by this invocation.
    pub stored_bytes: u64,
}

impl Used {
    /// Used and allowed of each limit, in the unit of [`Limits`].
    pub fn against(&self, limits: &Limits) -> Vec<(Limit, u64, u64)> {
        vec![
            (Limit::Fuel, self.fuel, limits.fuel_max),
            (Limit::Memory, self.memory_bytes, limits.memory_bytes_max),
            (Limit::Wall, self.wall_us.div_ceil(1_000), limits.wall_ms_max),
            (Limit::HostCalls, u64::from(self.host_calls), u64::from(limits.host_calls_max)),
            (Limit::Input, self.input_bytes, limits.input_bytes_max),
            (Limit::Output, self.output_bytes, limits.output_bytes_max),
            (Limit::Log, self.log_bytes, limits.log_bytes_max),
            (Limit::Stored, self.stored_bytes, limits.contact_state_bytes_max),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_child_has_more_than_its_parent_or_the_host() {
        for child in [Plan::Standard, Plan::Large, Plan::Maximum] {
            for parent in [Plan::Standard, Plan::Large, Plan::Maximum] {
                let resolved = child.limits().within(parent.limits()).within(Limits::host());
                assert_eq!(resolved.within(parent.limits()), resolved);
                assert_eq!(resolved.within(Limits::host()), resolved);
            }
        }
    }
}
