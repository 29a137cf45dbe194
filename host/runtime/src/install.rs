//! Takes an upload in: checks it, compiles it in the child, links it, asks it once what it is.
//!
//! The admin API's upload route calls it through [`crate::Runtime::install`] and keeps what comes back as a version. The order
//! is from cheap to dear and from harmless to less so: nothing is compiled before it is checked, nothing runs before it is
//! linked, and `describe` runs without any capability in a small budget. The same bytes again find their artifact.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_domain::capability::{Answer, Ask, Capabilities, Denial, Effects};
use jackfield_domain::flow::plugin::{Grant, Metadata, SlotClass};
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::describe_pass;
use jackfield_domain::refusal::{Code, Refusal};

use crate::check::{Checked, check, check_metadata};
use crate::compile::board::{Job, Phase};
use crate::guest::GuestParts;
use crate::invocation::{Described, Frame, describe};
use crate::load::prepared::Prepared;
use crate::load::{LoadError, bad_describe};
use crate::runtime::{Inner, LATE_MAX_WITH_HTTP, NotRun, RuntimeFault};

/// Why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The component is not one that this host runs; names the offending thing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] RuntimeFault),
}

impl From<LoadError> for InstallError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(refusal) => Self::Refused(refusal),
            LoadError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What an upload turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Of the component's bytes.
    pub digest: Digest,
    /// Of the component.
    pub bytes: u64,
    /// Which engine runs it.
    pub class: SlotClass,
    /// The contract's version that it was built for, for example "0.9.0".
    pub contract: String,
    /// Export interfaces, for example "router".
    pub exports: BTreeSet<String>,
    /// What it imports of ours.
    pub imports: BTreeSet<Grant>,
    /// What it says of itself.
    pub metadata: Metadata,
    /// Fuel that `describe` used.
    pub describe_fuel: u64,
    /// How long compiling took; 0 where the artifact was there.
    pub compile_ms: u64,
}

/// Answers nothing: `describe` is asked what a plugin is, not what a tenant has.
pub(crate) struct Nothing;

impl Capabilities for Nothing {
    fn ask<'a>(&'a mut self, _ask: &'a Ask) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::ready(Answer::Denied(Denial::Denied)))
    }

    fn finish(self: Box<Self>) -> Effects {
        Effects::default()
    }
}

pub(crate) async fn install(inner: &Inner, job: &Job, component: Bytes) -> Result<Installed, InstallError> {
    let bytes = component.len() as u64;
    job.step(Phase::Checking);
    let (digest, checked) = checked(inner, component.clone()).await?;
    let loader = &inner.loader;
    let (artifact, took) = match loader.authentic(digest).await? {
        Some(artifact) => (artifact, Duration::ZERO),
        None => loader.compile(job, digest, checked.class, component.clone()).await?,
    };
    job.step(Phase::Describing);
    let prepared = loader.link(checked.class, digest, artifact).await?;
    let (metadata, describe_fuel) = described(inner, job.tenant(), (digest, checked.class), Arc::clone(&prepared)).await?;
    inner.blobs.put(component).await.map_err(RuntimeFault::from)?;
    loader.shelf.put((digest, checked.class), prepared);
    let Checked { class, contract, exports, imports } = checked;
    let compile_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Ok(Installed { digest, bytes, class, contract, exports, imports, metadata, describe_fuel, compile_ms })
}

/// Reading tens of megabytes twice takes a tenth of a second: on a thread that stands behind all that anybody waits for on a call.
async fn checked(inner: &Inner, component: Bytes) -> Result<(Digest, Checked), InstallError> {
    let work = move || check(&component).map(|checked| (Digest::of(&component), checked));
    let checked = inner.spawn_behind_guests(work).await.map_err(|error| RuntimeFault::Panicked(error.to_string()))?;
    Ok(checked?)
}

async fn described(
    inner: &Inner,
    tenant: &TenantId,
    (digest, class): (Digest, SlotClass),
    prepared: Arc<Prepared>,
) -> Result<(Metadata, u64), InstallError> {
    let pass = describe_pass();
    let limits = *pass.limits();
    let parts = GuestParts {
        limits,
        capabilities: Box::new(Nothing),
        grants: BTreeSet::new(),
        // The same component says the same of itself, whenever and wherever it is asked.
        seed: *digest.as_bytes(),
        now: 0,
        deadline: limits.wall_ms_max,
        yield_fuel: inner.settings.yield_fuel,
        place: None,
    };
    let yield_fuel = inner.settings.yield_fuel;
    let work = move |wall, place| {
        let parts = GuestParts { place: Some(place), ..parts };
        describe(prepared, parts, Frame { limits, wall, yield_fuel, input_bytes: 0 })
    };
    let wall = Duration::from_millis(limits.wall_ms_max);
    let ran = inner.on_guest_threads(tenant, (class, Priority::Background), wall, LATE_MAX_WITH_HTTP, work).await;
    let Described { result, fuel } = match ran {
        Ok(described) => described?,
        Err(NotRun::NoPlace | NotRun::Late(_)) => {
            return Err(Refusal::new(Code::Busy, "no guest thread was free; try again").into());
        }
        Err(NotRun::Ended(why)) => return Err(RuntimeFault::Panicked(why).into()),
    };
    let metadata = result.map_err(|failure| bad_describe(&format!("{} ({})", failure.detail, failure.code())))?;
    // Schemas with patterns in them take milliseconds. Only what computes goes there: a compiler's child or a place that waited for such a
    // thread would stand behind it as well.
    let checking = inner.spawn_behind_guests(move || check_metadata(metadata));
    let metadata = checking.await.map_err(|error| RuntimeFault::Panicked(error.to_string()))??;
    Ok((metadata, fuel))
}
