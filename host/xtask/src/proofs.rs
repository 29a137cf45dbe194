//! Runs the proofs of the sandbox in their long form: recycled slots, and determinism.
//!
//! `soak` calls it. A proof that finds something fails, and its report says what.

use anyhow::ensure;
use jackfield_tests::{determinism, recycled};

/// Fresh instances in all.
const INSTANCES: u64 = 2_000_000;
/// Runs of each subject.
const RUNS: u32 = 1_000;

/// Two million instances in recycled slots, as many threads as there are.
pub(crate) fn recycled(instances: Option<u32>) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 16);
    let report = recycled::run(instances.map_or(INSTANCES, u64::from), u32::try_from(threads)?)?;
    println!("{report}");
    if report.compactions.is_none() {
        println!("\nSKIPPED: {}", recycled::SKIPPED);
    }
    let found = report.control;
    ensure!(![found.memory, found.table, found.globals, found.stack].contains(&0), "the guests cannot find what they left themselves");
    ensure!(report.stale.bytes() == 0, "an instance saw what another left");
    Ok(())
}

/// A thousand runs of each plugin and guest.
pub(crate) fn determinism(runs: Option<u32>) -> anyhow::Result<()> {
    let (subjects, missing) = determinism::subjects(true)?;
    let report = tokio::runtime::Runtime::new()?.block_on(determinism::run(runs.unwrap_or(RUNS), subjects, missing))?;
    println!("{report}");
    let differing: Vec<_> = report.findings.iter().filter(|finding| !finding.differing.is_empty()).collect();
    ensure!(differing.is_empty(), "runs differ: {differing:#?}");
    Ok(())
}
