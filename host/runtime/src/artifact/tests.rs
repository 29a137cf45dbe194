//! Promises of the folder of artifacts that need no engine.

use std::fs::File;
use std::time::{Duration, SystemTime};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;

use super::poison::Poisoned;
use super::*;

fn artifacts(directory: &Path, key: u8, fingerprint: &str) -> Artifacts {
    Artifacts::open(directory.to_owned(), [key; 32], fingerprint.to_owned()).unwrap()
}

async fn keep(artifacts: &Artifacts, digest: &Digest, content: &[u8]) {
    let mut draft = artifacts.draft(digest).unwrap();
    for chunk in content.chunks(5) {
        draft.write(chunk).await.unwrap();
    }
    artifacts.keep(digest, draft).await.unwrap();
}

#[tokio::test]
async fn only_what_this_node_compiled_for_this_component_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let ours = artifacts(directory.path(), 1, "engine");
    let (digest, other) = (Digest::of(b"component"), Digest::of(b"other"));
    keep(&ours, &digest, b"machine code").await;
    assert_eq!(ours.authenticate(&digest).unwrap().unwrap().bytes(), 12);
    assert!(ours.authenticate(&other).unwrap().is_none());
    assert!(artifacts(directory.path(), 2, "engine").authenticate(&digest).unwrap().is_none());
    let upgraded = artifacts(directory.path(), 1, "engine-2");
    assert!(upgraded.authenticate(&digest).unwrap().is_none());

    for kind in ["cwasm", "mac"] {
        fs::copy(ours.path(&digest, kind), ours.path(&other, kind)).unwrap();
        fs::copy(ours.path(&digest, kind), upgraded.path(&digest, kind)).unwrap();
    }
    assert!(ours.authenticate(&other).unwrap().is_none(), "an artifact of another component was taken");
    assert!(upgraded.authenticate(&digest).unwrap().is_none(), "an artifact of another engine was taken");
}

#[tokio::test]
async fn a_changed_artifact_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let ours = artifacts(directory.path(), 1, "engine");
    let digest = Digest::of(b"component");
    keep(&ours, &digest, b"machine code").await;
    fs::write(ours.path(&digest, "cwasm"), b"machine c0de").unwrap();
    assert!(ours.authenticate(&digest).unwrap().is_none());
    keep(&ours, &digest, b"machine code").await;
    assert!(ours.authenticate(&digest).unwrap().is_some());
    fs::write(ours.path(&digest, "mac"), b"").unwrap();
    assert!(ours.authenticate(&digest).unwrap().is_none());
}

#[tokio::test]
async fn a_draft_that_is_not_finished_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ours = artifacts(directory.path(), 1, "engine");
    let digest = Digest::of(b"component");
    let (mut draft, other) = (ours.draft(&digest).unwrap(), ours.draft(&digest).unwrap());
    draft.write(b"machine").await.unwrap();
    assert!(ours.authenticate(&digest).unwrap().is_none());
    drop((draft, other));
    assert_eq!(fs::read_dir(&ours.directory).unwrap().count(), 0);
}

fn poisoned(name: &[u8]) -> Poisoned {
    Poisoned::now(Digest::of(name), &TenantId::platform(), SlotClass::Small, 7, "out of memory".to_owned())
}

#[test]
fn what_stopped_the_compiler_once_is_remembered_for_this_engine_until_it_is_cleared() {
    let directory = tempfile::tempdir().unwrap();
    let (bomb, other) = (poisoned(b"bomb"), poisoned(b"other"));
    {
        let ours = artifacts(directory.path(), 1, "engine");
        assert_eq!(ours.condemned(&bomb.digest).unwrap(), None);
        ours.condemn(&bomb).unwrap();
        ours.condemn(&other).unwrap();
    }
    let restarted = artifacts(directory.path(), 1, "engine");
    assert_eq!(restarted.condemned(&bomb.digest).unwrap().as_ref(), Some(&bomb));
    assert!(bomb.refusal().detail.contains("out of memory"));
    assert_eq!(restarted.poisoned().unwrap().len(), 2);
    assert_eq!(artifacts(directory.path(), 1, "engine-2").condemned(&bomb.digest).unwrap(), None);
    assert!(restarted.pardon(&bomb.digest).unwrap());
    assert!(!restarted.pardon(&bomb.digest).unwrap());
    assert_eq!(restarted.poisoned().unwrap(), [other]);
}

#[test]
fn a_poison_entry_that_cannot_be_read_still_holds() {
    let directory = tempfile::tempdir().unwrap();
    let ours = artifacts(directory.path(), 1, "engine");
    let bomb = poisoned(b"bomb");
    ours.condemn(&bomb).unwrap();
    fs::write(ours.path(&bomb.digest, "poison"), b"{").unwrap();
    assert!(ours.condemned(&bomb.digest).unwrap().is_some());
}

#[tokio::test]
async fn engines_out_of_use_are_swept_and_the_running_and_the_prepared_one_stay() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let digest = Digest::of(b"component");
    for (name, age) in [("ancient", 30), ("older", 5), ("previous", 3), ("prepared", 1), ("running", 40)] {
        let engine = artifacts(directory.path(), 1, name);
        keep(&engine, &digest, b"machine code").await;
        engine.mark_used().unwrap();
        File::options().write(true).open(engine.directory.join("used")).unwrap().set_modified(now - days(age)).unwrap();
    }
    let running = artifacts(directory.path(), 1, "running");
    let left = directory.path().join("left-over.cwasm");
    fs::write(&left, b"").unwrap();
    assert_eq!(running.sweep(now).unwrap(), engines::Swept { engines: 2, files: 0 });
    let mut kept: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["left-over.cwasm", "prepared", "previous", "running"]);
    assert_eq!(running.sweep(now + days(20)).unwrap(), engines::Swept { engines: 2, files: 1 });
    assert!(running.authenticate(&digest).unwrap().is_some());
}

#[tokio::test]
async fn a_draft_that_nobody_works_on_is_swept_after_an_hour() {
    let directory = tempfile::tempdir().unwrap();
    let ours = artifacts(directory.path(), 1, "engine");
    let digest = Digest::of(b"component");
    let draft = ours.draft(&digest).unwrap();
    assert_eq!(ours.sweep(SystemTime::now()).unwrap().files, 0, "somebody works on it");
    assert_eq!(ours.sweep(SystemTime::now() + Duration::from_secs(3_601)).unwrap().files, 1);
    drop(draft);
}
