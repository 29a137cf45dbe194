//! Takes an artifact in as it comes from the compiler, and puts it in place as a whole with its code.
//!
//! The parent of the compiler feeds a [`Draft`] chunk by chunk, so that an artifact of a hundred megabytes never stands in the server's
//! memory; the code is computed on the way. A draft that is dropped is removed: what a killed compiler left is nothing.
//!
//! It must not be found under an artifact's name before all of it is durable.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use hmac::{Hmac, Mac};
use jackfield_domain::id::Digest;
use sha2::Sha256;
use tokio::io::AsyncWriteExt as _;

use super::{Artifacts, fault};
use crate::runtime::RuntimeFault;

/// How the name of an unfinished file ends.
pub(super) const ENDING: &str = "draft";

/// An artifact on its way.
pub(crate) struct Draft {
    file: tokio::fs::File,
    path: Discarded,
    mac: Hmac<Sha256>,
    bytes: u64,
}

/// A file that is removed when nobody puts it in place.
struct Discarded(PathBuf);

impl Drop for Discarded {
    fn drop(&mut self) {
        // It is gone already where it was put in place.
        let _ = fs::remove_file(&self.0);
    }
}

impl Draft {
    /// Adds what came.
    pub(crate) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk).await?;
        self.mac.update(chunk);
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        Ok(())
    }

    /// What came so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Artifacts {
    /// Begins an artifact.
    pub(crate) fn draft(&self, digest: &Digest) -> Result<Draft, RuntimeFault> {
        let path = self.unfinished(digest);
        let file = private(&path).map_err(fault(path.display().to_string()))?;
        Ok(Draft { file: tokio::fs::File::from_std(file), path: Discarded(path), mac: self.mac(digest)?, bytes: 0 })
    }

    /// Puts an artifact in place. Both files are durable before either has its name.
    pub(crate) async fn keep(&self, digest: &Digest, mut draft: Draft) -> Result<(), RuntimeFault> {
        let name = draft.path.0.display().to_string();
        draft.file.flush().await.map_err(fault(name.clone()))?;
        draft.file.sync_all().await.map_err(fault(name.clone()))?;
        let Draft { path, mac, .. } = draft;
        let code = Discarded(self.unfinished(digest));
        write_whole(&code.0, &mac.finalize().into_bytes()).map_err(fault(name.clone()))?;
        // Two tenants may have sent the same bytes: the pairs must not be mixed.
        let _alone = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        // The code first: an artifact without one is no artifact, and neither is harmful.
        fs::rename(&code.0, self.path(digest, "mac")).map_err(fault(name.clone()))?;
        fs::rename(&path.0, self.path(digest, "cwasm")).map_err(fault(name))
    }

    /// Writes a small file of the engine's folder as a whole.
    pub(super) fn write(&self, digest: &Digest, kind: &str, content: &[u8]) -> Result<(), RuntimeFault> {
        let path = self.path(digest, kind);
        let draft = Discarded(self.unfinished(digest));
        write_whole(&draft.0, content).and_then(|()| fs::rename(&draft.0, &path)).map_err(fault(path.display().to_string()))
    }

    /// A name that no other job of this or another process has.
    fn unfinished(&self, digest: &Digest) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.path(digest, &format!("{}-{number}.{ENDING}", std::process::id()))
    }
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private(path)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()
}
