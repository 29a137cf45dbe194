//! Says who is on the platform: tenants with their parents, zones, plans and limits, and what is theirs.
//!
//! The admin API writes these, the pipeline reads them on every event. A limit is resolved along the ancestors when a tenant is
//! written, not when a call arrives: a call must not walk a tree.

pub mod address;
pub mod connection;
pub mod directory;
pub mod edit;
pub mod hours;
pub mod secret;
pub mod token;

use serde::{Deserialize, Serialize};

use crate::budget::{Limits, Plan};
use crate::contact::Moment;
use crate::id::TenantId;

/// Most ancestors of a tenant, the platform included: platform, reseller, customer, brand, department.
pub const DEPTH_MAX: usize = 5;

/// Whether a tenant's plugins run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// They do.
    Active,
    /// They do not; its contacts get its default routes.
    Suspended,
}

/// An organisation on the platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name, for ever.
    pub id: TenantId,
    /// The tenant above; none for the platform alone.
    pub parent: Option<TenantId>,
    /// From the platform down to the parent.
    pub ancestors: Vec<TenantId>,
    /// What people call it.
    pub label: String,
    /// IANA name of its time zone.
    pub zone: String,
    /// BCP 47 tag of its contacts before anything changes it.
    pub language: String,
    /// The plan that it asked for.
    pub plan: Plan,
    /// The limits of one invocation: the plan's, cut to what every ancestor and the host allow.
    pub limits: Limits,
    /// Whether its plugins run.
    pub standing: Standing,
    /// When it was made.
    pub created: Moment,
}
