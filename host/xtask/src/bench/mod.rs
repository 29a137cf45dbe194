//! Measures in a release build, beside a peer in the same run, and prints ratios: absolute times belong to one machine.
//!
//! Started from a development build it starts itself again in release. Each peer does the same job without what Jackfield is for: the
//! engine alone, a parser written by hand for one request, a handler that answers with one document.

mod by_hand;
mod invocation;
mod providers;
mod webhook;

use clap::ValueEnum;

use crate::shell::{cargo, top};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// One invocation beside the engine alone.
    Invocation,
    /// Reading a request and writing its reply, of each provider, beside the same by hand.
    Providers,
    /// A webhook with everything, beside a handler that answers with one document.
    Webhook,
}

/// In the order in which one who waits learns most.
const ALL: [Only; 3] = [Only::Invocation, Only::Providers, Only::Webhook];

impl Only {
    fn as_str(self) -> &'static str {
        match self {
            Self::Invocation => "invocation",
            Self::Providers => "providers",
            Self::Webhook => "webhook",
        }
    }
}

/// Measures.
pub(crate) fn run(only: Option<Only>) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        crate::guests::build_plugins()?;
        cargo(&top(), &["build", "--release", "--locked", "--package", "jackfield-server", "--package", "xtask"])?;
        let mut again = vec!["run", "--release", "--locked", "--package", "xtask", "--", "bench"];
        again.extend(only.iter().flat_map(|only| ["--only", only.as_str()]));
        return cargo(&top(), &again);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    for what in only.map_or_else(|| ALL.to_vec(), |only| vec![only]) {
        match what {
            Only::Invocation => runtime.block_on(invocation::run())?,
            Only::Providers => providers::run()?,
            Only::Webhook => runtime.block_on(webhook::run())?,
        }
    }
    Ok(())
}

/// How busy the machine was: a ratio holds on a busy one too, but spreads.
fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// One in ten, the middle and nine in ten.
fn spread(mut all: Vec<f64>) -> (f64, f64, f64) {
    all.sort_unstable_by(f64::total_cmp);
    let at = |part: usize| all.get(all.len() * part / 10).copied().unwrap_or_default();
    (at(1), at(5), at(9))
}

fn held(held: bool) -> &'static str {
    if held { "held" } else { "NOT HELD" }
}
