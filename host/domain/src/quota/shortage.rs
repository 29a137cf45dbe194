//! Says which quota barred an event: whose, of what, in which window.
//!
//! The quotas make one with every bar; the trail keeps it beside the bar's code, and people read its sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::meter::Meter;
use super::window::Window;
use crate::id::TenantId;

/// What there was not enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scarce {
    /// Something that is counted over time.
    Meter(Meter),
    /// Events per second.
    Rate,
    /// Contacts that are live at once.
    Concurrency,
}

/// Why a quota barred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Whose quota: the tenant's or that of one above it.
    pub level: TenantId,
    /// Of what.
    pub of: Scarce,
    /// In which window; none for what has none.
    pub window: Option<Window>,
    /// The limit.
    pub limit: u64,
    /// True where only the share of voice is left.
    pub kept_for_voice: bool,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, limit, .. } = self;
        match (&self.of, &self.window) {
            (Scarce::Meter(meter), Some(window)) => {
                write!(f, "the quota of tenant {level} for {} in the {} {}", meter.as_str(), window.period.as_str(), window.name)?;
                write!(f, ", {limit}, is used up")?;
            }
            (Scarce::Meter(meter), None) => write!(f, "the quota of tenant {level} for {}, {limit}, is used up", meter.as_str())?,
            (Scarce::Rate, _) => write!(f, "tenant {level} has more than {limit} events a second")?,
            (Scarce::Concurrency, _) => write!(f, "tenant {level} has {limit} contacts live at once already")?,
        }
        if self.kept_for_voice { f.write_str("; what is left is kept for voice") } else { Ok(()) }
    }
}
