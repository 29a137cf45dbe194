//! Runs the soaks whose figures are about time, in the profile `soak`: optimised like a release, and built in a third of the time.
//!
//! Started from a development build, every soak starts itself again in that profile, as the benchmark does in release (decision 20).
//!
//! The server keeps its data in the folder for temporary files. Where its disk stalls now and then, as those of virtual machines do, that
//! is most of what the slowest calls show; `TMPDIR=/dev/shm` in front of the command takes the disk out of the figures.

use std::time::Duration;

use anyhow::ensure;
use jackfield_tests::load::Figures;
use jackfield_tests::neighbours::Scale;
use jackfield_tests::{corpus, neighbours, overload};

use crate::shell::{cargo, top};

/// What the quiet tenant's p99 should not pass with neighbours, in parts of that without.
const RATIO_AIM: f64 = 1.5;
/// Ten minutes of every attacker at once.
const NEIGHBOURS_SECONDS: u32 = 600;
/// Half a minute of ten times what the server can do.
const OVERLOAD_SECONDS: u32 = 30;
/// What the issue asks for.
const OVERLOAD_TIMES: f64 = 10.0;
/// Fuel of one call: what a shed event costs is the same whatever its plugin would have cost, so the dearer the plugin the more is done.
/// The first is all that a standard plan gives.
const OVERLOAD_FUEL: [u64; 4] = [overload::CALL_FUEL / 4, overload::CALL_FUEL / 2, overload::CALL_FUEL, 4 * overload::CALL_FUEL];
/// Of the peak, what should still be done.
const KEPT_AIM: f64 = 0.9;
/// After a call is due, what 99 in 100 that are turned away should have heard within.
const FALLBACK_AIM: Duration = Duration::from_millis(10);
/// The quiet tenant's calls in a second.
const QUIET_PER_SECOND: f64 = 20.0;
/// From one call of an attacker to its next: some hundred calls a second of all of them, each as dear as it can make it. Faster is a
/// flood, which is measured as well.
const ATTACK_EVERY: Duration = Duration::from_secs(1);
/// What the platform keeps of a tenant's contacts meanwhile: so few that what is kept stands still long before the second half, and memory
/// with it. Without a bound the store's index of what is on the disk grows, as it should.
const KEPT: &str = "keep_contacts_max = 20";
/// Stretches of fuel between two yields that are compared.
const YIELDS: [u64; 4] = [100_000, 250_000, 500_000, 1_000_000];

/// The quiet tenant beside all the hostile ones.
pub(crate) fn neighbours(seconds: Option<u32>) -> anyhow::Result<()> {
    let report = block_on(neighbours::run(corpus::corpus(), scale(seconds.unwrap_or(NEIGHBOURS_SECONDS)), KEPT))?;
    println!("{report}");
    say_aim("p99 beside over alone", report.ratio(), RATIO_AIM);
    hold(&report)
}

/// What must hold whatever machine it is; how fast it was is printed, and whoever runs it looks at the aim.
fn hold(report: &neighbours::Report) -> anyhow::Result<()> {
    for attacked in [&report.beside, &report.flooded] {
        ensure!(attacked.quiet.lost.is_empty(), "calls of the quiet tenant were lost: {:?}", attacked.quiet.lost.first());
        ensure!(attacked.unanswered.is_empty(), "attackers' callers were not answered: {:?}", attacked.unanswered.first());
    }
    ensure!(report.beside.quiet.fallback.is_empty(), "{} calls of the quiet tenant went elsewhere", report.beside.quiet.fallback.len());
    ensure!(report.stuck == 0, "{} workers are stuck", report.stuck);
    Ok(())
}

fn say_aim(what: &str, found: f64, aim: f64) {
    println!("  aim: {what} at most {aim}: {} ({found:.2})", held(found <= aim));
}

fn held(is_held: bool) -> &'static str {
    if is_held { "held" } else { "NOT held" }
}

/// The same, shorter, for each stretch of fuel that may be chosen.
pub(crate) fn yields(seconds: Option<u32>) -> anyhow::Result<()> {
    for fuel in YIELDS {
        let report = block_on(neighbours::run(corpus::corpus(), scale(seconds.unwrap_or(60)), &format!("yield_fuel = {fuel}")))?;
        println!("yield after {fuel} fuel:\n{report}\n");
        hold(&report)?;
    }
    Ok(())
}

/// Ten times what the server can do.
pub(crate) fn overload(seconds: Option<u32>) -> anyhow::Result<()> {
    let lasting = Duration::from_secs(u64::from(seconds.unwrap_or(OVERLOAD_SECONDS)));
    for fuel in OVERLOAD_FUEL {
        let report = block_on(overload::run(OVERLOAD_TIMES, lasting, fuel))?;
        println!("{report}");
        let (kept, p99) = (report.kept(), Figures::per_mille(&report.asked.fallback, 990));
        println!("  aim: at least {KEPT_AIM} of the peak: {} ({kept:.3})", held(kept >= KEPT_AIM));
        println!("  aim: fallback p99 under {FALLBACK_AIM:?}: {} ({p99:.2?})\n", held(p99 < FALLBACK_AIM));
        ensure!(report.asked.lost.is_empty(), "calls were lost: {:?}", report.asked.lost.first());
        let [answered, written] = report.written;
        ensure!(answered == written, "{answered} calls were answered, and {written} are in the record");
    }
    Ok(())
}

fn scale(seconds: u32) -> Scale {
    let beside = Duration::from_secs(u64::from(seconds));
    Scale {
        per_second: QUIET_PER_SECOND,
        alone: (beside / 5).max(Duration::from_secs(10)),
        beside,
        every: ATTACK_EVERY,
        flooded: (beside / 10).max(Duration::from_secs(10)),
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

/// Starts the soak again, in its profile. Guests and both binaries are built first: what is measured is what stands in the tree.
pub(crate) fn optimised(what: &str, rounds: Option<u32>) -> anyhow::Result<()> {
    crate::guests::build()?;
    cargo(&top(), &["build", "--profile", "soak", "--locked", "--package", "jackfield-server", "--package", "xtask"])?;
    let rounds = rounds.map(|rounds| rounds.to_string());
    let mut args = vec!["run", "--profile", "soak", "--locked", "--package", "xtask", "--", "soak", what];
    if let Some(rounds) = &rounds {
        args.extend(["--rounds", rounds]);
    }
    cargo(&top(), &args)
}
