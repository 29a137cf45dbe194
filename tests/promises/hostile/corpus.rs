//! Every guest of the corpus ends as it must, and nobody else notices.

use std::collections::BTreeSet;

use http::Method;
use jackfield_domain::budget::Limit;
use jackfield_tests::artifacts::{self, top};
use jackfield_tests::corpus::{self, Attacks, Expected, Guest, NEIGHBOUR, NEIGHBOURS_NUMBER, NEIGHBOURS_QUEUE, corpus, text};
use jackfield_tests::platform::{Platform, Tenancy};
use jackfield_tests::process::Process;
use serde_json::json;

use super::super::answers::CALLER;

/// What the server may grow by while all guests run once more: the rows of their calls are kept, and nothing else.
const GROWTH_BYTES_MAX: u64 = 32 << 20;
/// How often all of them run at most.
const TIMES_MAX: u32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn every_guest_ends_as_it_must_and_its_neighbour_notices_nothing() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(data.path()).unwrap();
    let operator = process.operator(None).unwrap();
    let line = operator.connect_twilio("twilio").await.unwrap();
    let neighbour = Tenancy {
        tenant: NEIGHBOUR,
        number: NEIGHBOURS_NUMBER,
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({}),
        queues: &["sales", "technical-support", NEIGHBOURS_QUEUE, "general-support"],
        plan: "standard",
    };
    operator.onboard("twilio", neighbour).await.unwrap();
    let planted = corpus::plant(&operator, "twilio", corpus()).await.unwrap();
    let mut wrong = Vec::new();
    for planted in &planted {
        let account = planted.commit(&operator, &line).await.unwrap();
        wrong.extend(planted.judge(&account).err());
        if planted.sin.name == "spins" {
            println!("a guest that only the clock can end was ended {} us late", account.late_us());
        }
        let beside = line.call(CALLER, NEIGHBOURS_NUMBER).arrive().await.unwrap();
        assert!(beside.twiml.first("Gather").is_some(), "after {} the neighbour heard {:?}", planted.sin.name, beside.twiml);
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), planted.len());
    // Slots and caches are warmed one after the other, as guests happen to come to lie in them. What is lost is lost every time; so there
    // is a time at which the server does not grow, or it loses something.
    let (mut before, mut grown) = (process.resident_bytes().unwrap(), GROWTH_BYTES_MAX);
    for time in 2..=TIMES_MAX {
        for planted in &planted {
            planted.ring(&line).await.unwrap();
        }
        let now = process.resident_bytes().unwrap();
        grown = now.saturating_sub(before);
        println!("{} guests ran {time} times; this time the server grew by {} KiB, to {} MiB", planted.len(), grown >> 10, now >> 20);
        before = now;
        if time > 2 && grown < GROWTH_BYTES_MAX {
            break;
        }
    }
    assert!(grown < GROWTH_BYTES_MAX, "the server grew by {grown} bytes the last time, and by as much before");
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
            other => wrong.push(format!("{} ({}): {other:?}", sin.name, sin.tries)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let versions = platform.operator.api.get("/v1/tenants/acme/plugins/logic/versions", &[]).await;
    assert!(versions.is_err() || versions.unwrap().body["items"].as_array().is_some_and(Vec::is_empty), "a refused upload left a version");
    platform.stop().await;
}

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
            broken.extend(sin.component().err().map(|error| format!("{}: {error:#}", sin.name)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(written, listed, "what is written and what is listed differ");
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
    let honest =
        ["asks-the-web", "comes-back", "echo", "invents-names", "js", "python", "shape", "snapshot", "target", "wat", "works-hard"];
    let missing: Vec<String> = std::fs::read_dir(top().join("tests/guests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !honest.contains(&name.as_str()) && !listed.contains(name))
        .collect();
    assert!(missing.is_empty(), "guests without a promise: {missing:?}");
}

#[test]
fn every_limit_every_wall_and_every_failure_has_a_guest_that_attacks_it() {
    let sins = corpus();
    let names: BTreeSet<&str> = sins.iter().map(|sin| sin.name.as_str()).collect();
    assert_eq!(names.len(), sins.len(), "two sins have one name");
    for limit in Limit::ALL {
        let attacker = sins.iter().any(|sin| {
            sin.attacks == Attacks::Limit(limit) && matches!(sin.expected, Expected::Fails(codes) if codes.contains(&limit.code()))
        });
        assert!(attacker, "nobody attacks {limit:?}");
    }
    for wall in [
        Attacks::Stack,
        Attacks::Abi,
        Attacks::Order,
        Attacks::Handles,
        Attacks::Upload,
        Attacks::Describe,
        Attacks::Vetting,
        Attacks::Rendering,
        Attacks::Log,
        Attacks::Isolation,
        Attacks::Outside,
        Attacks::Clock,
    ] {
        assert!(sins.iter().any(|sin| sin.attacks == wall), "nobody attacks {wall:?}");
    }
    for code in ["stack-exceeded", "trapped", "broke-abi", "declined", "nonsense", "unlisted", "cannot-render"] {
        assert!(sins.iter().any(|sin| matches!(sin.expected, Expected::Fails([only]) if *only == code)), "nobody ends with {code}");
    }
}
