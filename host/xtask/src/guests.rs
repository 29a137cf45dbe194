//! Builds what runs inside the sandbox: plugins, hostile guests, and the two that bring their interpreter along.
//!
//! `demo` and `test` call it first. It adds the compiler's wasm target where rustup can; JavaScript and Python need npm and pip, and
//! what they could not build is reported and not forgotten.

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::shell::{cargo, output, run, step, succeeds, top};

/// What plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// Components with an interpreter inside.
#[derive(Debug, Default)]
pub(crate) struct Interpreted {
    /// Built: name and file.
    pub built: Vec<(&'static str, PathBuf)>,
    /// The Acme plugin in these languages.
    pub acme: Vec<PathBuf>,
    /// Not built, and why.
    pub skipped: Vec<String>,
}

/// Builds plugins and guests; the interpreted ones as far as this machine can.
pub(crate) fn build() -> anyhow::Result<Interpreted> {
    step("the wasm target", add_target)?;
    step("plugins", || cargo(&top().join("plugins"), &["build", "--release", "--locked"]))?;
    step("guests", || cargo(&top().join("tests/guests"), &["build", "--release", "--locked"]))?;
    interpreted()
}

/// Builds the plugins alone: what the demo needs.
pub(crate) fn build_plugins() -> anyhow::Result<()> {
    step("the wasm target", add_target)?;
    step("plugins", || cargo(&top().join("plugins"), &["build", "--release", "--locked"]))?;
    step("a looping guest", || cargo(&top().join("tests/guests"), &["build", "--release", "--locked", "--package", "loops"]))
}

fn add_target() -> anyhow::Result<()> {
    let sysroot = output("rustc", &["--print", "sysroot"])?;
    if PathBuf::from(sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    if succeeds("rustup", &["--version"]) && run(Command::new("rustup").args(["target", "add", TARGET])).is_ok() {
        return Ok(());
    }
    bail!(
        "the compiler has no target {TARGET}; run `rustup target add {TARGET}`, or install your distribution's package of Rust's std for it"
    )
}

/// JavaScript through npm, Python through pip: a guest that says hello, and the Acme plugin.
fn interpreted() -> anyhow::Result<Interpreted> {
    let mut all = Interpreted::default();
    for (name, needs, folder, acme) in [("javascript", "npm", "js", "acme-ivr-js"), ("python", "python3", "python", "acme-ivr-python")] {
        let guests = top().join("tests/guests");
        let built = |what: &str, from: PathBuf| {
            let file = guests.join(format!("target/{what}.wasm"));
            let mut script = Command::new("bash");
            script.arg(guests.join(folder).join("build.sh")).arg(&file).arg(from);
            (step(&format!("{what} in {name}"), || run(&mut script)).is_ok() && file.is_file()).then_some(file)
        };
        if !succeeds(needs, &["--version"]) {
            all.skipped.push(format!("{name} components: {needs} is not there"));
            continue;
        }
        match (built(name, guests.join(folder)), built(acme, top().join("plugins").join(acme))) {
            (Some(guest), Some(plugin)) => {
                all.built.push((name, guest));
                all.acme.push(plugin);
            }
            _ => all.skipped.push(format!("{name} components: the registry of {needs} is not there")),
        }
    }
    Ok(all)
}
