//! Removes the artifacts of engines that are no longer of use, so that upgrades do not fill the disk.
//!
//! The server asks for it at the start and every few hours. An upgrade leaves a folder of artifacts behind, and preparing one makes a
//! folder before it is needed. Kept are the engine that runs, and of the others the two that were used last, if that was within two
//! weeks: the one to go back to, and the one that was prepared. Using is starting with it or preparing for it, which touches a mark.
//!
//! It must not remove the running engine's folder, whatever its mark says.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::draft::ENDING;
use super::{Artifacts, fault};
use crate::runtime::RuntimeFault;

/// A fortnight: an upgrade that is neither finished nor taken back by then is compiled again if it ever comes.
const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// The one before and the one that was prepared.
const OTHERS_MAX: usize = 2;
/// No compiler runs that long: such a draft is nobody's.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// Its time is when the engine was used last.
const MARK: &str = "used";

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Folders of other engines.
    pub engines: usize,
    /// Unfinished files that nobody works on, and files of older layouts.
    pub files: usize,
}

impl Artifacts {
    /// Says that this engine is in use.
    pub(crate) fn mark_used(&self) -> Result<(), RuntimeFault> {
        let path = self.directory.join(MARK);
        // Written anew, which is what sets its time.
        fs::write(&path, &self.fingerprint).map_err(fault(path.display().to_string()))
    }

    /// Removes what is of no use at that time.
    pub(crate) fn sweep(&self, now: SystemTime) -> Result<Swept, RuntimeFault> {
        let name = self.top.display().to_string();
        let mut swept = Swept::default();
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.top).map_err(fault(name.clone()))? {
            let path = entry.map_err(fault(name.clone()))?.path();
            if path.is_dir() && path != self.directory {
                others.push((used(&path), path));
            } else if path.is_file() && age(&path, now) > KEPT_FOR {
                fs::remove_file(&path).map_err(fault(name.clone()))?;
                swept.files += 1;
            }
        }
        others.sort_by(|(one, _), (other, _)| other.cmp(one));
        for (at, (used, path)) in others.into_iter().enumerate() {
            let is_old = now.duration_since(used).is_ok_and(|age| age > KEPT_FOR);
            if at >= OTHERS_MAX || is_old {
                fs::remove_dir_all(&path).map_err(fault(path.display().to_string()))?;
                swept.engines += 1;
            }
        }
        swept.files += self.sweep_drafts(now)?;
        Ok(swept)
    }

    fn sweep_drafts(&self, now: SystemTime) -> Result<usize, RuntimeFault> {
        let name = self.directory.display().to_string();
        let mut gone = 0;
        for entry in fs::read_dir(&self.directory).map_err(fault(name.clone()))? {
            let path = entry.map_err(fault(name.clone()))?.path();
            let is_draft = path.extension().is_some_and(|ending| ending == ENDING);
            if is_draft && age(&path, now) > DRAFT_AGE_MAX && fs::remove_file(&path).is_ok() {
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// When an engine was used last; its folder's own time where nobody said.
fn used(directory: &Path) -> SystemTime {
    let of = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    of(&directory.join(MARK)).or_else(|_| of(directory)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn age(path: &Path, now: SystemTime) -> Duration {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(now);
    now.duration_since(modified).unwrap_or_default()
}
