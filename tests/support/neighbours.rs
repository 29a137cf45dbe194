//! Puts a quiet tenant beside all the hostile ones at once, and looks at what the quiet one notices.
//!
//! The long form is a soak, the short one a promise. The quiet tenant's calls come at a fixed rate, whatever the server does: first
//! alone, then with every attacker calling once in a while, then with every attacker calling again as soon as it is answered. The second
//! is what hostile plugins do to a neighbour; the third is a flood as well, more than the machine can answer by plugins, and shows who is
//! turned to the default routes. What counts is the same call in the same run with and without the neighbours; and that afterwards nothing
//! is left of them: no memory, no worker that is stuck.
//!
//! Attackers call from threads and connections of their own, behind those of the quiet tenant: on machines of their own they would not
//! take the processor from under its calls either, and what is measured is the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::artifacts;
use crate::corpus::{Guest, Planted, Sin, plant, refused};
use crate::line::Line;
use crate::load::{Figures, Verdict, open_loop};
use crate::platform::{Operator, Tenancy};
use crate::process::Process;
use crate::slowest::{Slowest, Spent};

/// What the quiet tenant's number is.
const QUIET: &str = "+18005551234";
/// What its plugin says first, and nobody else's.
const GREETING: &str = "Thank you for calling Acme Corporation";
/// Who uploads what is refused.
const UPLOADER: &str = "uploads-bombs";
/// Threads of the attackers, and how far they stand behind the quiet tenant's.
const ATTACK_THREADS: usize = 2;
const ATTACK_NICE: i32 = 5;
/// A guest that computes until its wall time ends: to see how late it is stopped.
const SPINS: Guest = Guest::Crate("spins");
/// What a stop may be late beyond the deadline and one stretch of fuel, in milliseconds: what the promise says.
pub const STOP_LATE_MS_MAX: f64 = 10.0;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Calls of the quiet tenant in a second.
    pub per_second: f64,
    /// Without neighbours.
    pub alone: Duration,
    /// With them, calling once in [`Scale::every`].
    pub beside: Duration,
    /// From one call of an attacker to its next.
    pub every: Duration,
    /// With them, calling as fast as they are answered.
    pub flooded: Duration,
}

/// A while with attackers.
#[derive(Debug, Clone)]
pub struct Attacked {
    /// Calls that they made.
    pub attacks: u64,
    /// Of them, what was wrong with the answer of those that had none, or not the one that they must get.
    pub unanswered: Vec<String>,
    /// The quiet tenant's calls meanwhile.
    pub quiet: Figures,
    /// Why the quiet tenant's plugin did not run or answer, and how often.
    pub missed: BTreeMap<String, u64>,
    /// Resident memory in bytes, every so often: all of it, and what of it free slots keep warm.
    pub resident_bytes: Vec<[u64; 2]>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many attackers there were.
    pub attackers: usize,
    /// The quiet tenant without neighbours.
    pub alone: Figures,
    /// With those who call once in a while.
    pub beside: Attacked,
    /// Where those of the quiet tenant's calls beside them spent their time that took longer than the p99 alone.
    pub slow: Spent,
    /// With those who call as fast as they are answered.
    pub flooded: Attacked,
    /// How much later than its wall time each spinning guest was stopped; sorted.
    pub stopped_late: Vec<Duration>,
    /// Guests that still held a worker when everybody had gone.
    pub stuck: u64,
}

impl Attacked {
    /// How much resident memory beside that of free slots grew in the second half, in bytes; negative where it shrank. Guests that run just
    /// then are in it, so it is the mean of the last fifth over that of the fifth after the middle.
    pub fn growth_bytes(&self) -> i64 {
        let seen = &self.resident_bytes;
        let mean = |from: usize, to: usize| {
            let part = seen.get(seen.len() * from / 10..seen.len() * to / 10).unwrap_or_default();
            let sum: u64 = part.iter().map(|[all, warm]| all.saturating_sub(*warm)).sum();
            i64::try_from(sum / (part.len() as u64).max(1)).unwrap_or(i64::MAX)
        };
        mean(8, 10) - mean(5, 7)
    }
}

