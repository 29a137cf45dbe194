//! Compiles ahead for the engine of this program, while another one runs: so that an upgrade starts with warm artifacts.
//!
//! `jackfield prepare`, run with the new binary, calls it for every version that the running server names. It needs what a server needs -
//! the folder, the node's key - and no engine of its own: its own compiler's child says whose artifacts it makes. The artifacts go where
//! the new binary will look for them, with a code under the same key, so nothing that is not authentic is ever used.
//!
//! It must not touch the folder of the engine that runs, and it takes one core at most.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::refusal::Refusal;

use crate::artifact::Artifacts;
use crate::compile::order::CompileSettings;
use crate::compile::outside::Compiler;
use crate::compile::probe::Probe;
use crate::compile::workshop::Workshop;
use crate::load::LoadError;
use crate::runtime::RuntimeFault;

/// Compiles for an engine that does not run yet.
pub struct Preparer {
    workshop: Workshop,
}

/// What came of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// It was there already.
    Already,
    /// It was compiled.
    Made {
        /// How long it took.
        took_ms: u64,
        /// Of the artifact.
        bytes: u64,
    },
    /// This engine's compiler does not take it: after the upgrade its calls would go to the fallback.
    Refused(Refusal),
}

impl Preparer {
    /// Over the folder of all artifacts, with that compiler and the node's key. Tells as well what the compiler is.
    pub async fn open(
        artifacts_dir: PathBuf,
        compiler: PathBuf,
        compile: CompileSettings,
        node_key: [u8; 32],
    ) -> Result<(Self, Probe), RuntimeFault> {
        let compiler = Compiler::new(compiler, compile);
        let probe = compiler.probe().await?.clone();
        let artifacts = Artifacts::open(artifacts_dir, node_key, probe.fingerprint.clone())?;
        artifacts.mark_used()?;
        Ok((Self { workshop: Workshop { artifacts: Arc::new(artifacts), compiler } }, probe))
    }

    /// True where a component's artifact is there already.
    pub async fn is_ready(&self, digest: Digest) -> Result<bool, RuntimeFault> {
        Ok(self.workshop.authentic(digest).await?.is_some())
    }

    /// Compiles one component, if need be.
    pub async fn prepare(&self, digest: Digest, class: SlotClass, component: Bytes) -> Result<Prepared, RuntimeFault> {
        match self.workshop.make(digest, class, component, &TenantId::platform()).await {
            Ok((_, took)) if took.is_zero() => Ok(Prepared::Already),
            Ok((artifact, took)) => {
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                Ok(Prepared::Made { took_ms, bytes: artifact.bytes() })
            }
            Err(LoadError::Refused(refusal)) => Ok(Prepared::Refused(refusal)),
            Err(LoadError::Fault(fault)) => Err(fault),
        }
    }
}
