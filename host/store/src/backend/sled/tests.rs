//! Promises what sled alone must keep beyond the suite: opening again, being alone, syncs that fail, pages that stay small.
//!
//! What a power cut leaves is in `power_cut`.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use jackfield_domain::ports::rows::{Expect, KEY_BYTES_MAX, VALUE_BYTES_MAX, Write};
use tempfile::TempDir;

use super::*;
use crate::backend::conformance;

fn put(key: &[u8], value: impl Into<Bytes>) -> Batch {
    Batch { writes: vec![Write::Put { key: key.to_vec(), value: value.into(), expect: Expect::Anything }] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sled_does_what_every_backend_must_do() {
    let dirs: Mutex<Vec<TempDir>> = Mutex::default();
    conformance::run(|| {
        let dir = tempfile::tempdir().unwrap();
        let rows = Sled::open(dir.path()).unwrap();
        dirs.lock().unwrap().push(dir);
        Arc::new(rows)
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again_and_revisions_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..4_u8 {
        let rows = Sled::open(dir.path()).unwrap();
        if round > 0 {
            assert_eq!(rows.get(b"large").await.unwrap().unwrap().value, vec![round - 1; 30_000]);
        }
        rows.commit(put(b"large", vec![round; 30_000])).await.unwrap();
        let kept = rows.get(b"large").await.unwrap().unwrap();
        assert!(kept.revision > last);
        last = kept.revision;
        rows.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_one_on_the_same_directory_is_refused_and_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = Sled::open(dir.path()).unwrap();
    let why = Sled::open(dir.path()).err().unwrap().to_string();
    assert!(why.contains("another jackfield uses it"), "{why}");
    first.commit(put(b"a", "1")).await.unwrap();
    first.close().await.unwrap();
    assert!(Sled::open(dir.path()).is_ok());
}

#[tokio::test]
async fn a_damaged_database_is_a_fault_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    Sled::open(dir.path()).unwrap().close().await.unwrap();
    std::fs::write(dir.path().join(opening::FOLDER).join("conf"), [0xff; 64]).unwrap();
    let why = Sled::open(dir.path()).err().unwrap().to_string();
    assert!(why.contains("backup"), "{why}");
}

#[tokio::test]
async fn an_unfinished_snapshot_is_not_taken_for_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    Sled::open(dir.path()).unwrap().close().await.unwrap();
    std::fs::write(dir.path().join(opening::FOLDER).join("snap.FFFFFFFFFFFFFFFF.generating"), b"torn").unwrap();
    assert!(Sled::open(dir.path()).is_ok());
}

struct Switch {
    fails: Arc<AtomicBool>,
}

impl Syncing for Switch {
    fn sync(&mut self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let rows = Sled::open_with(dir.path(), SIZES, |_, _| Box::new(Switch { fails: Arc::clone(&fails) })).unwrap();
    rows.commit(put(b"a", "1")).await.unwrap();
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(rows.commit(put(b"a", "2")).await, Err(CommitError::Fault(_))));
    fails.store(false, Ordering::SeqCst);
    let fault = rows.commit(put(b"b", "1")).await.unwrap_err().to_string();
    assert!(fault.contains("the disk is gone"), "{fault}");
    assert!(rows.health().is_err());
    assert!(rows.get(b"a").await.is_err(), "nobody knows which of the two values is on the disk");
    assert_eq!(rows.get(b"b").await.unwrap(), None);
}

struct Gate {
    reached: std::sync::mpsc::Sender<()>,
    open: std::sync::mpsc::Receiver<()>,
}

impl Syncing for Gate {
    fn sync(&mut self) -> io::Result<()> {
        self.reached.send(()).map_err(io::Error::other)?;
        self.open.recv().map_err(io::Error::other)
    }
}

/// Opened so that syncs of that file say that they are reached and wait until they are let through.
fn gated(dir: &TempDir, sizes: Sizes, file: &str) -> (Arc<Sled>, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let ((reached, is_reached), (open, gate)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let mut gate = Some(Gate { reached, open: gate });
    let syncing = |name: &str, own: File| -> Box<dyn Syncing> {
        match gate.take_if(|_| name == file) {
            Some(gate) => Box::new(gate),
            None => Box::new(FileSync(own)),
        }
    };
    (Arc::new(Sled::open_with(dir.path(), sizes, syncing).unwrap()), is_reached, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_shown_what_is_not_on_the_disk_yet() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, is_reached, open) = gated(&dir, SIZES, "journal/0");
    let writer = tokio::spawn({
        let rows = Arc::clone(&rows);
        async move { rows.commit(put(b"a", "1")).await }
    });
    // It is written, and the group waits at the gate.
    is_reached.recv().unwrap();
    assert!(std::fs::metadata(dir.path().join("journal/0")).unwrap().len() > 0);
    assert_eq!(rows.get(b"a").await.unwrap(), None);
    assert_eq!(rows.scan(b"a", b"b", 9, false).await.unwrap(), []);
    assert!(!writer.is_finished());
    open.send(()).unwrap();
    writer.await.unwrap().unwrap();
    assert!(rows.get(b"a").await.unwrap().is_some());
    assert_eq!(rows.scan(b"a", b"b", 9, false).await.unwrap().len(), 1);
}

/// So small that whatever is written is soon settled.
const SMALL: Sizes = Sizes { complete_bytes: 4_096, wait_bytes: 16_384 };

fn plain(_: &str, file: File) -> Box<dyn Syncing> {
    Box::new(FileSync(file))
}

/// As a kill leaves it: a copy that was made while it was open. Nobody writes meanwhile.
fn killed(dir: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["rows", "rows/blobs", "journal"] {
        std::fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(dir.path().join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), copy.path().join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

async fn numbers(rows: &Sled) -> Vec<(Vec<u8>, Bytes, u64)> {
    let page = rows.scan(b"a", b"z", usize::MAX, false).await.unwrap();
    page.into_iter().map(|(key, kept)| (key, kept.value, kept.revision)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill_whether_it_was_settled_or_not() {
    for sizes in [SIZES, SMALL] {
        let dir = tempfile::tempdir().unwrap();
        let rows = Sled::open_with(dir.path(), sizes, plain).unwrap();
        for round in 0..200_u32 {
            let key = format!("k{}", round % 37).into_bytes();
            match round % 11 {
                10 => rows.commit(Batch { writes: vec![Write::Delete { key, expect: Expect::Anything }] }).await.unwrap(),
                9 => rows.commit(put(&key, vec![1; 9_000])).await.unwrap(),
                _ => rows.commit(put(&key, round.to_string())).await.unwrap(),
            }
        }
        let before = numbers(&rows).await;
        assert!(before.len() > 20);
        let left = killed(&dir);
        let again = Sled::open_with(left.path(), sizes, plain).unwrap();
        assert_eq!(numbers(&again).await, before);
        let last = before.iter().map(|(_, _, revision)| *revision).max().unwrap();
        again.commit(put(b"new", "1")).await.unwrap();
        assert!(again.get(b"new").await.unwrap().unwrap().revision > last, "a revision never comes back");
        rows.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_directory_keeps_nothing_in_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let rows = Sled::open(dir.path()).unwrap();
    rows.commit(put(b"a", "1")).await.unwrap();
    assert!(rows.read(|db| layout::get(db, b"a")).unwrap().is_none(), "it is ahead");
    rows.close().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(Sled::open(dir.path()).unwrap().get(b"a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_journal_is_a_fault_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let rows = Sled::open(dir.path()).unwrap();
    for value in ["1", "2", "3"] {
        rows.commit(put(b"a", value)).await.unwrap();
    }
    let left = killed(&dir);
    let journal = left.path().join("journal/0");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let why = Sled::open(left.path()).err().unwrap().to_string();
    assert!(why.contains("journal/0 is damaged") && why.contains("backup"), "{why}");
    assert!(!std::fs::read(&journal).unwrap().is_empty(), "it is kept");
}

/// Two generations that are not settled: sled's first sync hangs.
async fn two_generations() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (rows, is_reached, open) = gated(&dir, SMALL, "rows/db");
    for number in 0..10_u8 {
        rows.commit(put(&[b'k', number], vec![number; 600])).await.unwrap();
    }
    is_reached.recv().unwrap();
    let left = killed(&dir);
    // From here on it may end as it likes.
    drop(open);
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_another_one_follows_must_be_there_to_its_last_record() {
    let left = two_generations().await;
    let (first, second) = (left.path().join("journal/0"), left.path().join("journal/1"));
    let (whole, followed) = (std::fs::read(&first).unwrap(), std::fs::metadata(&second).unwrap().len());
    assert!(followed > 0);
    let why = || Sled::open(left.path()).err().unwrap().to_string();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&first, &damaged).unwrap();
    assert!(why().contains("records of"), "{}", why());
    std::fs::write(&first, []).unwrap();
    assert!(why().contains("is missing"), "{}", why());
    std::fs::remove_file(&first).unwrap();
    assert!(why().contains("is missing"), "{}", why());
    assert_eq!(std::fs::metadata(&second).unwrap().len(), followed, "it is kept");
    std::fs::write(&first, whole).unwrap();
    assert_eq!(numbers(&Sled::open(left.path()).unwrap()).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_in_doubt_is_nobodys_to_read_even_where_the_settler_failed_first() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, is_reached, open) = gated(&dir, SIZES, "journal/0");
    open.send(()).unwrap();
    rows.commit(put(b"a", "1")).await.unwrap();
    is_reached.recv().unwrap();
    let writer = tokio::spawn({
        let rows = Arc::clone(&rows);
        async move { rows.commit(put(b"a", "2")).await }
    });
    // It is written, and its sync hangs.
    is_reached.recv().unwrap();
    rows.health.end(RowsFault { why: "sled's file cannot be synced".to_owned() });
    assert!(rows.get(b"a").await.is_ok());
    drop(open);
    assert!(writer.await.unwrap().is_err());
    assert!(rows.get(b"a").await.is_err(), "nobody knows which of the two values is on the disk");
    assert!(rows.scan(b"a", b"b", 9, false).await.is_err());
    assert!(rows.health().unwrap_err().to_string().contains("sled's file"), "why it ended first is what is told");
}

#[tokio::test]
async fn where_sled_cannot_be_synced_nothing_is_acknowledged_any_more_and_what_was_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(true));
    let syncing = |name: &str, file: File| -> Box<dyn Syncing> {
        if name == "rows/db" { Box::new(Switch { fails: Arc::clone(&fails) }) } else { Box::new(FileSync(file)) }
    };
    let rows = Sled::open_with(dir.path(), SMALL, syncing).unwrap();
    let mut acknowledged = 0_u32;
    while rows.commit(put(format!("k{acknowledged}").as_bytes(), vec![0; 512])).await.is_ok() {
        acknowledged += 1;
        assert!(acknowledged < 10_000, "it never ends");
    }
    let why = rows.health().unwrap_err().to_string();
    assert!(why.contains("sled's file cannot be synced"), "{why}");
    assert!(acknowledged >= 5);
    assert_eq!(rows.scan(b"k", b"l", usize::MAX, false).await.unwrap().len(), usize::try_from(acknowledged).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_sled_does_not_keep_up_commits_wait_and_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, is_reached, open) = gated(&dir, SMALL, "rows/db");
    let done = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (rows, done) = (Arc::clone(&rows), Arc::clone(&done));
        async move {
            for number in 0..100_u8 {
                rows.commit(put(&[b'k', number], vec![number; 1_000])).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    is_reached.recv().unwrap();
    // Sled's first sync hangs: one file is being settled, and the other is filled until it may not be fuller.
    let most = SMALL.complete_bytes + SMALL.wait_bytes + 4_096;
    while done.load(Ordering::SeqCst) < 16 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(done.load(Ordering::SeqCst) <= most / 1_000, "{} are committed", done.load(Ordering::SeqCst));
    assert!(rows.groups().figures().ahead_bytes <= most);
    assert!(rows.get(&[b'k', 0]).await.unwrap().is_some(), "who reads does not wait");
    // Everybody who comes to the gate from now on finds it open.
    (0..10_000).for_each(|_| open.send(()).unwrap());
    writer.await.unwrap();
    assert!(rows.groups().figures().waits > 0);
    rows.close().await.unwrap();
    assert_eq!(Sled::open(dir.path()).unwrap().scan(b"k", b"l", usize::MAX, false).await.unwrap().len(), 100);
}

fn files_of_sleds_own(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("rows/blobs")).unwrap().count()
}

#[tokio::test]
async fn no_page_grows_so_large_that_sled_keeps_it_in_a_file_that_it_never_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let rows = Sled::open(dir.path()).unwrap();
    // The longest keys with nothing in common at their beginnings, so that index pages hold them whole, and the largest values.
    for round in 0..3_u8 {
        for group in 0..12_u64 {
            let writes = (0..60_u64)
                .map(|n| {
                    let number = (group * 60 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let key = number.to_be_bytes().into_iter().chain([n as u8; KEY_BYTES_MAX - 8]).collect();
                    let bytes = if n == 0 { VALUE_BYTES_MAX } else { 4_096 };
                    Write::Put { key, value: vec![round; bytes].into(), expect: Expect::Anything }
                })
                .collect();
            rows.commit(Batch { writes }).await.unwrap();
        }
    }
    assert_eq!(files_of_sleds_own(dir.path()), 0);
    rows.close().await.unwrap();
    let again = Sled::open(dir.path()).unwrap();
    assert_eq!(again.scan(&[0], &[0xff; 9], usize::MAX, false).await.unwrap().len(), 720);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_row_is_read_whole_while_it_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    // What is written at once is settled at once, under the reader's eyes.
    let rows = Arc::new(Sled::open_with(dir.path(), SMALL, plain).unwrap());
    rows.commit(put(b"a", vec![0; 50_000])).await.unwrap();
    let writer = tokio::spawn({
        let rows = Arc::clone(&rows);
        async move {
            for round in 1..=60_u8 {
                rows.commit(put(b"a", vec![round; 20_000 + usize::from(round)])).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let value = rows.get(b"a").await.unwrap().unwrap().value;
        assert!(value.iter().all(|byte| Some(byte) == value.first()), "two values were mixed");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    rows.close().await.unwrap();
    let rows = Sled::open(dir.path()).unwrap();
    let pieces = rows.read(|db| Ok(db.scan_prefix(b"p").count())).unwrap();
    assert_eq!(pieces, 5, "pieces of values that are gone are gone");
}
