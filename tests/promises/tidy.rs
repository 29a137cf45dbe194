//! Keeps the house in order by what can be checked: headers, sizes, names, the contract's lock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jackfield_domain::id::Digest;
use jackfield_tests::artifacts::top;

/// A file longer than that answers for two things; its tests do not count.
const LINES_MAX: usize = 400;
/// A folder with more entries than that is a list and not a place.
const ENTRIES_MAX: usize = 18;

fn files(dir: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | ".git" | "node_modules" | "__pycache__") {
            files(&path, all);
        } else if path.is_file() {
            all.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for dir in ["host", "plugins", "tests"] {
        files(&top().join(dir), &mut all);
    }
    all.into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.strip_prefix(top()).unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn every_file_says_first_what_it_answers_for() {
    let without: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| {
            !path.ends_with("/tests.rs") && !path.contains("/src/tests/") && !path.contains("render/tests/") && !text.starts_with("//! ")
        })
        .map(|(path, _)| path)
        .collect();
    assert!(without.is_empty(), "no //! sentence in the first line of {without:#?}");
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !path.contains("/tests"))
        .map(|(path, text)| (path, text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {long:#?}");
}

#[test]
fn no_folder_is_a_list() {
    let mut entries: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut all = Vec::new();
    files(&top().join("host"), &mut all);
    for path in all.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        *entries.entry(path.parent().unwrap().to_owned()).or_default() += 1;
    }
    let full: Vec<_> = entries.into_iter().filter(|(_, count)| *count > ENTRIES_MAX).collect();
    assert!(full.is_empty(), "more than {ENTRIES_MAX} files: {full:#?}");
}

#[test]
fn no_name_says_nothing() {
    let banned = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
    let named: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| banned.contains(&Path::new(path).file_stem().unwrap().to_string_lossy().as_ref()))
        .collect();
    assert!(named.is_empty(), "{named:#?}");
    let endings = ["Handler", "Service", "Impl", "Manager"];
    for (path, text) in sources() {
        for line in text.lines().filter(|line| line.contains("struct ") || line.contains("trait ") || line.contains("enum ")) {
            let name = line
                .split(["struct ", "trait ", "enum "].into_iter().find(|word| line.contains(*word)).unwrap())
                .nth(1)
                .unwrap_or_default();
            let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
            assert!(!endings.iter().any(|ending| name.ends_with(ending)), "{path}: {name}");
        }
    }
}

#[test]
fn nothing_is_unfinished_and_no_test_is_switched_off() {
    // Put together here, so that this file does not find itself.
    let words = [format!("{}!(", "todo"), format!("{}!(", "unimplemented"), format!("#[{}", "ignore"), format!("should_{}", "panic")];
    for (path, text) in sources() {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{path} has {word}");
        }
    }
}

#[test]
fn a_released_contract_is_what_its_lock_says() {
    let lock = std::fs::read_to_string(top().join("wit/v1.lock")).unwrap();
    let mut locked: BTreeMap<String, String> = BTreeMap::new();
    for line in lock.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        locked.insert(name.to_owned(), digest.to_owned());
    }
    let folder = |dir: &str| -> BTreeMap<String, String> {
        let mut all = Vec::new();
        files(&top().join(dir), &mut all);
        all.into_iter()
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), Digest::of(&std::fs::read(&path).unwrap()).to_string()))
            .collect()
    };
    assert_eq!(folder("wit/v1"), locked, "wit/v1 is not what wit/v1.lock says: a change of a released contract is a new version");
    assert_eq!(folder("tests/fixtures/wit/0.9.0"), locked, "the committed snapshot is not the released contract");
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let mut names: Vec<String> =
        std::fs::read_dir(top()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !matches!(name.as_str(), "target" | ".git"));
    names.sort();
    let expected = [
        ".cargo",
        ".ci",
        ".editorconfig",
        ".gitignore",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "SECURITY.md",
        "clippy.toml",
        "deny.toml",
        "host",
        "plugins",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "tests",
        "wit",
    ];
    assert_eq!(names, expected);
}
