//! Tries a plugin on the developer's own machine: no server, no network, the same runtime.
//!
//! `plugin test` and `plugin run` lead here. The component is checked and compiled as an upload would be, behind the same walls, and what was compiled is
//! kept in the user's cache, because a Python plugin takes half a minute and is tested again and again. The cache holds nothing that is
//! not made anew without it; its key makes sure that nobody else put anything there.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use jackfield_cases::{Bench, FileReport, Given, Talk, Told, Unreached, WORDS};
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::Digest;
use jackfield_runtime::{CompileSettings, InstallError, Installed, Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use serde_json::{Value, json};

use super::Globals;
use super::kit::Build;
use super::print;
use super::session::{Outcome, Trouble, read};
use crate::config::environment;
use crate::serve::make_private_dir;

/// One case runs at a time, and the plugin's own memory is bounded by its class.
const SLOTS: u32 = 2;
/// Compiled plugins in memory: one.
const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// As the server's default.
const YIELD_FUEL: u64 = 500_000;

/// What is tried, and with what.
#[derive(Debug, Args)]
pub struct Tried {
    /// A component (.wasm).
    component: PathBuf,
    /// Files of test cases (.yaml), or folders of them.
    #[arg(required = true)]
    cases: Vec<PathBuf>,
    /// Write JUnit XML there.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Tell what happened in every step, and not only where something is wrong.
    #[arg(long, short)]
    verbose: bool,
}

/// Whom a developer talks to.
#[derive(Debug, Args)]
pub struct Talked {
    /// A component (.wasm).
    component: PathBuf,
    /// A file of test cases: the contact begins as its first case does.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
}

/// Talks with the plugin: each line of standard input is something that the caller does.
pub(crate) async fn talk(talked: Talked, globals: &Globals, mut out: Box<dyn Write + Send>) -> Outcome {
    let out = &mut *out;
    let file = match &talked.world {
        Some(path) => jackfield_cases::read(path).map_err(|e| Trouble::Usage(e.to_string()))?,
        None => jackfield_cases::format::File::default(),
    };
    let (runtime, plugin) = ready(&talked.component, out, globals.json).await?;
    if !globals.json {
        print::say(out, WORDS);
    }
    let mut talk = Talk::new(&runtime, &plugin, &file).map_err(Trouble::Usage)?;
    let mut told = talk.arrive().await;
    loop {
        show(&told, globals.json, out);
        if told.over {
            break;
        }
        let Some(line) = typed().await? else { break };
        match talk.line(&line).await {
            Ok(next) => told = next,
            Err(why) => {
                print::complain(&why);
                continue;
            }
        }
    }
    drop(talk);
    stop(runtime).await
}

/// The next line; none at the end.
async fn typed() -> Result<Option<String>, Trouble> {
    let read = || std::io::stdin().lines().next().transpose();
    let line = tokio::task::spawn_blocking(read).await.map_err(|e| Trouble::Failed(e.to_string()))?;
    line.map_err(|e| Trouble::Failed(format!("standard input: {e}")))
}

fn show(told: &Told, as_json: bool, out: &mut (dyn Write + Send)) {
    if as_json {
        return print::say(out, &serde_json::to_string(told).unwrap_or_default());
    }
    told.hears.iter().for_each(|text| print::say(out, &format!("  \u{201c}{text}\u{201d}")));
    let actions: Vec<&str> = told.actions.iter().map(|action| action.name()).collect();
    print::say(out, &format!("  [{}] {} ({}, {} fuel)", actions.join(", "), told.reason, told.by, told.fuel));
    told.log.iter().for_each(|line| print::say(out, &format!("  log: {line}")));
}

async fn ready(component: &Path, out: &mut (dyn Write + Send), quiet: bool) -> Result<(Runtime, Installed), Trouble> {
    let store = Store::memory(MasterKey::from_bytes([0; 32])).await;
    let runtime = Runtime::start(settings()?, store.blobs()).map_err(|e| Trouble::Failed(e.to_string()))?;
    let plugin = install(&runtime, component, out, quiet).await?;
    Ok((runtime, plugin))
}

/// Waits for the guests' threads: a process that ends under them tells nothing good.
async fn stop(runtime: Runtime) -> Outcome {
    tokio::task::spawn_blocking(move || runtime.stop()).await.map_err(|e| Trouble::Failed(e.to_string()))
}

/// Runs the cases. What is wrong with them is told by status 1.
pub(crate) async fn run(tried: Tried, globals: &Globals, mut out: Box<dyn Write + Send>) -> Outcome {
    let out = &mut *out;
    let mut files = Vec::new();
    for path in found(&tried.cases)? {
        let mut file = jackfield_cases::read(&path).map_err(|e| Trouble::Usage(e.to_string()))?;
        if let Some(only) = &tried.only {
            file.cases.retain(|case| case.name.contains(only.as_str()));
        }
        files.push((path.display().to_string(), file));
    }
    let (runtime, plugin) = ready(&tried.component, out, globals.json).await?;
    let name = plugin.metadata.name.clone();
    let mut bench = Bench::new(runtime.clone(), plugin);
    let mut reports = Vec::with_capacity(files.len());
    for (name, file) in &files {
        let report = bench.file(name, file).await;
        if !globals.json {
            tell(&report, tried.verbose, out);
        }
        reports.push(report);
    }
    let unreached = bench.unreached();
    if let Some(path) = &tried.junit {
        let xml = jackfield_cases::junit(&name, &reports).map_err(Trouble::Failed)?;
        std::fs::write(path, xml).map_err(|e| Trouble::Failed(format!("{}: {e}", path.display())))?;
    }
    let outcome = sum_up(&reports, &unreached, globals.json, out);
    drop(bench);
    stop(runtime).await?;
    outcome
}

/// Builds a project's component and says what an upload of it would say.
pub(crate) async fn built(build: Build, globals: &Globals, out: Box<dyn Write + Send>) -> Outcome {
    let component = build.run().await?;
    check(&component, globals, out).await
}

/// Says what an upload would say.
pub(crate) async fn check(component: &Path, globals: &Globals, mut out: Box<dyn Write + Send>) -> Outcome {
    let out = &mut *out;
    let (runtime, plugin) = ready(component, out, globals.json).await?;
    let metadata = &plugin.metadata;
    let imports: Vec<&str> = plugin.imports.iter().map(|grant| grant.interface()).collect();
    if globals.json {
        let told = json!({
            "component": component, "digest": plugin.digest, "class": plugin.class, "contract": plugin.contract, "exports": plugin.exports,
            "imports": imports, "metadata": metadata, "describe_fuel": plugin.describe_fuel,
        });
        print::say(out, &told.to_string());
    } else {
        let list = |items: &[String]| items.join(", ");
        let exports: Vec<String> = plugin.exports.iter().cloned().collect();
        print::say(
            out,
            &print::fields(&[
                ("calls itself", format!("{} {}", metadata.name, metadata.version)),
                ("contract", plugin.contract.clone()),
                ("exports", list(&exports)),
                ("imports", imports.join(", ")),
                ("events", list(&metadata.events)),
                ("actions", list(&metadata.actions)),
                ("runs as", if plugin.class == SlotClass::Large { "large: it needs the plan large" } else { "small" }.to_owned()),
            ]),
        );
    }
    stop(runtime).await
}

/// Prints the JSON Schema of files of test cases.
pub(crate) fn schema(mut out: Box<dyn Write + Send>) -> Outcome {
    let schema = serde_json::to_string_pretty(&jackfield_cases::schema()).map_err(|e| Trouble::Failed(e.to_string()))?;
    print::say(&mut *out, &schema);
    Ok(())
}

/// The files that are meant, those of folders by name.
fn found(given: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |e: std::io::Error| Trouble::Usage(format!("{}: {e}", path.display()));
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            return Err(Trouble::Usage(format!("{}: there are no .yaml files in it", path.display())));
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn settings() -> Result<RuntimeSettings, Trouble> {
    let failed = |what: &str, e: &dyn std::fmt::Display| Trouble::Failed(format!("{what}: {e}"));
    let cache = environment::cache_dir()
        .ok_or_else(|| Trouble::Usage("there is no place for what is compiled; set XDG_CACHE_HOME or HOME".to_owned()))?;
    make_private_dir(&cache).map_err(|e| failed("the cache cannot be made", &e))?;
    let compiler = std::env::current_exe().map_err(|e| failed("this program cannot be found", &e))?;
    Ok(RuntimeSettings {
        artifacts_dir: cache.join("artifacts"),
        compiler,
        compile: CompileSettings::standard(),
        node_key: key(&cache.join("key")).map_err(|e| failed("the cache's key cannot be used", &e))?,
        small_slots: SLOTS,
        large_slots: SLOTS,
        workers: 1,
        artifact_bytes_max: ARTIFACT_BYTES_MAX,
        yield_fuel: YIELD_FUEL,
        files_reserved: 64,
    })
}

/// The cache's own key; made by its first use.
fn key(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(std::io::Error::other)?;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(&fresh).map(|()| fresh),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let kept = std::fs::read(path)?;
            kept.try_into().map_err(|_| std::io::Error::other(format!("{} is damaged; remove it", path.display())))
        }
        Err(e) => Err(e),
    }
}

