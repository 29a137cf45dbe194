//! Fuzzes the edges where a stranger's bytes come in, and prints what that came to.
//!
//! By hand, before a release, and its output is kept with the issue. cargo-fuzz builds the targets of `tests/fuzz` with the nightly compiler
//! and without a sanitizer: there is one line of unsafe code in the host, and what is looked for are panics, promises that break, and
//! memory that grows. What a run learns is kept under `target/fuzz` and begins the next one, together with the seeds. Recorded requests are
//! seeds too: they are written out there first, because a fuzzer reads folders.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use jackfield_tests::fuzzing::lift::Stage;
use jackfield_tests::fuzzing::recorded;
use jackfield_tests::fuzzing::sip::Switch;
use jackfield_tests::fuzzing::upload::Host;
use jackfield_tests::fuzzing::webhooks::{self, Webhooks};

use crate::shell::{run as run_program, step, top};
use crate::tools;

/// What is fuzzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// What guests answer.
    Lift,
    /// What is uploaded.
    Upload,
    /// What is posted to webhooks as a form.
    Form,
    /// What is posted to webhooks as JSON.
    Json,
    /// What is sent to the SIP redirect server.
    Sip,
}

/// In the order in which strangers come upon them.
const ALL: [Only; 5] = [Only::Form, Only::Json, Only::Sip, Only::Lift, Only::Upload];

/// Ten minutes of each.
pub(crate) const SECONDS: u32 = 600;
/// The compiler that knows the instrumentation.
const TOOLCHAIN: &str = "nightly";
/// Longest input: as much as a decision may be; a component of that size has room for everything that is bounded.
const INPUT_BYTES_MAX: u32 = 64 * 1024;
/// An input that takes longer is a finding: the slowest program that the check lets through compiles in seconds.
const INPUT_SECONDS_MAX: u32 = 60;
/// A process that takes more is a finding.
const RSS_MIB_MAX: u32 = 4_096;
/// Inputs that are replayed, and how often, to look for a leak: the fuzzer's own corpus and coverage grow while it runs, so what its
/// process takes at the end says little of ours.
const REPLAYED: usize = 300;
const PASSES: usize = 4;
/// More than that between the second pass and the last is a leak: less than a hundredth of what the inputs themselves would leave.
const GROWN_KIB_MAX: u64 = 4 * 1024;

/// What a target does with an input.
type Taker = Box<dyn Fn(&[u8])>;

impl Only {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lift => "lift",
            Self::Upload => "upload",
            Self::Form => "form",
            Self::Json => "json",
            Self::Sip => "sip",
        }
    }

    /// Requests that were recorded, by name.
    fn recorded(self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        match self {
            Self::Lift | Self::Upload => Ok(Vec::new()),
            Self::Form => recorded::requests(&top(), &webhooks::FORM),
            Self::Json => recorded::requests(&top(), &webhooks::JSON),
            Self::Sip => recorded::bodies(&top(), &["sip"]),
        }
    }

    /// What the target does with an input, in this process.
    fn taker(self, artifacts: &Path) -> anyhow::Result<Taker> {
        Ok(match self {
            Self::Lift => {
                let stage = Stage::new()?;
                Box::new(move |input| _ = stage.play(input))
            }
            Self::Upload => {
                let host = Host::new(&top().join("wit/v1"), artifacts)?;
                Box::new(move |input| drop(host.take(input)))
            }
            Self::Form | Self::Json => {
                let webhooks = if self == Self::Form { Webhooks::form()? } else { Webhooks::json()? };
                Box::new(move |input| _ = webhooks.take(input))
            }
            Self::Sip => {
                let switch = Switch::new()?;
                Box::new(move |input| _ = switch.hear(input))
            }
        })
    }
}

/// What libFuzzer said.
#[derive(Debug, Default)]
struct Said {
    executions: u64,
    coverage: u64,
    rss_start_mib: u32,
    rss_end_mib: u32,
    slowest_s: u64,
    corpus: String,
}

impl Said {
    /// A line looks like `#1024 NEW    cov: 5121 ft: 9000 corp: 77/4Kb lim: 64 exec/s: 512 rss: 98Mb L: 4/4 MS: 1 ...`.
    fn hear(&mut self, line: &str) {
        let word = |after: &str| line.split_once(after).and_then(|(_, rest)| rest.split_whitespace().next());
        let number = |after: &str| word(after).and_then(|word| word.trim_end_matches("Mb").parse::<u64>().ok());
        if let Some(executions) = line.strip_prefix('#').and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok())
        {
            self.executions = executions;
        }
        if let Some(coverage) = number(" cov: ") {
            self.coverage = coverage;
        }
        if let Some(rss) = number(" rss: ").and_then(|rss| u32::try_from(rss).ok()) {
            if self.rss_start_mib == 0 {
                self.rss_start_mib = rss;
            }
            self.rss_end_mib = rss;
        }
        if let Some(corpus) = word(" corp: ") {
            corpus.clone_into(&mut self.corpus);
        }
        self.executions = self.executions.max(number("stat::number_of_executed_units: ").unwrap_or(0));
        self.slowest_s = self.slowest_s.max(number("stat::slowest_unit_time_sec: ").unwrap_or(0));
    }
}

