//! Keeps compiled components on disk, and lets none be used that this node did not compile itself.
//!
//! An artifact is machine code: whoever can put one here runs as the host. So the directory is this user's alone, each file has
//! a code over its content, its component's digest and the engine's fingerprint under the node's own key, and [`map`] takes
//! only what [`Artifacts::authenticate`] has proven. Files are replaced by renaming, never in place: a mapped file must not
//! change. Nodes share components and never artifacts.
//!
//! It also remembers which components stopped the compiler, so that nobody can have it killed twice with the same bytes.

pub(crate) mod map;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use jackfield_domain::id::Digest;
use jackfield_domain::refusal::{Code, Refusal};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::runtime::RuntimeFault;

/// Read at once while a file is authenticated.
const CHUNK_BYTES: usize = 64 * 1024;

/// Proof that a file holds what this node's compiler made of that component. Only [`Artifacts::authenticate`] makes one.
#[derive(Debug)]
pub(crate) struct Authenticated {
    path: PathBuf,
    bytes: u64,
}

impl Authenticated {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The directory of artifacts.
pub(crate) struct Artifacts {
    directory: PathBuf,
    key: [u8; 32],
    fingerprint: String,
}

fn fault(what: impl Into<String>) -> impl FnOnce(io::Error) -> RuntimeFault {
    let what = what.into();
    |source| RuntimeFault::Io { what, source }
}

fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Artifacts {
    /// Makes the directory, readable by this user alone.
    pub(crate) fn open(directory: PathBuf, key: [u8; 32], fingerprint: String) -> Result<Self, RuntimeFault> {
        let name = directory.display().to_string();
        fs::create_dir_all(&directory).map_err(fault(name.clone()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).map_err(fault(name))?;
        }
        Ok(Self { directory, key, fingerprint })
    }

    /// Keeps an artifact.
    pub(crate) fn keep(&self, digest: &Digest, artifact: &[u8]) -> Result<(), RuntimeFault> {
        let mut mac = self.mac(digest)?;
        mac.update(artifact);
        // The code first: an artifact without one is no artifact, and neither is harmful.
        self.write(&self.path(digest, "mac"), &mac.finalize().into_bytes())?;
        self.write(&self.path(digest, "cwasm"), artifact)
    }

    /// Finds an artifact and proves it; none where there is none, or where it is not this node's.
    pub(crate) fn authenticate(&self, digest: &Digest) -> Result<Option<Authenticated>, RuntimeFault> {
        let path = self.path(digest, "cwasm");
        let name = path.display().to_string();
        let Some(code) = none_if_missing(fs::read(self.path(digest, "mac"))).map_err(fault(name.clone()))? else { return Ok(None) };
        let Some(mut file) = none_if_missing(File::open(&path)).map_err(fault(name.clone()))? else { return Ok(None) };
        let mut mac = self.mac(digest)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut bytes = 0_u64;
        loop {
            let read = file.read(&mut chunk).map_err(fault(name.clone()))?;
            let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
            mac.update(part);
            bytes = bytes.saturating_add(part.len() as u64);
        }
        if bool::from(mac.finalize().into_bytes().ct_eq(&code)) {
            return Ok(Some(Authenticated { path, bytes }));
        }
        tracing::warn!(artifact = %path.display(), "an artifact is not authentic and is not used");
        Ok(None)
    }

    /// Remembers that this component stopped the compiler.
    pub(crate) fn condemn(&self, digest: &Digest, refusal: &Refusal) -> Result<(), RuntimeFault> {
        self.write(&self.path(digest, "condemned"), refusal.detail.as_bytes())
    }

    /// Why this component is never compiled again, where it is not.
    pub(crate) fn condemned(&self, digest: &Digest) -> Result<Option<Refusal>, RuntimeFault> {
        let path = self.path(digest, "condemned");
        let detail = none_if_missing(fs::read(&path)).map_err(fault(path.display().to_string()))?;
        Ok(detail.map(|detail| {
            let detail = format!("the same bytes stopped the compiler before: {}", String::from_utf8_lossy(&detail));
            Refusal::new(Code::CompileFailed, detail)
        }))
    }

    /// Keyed by engine as well: an upgrade of the host finds nothing here and compiles again.
    fn path(&self, digest: &Digest, kind: &str) -> PathBuf {
        self.directory.join(format!("{digest}-{}.{kind}", self.fingerprint))
    }

    fn mac(&self, digest: &Digest) -> Result<Hmac<Sha256>, RuntimeFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|error| RuntimeFault::Engine(error.to_string()))?;
        mac.update(digest.as_bytes());
        mac.update(self.fingerprint.as_bytes());
        Ok(mac)
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), RuntimeFault> {
        let name = path.display().to_string();
        let draft = path.with_extension(format!("{}-draft", path.extension().unwrap_or_default().to_string_lossy()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&draft, path)).map_err(fault(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifacts(directory: &Path, key: u8, fingerprint: &str) -> Artifacts {
        Artifacts::open(directory.to_owned(), [key; 32], fingerprint.to_owned()).unwrap()
    }

    #[test]
    fn only_what_this_node_compiled_for_this_component_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let ours = artifacts(directory.path(), 1, "engine");
        let (digest, other) = (Digest::of(b"component"), Digest::of(b"other"));
        ours.keep(&digest, b"machine code").unwrap();
        assert_eq!(ours.authenticate(&digest).unwrap().unwrap().bytes(), 12);
        assert!(ours.authenticate(&other).unwrap().is_none());
        assert!(artifacts(directory.path(), 2, "engine").authenticate(&digest).unwrap().is_none());
        assert!(artifacts(directory.path(), 1, "engine-2").authenticate(&digest).unwrap().is_none());

        for kind in ["cwasm", "mac"] {
            fs::copy(ours.path(&digest, kind), ours.path(&other, kind)).unwrap();
        }
        assert!(ours.authenticate(&other).unwrap().is_none(), "an artifact of another component was taken");
    }

    #[test]
    fn a_changed_artifact_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let ours = artifacts(directory.path(), 1, "engine");
        let digest = Digest::of(b"component");
        ours.keep(&digest, b"machine code").unwrap();
        fs::write(ours.path(&digest, "cwasm"), b"machine c0de").unwrap();
        assert!(ours.authenticate(&digest).unwrap().is_none());
        ours.keep(&digest, b"machine code").unwrap();
        fs::write(ours.path(&digest, "mac"), b"").unwrap();
        assert!(ours.authenticate(&digest).unwrap().is_none());
    }

    #[test]
    fn what_stopped_the_compiler_once_is_remembered_for_this_engine() {
        let directory = tempfile::tempdir().unwrap();
        let ours = artifacts(directory.path(), 1, "engine");
        let digest = Digest::of(b"bomb");
        assert!(ours.condemned(&digest).unwrap().is_none());
        ours.condemn(&digest, &Refusal::new(Code::CompileFailed, "out of memory")).unwrap();
        assert!(ours.condemned(&digest).unwrap().unwrap().detail.contains("out of memory"));
        assert!(artifacts(directory.path(), 1, "engine-2").condemned(&digest).unwrap().is_none());
    }
}
