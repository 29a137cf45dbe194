//! Promises that what a fuzzer once found, or came far with, does no harm.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jackfield_runtime::probe::edge;
use jackfield_tests::artifacts::top;
use jackfield_tests::fuzzing::lift::{Came, Stage};
use jackfield_tests::fuzzing::upload::Host;
use jackfield_tests::fuzzing::webhooks::{self, Webhooks};
use jackfield_tests::fuzzing::{recorded, sip};

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
    for way in ["refused", "not described", "ran"] {
        assert!(came.get(way).copied().unwrap_or(0) > 0, "nothing was {way}: {came:?}");
    }
}

/// What means something to one of the syntaxes, or nothing to any.
const ODD: &[u8] = b"%&={}[]\",:;\\\r\n \t\0<>\xff";

/// The inputs, and so many others of each that differ from it a little: bytes that are another, gone, there twice, or out of another input.
fn damaged(inputs: &[Vec<u8>], times: u64) -> Vec<Vec<u8>> {
    let mut all = inputs.to_vec();
    for (at, input) in inputs.iter().enumerate() {
        for time in 0..times {
            let (mut bytes, numbers) = (input.clone(), numbers(at as u64 * times + time, 32));
            for change in numbers.chunks_exact(8).take(1 + usize::try_from(time % 4).unwrap()) {
                let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % (bytes.len() + 1);
                let until = (place + usize::from(change[2]) % 12).min(bytes.len());
                match change[3] % 5 {
                    0 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = change[4]),
                    1 => drop(bytes.drain(place..until)),
                    2 => drop(bytes.splice(place..place, bytes[place..until].to_vec())),
                    3 => bytes.insert(place, ODD[usize::from(change[4]) % ODD.len()]),
                    _ => {
                        let other = &inputs[usize::from(change[5]) % inputs.len()];
                        let from = usize::from(change[6]) * 4 % (other.len() + 1);
                        drop(bytes.splice(place..until, other[from..(from + usize::from(change[7])).min(other.len())].to_vec()));
                    }
                }
            }
            all.push(bytes);
        }
    }
    all
}

fn post(webhooks: &Webhooks, target: &str, providers: &[&str]) {
    let (recorded, seeds) = (recorded::requests(&top(), providers).unwrap(), seeds(target));
    assert!(recorded.len() >= 30 && seeds.len() >= 3, "only {} recorded and {} kept", recorded.len(), seeds.len());
    for (name, request) in &recorded {
        let came = webhooks.take(request);
        assert!(matches!(came, webhooks::Came::Answered | webhooks::Came::Ignored), "{name}, which its provider reads: {came:?}");
    }
    let inputs: Vec<Vec<u8>> = recorded.into_iter().map(|(_, request)| request).chain(seeds.into_values()).collect();
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for input in damaged(&inputs, 40) {
        *came.entry(format!("{:?}", webhooks.take(&input))).or_default() += 1;
    }
    for way in [webhooks::Came::Unread, webhooks::Came::Answered] {
        assert!(came.get(&format!("{way:?}")).copied().unwrap_or(0) > 100, "too few were {way:?} to prove anything: {came:?}");
    }
}

#[test]
fn whatever_is_posted_as_a_form_is_not_verified_and_could_be_answered() {
    post(&Webhooks::form().unwrap(), "form", &webhooks::FORM);
}

#[test]
fn whatever_is_posted_as_json_is_not_verified_and_could_be_answered() {
    post(&Webhooks::json().unwrap(), "json", &webhooks::JSON);
}

#[test]
fn whatever_is_sent_by_sip_gets_one_message_of_our_own_lines_or_none() {
    let switch = sip::Switch::new().unwrap();
    let (recorded, seeds) = (recorded::bodies(&top(), &["sip"]).unwrap(), seeds("sip"));
    assert!(recorded.len() >= 2 && seeds.len() >= 3, "only {} recorded and {} kept", recorded.len(), seeds.len());
    for (name, message) in &recorded {
        assert_eq!(switch.hear(message), sip::Came::Answered, "{name}");
    }
    let inputs: Vec<Vec<u8>> = recorded.into_iter().map(|(_, message)| message).chain(seeds.into_values()).collect();
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for input in damaged(&inputs, 400) {
        *came.entry(format!("{:?}", switch.hear(&input))).or_default() += 1;
    }
    for way in [sip::Came::Nothing, sip::Came::Plain, sip::Came::Answered] {
        assert!(came.get(&format!("{way:?}")).copied().unwrap_or(0) > 20, "too few were {way:?} to prove anything: {came:?}");
    }
}
