//! Writes captures behind the replies: what is to be kept is handed over and never waited for, and a segment is put now and then.
//!
//! The pipeline tells of each event whose invocations are kept (step 10). What waits here is bounded in bytes; past the bound a capture is
//! dropped and counted, because no caller waits for the evidence of another. A tenant's captures are put together once there are enough of
//! them, or when the oldest has waited long enough, or when somebody wants to replay and asks for it; at a clean end all of them.
//!
//! What is kept, and why, is the domain's rule; where it lies is the store's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_domain::capture::Capture;
use jackfield_domain::id::TenantId;
use jackfield_runtime::Runtime;
use jackfield_store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Of all captures that wait to be written, in KiB.
const WAITING_KIB_MAX: u32 = 32 * 1024;
/// A tenant's captures are put together up to that.
const SEGMENT_BYTES: usize = 4 << 20;
/// The oldest waits so long at most: few objects, and little that a crash loses.
const WAIT_MAX: Duration = Duration::from_secs(5);

enum Told {
    Keep(Box<Capture>, OwnedSemaphorePermit),
    /// Put everything now, and say when.
    Flush(oneshot::Sender<()>),
}

/// How many captures were kept, dropped for want of room, and lost because they could not be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Put.
    pub kept: u64,
    /// Dropped at the door.
    pub dropped: u64,
    /// Not put.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Counted {
    kept: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
}

/// Where captures are handed over.
pub struct Captures {
    room: Arc<Semaphore>,
    told: mpsc::UnboundedSender<Told>,
    counted: Arc<Counted>,
}

impl Captures {
    /// Begins to write; it ends with the last copy of what is given back, when everything is put.
    pub fn begin(store: Store, runtime: Runtime) -> Self {
        // Every capture in it holds a part of the room, so the room bounds it.
        let (told, hears) = mpsc::unbounded_channel();
        let counted = Arc::<Counted>::default();
        tokio::spawn(Writer { store, runtime, counted: Arc::clone(&counted), waiting: HashMap::new(), oldest: None }.run(hears));
        Self { room: Arc::new(Semaphore::new(WAITING_KIB_MAX as usize)), told, counted }
    }

    /// Keeps a capture, where there is room for it.
    pub fn keep(&self, capture: Capture) {
        let kib = u32::try_from(capture.weight() / 1024 + 1).unwrap_or(u32::MAX);
        match Arc::clone(&self.room).try_acquire_many_owned(kib) {
            // Where nobody writes any more the server ends, and the capture was too late.
            Ok(room) => drop(self.told.send(Told::Keep(Box::new(capture), room))),
            Err(_) => drop(self.counted.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Comes back once everything that was kept so far can be read.
    pub async fn written(&self) {
        let (done, waits) = oneshot::channel();
        if self.told.send(Told::Flush(done)).is_ok() {
            // An error is the writer's end, and then there is nothing to wait for.
            let _ = waits.await;
        }
    }

    /// Since the start.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counted { kept, dropped, lost } = &*self.counted;
        Counts { kept: read(kept), dropped: read(dropped), lost: read(lost) }
    }
}

struct Writer {
    store: Store,
    runtime: Runtime,
    counted: Arc<Counted>,
    waiting: HashMap<TenantId, Waiting>,
    oldest: Option<Instant>,
}

#[derive(Default)]
struct Waiting {
    captures: Vec<Capture>,
    room: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Writer {
    async fn run(mut self, mut hears: mpsc::UnboundedReceiver<Told>) {
        loop {
            let told = match self.oldest {
                Some(oldest) => match timeout_at(oldest + WAIT_MAX, hears.recv()).await {
                    Ok(told) => told,
                    Err(_) => {
                        self.put_all().await;
                        continue;
                    }
                },
                None => hears.recv().await,
            };
            match told {
                Some(Told::Keep(capture, room)) => self.keep(*capture, room).await,
                Some(Told::Flush(done)) => {
                    self.put_all().await;
                    let _nobody_waits = done.send(());
                }
                None => return self.put_all().await,
            }
        }
    }

    async fn keep(&mut self, capture: Capture, room: OwnedSemaphorePermit) {
        self.oldest.get_or_insert_with(Instant::now);
        let tenant = capture.contact.tenant.clone();
        let waiting = self.waiting.entry(tenant.clone()).or_default();
        waiting.bytes += capture.weight();
        waiting.captures.push(capture);
        waiting.room.push(room);
        if waiting.bytes >= SEGMENT_BYTES
            && let Some(waiting) = self.waiting.remove(&tenant)
        {
            self.put(&tenant, waiting).await;
        }
    }

    async fn put_all(&mut self) {
        self.oldest = None;
        for (tenant, waiting) in std::mem::take(&mut self.waiting) {
            self.put(&tenant, waiting).await;
        }
    }

    async fn put(&self, tenant: &TenantId, waiting: Waiting) {
        let (store, id) = (self.store.clone(), tenant.clone());
        let Waiting { captures, room, .. } = waiting;
        let count = captures.len() as u64;
        // Packing and sealing some megabytes takes milliseconds of a processor, and nobody waits for it.
        let handle = tokio::runtime::Handle::current();
        let put = self.runtime.spawn_behind(move || handle.block_on(store.tenant(&id).put_captures(&captures))).await;
        drop(room);
        match put {
            Ok(Ok(())) => drop(self.counted.kept.fetch_add(count, Ordering::Relaxed)),
            Ok(Err(fault)) => {
                self.counted.lost.fetch_add(count, Ordering::Relaxed);
                tracing::warn!(%tenant, %fault, captures = count, "captures were lost; their contacts cannot be replayed");
            }
            Err(error) => {
                self.counted.lost.fetch_add(count, Ordering::Relaxed);
                tracing::warn!(%tenant, %error, captures = count, "captures were lost; their contacts cannot be replayed");
            }
        }
    }
}
