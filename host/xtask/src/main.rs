//! Runs the project's tasks, one command each: demo, test, guests, bench, soak, walk, fuzz.
//!
//! Developers and CI call it as `cargo xtask`. It is Rust and not a heap of scripts, so that a task works on every machine that can
//! build the project. What it measures or promises lives in `tests/`; here is only the order of things.
#![expect(clippy::print_stdout, reason = "a task talks to whoever started it")]

mod bench;
mod crowds;
mod demo;
mod deny;
mod fuzz;
mod guests;
mod peers;
mod proofs;
mod shell;
mod soak;
mod test;
mod tools;
mod types;
mod walk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// As the server's (decision 21): benchmarks run the host in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Tasks of the project")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start a server, onboard tenants and reach them as their providers would.
    Demo {
        /// End after the tour; the exit status tells whether every answer was the right one.
        #[arg(long)]
        once: bool,
        /// Only this part.
        #[arg(long)]
        only: Option<demo::Only>,
    },
    /// Format, lints, every test, plugins and guests: what CI runs.
    Test,
    /// Let real clients come by the front doors: boto3, Kamailio with SIPp, baresip, and providers' own packages.
    Peers,
    /// Write the contract's types for TypeScript anew.
    Types,
    /// Build plugins and guests for the sandbox.
    Guests,
    /// Measure, in a release build: ratios beside a peer in the same run.
    Bench {
        /// Only this one.
        #[arg(long)]
        only: Option<bench::Only>,
    },
    /// The long forms of what the tests promise.
    Soak {
        /// Which.
        #[arg(value_enum)]
        what: soak::What,
        /// How often; the figure that the issue names where absent.
        #[arg(long)]
        rounds: Option<u32>,
    },
    /// Walk a new user's path in each language, from an empty folder to a rollback, and say how long each step takes.
    Walk {
        /// Only this language.
        #[arg(long)]
        lang: Option<walk::Language>,
    },
    /// Fuzz what strangers send: webhooks as forms and as JSON, SIP, answers of guests, and uploads. Needs a nightly compiler.
    Fuzz {
        /// Of each target.
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u32,
        /// Only this one.
        #[arg(long)]
        only: Option<fuzz::Only>,
    },
}

fn main() -> ExitCode {
    let result = match CommandLine::parse().task {
        Task::Demo { once, only } => demo::run(once, only),
        Task::Test => test::run(),
        Task::Peers => peers::doors().map(|skipped| skipped.iter().for_each(|what| println!("SKIPPED: {what}"))),
        Task::Types => types::write(false),
        Task::Guests => guests::build().map(|_| ()),
        Task::Bench { only } => bench::run(only),
        Task::Soak { what, rounds } => soak::run(what, rounds),
        Task::Walk { lang } => walk::run(lang),
        Task::Fuzz { seconds, only } => fuzz::run(seconds, only),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}
