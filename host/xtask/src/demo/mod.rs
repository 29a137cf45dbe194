//! Shows the whole thing in a minute: a server on a fresh store, four tenants, calls as Twilio would place them.
//!
//! It is the README's first command. It onboards through the public API, signs like providers, prints what the caller would hear and why,
//! and checks each answer; then it stays up with curl lines to try, or ends with `--once`.

mod references;
mod tenants;
mod tour;

use std::time::Instant;

use anyhow::bail;
use clap::ValueEnum;
use jackfield_tests::process::Process;

use crate::guests;
use crate::shell::{cargo, step, top};

/// One part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Four tenants that are called as Twilio would.
    Calls,
    /// The reference system of one Amazon Connect instance for many brands.
    Connect,
    /// The reference system of a care platform with departments.
    Care,
}

/// Builds, starts, shows.
pub(crate) fn run(once: bool, only: Option<Only>) -> anyhow::Result<()> {
    guests::build_plugins()?;
    step("the server", || cargo(&top(), &["build", "--locked", "--package", "jackfield-server", "--package", "xtask"]))?;
    let begun = Instant::now();
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let wrong = runtime.block_on(async {
        let shows = |part: Only| only.is_none_or(|only| only == part);
        let mut wrong = 0;
        if shows(Only::Calls) {
            println!("\n== onboarding through the admin API at {}", operator.admin_url);
            let line = tenants::onboard(&operator).await?;
            println!("   {:.1} s", begun.elapsed().as_secs_f64());
            wrong += tour::walk(&operator, &line).await?;
        }
        // They have numbers of their own, some of them the same: each on a server of its own, unless it is shown alone and stays up.
        let own = |name: &str| only.is_none().then(|| Process::start(&data.path().join(name))).transpose();
        if shows(Only::Connect) {
            let own = own("connect")?;
            wrong += references::connect(&own.as_ref().unwrap_or(&process).operator(None)?).await?;
        }
        if shows(Only::Care) {
            let own = own("care")?;
            wrong += references::care(&own.as_ref().unwrap_or(&process).operator(None)?).await?;
        }
        anyhow::Ok(wrong)
    })?;
    println!(
        "\n== {:.1} s after the build; {}",
        begun.elapsed().as_secs_f64(),
        if wrong == 0 { "every answer was the right one".to_owned() } else { format!("{wrong} answers were wrong") }
    );
    if !once {
        runtime.block_on(stay(&process, &operator, only.is_none_or(|only| only == Only::Calls)))?;
    }
    if wrong == 0 { Ok(()) } else { bail!("{wrong} answers were wrong") }
}

/// Stays up until Ctrl-C, with lines to paste.
async fn stay(process: &Process, operator: &jackfield_tests::platform::Operator, has_calls: bool) -> anyhow::Result<()> {
    let binary = jackfield_tests::artifacts::binary()?;
    println!("\nThe server stays up (process {}). Try, in another terminal:\n", process.id());
    println!("  export JACKFIELD_SERVER={} JACKFIELD_TOKEN={}", operator.admin_url, operator.token);
    println!("  {} tenant list", binary.display());
    if has_calls {
        println!("  {} contact find --tenant acme --today", binary.display());
        println!("  {} explain --tenant acme <the id of a contact>", binary.display());
        println!("  {} connection refusals --tenant platform twilio", binary.display());
    } else {
        println!("  {} contact find --tenant <one of them> --today", binary.display());
    }
    println!("  curl -s -H \"Authorization: Bearer $JACKFIELD_TOKEN\" $JACKFIELD_SERVER/v1/tenants");
    if has_calls {
        println!("  curl -si -d 'CallSid=CA1&To=%2B18005551234' {}/hooks/twilio/voice   # no signature: 403", operator.hooks_url);
    }
    println!("\nCtrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
