//! Finds the programs of other projects that tasks need, and installs what is missing under `target/tools`.
//!
//! `test` asks it for cargo-deny and `fuzz` for cargo-fuzz. They are built here and not expected on the machine, because a check that
//! runs only where somebody thought of installing it is a check that nobody misses. Nothing outside the project's folder is changed.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{run, step, succeeds, top};

/// The program, installed if need be; none where it is not there and cannot be built, for example without a network.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    if succeeds(name, &["--version"]) {
        return Some(PathBuf::from(name));
    }
    let root = top().join("target/tools");
    let program = root.join("bin").join(name);
    let runs = |program: &PathBuf| succeeds(&program.to_string_lossy(), &["--version"]);
    if !runs(&program) {
        // Why it could not be built is on the screen; what follows from that is the task's to say.
        let _told = step(&format!("{name}, once"), || {
            run(Command::new("cargo")
                .args(["install", "--locked", name, "--root"])
                .arg(&root)
                .arg("--target-dir")
                .arg(root.join("build"))
                .current_dir(top()))
        });
    }
    runs(&program).then_some(program)
}
