//! Keeps what the last apply of a file wrote, beside the file: of each thing the digests of its members.
//!
//! The server keeps edits of some things and not of all, so it cannot say of everything whether it is as an apply left it. This record
//! can, in `FILE.applied.json`, by server, because one file may be applied to several. It holds no value and no secret, and belongs beside
//! the file in its repository: without it a plan still shows every difference, and cannot say which of them somebody made by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::steps::{Applied, Things, digests};
use crate::cli::session::Trouble;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// By the server's address.
    servers: BTreeMap<String, Applied>,
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".applied.json");
    PathBuf::from(name)
}

/// The digests of a thing that say what the server has. Where not all levels of settings can be seen, what a release took is the server's.
fn known(value: &Value) -> BTreeMap<String, String> {
    let mut known = digests(value);
    if known.remove("settings_revision").is_some() {
        known.remove("settings");
    }
    known
}

impl Record {
    /// That of a file; an empty one where it was never applied.
    pub(super) fn read(file: &Path) -> Result<Self, Trouble> {
        let path = beside(file);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
                Trouble::BadFile(format!("{} is damaged ({e}); remove it, and the next apply writes it anew", path.display()))
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Trouble::BadFile(format!("{}: {e}", path.display()))),
        }
    }

    /// Of one server.
    pub(super) fn of(&self, server: &str) -> Applied {
        self.servers.get(server).cloned().unwrap_or_default()
    }

    /// Takes what is now as the file says; what is not yet so keeps what it had, and what is in neither is forgotten.
    pub(super) fn take(&mut self, server: &str, wanted: &Things, is_done: impl Fn(&super::steps::Id) -> bool) {
        let before = self.servers.remove(server).unwrap_or_default();
        let now = wanted.iter().filter_map(|(id, value)| {
            let name = id.to_string();
            let record = if is_done(id) { Some(known(value)) } else { before.get(&name).cloned() };
            record.map(|record| (name, record))
        });
        self.servers.insert(server.to_owned(), now.collect());
    }

    /// Writes it whole or not at all, and only where something in it is other.
    pub(super) fn write(&self, file: &Path) -> Result<(), Trouble> {
        let path = beside(file);
        let failed = |e: &dyn std::fmt::Display| Trouble::Failed(format!("{} cannot be written: {e}", path.display()));
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(&e))? + "\n";
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let next = path.with_extension("json.next");
        std::fs::write(&next, text).and_then(|()| std::fs::rename(&next, &path)).map_err(|e| failed(&e))
    }
}