/// Runs it.
pub(crate) fn run(seconds: u32, only: Option<Only>) -> anyhow::Result<()> {
    let Some(cargo_fuzz) = tools::find("cargo-fuzz") else {
        bail!("cargo-fuzz is not there and could not be installed; run `cargo install --locked cargo-fuzz`");
    };
    if !crate::shell::succeeds("rustup", &["run", TOOLCHAIN, "rustc", "--version"]) {
        bail!("fuzzing needs a nightly compiler; run `rustup toolchain install nightly --profile minimal`");
    }
    let targets = only.map_or_else(|| ALL.to_vec(), |only| vec![only]);
    step("the fuzz targets", || run_program(&mut cargo(&cargo_fuzz, "build", None)))?;
    let mut findings = Vec::new();
    let mut report = Vec::new();
    for target in targets {
        let (said, found) = step(target.as_str(), || fuzz(&cargo_fuzz, target, seconds))?;
        let kib = step(&format!("{} once more, for leaks", target.as_str()), || replay(target))?;
        report.push(format!(
            "{}\n  resident after each pass over {REPLAYED} inputs, without the fuzzer: {kib:?} KiB",
            told(target, &said, &found)
        ));
        findings.extend(found);
        if grown_kib(&kib) > GROWN_KIB_MAX {
            findings.push(format!("{}: a leak of {} KiB in {} passes", target.as_str(), grown_kib(&kib), PASSES - 2));
        }
    }
    println!("\n{}", report.join("\n"));
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings: {}; tests/fuzz/README.md says what becomes of them", findings.len(), findings.join(", "))
}

fn told(target: Only, said: &Said, found: &[String]) -> String {
    let Said { executions, coverage, rss_start_mib, rss_end_mib, slowest_s, corpus } = said;
    format!(
        "{}: {executions} executions, coverage {coverage} edges, corpus {corpus}, slowest input {slowest_s} s, \
         resident {rss_start_mib} MiB at the start and {rss_end_mib} MiB at the end, {} findings",
        target.as_str(),
        found.len()
    )
}

fn cargo(cargo_fuzz: &Path, task: &str, target: Option<Only>) -> Command {
    let mut command = Command::new(cargo_fuzz);
    command.args([task, "--sanitizer", "none", "--fuzz-dir"]).arg(top().join("tests/fuzz"));
    command.arg("--target-dir").arg(top().join("target/fuzz/build")).args(target.map(Only::as_str));
    // What cargo told us about our own compiler and workspace must not reach another.
    for name in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUSTC", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.env("RUSTUP_TOOLCHAIN", TOOLCHAIN).current_dir(top());
    command
}

/// Fuzzes one; what it said, and the files of its findings.
fn fuzz(cargo_fuzz: &Path, target: Only, seconds: u32) -> anyhow::Result<(Said, Vec<String>)> {
    let kept = top().join("target/fuzz");
    let (corpus, artifacts) = (kept.join("corpus").join(target.as_str()), kept.join("findings").join(target.as_str()));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let before = files(&artifacts)?;
    let mut command = cargo(cargo_fuzz, "run", Some(target));
    command.arg(&corpus).arg(top().join("tests/fuzz/seeds").join(target.as_str())).args(written_out(target)?).arg("--");
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={RSS_MIB_MAX}"),
        // Inputs are long from the beginning: a program does not fit in four bytes.
        "-len_control=0".to_owned(),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut said = Said::default();
    for line in BufReader::new(child.stderr.take().context("its output is a pipe")?).lines() {
        let line = line?;
        said.hear(&line);
        if !line.starts_with('#') || line.contains("INITED") || line.contains("pulse") {
            println!("   {line}");
        }
    }
    let status = child.wait()?;
    let found: Vec<String> = files(&artifacts)?.into_iter().filter(|file| !before.contains(file)).collect();
    if !status.success() && found.is_empty() {
        bail!("{} ended with {status} and left no finding", target.as_str());
    }
    Ok((said, found))
}

/// The folder of what was recorded for a target, written anew; none where nothing was.
fn written_out(target: Only) -> anyhow::Result<Option<PathBuf>> {
    let recorded = target.recorded()?;
    if recorded.is_empty() {
        return Ok(None);
    }
    let folder = top().join("target/fuzz/recorded").join(target.as_str());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for (name, request) in recorded {
        std::fs::write(folder.join(name), request)?;
    }
    Ok(Some(folder))
}

/// Takes what the fuzzer kept through the same functions in this process, again and again; what was resident after each pass.
fn replay(target: Only) -> anyhow::Result<Vec<u64>> {
    let inputs = files(&top().join("target/fuzz/corpus").join(target.as_str()))?;
    let inputs = inputs.into_iter().take(REPLAYED).map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let artifacts = tempfile::tempdir()?;
    let take = target.taker(artifacts.path())?;
    let mut resident = Vec::new();
    for _ in 0..PASSES {
        inputs.iter().for_each(|input| take(input));
        resident.push(resident_kib()?);
    }
    Ok(resident)
}

/// The first passes fill what is kept on purpose: engines, the allocator's own room.
fn grown_kib(resident: &[u64]) -> u64 {
    match (resident.get(1), resident.last()) {
        (Some(early), Some(late)) => late.saturating_sub(*early),
        _ => 0,
    }
}

fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(entry?.path().to_string_lossy().into_owned());
    }
    Ok(files)
}
