//! Shows the whole thing in a minute: a server on a fresh store, four tenants, calls as Twilio would place them.
//!
//! It is the README's first command. It onboards through the public API, signs like Twilio, prints what the caller would hear and why,
//! and checks each answer; then it stays up with curl lines to try, or ends with `--once`.

mod tenants;
mod tour;

use std::time::Instant;

use anyhow::bail;
use jackfield_tests::process::Process;

use crate::guests;
use crate::shell::{cargo, step, top};

/// Builds, starts, shows.
pub(crate) fn run(once: bool) -> anyhow::Result<()> {
    guests::build_plugins()?;
    step("the server", || cargo(&top(), &["build", "--locked", "--package", "jackfield-server", "--package", "xtask"]))?;
    let begun = Instant::now();
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let wrong = runtime.block_on(async {
        println!("\n== onboarding through the admin API at {}", operator.admin_url);
        let line = tenants::onboard(&operator).await?;
        println!("   {:.1} s", begun.elapsed().as_secs_f64());
        tour::walk(&operator, &line).await
    })?;
    println!(
        "\n== {:.1} s after the build; {}",
        begun.elapsed().as_secs_f64(),
        if wrong == 0 { "every answer was the right one".to_owned() } else { format!("{wrong} answers were wrong") }
    );
    if !once {
        runtime.block_on(stay(&process, &operator))?;
    }
    if wrong == 0 { Ok(()) } else { bail!("{wrong} answers were wrong") }
}

/// Stays up until Ctrl-C, with lines to paste.
async fn stay(process: &Process, operator: &jackfield_tests::platform::Operator) -> anyhow::Result<()> {
    let binary = jackfield_tests::artifacts::binary()?;
    println!("\nThe server stays up (process {}). Try, in another terminal:\n", process.id());
    println!("  export JACKFIELD_SERVER={} JACKFIELD_TOKEN={}", operator.admin_url, operator.token);
    println!("  {} contact find --tenant acme --today", binary.display());
    println!("  {} explain --tenant acme <the id of a contact>", binary.display());
    println!("  {} connection refusals --tenant platform twilio", binary.display());
    println!("  curl -s -H \"Authorization: Bearer $JACKFIELD_TOKEN\" $JACKFIELD_SERVER/v1/tenants");
    println!("  curl -si -d 'CallSid=CA1&To=%2B18005551234' {}/hooks/twilio/voice   # no signature: 403", operator.hooks_url);
    println!("\nCtrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
