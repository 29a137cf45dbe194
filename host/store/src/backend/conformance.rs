//! Says what every backend of the port `Rows` must do, as one suite that runs against any of them.
//!
//! The tests of this crate run it over memory and over sled; a new backend's first test is a call of [`run`]. It asserts: a backend that
//! fails it is wrong, and there is nothing to go on with. Durability is not in it, because no program can see its own power cut; see
//! `power_cut`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::ports::rows::{
    BATCH_WRITES_MAX, Batch, CommitError, Expect, FAMILY_NAMES_MAX, KEY_BYTES_MAX, Kept, Page, Rows, RowsFault, VALUE_BYTES_MAX, Write,
};
use tokio::task::JoinSet;

use super::memory::Memory;

/// Tasks that write at once.
const TASKS: i64 = 16;
/// Random batches that are compared with the reference.
const BATCHES: u64 = 150;

/// Runs the suite. `make` gives an empty backend each time.
pub async fn run(make: impl Fn() -> Arc<dyn Rows>) {
    what_is_put_is_there_and_what_is_deleted_is_not(&*make()).await;
    a_revision_never_comes_back(&*make()).await;
    a_batch_is_all_or_nothing(&*make()).await;
    a_later_write_sees_an_earlier_one(&*make()).await;
    pages_are_in_order_from_either_end(&*make()).await;
    bounds_are_refused_before_anything_is_written(&*make()).await;
    sums_of_many_writers_all_count(make()).await;
    of_many_writers_the_highest_stays(make()).await;
    a_family_of_names_is_bounded_and_loses_nothing(&*make()).await;
    of_many_who_expect_the_same_one_wins(make()).await;
    a_random_history_agrees_with_the_reference(&*make()).await;
    a_closed_backend_takes_nothing(&*make()).await;
}

fn put(key: impl Into<Vec<u8>>, value: impl Into<Bytes>, expect: Expect) -> Write {
    Write::Put { key: key.into(), value: value.into(), expect }
}

fn delete(key: &[u8], expect: Expect) -> Write {
    Write::Delete { key: key.to_vec(), expect }
}

fn add(key: &[u8], name: &str, by: i64) -> Write {
    Write::Add { key: key.to_vec(), by: BTreeMap::from([(name.to_owned(), by)]) }
}

async fn commit(rows: &dyn Rows, writes: Vec<Write>) -> Result<(), CommitError> {
    rows.commit(Batch { writes }).await
}

async fn commit_well(rows: &dyn Rows, writes: Vec<Write>) {
    let outcome = commit(rows, writes).await;
    assert!(outcome.is_ok(), "a batch was refused: {outcome:?}");
}

async fn conflicts(rows: &dyn Rows, writes: Vec<Write>, at: &[u8]) {
    let outcome = commit(rows, writes).await;
    assert!(matches!(&outcome, Err(CommitError::Conflict { key }) if key == at), "no conflict at {at:?}: {outcome:?}");
}

fn read<T>(read: Result<T, RowsFault>) -> Option<T> {
    assert!(read.is_ok(), "a read failed: {:?}", read.err());
    read.ok()
}

async fn get(rows: &dyn Rows, key: &[u8]) -> Option<Kept> {
    read(rows.get(key).await).flatten()
}

async fn value(rows: &dyn Rows, key: &[u8]) -> Option<Bytes> {
    get(rows, key).await.map(|kept| kept.value)
}

async fn revision(rows: &dyn Rows, key: &[u8]) -> u64 {
    get(rows, key).await.map_or(0, |kept| kept.revision)
}

async fn scan(rows: &dyn Rows, from: &[u8], to: &[u8], limit: usize, newest_first: bool) -> Page {
    read(rows.scan(from, to, limit, newest_first).await).unwrap_or_default()
}

