//! Owns the engines, the guests' own threads and what is loaded.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::capability::Effects;
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::id::Digest;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::quota::Pass;

use crate::call::{Call, Ran};
use crate::install::{InstallError, Installed};

/// What a runtime needs to know.
#[derive(Clone)]
pub struct RuntimeSettings {
    /// Where compiled artifacts are kept; only this host may write there.
    pub artifacts_dir: PathBuf,
    /// The program that compiles: run as `<compiler> compile --class small|large`, component on stdin, artifact on stdout.
    pub compiler: PathBuf,
    /// Authenticates artifacts of this node.
    pub node_key: [u8; 32],
    /// Instances of the small engine at once.
    pub small_slots: u32,
    /// Instances of the large engine at once.
    pub large_slots: u32,
    /// Threads that run guests.
    pub workers: usize,
    /// Bytes of loaded artifacts.
    pub artifact_bytes_max: u64,
    /// Fuel after which a busy guest lets others run.
    pub yield_fuel: u64,
}

/// Ours to mend: the caller learns an opaque id.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeFault {
    /// The engine could not be made with these settings on this machine.
    #[error("the engine cannot start: {0}")]
    Engine(String),
    /// A file or directory of ours could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The compiler could not be run.
    #[error("the compiler cannot be run: {0}")]
    Compiler(String),
    /// The store of components failed.
    #[error(transparent)]
    Blobs(#[from] jackfield_domain::ports::rows::RowsFault),
    /// A task of ours ended in a panic.
    #[error("a task of the host ended: {0}")]
    Panicked(String),
}

/// What is loaded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Artifacts.
    pub artifacts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Most bytes.
    pub bytes_max: u64,
    /// Most artifacts, so that their maps and those of the slots fit what the kernel allows.
    pub artifacts_max: usize,
    /// Instances of the small engine at once.
    pub small_slots: u32,
    /// Instances of the large engine at once.
    pub large_slots: u32,
    /// Memory maps that the kernel allows a process.
    pub maps_max: u64,
}

/// Runs plugins. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    settings: RuntimeSettings,
}

impl Runtime {
    /// Builds the engines and starts the guests' threads.
    pub fn start(settings: RuntimeSettings, _blobs: Arc<dyn Blobs>) -> Result<Self, RuntimeFault> {
        Ok(Self { inner: Arc::new(Inner { settings }) })
    }

    /// Checks, compiles, links and describes an upload. What it makes is kept by digest; the same bytes again cost little.
    pub async fn install(&self, _component: Bytes) -> Result<Installed, InstallError> {
        Err(InstallError::Fault(RuntimeFault::Engine("not built yet".to_owned())))
    }

    /// Runs one invocation. It never fails: what goes wrong is data.
    pub async fn call(&self, _pass: &Pass, call: Call) -> Ran {
        let _ = &call;
        Ran {
            result: Err(Failure::new(FailureKind::NotReady, "not built yet")),
            used: Default::default(),
            tape: Vec::new(),
            log: Vec::new(),
            effects: Effects::default(),
        }
    }

    /// What is loaded now.
    pub fn resident(&self) -> Resident {
        Resident {
            artifacts: 0,
            bytes: 0,
            bytes_max: self.inner.settings.artifact_bytes_max,
            artifacts_max: 0,
            small_slots: self.inner.settings.small_slots,
            large_slots: self.inner.settings.large_slots,
            maps_max: 0,
        }
    }

    /// Unloads one version; its artifact stays on disk. For benchmarks and tests of reloading.
    pub async fn evict(&self, _digest: &Digest) {}

    /// Stops the guests' threads; what still runs is dropped.
    pub fn stop(self) {}
}
