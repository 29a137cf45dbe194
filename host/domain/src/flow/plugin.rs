//! Says what an uploaded plugin is: a name, and immutable versions by the digest of their bytes.
//!
//! Upload makes versions, releases refer to them, the runtime finds their artifacts by digest. Nothing here came from the guest
//! but the metadata, which is never trusted for limits or permissions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::id::{Digest, PluginName, TenantId};

/// Which of the two engines runs it, decided at upload by what the component declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotClass {
    /// Rust and QuickJS: up to 16 MiB.
    Small,
    /// StarlingMonkey and Python: up to the host's maximum.
    Large,
}

impl SlotClass {
    /// As people and command lines write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }
}

/// A capability that a release may be granted; one import interface each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Read the flow's settings.
    Settings,
    /// Read queues, people, hours.
    Directory,
    /// Keep values.
    State,
    /// Send requests.
    Http,
    /// Write lines.
    Log,
    /// Report goals and tokens.
    Outcome,
    /// Ask about the customer.
    Customer,
}

impl Grant {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 7] = [Self::Settings, Self::Directory, Self::State, Self::Http, Self::Log, Self::Outcome, Self::Customer];

    /// The import interface's name.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Directory => "directory",
            Self::State => "state",
            Self::Http => "http",
            Self::Log => "log",
            Self::Outcome => "outcome",
            Self::Customer => "customer",
        }
    }
}

/// What the plugin says of itself, from `describe`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// What people call it.
    pub name: String,
    /// Its developer's version.
    pub version: String,
    /// JSON Schema of its settings.
    pub settings_schema: String,
    /// Names the shape of its state.
    pub state_schema: String,
    /// Goals that it may report.
    pub outcomes: Vec<String>,
    /// Events that it handles.
    pub events: Vec<String>,
    /// Actions that it may return.
    pub actions: Vec<String>,
}

/// A plugin's name and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Whose.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: PluginName,
    /// The newest version's number; 0 before the first.
    pub newest: u32,
    /// When it was made.
    pub created: Moment,
}

/// One upload. The same bytes again are the same version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Whose.
    pub tenant: TenantId,
    /// Of which plugin.
    pub plugin: PluginName,
    /// From 1.
    pub number: u32,
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
    /// What it imports of ours, and so may be granted.
    pub imports: BTreeSet<Grant>,
    /// What it said of itself.
    pub metadata: Metadata,
    /// Fuel that `describe` used.
    pub describe_fuel: u64,
    /// How long compiling took, in milliseconds.
    pub compile_ms: u64,
    /// When it came.
    pub uploaded: Moment,
    /// Who sent it, by token label.
    pub by: String,
}
