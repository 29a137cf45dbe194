//! Runs the same invocation again and again, and looks for any difference: in the answer, the fuel, the tape, the log, the memory.
//!
//! The short form is a promise, the long one a soak. A third of the runs follow a fresh compile, a third a mapped artifact in a runtime that
//! has no compiler, a third another compile of its own, the last two while other guests keep the other threads busy. Fuel is money and a
//! replay is evidence: neither may depend on where and beside what a plugin ran.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use bytes::Bytes;
use jackfield_domain::fallback::FailureKind;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::Digest;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::quota::describe_pass;
use jackfield_runtime::{Function, Outcome, Ran, Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{artifacts, subject};

/// Threads that run guests: one for the one that is looked at, one for those that disturb it.
const WORKERS: usize = 2;
/// Calls of a version until it runs: loading takes as long as one call may at most, on the busiest machine a few times that.
const TRIES: u32 = 40;
/// Guests that disturb.
const DISTURBING: usize = 2;

/// What is run.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Folder or file.
    pub name: String,
    component: Bytes,
    function: Function,
    settings: Value,
}

impl Subject {
    fn of(name: &str, component: Bytes, function: Function, settings: Value) -> Self {
        Self { name: name.to_owned(), component, function, settings }
    }
}

/// What was found of one.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Folder or file.
    pub name: String,
    /// Runs.
    pub runs: u32,
    /// Of each of them.
    pub fuel: u64,
    /// What it came to: an answer, or a failure's code.
    pub came_to: String,
    /// Entries of the tape.
    pub told: usize,
    /// Runs that differed from the first, and how the first of them did.
    pub differing: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One for each subject.
    pub findings: Vec<Finding>,
    /// Calls of other guests meanwhile.
    pub disturbances: u64,
    /// What is not built.
    pub missing: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fresh compile, mapped artifact, compiled again; {} calls of other guests meanwhile:", self.disturbances)?;
        for Finding { name, runs, fuel, came_to, told, differing } in &self.findings {
            let differing = differing.len();
            writeln!(f, "  {name:28} {runs:5} runs  {fuel:11} fuel  {told:3} on the tape  {differing} differ  {came_to}")?;
        }
        self.missing.iter().try_for_each(|missing| writeln!(f, "  SKIPPED: {missing}"))
    }
}

/// Plugins and guests of every kind of end. Those with an interpreter inside take minutes to compile in a development build.
pub fn subjects(with_interpreters: bool) -> anyhow::Result<(Vec<Subject>, Vec<String>)> {
    let mut subjects = Vec::new();
    let persona = json!({"greeting": "Hello.", "system_prompt": "You help whoever calls."});
    let english = json!({
        "tag": "en-US", "name": "English", "queue": "sales", "offer": "For English, press 1.", "closed": "We are closed.",
        "holiday": "It is {holiday}.", "emergency": "{reason}.", "voicemail": "Leave a message.", "goodbye": "Goodbye.",
    });
    for (plugin, function, settings) in [
        ("acme-ivr", Function::Handle, json!({})),
        ("hours-router", Function::Handle, json!({"languages": [english]})),
        ("persona", Function::Prompt, persona),
    ] {
        subjects.push(Subject::of(plugin, artifacts::plugin(plugin)?, function, settings));
    }
    for (guest, settings) in [
        ("echo", json!({"queue": "sales"})),
        ("works-hard", json!({"fuel": 2_000_000})),
        ("sleeps", json!({"hours": 3})),
        ("snapshot", json!({})),
        ("burns-then-divides-by-zero", json!({})),
        ("traps", json!({"how": "out-of-bounds"})),
        ("recurses", json!({})),
        ("allocates", json!({})),
        ("loops", json!({})),
        ("floods-host-calls", json!({})),
        ("returns-10mb", json!({})),
    ] {
        subjects.push(Subject::of(guest, artifacts::guest(guest)?, Function::Handle, settings));
    }
    let mut missing = Vec::new();
    for name in ["javascript", "python"].into_iter().filter(|_| with_interpreters) {
        let file = artifacts::top().join(format!("tests/guests/target/{name}.wasm"));
        match std::fs::read(&file) {
            Ok(component) => subjects.push(Subject::of(name, component.into(), Function::Handle, json!({}))),
            Err(_) => missing.push(format!("determinism of {name}: its component is not built")),
        }
    }
    Ok((subjects, missing))
}

/// Everything of a run that must not differ: all but times.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    result: Result<Outcome, String>,
    fuel: u64,
    memory_bytes: u64,
    host_calls: u32,
    bytes: [u64; 4],
    tape: Vec<(String, Digest, String)>,
    log: String,
}

impl Seen {
    fn of(ran: Ran) -> Self {
        let Ran { result, used, tape, log, .. } = ran;
        Self {
            result: result.map_err(|failure| format!("{}: {}", failure.code(), failure.detail)),
            fuel: used.fuel,
            memory_bytes: used.memory_bytes,
            host_calls: used.host_calls,
            bytes: [used.input_bytes, used.output_bytes, used.log_bytes, used.stored_bytes],
            tape: tape.into_iter().map(|entry| (entry.name, entry.ask, format!("{:?}", entry.answer))).collect(),
            log: format!("{log:?}"),
        }
    }

    fn came_to(&self) -> String {
        match &self.result {
            Ok(Outcome::Draft(draft)) => format!("a draft of {} actions", draft.actions.len()),
            Ok(Outcome::Persona(_)) => "a persona".to_owned(),
            Ok(Outcome::Nothing) => "nothing".to_owned(),
            Err(failure) => failure.split(':').next().unwrap_or_default().to_owned(),
        }
    }

