//! Promises that an invocation is the same whenever and wherever it runs.

use jackfield_tests::determinism::{run, subjects};

/// The soak makes a thousand.
const RUNS: u32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_invocation_gives_the_same_answer_for_the_same_fuel() {
    let (subjects, missing) = subjects(false).unwrap();
    let report = run(RUNS, subjects, missing).await.unwrap();
    println!("{report}");
    let differing: Vec<_> = report.findings.iter().filter(|finding| !finding.differing.is_empty()).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    // What a proof of sameness must have had: work on the other threads, questions that were answered, every kind of end.
    assert!(report.disturbances > 0, "nothing ran beside it");
    assert!(report.findings.iter().all(|finding| finding.runs >= RUNS && finding.fuel > 0), "{report}");
    let asked = report.findings.iter().find(|finding| finding.name == "echo").unwrap();
    assert!(asked.told > 15 && asked.came_to.starts_with("a draft"), "the guest that asks everything did not: {asked:?}");
    for end in ["a draft", "a persona", "trapped", "fuel-exceeded", "stack-exceeded", "memory-exceeded", "host-calls-exceeded"] {
        assert!(report.findings.iter().any(|finding| finding.came_to.starts_with(end)), "nothing came to {end}: {report}");
    }
}