/// Checks and compiles it as an upload would be.
async fn install(runtime: &Runtime, component: &Path, out: &mut (dyn Write + Send), quiet: bool) -> Result<Installed, Trouble> {
    let bytes = read(component).await?;
    if !quiet {
        let digest = Digest::of(&bytes);
        print::say(out, &format!("{} ({} KiB, {})", component.display(), bytes.len() >> 10, digest.short()));
    }
    runtime.install(bytes).await.map_err(uninstalled)
}

fn uninstalled(error: InstallError) -> Trouble {
    match error {
        InstallError::Refused(refusal) => Trouble::Usage(format!("an upload would be refused ({}): {refusal}", refusal.code.as_str())),
        InstallError::Fault(fault) => Trouble::Failed(fault.to_string()),
    }
}

/// Runs files of test cases against a component as a server would before a release becomes live.
pub(super) async fn held(
    component: Bytes,
    files: &[(String, jackfield_cases::format::File)],
    given: Given,
) -> Result<Vec<FileReport>, Trouble> {
    let store = Store::memory(MasterKey::from_bytes([0; 32])).await;
    let runtime = Runtime::start(settings()?, store.blobs()).map_err(|e| Trouble::Failed(e.to_string()))?;
    let plugin = runtime.install(component).await.map_err(uninstalled)?;
    let mut bench = Bench::new(runtime.clone(), plugin).with(given);
    let mut reports = Vec::with_capacity(files.len());
    for (name, file) in files {
        reports.push(bench.file(name, file).await);
    }
    drop(bench);
    stop(runtime).await?;
    Ok(reports)
}

