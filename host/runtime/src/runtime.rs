//! Owns the engines, the guests' own threads and what is loaded; the one door into this crate.
//!
//! The server starts one and hands it to the invoke step and the upload route. Guests run on an async runtime of their own,
//! because a busy guest holds its thread for a while, and the threads of webhooks and timers must never be those. Everything
//! else - waiting for a place, loading, compiling - happens on the caller's.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::budget::{Limit, Used};
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::quota::Pass;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use wasmtime::Engine;

use crate::artifact::Artifacts;
use crate::call::{Call, Ran};
use crate::compile::outside::Compiler;
use crate::engine::machine::{self, Machine};
use crate::engine::{Pool, config, fingerprint};
use crate::install::{InstallError, Installed};
use crate::invocation::{Frame, json_bytes};
use crate::load::Loader;
use crate::load::prepared::GuestEngine;
use crate::load::shelf::{Room, Shelf};
use crate::turnstile::Turnstile;
use crate::{install, invocation};

/// Guests at once on one worker: one runs, and one is ready when it waits or yields.
const RUNNING_PER_WORKER: u32 = 2;
/// A worker looks at its timers and wakers after so many polls; each poll of a busy guest is a whole stretch of fuel, so the
/// usual sixty-one would let a timer wait for ten milliseconds.
const EVENT_INTERVAL: u32 = 4;

/// What a runtime needs to know.
#[derive(Clone)]
pub struct RuntimeSettings {
    /// Where compiled artifacts are kept; only this host may write there.
    pub artifacts_dir: PathBuf,
    /// The program that compiles: run as `<compiler> compile --class small|large`, component on stdin, artifact on stdout.
    pub compiler: PathBuf,
    /// Authenticates artifacts of this node.
    pub node_key: [u8; 32],
    /// Instances of the small engine that keep their place; at least as many as may run at once.
    pub small_slots: u32,
    /// Instances of the large engine that keep their place.
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
    /// An artifact that was authentic could not be loaded or linked.
    #[error("the artifact of {digest} cannot be used: {why}")]
    Artifact {
        /// Whose.
        digest: Digest,
        /// What the engine says.
        why: String,
    },
    /// The component is nowhere.
    #[error("there is no component {0}")]
    NoComponent(Digest),
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
    /// Instances of the small engine that keep their place.
    pub small_slots: u32,
    /// Instances of the large engine that keep their place.
    pub large_slots: u32,
    /// Memory maps that the kernel allows a process.
    pub maps_max: u64,
}

/// Runs plugins. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: RuntimeSettings,
    pub(crate) loader: Arc<Loader>,
    pub(crate) turnstile: Turnstile,
    pub(crate) blobs: Arc<dyn Blobs>,
    machine: Machine,
    guests: Guests,
}

/// The guests' own threads.
struct Guests {
    handle: Handle,
    /// Taken by whoever stops them. They are let go without waiting for them: the one who stops them may be a thread of another
    /// async runtime, which must not block.
    threads: Mutex<Option<tokio::runtime::Runtime>>,
}