async fn what_is_put_is_there_and_what_is_deleted_is_not(rows: &dyn Rows) {
    assert_eq!(get(rows, b"a").await, None);
    let large = vec![7; VALUE_BYTES_MAX];
    commit_well(rows, vec![put(b"a", "1", Expect::Absent), put(b"b", "", Expect::Anything), put(b"c", large.clone(), Expect::Anything)])
        .await;
    assert_eq!(value(rows, b"a").await, Some(Bytes::from("1")));
    assert_eq!(value(rows, b"b").await, Some(Bytes::new()));
    assert_eq!(value(rows, b"c").await, Some(Bytes::from(large)));
    commit_well(rows, vec![put(b"c", "small", Expect::Anything), delete(b"a", Expect::Anything), delete(b"none", Expect::Anything)]).await;
    assert_eq!(value(rows, b"c").await, Some(Bytes::from("small")));
    assert_eq!(get(rows, b"a").await, None);
    assert!(commit(rows, Vec::new()).await.is_ok(), "an empty batch is a batch");
}

async fn a_revision_never_comes_back(rows: &dyn Rows) {
    let mut given = BTreeSet::new();
    for round in 0..20_u8 {
        commit_well(rows, vec![put(b"a", vec![round], Expect::Anything), put(b"b", "same", Expect::Anything)]).await;
        assert!(given.insert(revision(rows, b"a").await), "a revision came back");
        if round % 3 == 0 {
            commit_well(rows, vec![delete(b"a", Expect::Anything)]).await;
        }
    }
    let before = revision(rows, b"b").await;
    commit_well(rows, vec![put(b"b", "same", Expect::Revision(before))]).await;
    assert_ne!(revision(rows, b"b").await, before, "the same value written again has a new revision");
    conflicts(rows, vec![put(b"b", "late", Expect::Revision(before))], b"b").await;
}

async fn a_batch_is_all_or_nothing(rows: &dyn Rows) {
    commit_well(rows, vec![put(b"k", "1", Expect::Absent)]).await;
    let first = revision(rows, b"k").await;
    for (refused, at) in [
        (put(b"k", "2", Expect::Absent), &b"k"[..]),
        (put(b"k", "2", Expect::Revision(first + 1_000)), b"k"),
        (delete(b"k", Expect::Absent), b"k"),
        (delete(b"none", Expect::Revision(first)), b"none"),
        (Write::Check { key: b"k".to_vec(), expect: Expect::Absent }, b"k"),
        (Write::Check { key: b"none".to_vec(), expect: Expect::Revision(first) }, b"none"),
    ] {
        let before = vec![put(b"before", "x", Expect::Anything), add(b"sum", "n", 1)];
        conflicts(rows, before.into_iter().chain([refused, put(b"after", "x", Expect::Anything)]).collect(), at).await;
        for absent in [&b"before"[..], b"after", b"sum"] {
            assert_eq!(get(rows, absent).await, None, "half of a batch is there");
        }
    }
    assert_eq!(get(rows, b"k").await, Some(Kept { value: Bytes::from("1"), revision: first }));
    let check = Write::Check { key: b"k".to_vec(), expect: Expect::Revision(first) };
    commit_well(rows, vec![check, put(b"after", "x", Expect::Absent)]).await;
    assert_eq!(revision(rows, b"k").await, first, "a check changes nothing");
}

