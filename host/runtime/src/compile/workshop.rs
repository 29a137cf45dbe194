//! Makes an artifact of a component: the compiler's child on one side, the folder of artifacts on the other.
//!
//! The loading step uses it for the engine that runs, [`crate::Preparer`] for the one that will. What stopped the compiler once is not tried
//! again, what is there already is not made again, and what is made is proven before anybody gets it.
//!
//! It must not decide who is next: whoever calls [`Workshop::make`] has a turn.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};

use super::outside::{Compiled, Compiler};
use crate::artifact::poison::Poisoned;
use crate::artifact::{Artifacts, Authenticated};
use crate::load::{LoadError, blocking};
use crate::runtime::RuntimeFault;

/// A compiler and where its work goes.
pub(crate) struct Workshop {
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) compiler: Compiler,
}

impl Workshop {
    /// The artifact on disk, if it is this node's.
    pub(crate) async fn authentic(&self, digest: Digest) -> Result<Option<Authenticated>, RuntimeFault> {
        let artifacts = Arc::clone(&self.artifacts);
        blocking(move || artifacts.authenticate(&digest)).await?
    }

    /// Refuses what once stopped the compiler.
    pub(crate) async fn check_poison(&self, digest: Digest) -> Result<(), LoadError> {
        let artifacts = Arc::clone(&self.artifacts);
        match blocking(move || artifacts.condemned(&digest)).await?? {
            Some(poisoned) => Err(poisoned.refusal().into()),
            None => Ok(()),
        }
    }

    /// An artifact, and how long compiling took: no time where somebody else made it meanwhile.
    pub(crate) async fn make(
        &self,
        digest: Digest,
        class: SlotClass,
        component: Bytes,
        tenant: &TenantId,
    ) -> Result<(Authenticated, Duration), LoadError> {
        self.check_poison(digest).await?;
        if let Some(artifact) = self.authentic(digest).await? {
            return Ok((artifact, Duration::ZERO));
        }
        let bytes = component.len() as u64;
        let mut draft = self.artifacts.draft(&digest)?;
        let took = match self.compiler.compile(class, component, self.artifacts.fingerprint(), &mut draft).await? {
            Compiled::Artifact(took) => took,
            Compiled::Refused { refusal, killed } => {
                if killed {
                    let poisoned = Poisoned::now(digest, tenant, class, bytes, refusal.detail.clone());
                    tracing::warn!(%digest, %tenant, reason = %poisoned.reason, "a component stopped the compiler");
                    let artifacts = Arc::clone(&self.artifacts);
                    blocking(move || artifacts.condemn(&poisoned)).await??;
                }
                return Err(refusal.into());
            }
        };
        self.artifacts.keep(&digest, draft).await?;
        let why = "it was written and is not authentic".to_owned();
        Ok((self.authentic(digest).await?.ok_or(RuntimeFault::Artifact { digest, why })?, took))
    }
}
