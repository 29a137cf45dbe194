//! Says what a flow runs: a plugin version with a settings revision, immutable and numbered.
//!
//! Aliases, pins, rollback and later gates and experiments act on releases and on nothing finer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::egress::EgressRules;
use super::plugin::Grant;
use crate::budget::Limits;
use crate::contact::Moment;
use crate::id::{Digest, FlowName, PluginName, TenantId};

/// Counts a flow's releases, from 1.
pub type ReleaseNumber = u32;

/// Which version of whose plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRef {
    /// The plugin's owner: the flow's tenant, one of its ancestors or the platform.
    pub tenant: TenantId,
    /// The plugin.
    pub plugin: PluginName,
    /// Its version.
    pub number: u32,
    /// Of the component's bytes.
    pub digest: Digest,
}

/// What a flow runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Whose.
    pub tenant: TenantId,
    /// Of which flow.
    pub flow: FlowName,
    /// From 1.
    pub number: ReleaseNumber,
    /// What runs.
    pub version: VersionRef,
    /// The revision of the flow's own settings.
    pub settings_revision: u32,
    /// Settings of platform, tenant, subtenant and flow, merged when the release was made.
    pub settings: serde_json::Value,
    /// What it may use.
    pub grants: BTreeSet<Grant>,
    /// Which hosts it may reach with the grant `http`; nothing without them.
    #[serde(default)]
    pub egress: EgressRules,
    /// Limits of its invocations.
    pub limits: Limits,
    /// Why it was made.
    pub note: String,
    /// When.
    pub created: Moment,
    /// By whom.
    pub by: String,
}

/// The least that a release must have done to be trusted as last good.
pub const GOOD_INVOCATIONS_MIN: u64 = 100;
/// A release that fails one time in a hundred is not good.
pub const GOOD_FAILURES_PER_MILLE_MAX: u64 = 10;

/// What a release did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Live invocations.
    pub invocations: u64,
    /// Of them failed.
    pub failures: u64,
}

impl Record {
    /// At least 100 invocations with under 1 % failures.
    pub fn is_good(&self) -> bool {
        self.invocations >= GOOD_INVOCATIONS_MIN
            && self.failures.saturating_mul(1_000) < self.invocations.saturating_mul(GOOD_FAILURES_PER_MILLE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_good_after_a_hundred_runs_with_under_one_failure_in_a_hundred() {
        assert!(!Record { invocations: 99, failures: 0 }.is_good());
        assert!(Record { invocations: 100, failures: 0 }.is_good());
        assert!(!Record { invocations: 100, failures: 1 }.is_good());
        assert!(Record { invocations: 1_000, failures: 9 }.is_good());
        assert!(!Record { invocations: 1_000, failures: 10 }.is_good());
    }
}
