//! Takes an upload in.

use std::collections::BTreeSet;

use jackfield_domain::flow::plugin::{Grant, Metadata, SlotClass};
use jackfield_domain::id::Digest;
use jackfield_domain::refusal::Refusal;

use crate::runtime::RuntimeFault;

/// Why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The component is not one that this host runs; names the offending thing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] RuntimeFault),
}

/// What an upload turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Of the component's bytes.
    pub digest: Digest,
    /// Of the component.
    pub bytes: u64,
    /// Which engine runs it.
    pub class: SlotClass,
    /// The contract's version that it was built for, for example "0.9.0".
    pub contract: String,
    /// Export interfaces, for example "router".
    pub exports: BTreeSet<String>,
    /// What it imports of ours.
    pub imports: BTreeSet<Grant>,
    /// What it says of itself.
    pub metadata: Metadata,
    /// Fuel that `describe` used.
    pub describe_fuel: u64,
    /// How long compiling took.
    pub compile_ms: u64,
}
