//! Promises that what a fuzzer once found, or came far with, does no harm.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jackfield_runtime::probe::edge;
use jackfield_tests::artifacts::top;
use jackfield_tests::fuzzing::lift::{Came, Stage};
use jackfield_tests::fuzzing::upload::Host;

/// The seeds of a target, by name.
fn seeds(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = top().join("tests/fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())).collect()
}

/// Numbers that are always the same: a generator of its own, because a test that fails must fail again.
fn numbers(seed: u64, many: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..many.div_ceil(8)).flat_map(|_| next()).take(many).collect()
}

#[test]
fn whatever_a_guest_answers_is_rendered_or_refused() {
    let stage = Stage::new().unwrap();
    let seeds = seeds("lift");
    assert!(seeds.len() >= 5, "only {} seeds", seeds.len());
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    let mut play = |bytes: &[u8]| *came.entry(format!("{:?}", stage.play(bytes))).or_default() += 1;
    seeds.values().for_each(|seed| play(seed));
    for seed in 0..3_000 {
        play(&numbers(seed, 64 + 16 * usize::try_from(seed % 97).unwrap()));
    }
    println!("{came:?}");
    for way in [Came::Rendered, Came::Refused] {
        assert!(came.get(&format!("{way:?}")).copied().unwrap_or(0) > 100, "too few were {way:?} to prove anything: {came:?}");
    }
}

#[test]
fn whatever_is_uploaded_is_refused_or_runs_inside_its_limits() {
    let artifacts = tempfile::tempdir().unwrap();
    let host = Host::new(&top().join("wit/v1"), artifacts.path()).unwrap();
    let mut came: BTreeMap<&str, usize> = BTreeMap::new();
    let mut take = |bytes: &[u8]| {
        let way = match host.take(bytes) {
            None => "nothing",
            Some(edge::Came::Refused(_)) => "refused",
            Some(edge::Came::NotCompiled(_)) => "not compiled",
            Some(edge::Came::NotLinked(_)) => "not linked",
            Some(edge::Came::NotDescribed(_)) => "not described",
            Some(edge::Came::Ran(_)) => "ran",
        };
        *came.entry(way).or_default() += 1;
        way
    };
    // The plugin without damage runs: it is what everything else is measured by.
    assert_eq!(take(&[&[0][..], host.plugin()].concat()), "ran");
    let seeds = seeds("upload");
    assert!(seeds.len() >= 5, "only {} seeds", seeds.len());
    for seed in seeds.values() {
        take(seed);
    }
    for seed in 0..60 {
        let mut bytes = numbers(seed, 400 + 40 * usize::try_from(seed).unwrap());
        bytes[0] = [2, 3, 255][usize::try_from(seed % 3).unwrap()];
        take(&bytes);
    }
    println!("{came:?}");
    for way in ["refused", "not described", "ran"] {
        assert!(came.get(way).copied().unwrap_or(0) > 0, "nothing was {way}: {came:?}");
    }
}
