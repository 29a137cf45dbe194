//! Owns the engines, the guests' own threads and what is loaded; the one door into this crate.
//!
//! The server starts one and hands it to the invoke step and the upload route. Guests run on an async runtime of their own,
//! because a busy guest holds its thread for a while, and the threads of webhooks and timers must never be those. Everything
//! else - waiting for a place, loading, compiling - happens on the caller's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_domain::budget::{Limit, Used};
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::flow::plugin::{Grant, SlotClass};
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::Pass;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, debug_span};
use wasmtime::Engine;

use crate::artifact::Artifacts;
use crate::call::{Call, Ran};
use crate::compile::board::Board;
use crate::compile::order::CompileSettings;
use crate::compile::outside::Compiler;
use crate::compile::workshop::Workshop;
use crate::engine::footprint::Footprint;
use crate::engine::machine::{self, Machine};
use crate::engine::{Pool, config, fingerprint};
use crate::invocation;
use crate::invocation::{Frame, json_bytes};
use crate::load::Loader;
use crate::load::prepared::GuestEngine;
use crate::load::shelf::{Room, Shelf};
use crate::pulse::{GuestPulse, Pulse};
use crate::threads::{BEHIND_THREADS_MAX, EndWithMe, Guests};
use crate::turnstile::{Lane, Metered, PerLane, Place, Refused, Rules, Turnstile};

/// Guests at once on one thread: one runs, and one is ready when it waits or yields.
const RUNNING_PER_THREAD: u32 = 2;
/// One tenant's part of the slots: three others can do the same at the same time.
const TENANT_SLOTS_PART: u32 = 4;
/// Nobody joins a line that will probably take longer than this: what would is shed at once. It is little beside every provider's deadline, and a line
/// that is longer than this only makes everybody in it late.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Waiting guests of one tenant: a hundred milliseconds of the cheapest plugins on some cores.
const LINE_MAX: usize = 512;
/// Waiting guests of all tenants; each keeps its event in memory.
const WAITING_MAX: usize = 4_096;
/// A guest's time is ended by its own thread. Where that one does not get to it in so long, the caller is not kept waiting: the guest is
/// dropped at its next yield, and charged all that it may have burnt. On a machine with room an end takes less.
const LATE_MAX: Duration = Duration::from_millis(4);
/// The same for a guest that may send requests: what went out must be in the trail, and goes with a guest that is given up.
pub(crate) const LATE_MAX_WITH_HTTP: Duration = Duration::from_millis(500);

/// What a runtime needs to know.
#[derive(Clone)]
pub struct RuntimeSettings {
    /// Where compiled artifacts are kept; only this host may write there.
    pub artifacts_dir: PathBuf,
    /// The program that compiles: run as `<compiler> compile ...`, component on stdin, artifact on stdout.
    pub compiler: PathBuf,
    /// What one compiler may take, and how much of its quarantine is demanded.
    pub compile: CompileSettings,
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
    /// Open files that artifacts leave to sockets, the store and the rest.
    pub files_reserved: u64,
}

impl RuntimeSettings {
    /// What a runtime with these settings asks of the machine.
    pub fn footprint(&self) -> Footprint {
        let running = self.running();
        let small = self.small_slots.max(running.saturating_mul(TENANT_SLOTS_PART)).saturating_add(running);
        let large = self.large_slots.max(running.saturating_mul(2)).saturating_add(running);
        Footprint::of(small, large, running, Lane::ALL.iter().map(|lane| lane.threads(self.workers)).sum::<usize>() + BEHIND_THREADS_MAX)
    }

    /// Guests that run at once in each lane.
    fn places(&self) -> PerLane<u32> {
        PerLane::of(|lane| u32::try_from(lane.threads(self.workers)).unwrap_or(u32::MAX).saturating_mul(RUNNING_PER_THREAD))
    }

    /// The same in all.
    fn running(&self) -> u32 {
        self.places().0.iter().fold(0, |sum, places| sum.saturating_add(*places))
    }
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

/// How busy the guests' threads are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Guests that hold a share of a worker.
    pub running: u32,
    /// Events that wait for one.
    pub waiting: usize,
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
    pulse: Arc<Pulse>,
    guests: Guests,
}

