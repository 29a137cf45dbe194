//! Remembers which components stopped the compiler, so that nobody can have it killed twice with the same bytes.
//!
//! The loading step asks before it compiles and writes down who was killed; the operator's API lists and clears. An entry belongs to an
//! engine, as an artifact does: what stopped one compiler may be harmless to the next. It is a file beside the artifacts, so it is there
//! after a restart.
//!
//! It must not be cleared by whoever uploads: only an operator knows whether it was the component or the machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use jackfield_domain::contact::Moment;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};

use super::{Artifacts, fault, none_if_missing};
use crate::runtime::RuntimeFault;

/// How its files end.
const ENDING: &str = "poison";
/// Entries that are kept: each cost somebody a minute of a compiler, so a thousand is a day of attack. The oldest go.
const ENTRIES_MAX: usize = 1_000;

/// A component that is not compiled again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poisoned {
    /// Of the component's bytes.
    pub digest: Digest,
    /// What stopped the compiler.
    pub reason: String,
    /// When.
    pub at: Moment,
    /// On whose behalf it was compiled.
    pub tenant: TenantId,
    /// Of the component.
    pub bytes: u64,
    /// For which engine.
    pub class: SlotClass,
}

impl Poisoned {
    /// Of a component that stopped the compiler just now.
    pub(crate) fn now(digest: Digest, tenant: &TenantId, class: SlotClass, bytes: u64, reason: String) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self { digest, reason, at, tenant: tenant.clone(), bytes, class }
    }

    /// What whoever sends the same bytes again is told.
    pub(crate) fn refusal(&self) -> Refusal {
        let detail =
            format!("the same bytes stopped the compiler before: {}; whoever runs the platform can allow another try", self.reason);
        Refusal::new(Code::CompileFailed, detail)
    }
}

impl Artifacts {
    /// Remembers that this component stopped the compiler.
    pub(crate) fn condemn(&self, poisoned: &Poisoned) -> Result<(), RuntimeFault> {
        let content = serde_json::to_vec(poisoned).map_err(|error| RuntimeFault::Engine(error.to_string()))?;
        self.write(&poisoned.digest, ENDING, &content)?;
        let mut all = self.poisoned()?;
        all.sort_by_key(|entry| entry.at);
        let surplus = all.len().saturating_sub(ENTRIES_MAX);
        all.into_iter().take(surplus).try_for_each(|oldest| self.pardon(&oldest.digest).map(drop))
    }

    /// Why this component is never compiled again, where it is not.
    pub(crate) fn condemned(&self, digest: &Digest) -> Result<Option<Poisoned>, RuntimeFault> {
        let path = self.path(digest, ENDING);
        let content = none_if_missing(fs::read(&path)).map_err(fault(path.display().to_string()))?;
        // What cannot be read still says that there was something.
        Ok(content.map(|content| {
            serde_json::from_slice(&content).unwrap_or_else(|_| Poisoned {
                digest: *digest,
                reason: "it is not known any more why".to_owned(),
                at: 0,
                tenant: TenantId::platform(),
                bytes: 0,
                class: SlotClass::Small,
            })
        }))
    }

    /// All of this engine, by digest.
    pub(crate) fn poisoned(&self) -> Result<Vec<Poisoned>, RuntimeFault> {
        let name = self.directory.display().to_string();
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(fault(name.clone()))? {
            let path = entry.map_err(fault(name.clone()))?.path();
            let is_poison = path.extension().is_some_and(|ending| ending == ENDING);
            let digest = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_poison).and_then(|stem| stem.parse().ok());
            if let Some(digest) = digest {
                all.extend(self.condemned(&digest)?);
            }
        }
        all.sort_by_key(|entry| entry.digest);
        Ok(all)
    }

    /// Allows another try; false where nothing was held against it.
    pub(crate) fn pardon(&self, digest: &Digest) -> Result<bool, RuntimeFault> {
        let path = self.path(digest, ENDING);
        Ok(none_if_missing(fs::remove_file(&path)).map_err(fault(path.display().to_string()))?.is_some())
    }
}
