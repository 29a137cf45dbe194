//! Runs the long forms of what the tests promise in short: kills, power cuts, crowds, proofs.
//!
//! By hand, before a release, and its output is kept with the issue.

use clap::ValueEnum;

/// What can be run long.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// kill -9 under load; 20 rounds.
    Kill,
    /// 100,000 spends of a quota over three levels of tenants; 50 kills.
    Quota,
    /// Power cuts of the store; 100 cuts.
    PowerCut,
    /// A start with 10,000 versions of 1,000 tenants that nobody called yet.
    Start,
    /// A thousand tenants with a thousand plugins.
    Capacity,
    /// What one instance leaves to the next in recycled slots, under memory compaction; two million instances.
    Recycled,
    /// The same invocation a thousand times, from fresh compiles and mapped artifacts.
    Determinism,
    /// What capturing costs: calls with and without, in turns; 20 rounds of 3 seconds each.
    Capture,
    /// 10,000 captured invocations, replayed on the same server, after a restart, on a copy, and against a candidate.
    Replay,
    /// A quiet tenant beside all the hostile ones at once; 600 seconds.
    Neighbours,
    /// The same, shorter, for each stretch of fuel between two yields; 60 seconds each.
    Yields,
    /// Ten times what the server can do; 30 seconds.
    Overload,
}

/// Runs it.
pub(crate) fn run(what: What, rounds: Option<u32>) -> anyhow::Result<()> {
    // All of them as fast as what is shipped, or nearly (decision 20); the store's power cuts take no time and no other program.
    if cfg!(debug_assertions) && !matches!(what, What::PowerCut) {
        let name = what.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        return crate::crowds::optimised(&name, rounds);
    }
    match what {
        What::Kill => {
            let report = tokio::runtime::Runtime::new()?.block_on(jackfield_tests::crash::run(rounds.unwrap_or(20)))?;
            println!(
                "{} kills under load: {} acknowledged events and {} releases, none lost, each counted once",
                report.rounds, report.acknowledged, report.releases
            );
            println!("slowest start to ready: {} ms", report.slowest_start.as_millis());
        }
        What::Quota => {
            println!("{}", tokio::runtime::Runtime::new()?.block_on(jackfield_tests::ledger::run(100_000, rounds.unwrap_or(50)))?);
        }
        What::PowerCut => {
            let cuts = rounds.unwrap_or(100);
            println!("{}", jackfield_store::power_cut::run(cuts, 1)?);
        }
        What::Start => {
            let versions = rounds.unwrap_or(10_000);
            println!("{}", tokio::runtime::Runtime::new()?.block_on(jackfield_tests::stock::run(versions))?);
        }
        What::Capacity => {
            let tenants = rounds.unwrap_or(1_000);
            let report = tokio::runtime::Runtime::new()?.block_on(jackfield_tests::capacity::run(tenants))?;
            println!("{report}");
        }
        What::Capture => {
            let rounds = jackfield_tests::capturing::run(rounds.unwrap_or(20), std::time::Duration::from_secs(3));
            println!("{}", tokio::runtime::Runtime::new()?.block_on(rounds)?);
        }
        What::Replay => {
            let report = tokio::runtime::Runtime::new()?.block_on(jackfield_tests::replays::run(rounds.unwrap_or(10_000), 37))?;
            println!("{report}");
            report.hold()?;
        }
        What::Recycled => return crate::proofs::recycled(rounds),
        What::Determinism => return crate::proofs::determinism(rounds),
        What::Neighbours => return crate::crowds::neighbours(rounds),
        What::Yields => return crate::crowds::yields(rounds),
        What::Overload => return crate::crowds::overload(rounds),
    }
    Ok(())
}