/// What a component is, found out as an upload would, and told to nobody.
pub(super) async fn facts(component: Bytes) -> Result<Installed, Trouble> {
    let store = Store::memory(MasterKey::from_bytes([0; 32])).await;
    let runtime = Runtime::start(settings()?, store.blobs()).map_err(|e| Trouble::Failed(e.to_string()))?;
    let installed = runtime.install(component).await.map_err(uninstalled);
    stop(runtime).await?;
    installed
}

fn tell(report: &FileReport, verbose: bool, out: &mut (dyn Write + Send)) {
    print::say(out, &report.file);
    for case in &report.cases {
        let mark = if case.wrong.is_empty() { "ok   " } else { "WRONG" };
        let ms = case.took.as_secs_f64() * 1e3;
        print::say(out, &format!("  {mark} {} ({} steps, {} fuel, {ms:.1} ms)", case.name, case.steps.len(), case.fuel));
        if verbose || !case.wrong.is_empty() {
            for (at, step) in case.steps.iter().enumerate() {
                print::say(out, &format!("          {step}"));
                for wrong in case.wrong.iter().filter(|wrong| wrong.step == at) {
                    print::say(out, &format!("        ! {}", wrong.why));
                }
            }
            for wrong in case.wrong.iter().filter(|wrong| wrong.step >= case.steps.len()) {
                print::say(out, &format!("        ! {}", wrong.why));
            }
        }
    }
}

fn sum_up(reports: &[FileReport], unreached: &Unreached, as_json: bool, out: &mut (dyn Write + Send)) -> Outcome {
    let cases = || reports.iter().flat_map(|report| &report.cases);
    let (all, wrong) = (cases().count(), cases().filter(|case| !case.wrong.is_empty()).count());
    if as_json {
        let told = json!({ "files": reports, "cases": all, "wrong": wrong, "unreached": unreached });
        print::say(out, &serde_json::to_string_pretty(&told).unwrap_or_else(|_| Value::Null.to_string()));
    } else {
        if !unreached.is_empty() {
            print::say(out, "no case reached:");
            unreached.choices.iter().for_each(|choice| print::say(out, &format!("  the choice {choice}")));
            unreached.events.iter().for_each(|event| print::say(out, &format!("  the event {event}")));
        }
        print::say(out, &format!("{all} cases, {} as they must be, {wrong} wrong", all - wrong));
    }
    match (all, wrong) {
        (0, _) => Err(Trouble::Usage("no case was run".to_owned())),
        (_, 0) => Ok(()),
        _ => Err(Trouble::Differs(wrong)),
    }
}