impl fmt::Display for Attacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.quiet)?;
        writeln!(f, "    attackers            {} calls, {} without their answer", self.attacks, self.unanswered.len())?;
        for why in self.unanswered.iter().take(5) {
            writeln!(f, "      such as            {why}")?;
        }
        if !self.missed.is_empty() {
            writeln!(f, "    the quiet missed     {:?}", self.missed)?;
        }
        let mib = |bytes: u64| bytes >> 20;
        let at = |part: usize| {
            self.resident_bytes.get(self.resident_bytes.len() * part / 4).or(self.resident_bytes.last()).copied().unwrap_or_default()
        };
        let quarters: Vec<String> =
            [0, 1, 2, 3, 4].map(at).iter().map(|[all, warm]| format!("{} + {}", mib(all - warm), mib(*warm))).collect();
        write!(
            f,
            "    resident memory      MiB in use + kept warm by free slots, by quarters: {}; {:+.1} MiB in use in its second half",
            quarters.join(", "),
            self.growth_bytes() as f64 / f64::from(1 << 20)
        )
    }
}

impl Report {
    /// The quiet tenant's p99 with neighbours over that without.
    pub fn ratio(&self) -> f64 {
        let p99 = |figures: &Figures| figures.spread().get(1).map_or(0.0, Duration::as_secs_f64);
        p99(&self.beside.quiet) / p99(&self.alone).max(1e-9)
    }

    /// How late spinning guests were stopped: the latency below which that part of a thousand lies.
    pub fn late(&self, part: usize) -> Duration {
        Figures::per_mille(&self.stopped_late, part)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late = |part| self.late(part).as_secs_f64() * 1e3;
        writeln!(f, "a quiet tenant and {} attackers:", self.attackers)?;
        writeln!(f, "  alone                  {}", self.alone)?;
        writeln!(f, "  beside them            {}", self.beside)?;
        writeln!(f, "    its p99, beside over alone: {:.2}", self.ratio())?;
        writeln!(f, "    slower than the p99 alone: {}", self.slow)?;
        if self.flooded.attacks > 0 {
            writeln!(f, "  in their flood         {}", self.flooded)?;
        }
        writeln!(
            f,
            "  {} guests that never end were stopped {:.2} ms (p50), {:.2} ms (p99), {:.2} ms (most) after their wall time",
            self.stopped_late.len(),
            late(500),
            late(990),
            late(1_000)
        )?;
        write!(f, "  workers that are stuck {}", self.stuck)
    }
}

/// Runs all stretches with these sins. `settings` are given to the server as lines of its configuration.
pub async fn run(sins: Vec<Sin>, scale: Scale, settings: &str) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let process = Process::start_with(&data.path().join("data"), settings)?;
    let operator = process.operator(None)?;
    let line = operator.connect_twilio("twilio").await?;
    let tenancy = Tenancy {
        tenant: "quiet",
        number: QUIET,
        component: artifacts::plugin("acme-ivr")?,
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await?;
    let uploader = json!({"id": UPLOADER, "label": UPLOADER, "zone": "America/New_York", "language": "en-US", "plan": "standard"});
    operator.ok(http::Method::POST, "/v1/tenants", uploader).await?;
    let (uploads, runs): (Vec<Sin>, Vec<Sin>) = sins.into_iter().partition(Sin::is_refused);
    let uploads = uploads.iter().map(Sin::component).collect::<anyhow::Result<Vec<_>>>()?;
    let planted = plant(&operator, "twilio", runs).await?;
    let quiet = line.clone();
    let call_as = move |slowest: Option<Slowest>| {
        let quiet = quiet.clone();
        move |_| call(quiet.clone(), slowest.clone())
    };
    let call = call_as(None);
    open_loop(scale.per_second, Duration::from_secs(1), call.clone()).await?;
    let alone = open_loop(scale.per_second, scale.alone, call.clone()).await?;

    let crowd = Crowd { operator: &operator, line: &line, planted: &planted, uploads: &uploads, process: process.id() };
    let slowest = Slowest::new(operator.elsewhere()?, "quiet", alone.spread()[1]);
    let watched = open_loop(scale.per_second, scale.beside, call_as(Some(slowest.clone())));
    let beside = crowd.attack(scale.every, watched, scale.beside).await?;
    let slow = slowest.spent().await?;
    let stopped_late = stopped_late(&operator, &planted).await?;
    let flooded = crowd.attack(Duration::ZERO, open_loop(scale.per_second, scale.flooded, call.clone()), scale.flooded).await?;
    let stuck = stuck(&operator).await?;
    Ok(Report { attackers: planted.len(), alone, beside, slow, flooded, stopped_late, stuck })
}