impl Runtime {
    /// Builds the engines and starts the guests' threads.
    pub fn start(mut settings: RuntimeSettings, blobs: Arc<dyn Blobs>) -> Result<Self, RuntimeFault> {
        let running = settings.running();
        settings.small_slots = settings.small_slots.max(running.saturating_mul(TENANT_SLOTS_PART));
        settings.large_slots = settings.large_slots.max(running.saturating_mul(2));
        let machine = machine::measure(&settings)?;
        // A place at the turnstile is a promise that the engine has a slot, and a cancelled guest leaves its slot a moment after its
        // place: so the engines have some more than the turnstile gives out. A guest that waits for the network keeps its stack.
        let pool = |slots: u32| Pool { slots: slots.saturating_add(running), running: slots };
        let small = engine(SlotClass::Small, pool(settings.small_slots))?;
        let large = engine(SlotClass::Large, pool(settings.large_slots))?;
        let artifacts = Artifacts::open(settings.artifacts_dir.clone(), settings.node_key, fingerprint(&small))?;
        artifacts.mark_used()?;
        let guests = Guests::start(settings.workers)?;
        let pulse = Pulse::start(&guests.handles());
        let loader = Loader {
            small: GuestEngine::new(small)?,
            large: GuestEngine::new(large)?,
            workshop: Workshop { artifacts: Arc::new(artifacts), compiler: Compiler::new(settings.compiler.clone(), settings.compile) },
            board: Board::new(),
            shelf: Shelf::new(Room { artifacts: machine.artifacts_max, bytes: settings.artifact_bytes_max }),
            blobs: Arc::clone(&blobs),
        };
        let part = |slots: u32| (slots / TENANT_SLOTS_PART).max(1);
        let (turnstile, keeper) = Turnstile::new(Rules {
            places: settings.places(),
            slots: [settings.small_slots, settings.large_slots],
            tenant_slots: [part(settings.small_slots), part(settings.large_slots)],
            line_max: LINE_MAX,
            waiting_max: WAITING_MAX,
            wait_max: WAIT_MAX,
        });
        std::thread::Builder::new()
            .name("turnstile".to_owned())
            .spawn(move || keeper.run())
            .map_err(|source| RuntimeFault::Io { what: "the turnstile's thread".to_owned(), source })?;
        let inner = Inner { settings, loader: Arc::new(loader), turnstile, blobs, machine, pulse, guests };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs one invocation. It never fails: what goes wrong is data.
    pub async fn call(&self, pass: &Pass, call: Call) -> Ran {
        let line = call.contact.tenant.clone();
        self.call_in_line(&line, pass, call).await
    }

    /// The same in another line than the tenant's: what nobody on the telephone waits for must not make its tenant look busy.
    pub(crate) async fn call_in_line(&self, line: &TenantId, pass: &Pass, call: Call) -> Ran {
        let began = Instant::now();
        let ran = self.called(line, pass, call, began).await;
        let waited = began.elapsed().saturating_sub(Duration::from_micros(ran.used.wall_us));
        Ran { waited, ..ran }
    }

    async fn called(&self, line: &TenantId, pass: &Pass, call: Call, began: Instant) -> Ran {
        let limits = call.limits.within(*pass.limits());
        let limits = if call.grants.contains(&Grant::Http) { limits.with_http() } else { limits };
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
        let loaded = tokio::time::timeout(wall, self.inner.loader.load((call.digest, call.class), &call.contact.tenant))
            .instrument(debug_span!("load"));
        let prepared = match loaded.await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(fault)) => {
                tracing::error!(digest = %call.digest, %fault, "a plugin cannot be loaded");
                return not_ready("the plugin cannot be loaded; the operator's log says why".to_owned());
            }
            Err(_) => return not_ready(format!("the plugin was not loaded within {} ms", wall.as_millis())),
        };
        let left = wall.saturating_sub(began.elapsed());
        let yield_fuel = self.inner.settings.yield_fuel;
        let (class, priority) = (call.class, call.priority);
        let late_max = if call.grants.contains(&Grant::Http) { LATE_MAX_WITH_HTTP } else { LATE_MAX };
        let ran = self.inner.on_guest_threads(line, (class, priority), left, late_max, move |wall, place| {
            invocation::run(prepared, call, Frame { limits, wall, yield_fuel, input_bytes }, place)
        });
        match ran.await {
            Ok(ran) => ran,
            Err(NotRun::NoPlace) => {
                Ran::not_begun(Failure::new(FailureKind::Overloaded, "there is too much at once; the guest never ran"), used)
            }
            Err(NotRun::Late(after)) => {
                let detail = format!("it ran for more than {} ms, and its thread did not come to end it", wall.as_millis());
                let used = Used { fuel: limits.fuel_max, wall_us: u64::try_from(after.as_micros()).unwrap_or(u64::MAX), ..used };
                Ran::not_begun(Failure::new(FailureKind::Limit(Limit::Wall), detail), used)
            }
            Err(NotRun::Ended(why)) => {
                tracing::error!(%why, "the host failed while it ran a plugin");
                // What it had burnt went with it; charged is all that it may have been, or a quota could be stretched this way.
                let used = Used { fuel: limits.fuel_max, ..used };
                Ran::not_begun(Failure::new(FailureKind::Trapped, "the host failed while it ran the plugin"), used)
            }
        }
    }

    /// True where one more guest would be turned away now: asked before anything is prepared for it, because what is too much should
    /// cost as little as it can. Nothing is taken; the answer may be another in a moment, and then the turnstile's counts.
    pub fn is_full(&self, tenant: &TenantId, class: SlotClass, priority: Priority) -> bool {
        self.inner.turnstile.would_refuse(tenant, class, priority)
    }

    /// What came of a call, once its answer was judged: who only fails is the first to be turned away where there is too much at once.
    pub fn came_to(&self, tenant: &TenantId, answered: bool) {
        self.inner.turnstile.came_to(tenant, answered);
    }

    /// Runs work of the host's own that nobody on a call waits for, on threads that stand behind those of webhooks and of short guests.
    pub fn spawn_behind<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.inner.spawn_behind_guests(work)
    }

    /// How busy the guests' threads are now.
    pub fn busy(&self) -> Busy {
        let (running, waiting) = self.inner.turnstile.depth();
        Busy { running, waiting }
    }

    /// What is loaded now.
    pub fn resident(&self) -> Resident {
        let Inner { settings, loader, machine, .. } = &*self.inner;
        let (artifacts, bytes) = loader.shelf.count();
        let Room { artifacts: artifacts_max, bytes: bytes_max } = loader.shelf.room();
        let RuntimeSettings { small_slots, large_slots, .. } = *settings;
        Resident { artifacts, bytes, bytes_max, artifacts_max, small_slots, large_slots, maps_max: machine.maps_max }
    }

    /// Whether the guests' threads make progress.
    pub fn pulse(&self) -> GuestPulse {
        self.inner.pulse.now()
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
    /// There is too much at once.
    NoPlace,
    /// Its thread did not come to end it in time, and this long after it began it was given up.
    Late(Duration),
    /// The task ended: a panic of the host, or the runtime stopped.
    Ended(String),
}

