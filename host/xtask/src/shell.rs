//! Runs other programs and says what is being done: every task begins its steps here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};

/// The top level of the project.
pub(crate) fn top() -> PathBuf {
    jackfield_tests::artifacts::top()
}

/// Announces a step and tells afterwards how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    println!("\n== {what}");
    let begun = Instant::now();
    let done = work().with_context(|| what.to_owned())?;
    println!("   {what}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(done)
}

/// A cargo command in one of the project's workspaces.
pub(crate) fn cargo(workspace: &Path, args: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(workspace);
    // The workspaces have target folders of their own; what cargo told us about ours must not reach them.
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    run(&mut command)
}

/// Runs it; an error where it does not succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

/// True where it can be started and succeeds; what it prints is not shown.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What it prints.
pub(crate) fn output(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        bail!("{program} ended with {}", output.status)
    }
}
