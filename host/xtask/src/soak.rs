//! Runs the long forms of what the tests promise in short: kills, power cuts.
//!
//! By hand, before a release, and its output is kept with the issue.

use clap::ValueEnum;

/// What can be run long.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// kill -9 under load; 20 rounds.
    Kill,
    /// Power cuts of the store; 100 cuts.
    PowerCut,
    /// A thousand tenants with a thousand plugins.
    Capacity,
}

/// Runs it.
pub(crate) fn run(what: What, rounds: Option<u32>) -> anyhow::Result<()> {
    match what {
        What::Kill => {
            crate::shell::cargo(&crate::shell::top(), &["build", "--locked", "--package", "jackfield-server", "--package", "xtask"])?;
            let report = tokio::runtime::Runtime::new()?.block_on(jackfield_tests::crash::run(rounds.unwrap_or(20)))?;
            println!(
                "{} kills under load: {} acknowledged events and {} releases, none lost, each counted once",
                report.rounds, report.acknowledged, report.releases
            );
            println!("slowest start to ready: {} ms", report.slowest_start.as_millis());
        }
        What::PowerCut => {
            let cuts = rounds.unwrap_or(100);
            println!("{}", jackfield_store::power_cut::run(cuts, 1)?);
        }
        What::Capacity => {
            let tenants = rounds.unwrap_or(1_000);
            crate::shell::cargo(&crate::shell::top(), &["build", "--locked", "--package", "jackfield-server", "--package", "xtask"])?;
            let report = tokio::runtime::Runtime::new()?.block_on(jackfield_tests::capacity::run(tenants))?;
            println!("{report}");
        }
    }
    Ok(())
}