async fn call(line: Line, slowest: Option<Slowest>) -> Verdict {
    let (call, begun) = (line.call("+14155550100", QUIET), Instant::now());
    let heard = call.arrive().await;
    if let (Some(slowest), Ok(_)) = (slowest, &heard) {
        slowest.answered(call.sid, begun.elapsed());
    }
    match heard {
        Ok(heard) if heard.twiml.first("Gather").is_some() && heard.twiml.said().contains(GREETING) => Verdict::Plugin,
        Ok(heard) if heard.status == 200 && heard.twiml.first("Gather").is_none() => Verdict::Fallback,
        Ok(heard) => Verdict::Lost(format!("status {}: {}", heard.status, String::from_utf8_lossy(&heard.body))),
        Err(error) => Verdict::Lost(error.to_string()),
    }
}

/// Everybody who attacks, and whom.
struct Crowd<'a> {
    operator: &'a Operator,
    line: &'a Line,
    planted: &'a [Planted],
    uploads: &'a [Bytes],
    process: u32,
}

impl Crowd<'_> {
    /// Attacks while the quiet tenant calls.
    async fn attack(
        &self,
        every: Duration,
        calls: impl Future<Output = anyhow::Result<Figures>>,
        lasting: Duration,
    ) -> anyhow::Result<Attacked> {
        let missed_before = missed(self.operator).await?;
        let attack = Attack::begin(self, every)?;
        let watched = watch(self.process, lasting);
        let quiet = calls.await?;
        let resident_bytes = watched.await?;
        let (attacks, unanswered) = attack.end().await;
        let mut missed = missed(self.operator).await?;
        missed.iter_mut().for_each(|(name, count)| *count -= missed_before.get(name).copied().unwrap_or_default());
        missed.retain(|_, count| *count > 0);
        Ok(Attacked { attacks, unanswered, quiet, missed, resident_bytes })
    }
}

/// An attack that goes on.
struct Attack {
    tasks: JoinSet<()>,
    over: Arc<AtomicBool>,
    counted: Arc<Counted>,
    threads: Runtime,
}

#[derive(Default)]
struct Counted {
    attacks: AtomicU64,
    /// What was wrong.
    unanswered: Mutex<Vec<String>>,
}

impl Attack {
    fn begin(crowd: &Crowd<'_>, every: Duration) -> anyhow::Result<Self> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(ATTACK_THREADS)
            .on_thread_start(|| {
                let _as_before = rustix::process::nice(ATTACK_NICE);
            })
            .enable_all()
            .build()?;
        let (over, counted) = (Arc::new(AtomicBool::new(false)), Arc::new(Counted::default()));
        let line = crowd.line.elsewhere()?;
        let mut tasks = JoinSet::new();
        for (at, planted) in crowd.planted.iter().enumerate() {
            // They do not call in step: whoever is next to another by chance is so in every round.
            let first = Instant::now() + every.mul_f64(at as f64 / crowd.planted.len() as f64);
            let attacker = attack(planted.clone(), line.clone(), first, every, Arc::clone(&over), Arc::clone(&counted));
            tasks.spawn_on(attacker, threads.handle());
        }
        let (operator, until, uploads) = (crowd.operator.elsewhere()?, Arc::clone(&over), crowd.uploads.to_vec());
        let uploader = async move {
            for component in uploads.iter().cycle().take_while(|_| !until.load(Ordering::Relaxed)) {
                // That it is refused, and as what, is a promise of its own; here it only has to cost something.
                let _refused = refused(&operator, UPLOADER, component.clone()).await;
            }
        };
        tasks.spawn_on(uploader, threads.handle());
        Ok(Self { tasks, over, counted, threads })
    }