impl Guests {
    fn stop(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(threads) = threads {
            threads.shutdown_background();
        }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime {
    /// Builds the engines and starts the guests' threads.
    pub fn start(mut settings: RuntimeSettings, blobs: Arc<dyn Blobs>) -> Result<Self, RuntimeFault> {
        let workers = settings.workers.max(1);
        let running = u32::try_from(workers).unwrap_or(u32::MAX).saturating_mul(RUNNING_PER_WORKER);
        // A place at the turnstile is a promise that the engine has a slot: twice, because a cancelled guest leaves its slot a
        // moment after its place.
        settings.small_slots = settings.small_slots.max(running.saturating_mul(2));
        settings.large_slots = settings.large_slots.max(running.saturating_mul(2));
        let machine = machine::measure(&settings)?;
        let small = engine(SlotClass::Small, Pool { slots: settings.small_slots, running })?;
        let large = engine(SlotClass::Large, Pool { slots: settings.large_slots, running })?;
        let artifacts = Artifacts::open(settings.artifacts_dir.clone(), settings.node_key, fingerprint(&small))?;
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name("guest")
            .event_interval(EVENT_INTERVAL)
            .enable_time()
            .build()
            .map_err(|source| RuntimeFault::Io { what: "threads for guests".to_owned(), source })?;
        let guests = Guests { handle: guests.handle().clone(), threads: Mutex::new(Some(guests)) };
        let loader = Loader {
            small: GuestEngine::new(small)?,
            large: GuestEngine::new(large)?,
            artifacts,
            compiler: Compiler::new(settings.compiler.clone()),
            shelf: Shelf::new(Room { artifacts: machine.artifacts_max, bytes: settings.artifact_bytes_max }),
            blobs: Arc::clone(&blobs),
        };
        let turnstile = Turnstile::new(usize::try_from(running).unwrap_or(usize::MAX));
        let inner = Inner { settings, loader: Arc::new(loader), turnstile, blobs, machine, guests };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks, compiles, links and describes an upload. What it makes is kept by digest; the same bytes again cost little.
    pub async fn install(&self, component: Bytes) -> Result<Installed, InstallError> {
        install::install(&self.inner, component).await
    }

    /// Runs one invocation. It never fails: what goes wrong is data.
    pub async fn call(&self, pass: &Pass, call: Call) -> Ran {
        let began = Instant::now();
        let limits = call.limits.within(*pass.limits());
        let input_bytes = json_bytes(&call.contact)
            .saturating_add(json_bytes(&call.event))
            .saturating_add(call.context.as_ref().map_or(0, |(json, _)| json.len() as u64));
        let used = Used { input_bytes, ..Used::default() };
        if input_bytes > limits.input_bytes_max {
            let detail = format!("the contact and the event are {input_bytes} bytes; at most {}", limits.input_bytes_max);
            return Ran::not_begun(Failure::new(FailureKind::Limit(Limit::Input), detail), used);
        }
        let wall = call.wall.min(Duration::from_millis(limits.wall_ms_max));
        let not_ready = |detail: String| Ran::not_begun(Failure::new(FailureKind::NotReady, detail), used);
        let prepared = match tokio::time::timeout(wall, self.inner.loader.load((call.digest, call.class))).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(fault)) => {
                tracing::error!(digest = %call.digest, %fault, "a plugin cannot be loaded");
                return not_ready("the plugin cannot be loaded; the operator's log says why".to_owned());
            }
            Err(_) => return not_ready(format!("the plugin was not loaded within {} ms", wall.as_millis())),
        };
        let left = wall.saturating_sub(began.elapsed());
        let tenant = call.contact.tenant.clone();
        let yield_fuel = self.inner.settings.yield_fuel;
        let ran = self
            .inner
            .on_guest_threads(&tenant, left, move |wall| invocation::run(prepared, call, Frame { limits, wall, yield_fuel, input_bytes }));
        match ran.await {
            Ok(ran) => ran,
            Err(NotRun::NoPlace) => not_ready(format!("no guest thread was free within {} ms", wall.as_millis())),
            Err(NotRun::Ended(why)) => {
                tracing::error!(%why, "the host failed while it ran a plugin");
                Ran::not_begun(Failure::new(FailureKind::Trapped, "the host failed while it ran the plugin"), used)
            }
        }
    }

    /// What is loaded now.
    pub fn resident(&self) -> Resident {
        let Inner { settings, loader, machine, .. } = &*self.inner;
        let (artifacts, bytes) = loader.shelf.count();
        let Room { artifacts: artifacts_max, bytes: bytes_max } = loader.shelf.room();
        let RuntimeSettings { small_slots, large_slots, .. } = *settings;
        Resident { artifacts, bytes, bytes_max, artifacts_max, small_slots, large_slots, maps_max: machine.maps_max }
    }

    /// Unloads one version; its artifact stays on disk. For benchmarks and tests of reloading.
    pub async fn evict(&self, digest: &Digest) {
        self.inner.loader.shelf.remove(digest);
    }

    /// Stops the guests' threads, whoever else holds this runtime; what still runs is dropped at its next yield.
    pub fn stop(self) {
        self.inner.guests.stop();
    }
}

fn engine(class: SlotClass, pool: Pool) -> Result<Engine, RuntimeFault> {
    Engine::new(&config(class, Some(pool))).map_err(|error| RuntimeFault::Engine(format!("{error:#}")))
}

/// Why nothing came back from the guests' threads.
pub(crate) enum NotRun {
    /// No place was free in time.
    NoPlace,
    /// The task ended: a panic of the host, or the runtime stopped.
    Ended(String),
}

/// Ends a task when whoever waits for it goes away: a dropped webhook must not leave a guest running.
struct EndWithMe<T>(JoinHandle<T>);

impl<T> Drop for EndWithMe<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inner {
    /// Waits for the tenant's turn, then runs a task on the guests' threads with what is left of the time.
    pub(crate) async fn on_guest_threads<T, F, W>(&self, tenant: &TenantId, wall: Duration, work: W) -> Result<T, NotRun>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
        W: FnOnce(Duration) -> F + Send + 'static,
    {
        let began = Instant::now();
        let permit = tokio::time::timeout(wall, self.turnstile.enter(tenant)).await.map_err(|_| NotRun::NoPlace)?;
        let left = wall.saturating_sub(began.elapsed());
        let mut task = EndWithMe(self.guests.handle.spawn(async move {
            // Named, so that it is dropped after everything that the work leaves: the place is free when its slot is.
            let _place = permit;
            work(left).await
        }));
        (&mut task.0).await.map_err(|error| NotRun::Ended(error.to_string()))
    }
}
