//! Promises that a fresh instance is fresh, whoever was in its slot before.

use jackfield_tests::recycled::{SKIPPED, may_compact, run};

/// The soak makes two million.
const INSTANCES: u64 = 20_000;

#[test]
fn an_instance_finds_not_one_byte_of_the_one_before_it() {
    if !may_compact() {
        println!("SKIPPED: {SKIPPED}");
    }
    let report = run(INSTANCES, 2).unwrap();
    println!("{report}");
    assert_eq!(report.stale.bytes(), 0, "{report}");
    let found = report.control;
    let blind = [found.memory, found.table, found.globals, found.stack].contains(&0);
    assert!(!blind, "the guests cannot find what they left themselves, so they would not find another's: {report}");
    assert!(report.memories < u32::try_from(report.components).unwrap(), "no slot was shared: {report}");
}