    /// In what it differs, briefly.
    fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let parts = [
            (self.fuel != other.fuel).then(|| format!("fuel {} and {}", self.fuel, other.fuel)),
            (self.result != other.result).then(|| format!("{:.200?} and {:.200?}", self.result, other.result)),
            (self.memory_bytes != other.memory_bytes).then(|| format!("memory {} and {}", self.memory_bytes, other.memory_bytes)),
            (self.tape != other.tape).then(|| "the tape".to_owned()),
            (self.log != other.log).then(|| "the log".to_owned()),
        ];
        Some(format!("in {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")))
    }
}

/// Runs each subject so often, in three parts.
pub async fn run(runs: u32, subjects: Vec<Subject>, missing: Vec<String>) -> anyhow::Result<Report> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
    let mut report = Report { missing, ..Report::default() };
    let part = runs.div_ceil(3);
    let compiled = start(first.path(), true, store.blobs())?;
    let mut versions = Vec::new();
    let mut seen = Vec::new();
    for subject in &subjects {
        let version = install(&compiled, &subject.component).await?;
        versions.push(version);
        seen.push(repeat(&compiled, subject, version, part).await?);
    }
    compiled.stop();
    for (directory, compiles) in [(first.path(), false), (second.path(), true)] {
        let runtime = start(directory, compiles, store.blobs())?;
        for subject in subjects.iter().filter(|_| compiles) {
            install(&runtime, &subject.component).await?;
        }
        let disturber = install(&runtime, &artifacts::guest("works-hard")?).await?;
        let over = Arc::new(AtomicBool::new(false));
        let disturbing = disturb(&runtime, disturber, &over);
        for ((subject, version), seen) in subjects.iter().zip(&versions).zip(&mut seen) {
            seen.extend(repeat(&runtime, subject, *version, part).await?);
        }
        over.store(true, Ordering::Relaxed);
        for calls in disturbing.join_all().await {
            report.disturbances += calls?;
        }
        runtime.stop();
    }
    report.findings = subjects.iter().zip(seen).map(|(subject, seen)| compare(&subject.name, &seen)).collect::<anyhow::Result<_>>()?;
    Ok(report)
}

/// Without a compiler nothing but artifacts that are there already can run.
fn start(directory: &Path, compiles: bool, blobs: Arc<dyn Blobs>) -> anyhow::Result<Runtime> {
    let settings = RuntimeSettings {
        artifacts_dir: directory.join("artifacts"),
        compiler: if compiles { artifacts::binary()? } else { directory.join("no-compiler") },
        compile: jackfield_runtime::CompileSettings::standard(),
        node_key: [7; 32],
        small_slots: 8,
        large_slots: 4,
        workers: WORKERS,
        artifact_bytes_max: 1 << 30,
        yield_fuel: 100_000,
        files_reserved: 1_000,
    };
    Ok(Runtime::start(settings, blobs)?)
}

async fn install(runtime: &Runtime, component: &Bytes) -> anyhow::Result<(Digest, SlotClass)> {
    let installed = runtime.install(component.clone()).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((installed.digest, installed.class))
}

async fn repeat(runtime: &Runtime, subject: &Subject, (digest, class): (Digest, SlotClass), runs: u32) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for _ in 0..runs {
        seen.push(Seen::of(ran(runtime, subject, (digest, class)).await?));
    }
    Ok(seen)
}

/// One run. A version that is not loaded yet or found no place did not run: it is called again, so often that only a version which can
/// never be loaded gives up.
async fn ran(runtime: &Runtime, subject: &Subject, (digest, class): (Digest, SlotClass)) -> anyhow::Result<Ran> {
    let mut last = None;
    for _ in 0..TRIES {
        let call = subject::call(digest, class, subject.function, subject.settings.clone())?;
        let ran = runtime.call(&describe_pass(), call).await;
        match &ran.result {
            Err(failure) if matches!(failure.kind, FailureKind::NotReady | FailureKind::Overloaded) => last = Some(failure.detail.clone()),
            _ => return Ok(ran),
        }
    }
    bail!("{} never ran: {last:?}", subject.name)
}

/// Keeps the other threads busy until it is over; how often, of each that does.
fn disturb(runtime: &Runtime, (digest, class): (Digest, SlotClass), over: &Arc<AtomicBool>) -> JoinSet<anyhow::Result<u64>> {
    let mut disturbing = JoinSet::new();
    for at in 0..DISTURBING {
        let (runtime, over) = (runtime.clone(), Arc::clone(over));
        let settings = json!({"fuel": 1_000_000 + 700_000 * at});
        disturbing.spawn(async move {
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                let call = subject::call(digest, class, Function::Handle, settings.clone())?;
                // Turned away or answered: either way the machine was busy with it.
                let _ran = runtime.call(&describe_pass(), call).await;
                calls += 1;
                tokio::task::yield_now().await;
            }
            Ok(calls)
        });
    }
    disturbing
}

fn compare(name: &str, seen: &[Seen]) -> anyhow::Result<Finding> {
    let first = seen.first().ok_or_else(|| anyhow::anyhow!("{name} was never run"))?;
    Ok(Finding {
        name: name.to_owned(),
        runs: u32::try_from(seen.len())?,
        fuel: first.fuel,
        came_to: first.came_to(),
        told: first.tape.len(),
        differing: seen.iter().filter_map(|other| first.difference(other)).collect(),
    })
}
