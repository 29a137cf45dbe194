//! Every guest of the corpus ends as it must, and nobody else notices.

use std::collections::BTreeSet;

use http::Method;
use jackfield_tests::artifacts::top;
use jackfield_tests::corpus::{self, Expected, Guest, corpus, text};
use jackfield_tests::platform::Platform;
use serde_json::json;

use super::super::answers::{ACME, CALLER, acme};

#[test]
fn every_hand_written_guest_is_in_the_corpus_and_becomes_a_component() {
    let mut written = BTreeSet::new();
    for entry in std::fs::read_dir(text::folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "wat") && name != "frame" {
            for case in text::cases(&path).unwrap() {
                written.insert((name.clone(), case.unwrap()));
            }
        }
    }
    let mut broken = Vec::new();
    let mut listed = BTreeSet::new();
    for sin in corpus() {
        if let Guest::Text(file, case) = sin.guest {
            listed.insert((file.to_owned(), case.to_owned()));
            if let Err(error) = sin.component() {
                broken.push(format!("{}: {error:#}", sin.name));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(written, listed, "what is written and what is listed differ");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_guest_ends_as_it_must_and_its_neighbour_notices_nothing() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let planted = corpus::plant(&platform.operator, "twilio", corpus()).await.unwrap();
    let mut wrong = Vec::new();
    for planted in &planted {
        let account = planted.commit(&platform.operator, &line).await.unwrap();
        if let Err(why) = planted.judge(&account) {
            wrong.push(why);
        }
        let neighbour = line.call(CALLER, ACME).arrive().await.unwrap();
        assert!(neighbour.twiml.first("Gather").is_some(), "after {} the neighbour heard {:?}", planted.sin.name, neighbour.twiml);
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), planted.len());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_run_is_refused_by_name() {
    let platform = Platform::start().await.unwrap();
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    let mut wrong = Vec::new();
    for sin in corpus() {
        let Expected::Refused(code, named) = sin.expected else { continue };
        match corpus::refused(&platform.operator, "acme", sin.component().unwrap()).await {
            Ok(rejected) if rejected.code == code && rejected.detail.contains(named) => {}
            other => wrong.push(format!("{}: {other:?}", sin.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    platform.stop().await;
}

#[test]
fn every_crate_of_a_guest_is_in_the_corpus() {
    let listed: BTreeSet<String> = corpus()
        .iter()
        .filter_map(|sin| match sin.guest {
            Guest::Crate(name) => Some(name.to_owned()),
            Guest::Text(..) => None,
        })
        .collect();
    // They behave well, or are no guest: what is measured with them is promised elsewhere.
    let honest = ["asks-the-web", "echo", "invents-names", "js", "python", "shape", "snapshot", "target", "wat", "works-hard"];
    let missing: Vec<String> = std::fs::read_dir(top().join("tests/guests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !honest.contains(&name.as_str()) && !listed.contains(name))
        .collect();
    assert!(missing.is_empty(), "guests without a promise: {missing:?}");
}
