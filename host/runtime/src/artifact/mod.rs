//! Keeps compiled components on disk, and lets none be used that this node did not compile itself.
//!
//! An artifact is machine code: whoever can put one here runs as the host. So the directory is this user's alone, each file has
//! a code over its content, its component's digest and the engine's fingerprint under the node's own key, and [`map`] takes
//! only what [`Artifacts::authenticate`] has proven. Files are replaced by renaming, never in place: a mapped file must not
//! change. Nodes share components and never artifacts.
//!
//! Each engine has a folder, named by its fingerprint: an upgrade of the host finds what was prepared for it, and what is no longer of
//! use is removed as a whole ([`engines`]). Beside the artifacts lies what stopped the compiler ([`poison`]).

pub(crate) mod draft;
pub(crate) mod engines;
pub(crate) mod map;
pub(crate) mod poison;
#[cfg(feature = "bench")]
mod stock;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use hmac::{Hmac, KeyInit, Mac};
use jackfield_domain::id::Digest;
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

/// The artifacts of one engine.
pub(crate) struct Artifacts {
    /// The folder of all engines.
    top: PathBuf,
    /// This engine's.
    directory: PathBuf,
    key: [u8; 32],
    fingerprint: String,
    /// Names drafts.
    drafts: AtomicU64,
    /// An artifact and its code are two files: one pair is put in place at a time.
    placing: Mutex<()>,
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
    /// Makes the engine's folder, readable by this user alone.
    pub(crate) fn open(top: PathBuf, key: [u8; 32], fingerprint: String) -> Result<Self, RuntimeFault> {
        let directory = top.join(&fingerprint);
        let name = directory.display().to_string();
        fs::create_dir_all(&directory).map_err(fault(name.clone()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            for private in [&top, &directory] {
                fs::set_permissions(private, fs::Permissions::from_mode(0o700)).map_err(fault(name.clone()))?;
            }
        }
        Ok(Self { top, directory, key, fingerprint, drafts: AtomicU64::new(0), placing: Mutex::new(()) })
    }

    /// Whose artifacts these are.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
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

    fn path(&self, digest: &Digest, kind: &str) -> PathBuf {
        self.directory.join(format!("{digest}.{kind}"))
    }

    fn mac(&self, digest: &Digest) -> Result<Hmac<Sha256>, RuntimeFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|error| RuntimeFault::Engine(error.to_string()))?;
        mac.update(digest.as_bytes());
        mac.update(self.fingerprint.as_bytes());
        Ok(mac)
    }
}

#[cfg(test)]
mod tests;
