//! Takes uploads in, and shows and settles what compiling is about: who waits, what stopped it, what it is walled in by.
//!
//! The admin API calls it. An upload begins with a [`Job`] before its first byte has come, so that whoever waits sees where it is from the
//! start, and ends with what the component turned out to be. It must not run a plugin's code but for `describe`.

use std::time::SystemTime;

use bytes::Bytes;
use jackfield_domain::id::{Digest, TenantId};

use crate::artifact::engines::Swept;
use crate::artifact::poison::Poisoned;
use crate::compile::board::{Job, Phase, Seen, Totals};
use crate::compile::probe::Probe;
use crate::compile::queue::Purpose;
use crate::install::{InstallError, Installed, install};
use crate::load::blocking;
use crate::runtime::{Runtime, RuntimeFault};

impl Runtime {
    /// Checks, compiles, links and describes a component of the platform's own. What it makes is kept by digest; the same bytes again
    /// cost little.
    pub async fn install(&self, component: Bytes) -> Result<Installed, InstallError> {
        let job = self.begin_upload(&TenantId::platform(), "a component");
        self.install_as(&job, component).await
    }

    /// Writes down that a tenant sends a component; `what` is shown to whoever may see the tenant's jobs.
    pub fn begin_upload(&self, tenant: &TenantId, what: impl Into<String>) -> Job {
        self.inner.loader.board.begin(tenant, Purpose::Upload, what, Phase::Receiving)
    }

    /// Checks, compiles, links and describes what came for that job. Its tenant's other uploads wait for it, and nobody else's.
    pub async fn install_as(&self, job: &Job, component: Bytes) -> Result<Installed, InstallError> {
        install(&self.inner, job, component).await
    }

    /// What is uploaded and compiled now, of one tenant or of all, oldest first.
    pub fn compiles(&self, of: Option<&TenantId>) -> Vec<Seen> {
        self.inner.loader.board.seen(of)
    }

    /// Kills every compiler that runs and starts no other: the server ends.
    pub fn end_compilers(&self) {
        self.inner.loader.workshop.compiler.end();
    }

    /// How busy the compilers are.
    pub fn compile_totals(&self) -> Totals {
        self.inner.loader.board.totals()
    }

    /// Asks the compiler what it is and which walls stand around it.
    pub async fn probe_compiler(&self) -> Result<&Probe, RuntimeFault> {
        self.inner.loader.workshop.compiler.probe().await
    }

    /// What the compiler said when it was asked; none where nobody asked yet, or it cannot be run.
    pub fn probed(&self) -> Option<&Probe> {
        self.inner.loader.workshop.compiler.probed()
    }

    /// Names the engine: artifacts of another one are not used.
    pub fn fingerprint(&self) -> &str {
        self.inner.loader.workshop.artifacts.fingerprint()
    }

    /// Components that are not compiled again, by digest.
    pub async fn poisoned(&self) -> Result<Vec<Poisoned>, RuntimeFault> {
        let artifacts = self.inner.loader.workshop.artifacts.clone();
        blocking(move || artifacts.poisoned()).await?
    }

    /// Allows another try; false where nothing was held against it.
    pub async fn pardon(&self, digest: Digest) -> Result<bool, RuntimeFault> {
        let artifacts = self.inner.loader.workshop.artifacts.clone();
        let pardoned = blocking(move || artifacts.pardon(&digest)).await??;
        // What failed a moment ago would otherwise be left alone for another half minute.
        self.inner.loader.shelf.forget_failure(&digest);
        Ok(pardoned)
    }

    /// Removes artifacts of engines that are out of use, as of that time, and says that this one is in use.
    pub async fn sweep_artifacts(&self, now: SystemTime) -> Result<Swept, RuntimeFault> {
        let artifacts = self.inner.loader.workshop.artifacts.clone();
        blocking(move || artifacts.mark_used().and_then(|()| artifacts.sweep(now))).await?
    }
}
