//! Loads a version: from memory, from this node's disk, or from the component once more.
//!
//! Every call asks it. The usual way is a look into the shelf. After an eviction the artifact is authenticated and mapped again;
//! after an upgrade of the host, or on a node that never saw the upload, it is compiled again from the stored component. That
//! takes seconds and goes on in the background, while the calls that need it are answered by the fallback.

pub(crate) mod prepared;
pub(crate) mod shelf;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::refusal::{Code, Refusal};

use crate::artifact::Authenticated;
use crate::artifact::map::map;
use crate::compile::board::{Board, Job, Phase};
use crate::compile::queue::Purpose;
use crate::compile::workshop::Workshop;
use crate::load::prepared::{GuestEngine, Prepared};
use crate::load::shelf::{Key, LEFT_ALONE, Shelf};
use crate::runtime::RuntimeFault;

/// Why a version cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The component's doing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] RuntimeFault),
}

/// What loading needs.
pub(crate) struct Loader {
    pub(crate) small: GuestEngine,
    pub(crate) large: GuestEngine,
    pub(crate) workshop: Workshop,
    pub(crate) board: Board,
    pub(crate) shelf: Shelf,
    pub(crate) blobs: Arc<dyn Blobs>,
}

/// Runs what blocks where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RuntimeFault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| RuntimeFault::Panicked(error.to_string()))
}

impl Loader {
    /// A version that is ready to run; `tenant` is whose call waits for it.
    pub(crate) async fn load(self: &Arc<Self>, key: Key, tenant: &TenantId) -> Result<Arc<Prepared>, LoadError> {
        let place = self.shelf.place(key);
        if let Some(prepared) = place.cell.get() {
            return Ok(Arc::clone(prepared));
        }
        if let Some(why) = place.failed() {
            return Err(RuntimeFault::Artifact { digest: key.0, why }.into());
        }
        // A task of its own: the call that began it may give up, the next one should find it done.
        let (loader, tenant) = (Arc::clone(self), tenant.clone());
        let loading = tokio::spawn(async move {
            let first = async || {
                // Whoever waited while another tried in vain is told so, and does not try as well.
                if let Some(why) = place.failed() {
                    return Err(RuntimeFault::Artifact { digest: key.0, why }.into());
                }
                let began = Instant::now();
                let fetched = loader.fetch(key, &tenant).await;
                match &fetched {
                    Ok(_) => {}
                    // Nothing was tried: the next call asks again. What took so long was a compiler that found no processor.
                    Err(LoadError::Refused(refusal)) if refusal.code == Code::Busy && began.elapsed() < LEFT_ALONE => {}
                    Err(error) => place.fail(error.to_string()),
                }
                fetched
            };
            let loaded = place.cell.get_or_try_init(first).await.map(Arc::clone);
            if loaded.is_ok() {
                loader.shelf.make_room();
            }
            loaded
        });
        loading.await.map_err(|error| RuntimeFault::Panicked(error.to_string()))?
    }

    async fn fetch(self: &Arc<Self>, (digest, class): Key, tenant: &TenantId) -> Result<Arc<Prepared>, LoadError> {
        if let Some(artifact) = self.authentic(digest).await? {
            return self.link(class, digest, artifact).await;
        }
        let component = self.blobs.get(&digest).await.map_err(RuntimeFault::from)?.ok_or(RuntimeFault::NoComponent(digest))?;
        let job = self.board.begin(tenant, Purpose::Call, digest.to_string(), Phase::Waiting);
        let (artifact, _) = self.compile(&job, digest, class, component).await?;
        self.link(class, digest, artifact).await
    }

    /// The artifact on disk, if it is this node's.
    pub(crate) async fn authentic(&self, digest: Digest) -> Result<Option<Authenticated>, RuntimeFault> {
        self.workshop.authentic(digest).await
    }

    /// Compiles a component when the job's turn comes, and keeps the artifact. A component that once stopped the compiler is not tried
    /// again.
    pub(crate) async fn compile(
        &self,
        job: &Job,
        digest: Digest,
        class: SlotClass,
        component: Bytes,
    ) -> Result<(Authenticated, Duration), LoadError> {
        self.workshop.check_poison(digest).await?;
        let _turn = job.turn().await?;
        let made = self.workshop.make(digest, class, component, job.tenant()).await;
        self.board.count(made.is_ok());
        made
    }

    /// Maps and links an artifact.
    pub(crate) async fn link(
        self: &Arc<Self>,
        class: SlotClass,
        digest: Digest,
        artifact: Authenticated,
    ) -> Result<Arc<Prepared>, LoadError> {
        let loader = Arc::clone(self);
        let linked = blocking(move || {
            let engine = loader.engine(class);
            let component = map(engine.engine(), &artifact).map_err(|error| unmapped(digest, &error))?;
            Prepared::link(engine, &component, artifact.bytes()).map_err(LoadError::Refused)
        });
        Ok(Arc::new(linked.await??))
    }

    pub(crate) fn engine(&self, class: SlotClass) -> &GuestEngine {
        match class {
            SlotClass::Small => &self.small,
            SlotClass::Large => &self.large,
        }
    }
}

/// An authentic artifact that the engine does not take is one whose instances would not fit a slot; what the system refuses is
/// ours.
fn unmapped(digest: Digest, error: &wasmtime::Error) -> LoadError {
    let why = format!("{error:#}");
    if error.root_cause().is::<std::io::Error>() {
        return RuntimeFault::Artifact { digest, why }.into();
    }
    Refusal::new(Code::ComponentTooComplex, format!("the component does not fit the engine: {why}")).into()
}

/// The refusal of a component that cannot be described, for the one who sent it.
pub(crate) fn bad_describe(why: &str) -> Refusal {
    Refusal::new(Code::BadDescribe, format!("describe did not answer: {why}")).at("describe")
}