impl Inner {
    /// Runs work of our own on the guests' threads, without a place: for the self-test, before any guest runs.
    pub(crate) fn spawn_beside_guests<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.guests.of(Lane::Usual).spawn(work)
    }

    /// Runs work of our own that nobody on a call waits for, and that holds its thread.
    pub(crate) fn spawn_behind_guests<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.guests.behind().spawn_blocking(work)
    }

    /// Waits for the tenant's turn, then runs a task on the guests' threads with what is left of the time.
    pub(crate) async fn on_guest_threads<T, F, W>(
        &self,
        tenant: &TenantId,
        (class, priority): (SlotClass, Priority),
        wall: Duration,
        late_max: Duration,
        work: W,
    ) -> Result<T, NotRun>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
        W: FnOnce(Duration, Place) -> F + Send + 'static,
    {
        let began = Instant::now();
        let entered = tokio::time::timeout(wall, self.turnstile.enter(tenant, class, priority)).instrument(debug_span!("place"));
        let place = match entered.await {
            Ok(Ok(place)) => place,
            Ok(Err(Refused)) | Err(_) => return Err(NotRun::NoPlace),
        };
        let left = wall.saturating_sub(began.elapsed());
        let running = self.pulse.enter(left);
        let threads = self.guests.of(place.lane());
        let guest = async move {
            let _running = running;
            let meter = place.meter();
            Metered::new(work(left, place).instrument(debug_span!("guest")), meter).await
        };
        // It is another task of another runtime, and still part of the same event.
        let mut task = EndWithMe(threads.spawn(guest.in_current_span()));
        let given = Instant::now();
        match tokio::time::timeout(left.saturating_add(late_max), &mut task.0).await {
            Ok(ended) => ended.map_err(|error| NotRun::Ended(error.to_string())),
            Err(_) => Err(NotRun::Late(given.elapsed())),
        }
    }
}
