//! Names the things that are counted while they exist: flows, addresses, versions, keys, subtenants, bytes of components.
//!
//! The admin API counts one in the same batch in which the thing is made or goes, for its tenant and everyone above it. It is a
//! count and no meter: what is deleted makes room at once.

use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::refusal::{Code, Refusal};

/// What is counted while it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// Flows.
    Flows,
    /// Addresses that are bound.
    Addresses,
    /// Versions of plugins.
    Versions,
    /// Tokens for the admin API that were not revoked; one that has expired counts until it is.
    Tokens,
    /// Tenants below.
    Subtenants,
    /// Bytes of uploaded components.
    ComponentBytes,
}

impl Thing {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Flows, Self::Addresses, Self::Versions, Self::Tokens, Self::Subtenants, Self::ComponentBytes];

    /// As API, command line and keys write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Addresses => "addresses",
            Self::Versions => "versions",
            Self::Tokens => "tokens",
            Self::Subtenants => "subtenants",
            Self::ComponentBytes => "component-bytes",
        }
    }
}

/// Says whether there may be so many more where there are `count` now. A limit below what there is takes nothing away.
pub fn allow(level: &TenantId, thing: Thing, limit: Option<u64>, count: u64, more: u64) -> Result<(), Refusal> {
    match limit {
        Some(limit) if more > 0 && count.saturating_add(more) > limit => {
            let what = thing.as_str();
            let detail = if thing == Thing::ComponentBytes {
                format!("tenant {level} may keep {limit} {what} and has {count}; this one has {more}")
            } else {
                format!("tenant {level} may have {limit} {what}, those of its subtenants included, and has {count}")
            };
            Err(Refusal::new(Code::LimitReached, detail).at(what))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_level_the_limit_and_how_many_there_are() {
        let acme: TenantId = "acme".parse().unwrap();
        assert!(allow(&acme, Thing::Flows, Some(3), 2, 1).is_ok());
        let refused = allow(&acme, Thing::Flows, Some(3), 3, 1).unwrap_err();
        assert_eq!(refused.code, Code::LimitReached);
        assert!(refused.detail.contains("acme") && refused.detail.contains("may have 3 flows") && refused.detail.contains("has 3"));
        assert!(allow(&acme, Thing::Flows, None, u64::MAX, 1).is_ok());
        assert!(allow(&acme, Thing::Flows, Some(3), 9, 0).is_ok(), "a lowered limit takes nothing away");
    }
}
