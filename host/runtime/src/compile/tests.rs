//! Promises of the child behind its walls: what passes the pre-check and still explodes dies there, and what it may not do is not done.
//!
//! They go around the pre-check on purpose and give the compiler the bombs themselves, with limits small enough that the end comes soon.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::refusal::Code;
use tempfile::TempDir;

use super::order::{ChildLimits, CompileSettings, Quarantine};
use super::outside::Compiler;
use super::probe::{Probe, Tried};
use super::walls::Standing;
use super::workshop::Workshop;
use crate::artifact::Artifacts;
use crate::load::LoadError;
use crate::runtime::RuntimeFault;

/// The signal of a forbidden system call.
const FORBIDDEN_CALL: i32 = 31;

/// The child of this crate's tests.
fn program() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("compiler")
}

fn settings(limits: ChildLimits) -> CompileSettings {
    CompileSettings { quarantine: Quarantine::BestEffort, limits }
}

async fn workshop(program: PathBuf, limits: ChildLimits) -> (Workshop, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let fingerprint = Compiler::new(self::program(), settings(limits)).probe().await.unwrap().fingerprint.clone();
    let artifacts = Artifacts::open(directory.path().to_owned(), [1; 32], fingerprint).unwrap();
    (Workshop { artifacts: Arc::new(artifacts), compiler: Compiler::new(program, settings(limits)) }, directory)
}

fn component(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}))")).unwrap()
}

async fn make(workshop: &Workshop, component: Vec<u8>) -> Result<Duration, LoadError> {
    let digest = Digest::of(&component);
    workshop.make(digest, SlotClass::Small, component.into(), &TenantId::platform()).await.map(|(_, took)| took)
}

#[track_caller]
fn refusal(made: Result<Duration, LoadError>) -> String {
    match made {
        Err(LoadError::Refused(refusal)) if refusal.code == Code::CompileFailed => refusal.detail,
        other => panic!("{other:?}"),
    }
}

/// The bomb ends in a refusal that names the limit, is remembered, and the next component compiles.
async fn dies(limits: ChildLimits, bomb: Vec<u8>, named: &str) {
    let (workshop, _directory) = workshop(program(), limits).await;
    let told = refusal(make(&workshop, bomb.clone()).await);
    assert!(told.contains(named), "{told}");
    let again = refusal(make(&workshop, bomb).await);
    assert!(again.contains("before") && again.contains(named), "{again}");
    assert_eq!(workshop.artifacts.poisoned().unwrap().len(), 1);
    make(&workshop, component("(func)")).await.unwrap();
}

#[tokio::test]
async fn a_bomb_that_passes_the_pre_check_dies_of_its_processor_time() {
    let limits = ChildLimits { cpu_seconds_max: 1, ..ChildLimits::standard() };
    dies(limits, component(&"(func)".repeat(400_000)), "processor time").await;
}

#[tokio::test]
async fn a_bomb_that_passes_the_pre_check_dies_of_its_memory() {
    let body = "(block (br_if 0 (local.get 0)))".repeat(4_000);
    // Each local is wanted behind the last branch, so each is kept apart at every one before it.
    let wanted: String = (0..50_000).map(|at| format!("(drop (local.get {at}))")).collect();
    let locals = component(&format!("(func (local {}) {body} {wanted})", "i32 ".repeat(50_000)));
    let limits = ChildLimits { address_bytes_max: 768 << 20, ..ChildLimits::standard() };
    dies(limits, locals, "memory").await;
}

#[tokio::test]
async fn a_compiler_that_does_not_end_is_stopped_with_all_that_it_started() {
    let script = tempfile::tempdir().unwrap();
    let fifo = script.path().join("fifo");
    // A process of its own reads for ever, and the one that was started waits for it: both must go.
    let text = format!("mkfifo {0}; (exec 3<>{0}; cat <&3 >/dev/null) & wait", fifo.display());
    let limits = ChildLimits { wall: Duration::from_millis(300), ..ChildLimits::standard() };
    let (workshop, _directory) = workshop(written(script.path(), &text), limits).await;
    match make(&workshop, component("(func)")).await {
        Err(LoadError::Refused(refusal)) => assert!(refusal.code == Code::Busy && refusal.detail.contains("stopped after"), "{refusal}"),
        other => panic!("{other:?}"),
    }
    assert!(workshop.artifacts.poisoned().unwrap().is_empty(), "a component is condemned for a machine that is busy");
    // Only where nobody reads any more does this fail. The kernel takes a moment to end what was killed.
    let is_read = || fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&fifo).is_ok();
    let patience = Instant::now() + Duration::from_secs(10);
    while is_read() && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert!(!is_read(), "what the compiler started outlived it");
}