    async fn end(mut self) -> (u64, Vec<String>) {
        self.over.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.threads.shutdown_background();
        let unanswered = std::mem::take(&mut *self.counted.unanswered.lock().unwrap_or_else(PoisonError::into_inner));
        (self.counted.attacks.load(Ordering::Relaxed), unanswered)
    }
}

async fn attack(planted: Planted, line: Line, first: Instant, every: Duration, over: Arc<AtomicBool>, counted: Arc<Counted>) {
    let mut due = first;
    loop {
        tokio::time::sleep_until(due.into()).await;
        if over.load(Ordering::Relaxed) {
            return;
        }
        counted.attacks.fetch_add(1, Ordering::Relaxed);
        if let Err(why) = planted.ring(&line).await {
            counted.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{why:#}"));
        }
        due = Instant::now().max(due + every);
    }
}

/// Resident memory, a hundred times while it lasts.
fn watch(process: u32, lasting: Duration) -> tokio::task::JoinHandle<Vec<[u64; 2]>> {
    tokio::spawn(async move {
        let begun = Instant::now();
        let mut seen = Vec::new();
        let mut every = tokio::time::interval(lasting / 100);
        while begun.elapsed() < lasting {
            every.tick().await;
            if let (Ok(all), Ok(warm)) = (crate::process::resident_bytes_of(process), crate::process::warm_bytes_of(process)) {
                seen.push([all, warm.min(all)]);
            }
        }
        seen
    })
}

/// Guests that still hold a worker after everybody has hung up. The last ones may be ending: they get as long as a guest may run.
async fn stuck(operator: &Operator) -> anyhow::Result<u64> {
    let patience = Instant::now() + Duration::from_secs(25);
    loop {
        let host = operator.api.get("/v1/host", &[]).await?.body;
        let running = host.pointer("/guests/running").and_then(Value::as_u64).context("the host tells how many guests run")?;
        if running == 0 || Instant::now() > patience {
            return Ok(running);
        }
        tokio::task::yield_now().await;
    }
}

/// What usage counts of the quiet tenant that is not an answer of its plugin.
async fn missed(operator: &Operator) -> anyhow::Result<BTreeMap<String, u64>> {
    let usage = operator.api.get("/v1/tenants/quiet/usage", &[]).await?.body;
    let mut missed = BTreeMap::new();
    for row in usage.get("items").and_then(Value::as_array).into_iter().flatten() {
        for (name, count) in row.get("counts").and_then(Value::as_object).into_iter().flatten() {
            if name.starts_with("barred_") || name.starts_with("failed_") {
                *missed.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
            }
        }
    }
    Ok(missed)
}

/// How much later than its wall time each spinning guest ended, from the trail.
async fn stopped_late(operator: &Operator, planted: &[Planted]) -> anyhow::Result<Vec<Duration>> {
    let mut late = Vec::new();
    let tenants: BTreeSet<&str> =
        planted.iter().filter(|planted| planted.sin.guest == SPINS).map(|planted| planted.tenant.as_str()).collect();
    for tenant in tenants {
        let found = operator.api.get(&format!("/v1/tenants/{tenant}/contacts"), &[("limit", "200")]).await?.body;
        for contact in found.get("items").and_then(Value::as_array).into_iter().flatten() {
            let id = contact.get("id").and_then(Value::as_str).context("a contact has an id")?;
            let whole = operator.api.get(&format!("/v1/tenants/{tenant}/contacts/{id}"), &[]).await?.body;
            let Some(attempt) = whole.pointer("/turns/0/attempts/0") else { continue };
            let number = |at: &str| attempt.pointer(at).and_then(Value::as_u64);
            if attempt.pointer("/failure/code").and_then(Value::as_str) == Some("wall-exceeded")
                && let (Some(used_us), Some(wall_ms)) = (number("/used/wall_us"), number("/limits/wall_ms_max"))
            {
                late.push(Duration::from_micros(used_us.saturating_sub(wall_ms * 1_000)));
            }
        }
    }
    late.sort_unstable();
    Ok(late)
}
