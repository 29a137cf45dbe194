//! Looks for what one instance leaves to the next: in memories, tables, globals and stacks, in slots that two kinds of components share,
//! while the kernel moves pages about.
//!
//! The short form is a promise, the long one a soak. One version of the engine showed an instance the bytes of the one before it while the
//! kernel compacted memory, so that is what happens here all the time; it needs root, and who reads the report is told where it did not.
//! The control makes the same guests look at what they left themselves: a proof that cannot find anything proves nothing.

mod guest;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;
use jackfield_runtime::probe::recycled::Slots;

/// Where only root may write, and what the kernel does when somebody does.
const COMPACT: &str = "/proc/sys/vm/compact_memory";
/// Guests at once on one thread: one runs, and others wait in the middle of their visit.
const GUESTS_PER_THREAD: u32 = 2;
/// Components. Each has an image of its own; many times as many as slots, so that a slot rarely serves the same one twice.
const MARKS: u8 = 24;
/// Of so many one is large, and finds what any of them left; the small ones are there to be many.
const LARGE_EVERY: u8 = 6;
/// From one component to the next: without a factor of their number, so that all are met.
const STEPS: [usize; 4] = [5, 7, 11, 13];
/// Fuel between two moments when others run: a visit of the small kind takes several, so visits are mixed on every thread.
const YIELD_FUEL: u64 = 20_000;

/// Bytes that were not as freshly made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stale {
    /// In memories.
    pub memory: u64,
    /// In tables.
    pub table: u64,
    /// In globals.
    pub globals: u64,
    /// On stacks.
    pub stack: u64,
}

impl Stale {
    fn of(report: u64) -> Self {
        let part = |at: u32| report >> at & 0xffff;
        Self { memory: part(0), table: part(16), globals: part(32), stack: part(48) }
    }

    fn add(&mut self, other: Self) {
        let Self { memory, table, globals, stack } = other;
        self.memory += memory;
        self.table += table;
        self.globals += globals;
        self.stack += stack;
    }

    /// All together.
    pub fn bytes(self) -> u64 {
        self.memory + self.table + self.globals + self.stack
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, table, globals, stack } = self;
        write!(f, "{} (memories {memory}, tables {table}, globals {globals}, stacks {stack})", self.bytes())
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Fresh instances.
    pub instances: u64,
    /// Stale bytes that they found.
    pub stale: Stale,
    /// What the same guests find when they look at what they left themselves.
    pub control: Stale,
    /// How often all memory was compacted meanwhile; none where this process may not.
    pub compactions: Option<u64>,
    /// How long it took.
    pub took: Duration,
    /// Threads, guests at once and components.
    pub threads: u32,
    /// Guests at once.
    pub guests: u32,
    /// Components that shared the slots.
    pub components: usize,
    /// Memory slots that they shared.
    pub memories: u32,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instances, stale, control, threads, guests, components, memories, took, .. } = self;
        writeln!(f, "{instances} fresh instances of {components} components of two kinds in {memories} memory slots,")?;
        writeln!(f, "{guests} at once on {threads} threads:")?;
        writeln!(f, "  instances per second    {:.0}", *instances as f64 / took.as_secs_f64())?;
        match self.compactions {
            Some(times) => writeln!(f, "  compactions meanwhile   {times}")?,
            None => writeln!(f, "  compactions meanwhile   SKIPPED: {SKIPPED}")?,
        }
        writeln!(f, "  stale bytes             {stale}")?;
        write!(f, "  control: own dirt found {control}")
    }
}

/// What is not shown where this process may not compact memory.
pub const SKIPPED: &str =
    "MEMORY COMPACTION under recycled slots: only root may write to /proc/sys/vm/compact_memory; freshness was tried without";

/// True where this process may have the kernel compact memory.
pub fn may_compact() -> bool {
    OpenOptions::new().write(true).open(COMPACT).is_ok()
}

/// Has the kernel move pages about until it is dropped.
struct Compaction {
    over: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    mover: Option<JoinHandle<()>>,
}

impl Compaction {
    fn begin() -> Option<Self> {
        let switch = OpenOptions::new().write(true).open(COMPACT).ok()?;
        let (over, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mover = {
            let (over, times) = (Arc::clone(&over), Arc::clone(&times));
            std::thread::spawn(move || compact(switch, &over, &times))
        };
        Some(Self { over, times, mover: Some(mover) })
    }

    fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }
}

fn compact(mut switch: File, over: &AtomicBool, times: &AtomicU64) {
    while !over.load(Ordering::Relaxed) && switch.write_all(b"1").is_ok() {
        times.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It ends after the compaction that it is in; a panic there could only have been ours and is in the output.
        let _ended = self.mover.take().map(JoinHandle::join);
    }
}

/// Makes so many fresh instances on so many threads.
pub fn run(instances: u64, threads: u32) -> anyhow::Result<Report> {
    let guests = threads * GUESTS_PER_THREAD;
    let shape = |mark| if mark % LARGE_EVERY == 0 { guest::LARGE } else { guest::SMALL };
    let components = (0..MARKS).map(|mark| guest::component(shape(mark), mark)).collect::<anyhow::Result<Vec<_>>>()?;
    let count = components.len();
    let slots = Arc::new(Slots::new(guests, &components, YIELD_FUEL)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads as usize).build()?;
    let control = runtime.block_on(control(&slots))?;
    let compaction = Compaction::begin();
    let begun = Instant::now();
    let stale = runtime.block_on(all(&slots, instances, guests, count))?;
    let took = begun.elapsed();
    let compactions = compaction.as_ref().map(Compaction::times);
    Ok(Report { instances, stale, control, compactions, took, threads, guests, components: count, memories: slots.memories_used() })
}

/// The small and the large kind look at their own dirt; the lesser of what the two find.
async fn control(slots: &Slots) -> anyhow::Result<Stale> {
    let mut found = Vec::new();
    for component in [0, 1] {
        found.push(Stale::of(slots.visit(component, 2).await?));
    }
    let least = |of: fn(&Stale) -> u64| found.iter().map(of).min().unwrap_or(0);
    Ok(Stale { memory: least(|of| of.memory), table: least(|of| of.table), globals: least(|of| of.globals), stack: least(|of| of.stack) })
}

async fn all(slots: &Arc<Slots>, instances: u64, guests: u32, components: usize) -> anyhow::Result<Stale> {
    let made = Arc::new(AtomicU64::new(0));
    let mut visitors = tokio::task::JoinSet::new();
    for visitor in 0..guests {
        let (slots, made) = (Arc::clone(slots), Arc::clone(&made));
        visitors.spawn(async move {
            // Another order for each visitor, so that no component keeps meeting the same one.
            let step = STEPS.get(visitor as usize % STEPS.len()).copied().unwrap_or(1);
            let (mut stale, mut next) = (Stale::default(), visitor as usize);
            while made.fetch_add(1, Ordering::Relaxed) < instances {
                next = (next + step) % components;
                stale.add(Stale::of(slots.visit(next, 1).await?));
            }
            anyhow::Ok(stale)
        });
    }
    let mut all = Stale::default();
    while let Some(stale) = visitors.join_next().await {
        all.add(stale??);
    }
    ensure!(made.load(Ordering::Relaxed) >= instances, "the visitors ended early");
    Ok(all)
}
