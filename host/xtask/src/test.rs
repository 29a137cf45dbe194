//! Runs what CI runs: format, lints, every test, with plugins and guests built.
//!
//! One profile, no release build of the host. What could not run prints SKIPPED at the very end, where it is read.

use crate::shell::{cargo, step, top};
use crate::{deny, guests, peers};

/// Runs everything; the first failure ends it.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut skipped = Vec::new();
    let workspaces = [top(), top().join("plugins"), top().join("tests/guests")];
    step("format", || workspaces.iter().try_for_each(|workspace| cargo(workspace, &["fmt", "--all", "--check"])))?;
    step("lints of the host", || {
        cargo(&top(), &["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"])
    })?;
    let interpreted = guests::build()?;
    skipped.extend(interpreted.skipped.iter().cloned());
    let host = host_triple()?;
    step("lints of plugins and guests", || {
        cargo(&top().join("plugins"), &["clippy", "--release", "--locked", "--", "-D", "warnings"])?;
        cargo(&top().join("plugins"), &["clippy", "--all-targets", "--locked", "--target", &host, "--", "-D", "warnings"])?;
        cargo(&top().join("tests/guests"), &["clippy", "--release", "--locked", "--", "-D", "warnings"])
    })?;
    step("plugins' own tests", || cargo(&top().join("plugins"), &["test", "--locked", "--target", &host]))?;
    // One build for binary and tests, so that what they have in common is compiled once.
    step("the binary and the tests", || cargo(&top(), &["build", "--workspace", "--all-targets", "--all-features", "--locked"]))?;
    step("every test", || cargo(&top(), &["test", "--workspace", "--all-features", "--locked"]))?;
    for (name, file) in &interpreted.built {
        step(&format!("a {name} plugin answers a call"), || peers::interpreted(name, file))?;
    }
    for file in &interpreted.acme {
        let what = file.file_stem().unwrap_or_default().to_string_lossy();
        step(&format!("{what} passes the cases of the Acme plugin"), || peers::acme(file))?;
    }
    match peers::twilio()? {
        None => {}
        Some(why) => skipped.push(why),
    }
    skipped.extend(peers::doors()?);
    deny::check(&mut skipped)?;
    if !jackfield_tests::recycled::may_compact() {
        skipped.push(jackfield_tests::recycled::SKIPPED.to_owned());
    }
    println!("\nAll promises hold.");
    for what in &skipped {
        println!("SKIPPED: {what}");
    }
    Ok(())
}

fn host_triple() -> anyhow::Result<String> {
    let version = crate::shell::output("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("rustc -vV names no host"))
}