/// A shell script in place of the compiler.
fn written(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("compiler");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn the_child_inherits_nothing_of_ours() {
    let script = tempfile::tempdir().unwrap();
    let (files, words) = (script.path().join("files"), script.path().join("words"));
    let look = |files: &Path| format!("ls -l /proc/self/fd >{}", files.display());
    let text = format!("cat >/dev/null; {}; cat /proc/$$/environ >{}; exit 1", look(&files), words.display());
    let (workshop, _directory) = workshop(written(script.path(), &text), ChildLimits::standard()).await;
    let kept = script.path().join("a-file-of-the-servers");
    let _held = fs::File::create(&kept).unwrap();
    make(&workshop, component("(func)")).await.unwrap_err();
    let files = fs::read_to_string(files).unwrap();
    assert!(files.contains("pipe:"), "{files}");
    assert!(!files.contains("a-file-of-the-servers") && !files.contains("socket:"), "{files}");
    assert_eq!(fs::read_to_string(words).unwrap(), "", "an environment was handed down");
}

#[tokio::test]
async fn an_artifact_of_another_engine_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(directory.path().to_owned(), [1; 32], "another".to_owned()).unwrap();
    let compiler = Compiler::new(program(), CompileSettings::standard());
    let workshop = Workshop { artifacts: Arc::new(artifacts), compiler };
    let made = make(&workshop, component("(func)")).await;
    assert!(matches!(&made, Err(LoadError::Fault(RuntimeFault::Compiler(why))) if why.contains("another engine")), "{made:?}");
    assert!(workshop.artifacts.poisoned().unwrap().is_empty(), "our own mistake was held against the component");
}

fn compiler(arguments: &[&str]) -> std::process::Output {
    Command::new(program()).arg("compile").args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn every_wall_that_this_kernel_has_stands_and_holds() {
    let output = compiler(&["--probe"]);
    let probe: Probe = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    let names: Vec<&str> = probe.walls.iter().map(|wall| wall.name.as_str()).collect();
    assert_eq!(names, ["yields", "dies-first", "not-dumpable", "no-new-privs", "landlock", "limits", "seccomp"]);
    for wall in &probe.walls {
        // The kernel may be built without this one; everything else is in every kernel that the engine runs on.
        let may_be_missing = wall.name == "landlock" && wall.detail.contains("the kernel");
        assert!(wall.standing != Standing::Missing || may_be_missing, "{wall:?}");
    }
    assert!(probe.tried.iter().all(|tried| tried.is_refused), "{:?}", probe.tried);
    assert_eq!(probe.tried.len(), 4);
}

#[test]
fn behind_the_filter_there_is_still_no_file_and_no_network() {
    let probe: Probe = serde_json::from_slice(&compiler(&["--probe"]).stdout).unwrap();
    let landlock = probe.walls.iter().find(|wall| wall.name == "landlock").unwrap();
    for deed in ["read-a-file", "write-a-file", "list-a-folder", "connect", "exec", "spawn"] {
        let output = compiler(&["--try", &format!("unfiltered-{deed}")]);
        let tried: Tried = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{deed}: {e}: {output:?}"));
        // Only a kernel without it has no second wall.
        assert!(tried.is_refused || landlock.standing == Standing::Missing, "{tried:?}");
    }
}

#[test]
fn what_only_an_intruder_does_kills_the_child() {
    for deed in ["connect", "bind", "unix-socket", "exec", "start-a-thread", "signal"] {
        let output = compiler(&["--try", deed]);
        assert_eq!(output.status.signal(), Some(FORBIDDEN_CALL), "{deed}: {output:?}");
    }
    // The standard library tells a pipe from a socket here, so it may be refused before it is killed.
    let output = compiler(&["--try", "spawn"]);
    let is_refused = serde_json::from_slice::<Tried>(&output.stdout).is_ok_and(|tried| tried.is_refused);
    assert!(is_refused || output.status.signal() == Some(FORBIDDEN_CALL), "spawn: {output:?}");
}

#[test]
fn a_probe_takes_no_word_from_whoever_sends_it_something() {
    for deed in ["../../x", "", "--class", "exec; exit 0"] {
        let output = compiler(&["--try", deed]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{deed}: {output:?}");
    }
}