async fn a_later_write_sees_an_earlier_one(rows: &dyn Rows) {
    let there_and_gone = vec![put(b"a", "1", Expect::Absent), delete(b"a", Expect::Anything), put(b"a", "2", Expect::Absent)];
    commit_well(rows, there_and_gone).await;
    assert_eq!(value(rows, b"a").await, Some(Bytes::from("2")));
    commit_well(rows, vec![add(b"s", "n", 2), add(b"s", "n", 3), add(b"s", "m", -1)]).await;
    assert_eq!(value(rows, b"s").await, Some(Bytes::from(r#"{"m":-1,"n":5}"#)));
    conflicts(rows, vec![put(b"b", "1", Expect::Anything), put(b"b", "2", Expect::Absent)], b"b").await;
    assert_eq!(get(rows, b"b").await, None);
}

async fn pages_are_in_order_from_either_end(rows: &dyn Rows) {
    let keys: Vec<Vec<u8>> = vec![vec![0], b"a".to_vec(), b"a\0".to_vec(), b"ab".to_vec(), b"b".to_vec(), vec![0xff], vec![0xff, 0xff]];
    commit_well(rows, keys.iter().rev().map(|key| put(key.clone(), key.clone(), Expect::Absent)).collect()).await;
    let names = |page: Page| page.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let end = [0xff_u8; 3];
    assert_eq!(names(scan(rows, &[0], &end, 100, false).await), keys);
    let backwards: Vec<Vec<u8>> = keys.iter().rev().cloned().collect();
    assert_eq!(names(scan(rows, &[0], &end, 100, true).await), backwards);
    assert_eq!(names(scan(rows, b"a", b"b", 100, false).await), [&b"a"[..], b"a\0", b"ab"], "from is in, to is not");
    assert_eq!(names(scan(rows, b"a", b"b", 2, false).await), [&b"a"[..], b"a\0"]);
    assert_eq!(names(scan(rows, b"a", b"b", 2, true).await), [&b"ab"[..], b"a\0"]);
    assert_eq!(names(scan(rows, b"a", b"b", 0, false).await), Vec::<Vec<u8>>::new());
    assert_eq!(names(scan(rows, b"b", b"a", 9, false).await), Vec::<Vec<u8>>::new(), "a range that ends before it begins is empty");
    assert!(scan(rows, b"a", b"b", usize::MAX, false).await.iter().all(|(key, kept)| kept.value == *key && kept.revision > 0));
}

async fn bounds_are_refused_before_anything_is_written(rows: &dyn Rows) {
    let fits = vec![b'k'; KEY_BYTES_MAX];
    commit_well(rows, vec![put(fits.clone(), "x", Expect::Absent)]).await;
    assert_eq!(value(rows, &fits).await, Some(Bytes::from("x")));
    let many = (0..=BATCH_WRITES_MAX).map(|n| put(format!("n{n}"), "x", Expect::Anything)).collect();
    for refused in [
        vec![put(b"good", "x", Expect::Anything), put(b"v", vec![0; VALUE_BYTES_MAX + 1], Expect::Anything)],
        vec![put(b"good", "x", Expect::Anything), put(vec![b'k'; KEY_BYTES_MAX + 1], "x", Expect::Anything)],
        vec![put(b"good", "x", Expect::Anything), put(Vec::new(), "x", Expect::Anything)],
        many,
    ] {
        let outcome = commit(rows, refused).await;
        assert!(matches!(outcome, Err(CommitError::TooLarge(_))), "{outcome:?}");
    }
    assert_eq!(get(rows, b"good").await, None);
    assert_eq!(get(rows, b"n0").await, None);
    assert!(rows.health().is_ok(), "a caller's mistake is not the store's end");
    commit_well(rows, (0..BATCH_WRITES_MAX).map(|n| put(format!("n{n}"), "x", Expect::Anything)).collect()).await;
}

async fn sums_of_many_writers_all_count(rows: Arc<dyn Rows>) {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let rows = Arc::clone(&rows);
        tasks.spawn(async move {
            for _ in 0..20 {
                commit_well(&*rows, vec![add(b"sum", "one", 1), add(b"sum", "two", 2)]).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
    let expected = format!(r#"{{"one":{},"two":{}}}"#, TASKS * 20, TASKS * 40);
    assert_eq!(value(&*rows, b"sum").await, Some(Bytes::from(expected)));
}

async fn of_many_writers_the_highest_stays(rows: Arc<dyn Rows>) {
    let raise = |to| Write::Raise { key: b"sum".to_vec(), to: BTreeMap::from([("peak".to_owned(), to)]) };
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let rows = Arc::clone(&rows);
        tasks.spawn(async move {
            for round in 0..20 {
                commit_well(&*rows, vec![add(b"sum", "n", 1), raise((task * 7 + round * 13) % 300)]).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
    let highest = (0..TASKS).flat_map(|task| (0..20).map(move |round| (task * 7 + round * 13) % 300)).max();
    let expected = format!(r#"{{"n":{},"peak":{}}}"#, TASKS * 20, highest.unwrap_or(0));
    assert_eq!(value(&*rows, b"sum").await, Some(Bytes::from(expected)));
    commit_well(&*rows, vec![raise(-5), raise(1_000), raise(7), add(b"sum", "peak", 1)]).await;
    let expected = format!(r#"{{"n":{},"peak":1001}}"#, TASKS * 20);
    assert_eq!(value(&*rows, b"sum").await, Some(Bytes::from(expected)), "a later write sees an earlier one");
}

async fn a_family_of_names_is_bounded_and_loses_nothing(rows: &dyn Rows) {
    let names = FAMILY_NAMES_MAX + 30;
    for round in 0..2 {
        for at in 0..names {
            commit_well(rows, vec![add(b"sum", &format!("model/{at:03}"), 1), add(b"sum", &format!("own_{at:03}"), 1)]).await;
        }
        let kept = value(rows, b"sum").await.unwrap_or_default();
        let sums: BTreeMap<String, i64> = serde_json::from_slice(&kept).unwrap_or_default();
        let family: BTreeMap<&String, &i64> = sums.iter().filter(|(name, _)| name.starts_with("model/")).collect();
        assert_eq!(family.len(), FAMILY_NAMES_MAX + 1, "round {round}");
        assert_eq!(family.values().copied().sum::<i64>(), i64::try_from(names).unwrap_or(0) * (round + 1));
        assert_eq!(sums.get("model/other"), Some(&(30 * (round + 1))));
        assert_eq!(sums.len() - family.len(), names, "names without a family are the host's own");
    }
}

async fn of_many_who_expect_the_same_one_wins(rows: Arc<dyn Rows>) {
    commit_well(&*rows, vec![put(b"seat", "free", Expect::Absent)]).await;
    let free = revision(&*rows, b"seat").await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let rows = Arc::clone(&rows);
        tasks.spawn(async move {
            let own = format!("own{task}");
            let writes = vec![put(own.clone(), "x", Expect::Absent), put(b"seat", own.clone(), Expect::Revision(free))];
            commit(&*rows, writes).await.is_ok().then_some(own)
        });
    }
    let winners: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(value(&*rows, b"seat").await, winners.first().cloned().map(Bytes::from));
    assert_eq!(scan(&*rows, b"own", b"owo", 99, false).await.len(), 1, "the losers left nothing");
}

/// A sequence of numbers that is the same every time; a test needs no better.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn write(&mut self) -> Write {
        let key = format!("key{}", self.below(24)).into_bytes();
        let expect = match self.below(8) {
            0 => Expect::Absent,
            _ => Expect::Anything,
        };
        match self.below(10) {
            0..=5 => {
                let bytes = if self.below(10) == 0 { self.below(40_000) } else { self.below(200) };
                let byte = u8::try_from(self.below(256)).unwrap_or(0);
                put(key, vec![byte; usize::try_from(bytes).unwrap_or(0)], expect)
            }
            6 => Write::Delete { key, expect },
            7 => Write::Raise { key: b"sum".to_vec(), to: BTreeMap::from([("n".to_owned(), i64::try_from(self.below(60)).unwrap_or(0))]) },
            _ => add(b"sum", "n", i64::try_from(self.below(100)).unwrap_or(0) - 50),
        }
    }
}

async fn a_random_history_agrees_with_the_reference(rows: &dyn Rows) {
    let reference = Memory::default();
    let mut sequence = Sequence(42);
    for _ in 0..BATCHES {
        let batch = Batch { writes: (0..=sequence.below(6)).map(|_| sequence.write()).collect() };
        let ours = rows.commit(batch.clone()).await;
        let theirs = reference.commit(batch).await;
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} and {theirs:?}");
    }
    let plain = |page: Page| page.into_iter().map(|(key, kept)| (key, kept.value)).collect::<Vec<_>>();
    assert_eq!(plain(scan(rows, b"a", b"z", 999, false).await), plain(scan(&reference, b"a", b"z", 999, false).await));
}

async fn a_closed_backend_takes_nothing(rows: &dyn Rows) {
    commit_well(rows, vec![put(b"a", "1", Expect::Absent)]).await;
    assert!(rows.health().is_ok());
    assert!(rows.close().await.is_ok());
    assert!(rows.health().is_err());
    let outcome = commit(rows, vec![put(b"b", "1", Expect::Absent)]).await;
    assert!(matches!(outcome, Err(CommitError::Fault(_))), "{outcome:?}");
}
