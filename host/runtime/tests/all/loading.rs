//! A version survives eviction, a lost disk and a forged artifact; what stops the compiler stops nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_domain::fallback::FailureKind;
use jackfield_domain::id::Digest;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::refusal::Code;
use jackfield_runtime::{Call, InstallError, Runtime, RuntimeFault, RuntimeSettings};

use crate::support::{House, Kept, block_on, call, handling, settings};

fn files(house: &House, kind: &str) -> Vec<PathBuf> {
    // One folder for each engine, and this test has one engine.
    let engines = fs::read_dir(house.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let paths = engines.flat_map(|engine| fs::read_dir(engine).unwrap()).map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|of| of == kind)).collect()
}

/// A compiler that reads everything, notes that it ran, and ends like that.
fn refusing_compiler(directory: &Path, end: &str) -> (PathBuf, PathBuf) {
    let (compiler, runs) = (directory.join("compiler"), directory.join("runs"));
    fs::write(&compiler, format!("#!/bin/sh\n/bin/cat >/dev/null\necho run >>{}\n{end}\n", runs.display())).unwrap();
    fs::set_permissions(&compiler, PermissionsExt::from_mode(0o755)).unwrap();
    (compiler, runs)
}

#[test]
fn an_evicted_version_is_loaded_again() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        assert_eq!(house.runtime.resident().artifacts, 1);
        house.runtime.evict(&installed.digest).await;
        assert_eq!(house.runtime.resident().artifacts, 0);
        assert!(house.run(call(&installed)).await.result.is_ok());
        assert_eq!(house.runtime.resident().artifacts, 1);
    });
}

#[test]
fn the_longest_unused_goes_when_there_is_no_room() {
    block_on(async {
        // Room for one and a half of these.
        let house = House::with(|settings| RuntimeSettings { artifact_bytes_max: 1, ..settings });
        let first = house.install(handling("")).await;
        let second = house.install(handling("nop")).await;
        assert_eq!(house.runtime.resident().artifacts, 1);
        for installed in [&first, &second, &first] {
            assert!(house.run(call(installed)).await.result.is_ok());
            assert_eq!(house.runtime.resident().artifacts, 1);
        }
    });
}

#[test]
fn a_lost_or_forged_artifact_is_compiled_again_from_the_component() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        let [artifact] = &files(&house, "cwasm")[..] else { panic!("one artifact") };
        let forge = |content: &[u8]| fs::write(artifact, content).unwrap();
        for harm in [&|| fs::remove_file(artifact).unwrap() as _, &|| forge(b"\x7fELF not ours"), &|| forge(b"")] as [&dyn Fn(); 3] {
            harm();
            house.runtime.evict(&installed.digest).await;
            assert!(house.run(call(&installed)).await.result.is_ok());
        }
    });
}

#[test]
fn another_nodes_artifact_is_not_used() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        let other = RuntimeSettings { node_key: [8; 32], ..settings(house.directory.path()) };
        // It has neither the component nor a key that makes the artifact authentic.
        let other = Runtime::start(other, Arc::new(Kept::default())).unwrap();
        let ran = other.call(&crate::support::pass(), call(&installed)).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::NotReady);
        other.stop();
    });
}

#[test]
fn a_version_that_nobody_knows_is_not_ready() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        let ran = house.run(Call { digest: Digest::of(b"nothing"), ..call(&installed) }).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::NotReady);
        assert_eq!(house.runtime.resident().artifacts, 1, "a place is kept for what cannot be loaded");
    });
}

#[test]
fn a_compiler_that_is_killed_is_not_run_again_for_the_same_bytes() {
    block_on(async {
        let script = tempfile::tempdir().unwrap();
        let (compiler, runs) = refusing_compiler(script.path(), "kill -6 $$");
        let house = House::with(|settings| RuntimeSettings { compiler: compiler.clone(), ..settings });
        for _ in 0..2 {
            let Err(InstallError::Refused(refusal)) = house.try_install(handling("")).await else { panic!("it was taken") };
            assert_eq!(refusal.code, Code::CompileFailed);
        }
        assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 1);
    });
}

#[test]
fn a_compiler_that_the_machine_ends_says_nothing_of_the_component() {
    block_on(async {
        let script = tempfile::tempdir().unwrap();
        // As the kernel does where memory is out: long before the processor time is used up.
        let (compiler, runs) = refusing_compiler(script.path(), "kill -9 $$");
        let house = House::with(|settings| RuntimeSettings { compiler: compiler.clone(), ..settings });
        for _ in 0..2 {
            let error = house.try_install(handling("")).await.unwrap_err();
            assert!(matches!(error, InstallError::Fault(RuntimeFault::Compiler(_))), "{error:?}");
        }
        assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 2, "it is tried again");
    });
}

/// A runtime on another node's key: it has the component and no artifact of its own, so the first call compiles.
async fn without_artifact(house: &House, compiler: std::path::PathBuf) -> Runtime {
    let later = RuntimeSettings { compiler, node_key: [9; 32], ..settings(house.directory.path()) };
    let kept = Kept::default();
    kept.put(handling("").into()).await.unwrap();
    Runtime::start(later, Arc::new(kept)).unwrap()
}

#[test]
fn who_waited_while_another_tried_in_vain_does_not_try_as_well() {
    block_on(async {
        let script = tempfile::tempdir().unwrap();
        let (compiler, runs) = refusing_compiler(script.path(), "sleep 0.3; exit 1");
        let house = House::new();
        let installed = house.install(handling("")).await;
        let later = without_artifact(&house, compiler).await;
        let (one, two, three) = (later.clone(), later.clone(), later.clone());
        let pass = crate::support::pass();
        let ran = tokio::join!(one.call(&pass, call(&installed)), two.call(&pass, call(&installed)), three.call(&pass, call(&installed)));
        for ran in [ran.0, ran.1, ran.2] {
            assert_eq!(ran.result.unwrap_err().kind, FailureKind::NotReady);
        }
        assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 1);
    });
}

#[test]
fn a_version_that_cannot_be_loaded_is_not_tried_on_every_call() {
    block_on(async {
        let script = tempfile::tempdir().unwrap();
        let (compiler, runs) = refusing_compiler(script.path(), "exit 1");
        let house = House::new();
        let installed = house.install(handling("")).await;
        let later = without_artifact(&house, compiler).await;
        for _ in 0..5 {
            let ran = later.call(&crate::support::pass(), call(&installed)).await;
            assert_eq!(ran.result.unwrap_err().kind, FailureKind::NotReady);
        }
        assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 1);
    });
}

#[test]
fn a_compiler_that_cannot_be_run_is_our_fault() {
    block_on(async {
        let house = House::with(|settings| RuntimeSettings { compiler: "/nowhere/compiler".into(), ..settings });
        let error = house.try_install(handling("")).await.unwrap_err();
        assert!(matches!(error, InstallError::Fault(RuntimeFault::Compiler(_))), "{error:?}");
    });
}

#[test]
fn a_stopped_runtime_answers_instead_of_hanging() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        house.runtime.clone().stop();
        assert!(house.run(call(&installed)).await.result.is_err());
    });
}
