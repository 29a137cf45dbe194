//! Decides whether an event may run a plugin, and gives the proof of it.
//!
//! The admit step asks [`admit`]; the runtime demands the [`Pass`] that only this file makes, so that no path to a guest leads
//! around the rule. What is barred is not dropped: it is settled by the fallback like any failure.
//!
//! What a tenant may use over time stands in the files below: what is metered, in which windows, by what ledger. The admit step asks
//! for it once [`admit`] let an event in, because nothing should be spent on what is barred anyway.

pub mod ledger;
pub mod live;
pub mod meter;
pub mod shortage;
pub mod things;
pub mod window;

use serde::{Deserialize, Serialize};

use crate::budget::Limits;
use crate::contact::Moment;
use crate::tenant::directory::Closure;
use crate::tenant::{Standing, Tenant};

/// Proof that an invocation was admitted. It cannot be copied: one pass, one event.
#[derive(Debug)]
pub struct Pass {
    limits: Limits,
}

impl Pass {
    /// What was granted.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Why no plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Barred {
    /// The tenant or one above it is suspended.
    Suspended,
    /// An emergency closure is in force.
    Closed,
    /// The flow has no live release.
    NoRelease,
    /// The contact's release was rolled back, and its running contacts with it.
    Withdrawn,
    /// The contact has used its turns.
    TurnsExceeded,
    /// Too many turns without anything from the customer.
    Looping,
    /// Too many events of this contact wait already.
    ContactBusy,
    /// The guest runtime has no room in time.
    Overloaded,
    /// A quota over time is used up, of the tenant or one above it.
    QuotaExceeded,
    /// Too many events a second.
    RateExceeded,
    /// Too many contacts live at once.
    ConcurrencyExceeded,
}

impl Barred {
    /// For the trail, metrics and programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Suspended => "tenant-suspended",
            Self::Closed => "emergency-closure",
            Self::NoRelease => "no-live-release",
            Self::Withdrawn => "release-withdrawn",
            Self::TurnsExceeded => "turns-exceeded",
            Self::Looping => "looping",
            Self::ContactBusy => "contact-busy",
            Self::Overloaded => "overloaded",
            Self::QuotaExceeded => "quota-exceeded",
            Self::RateExceeded => "rate-exceeded",
            Self::ConcurrencyExceeded => "concurrency-exceeded",
        }
    }
}

/// What the rule looks at.
#[derive(Debug)]
pub struct Asking<'a> {
    /// Whose contact.
    pub tenant: &'a Tenant,
    /// True where one above it is suspended.
    pub ancestor_suspended: bool,
    /// The nearest closure, of the tenant or one above it.
    pub closure: Option<&'a Closure>,
    /// The event's time.
    pub now: Moment,
    /// How often the contact asked a plugin so far.
    pub asked_turns: u32,
    /// Re-entries so far without anything from the customer.
    pub idle_turns: u32,
}

/// Admits or bars an event.
pub fn admit(asking: &Asking<'_>) -> Result<Pass, Barred> {
    let limits = asking.tenant.limits;
    if asking.tenant.standing == Standing::Suspended || asking.ancestor_suspended {
        return Err(Barred::Suspended);
    }
    if asking.closure.is_some_and(|closure| closure.bypass && closure.is_in_force(asking.now)) {
        return Err(Barred::Closed);
    }
    if asking.asked_turns >= limits.turns_max {
        return Err(Barred::TurnsExceeded);
    }
    if asking.idle_turns >= limits.idle_turns_max {
        return Err(Barred::Looping);
    }
    Ok(Pass { limits })
}

/// A pass for running again what was captured: it charges nobody, and its limits are those of the one that it repeats.
pub fn replay_pass(limits: Limits) -> Pass {
    Pass { limits }
}

/// A pass for what runs once per upload and belongs to no contact: small, and without any capability.
pub fn describe_pass() -> Pass {
    const DESCRIBE_FUEL_MAX: u64 = 200_000_000;
    const DESCRIBE_WALL_MS_MAX: u64 = 2_000;
    // QuickJS and Python start an interpreter first: fuel and memory are the large plan's, everything else the standard one's.
    let limits = Limits { fuel_max: DESCRIBE_FUEL_MAX, wall_ms_max: DESCRIBE_WALL_MS_MAX, ..crate::budget::Plan::Large.limits() };
    Pass { limits }
}
