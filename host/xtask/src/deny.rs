//! Judges every dependency tree of the project: licences, bans and sources always, advisories where their database can be reached.
//!
//! `test` calls it. The host, the plugins, the guests and the fuzz targets are workspaces of their own, so each is judged by itself and
//! all by the one `deny.toml`. What waits for somebody else's repair stands there with its reason.
//!
//! That advisories could not be looked at is told as SKIPPED and never taken for sound.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::shell::{run, step, succeeds, top};
use crate::tools;

/// The project's workspaces, seen from the top.
const WORKSPACES: [&str; 4] = [".", "plugins", "tests/guests", "tests/fuzz"];

/// Checks all of them; adds what could not be checked.
pub(crate) fn check(skipped: &mut Vec<String>) -> anyhow::Result<()> {
    // Whoever could build this has the registry that cargo-deny comes from.
    let Some(deny) = tools::find("cargo-deny") else {
        bail!("licences, bans and sources are not checked: cargo-deny is not there, and `cargo install --locked cargo-deny` failed")
    };
    step("licences, bans, sources", || each(&deny, &["licenses", "bans", "sources"], &[]))?;
    // Asked for first and by itself: an advisory that was found must fail, a database that cannot be reached must not.
    let reached = succeeds(&deny.to_string_lossy(), &["--manifest-path", &manifest("."), "--config", &config(), "fetch", "db"]);
    if !reached {
        skipped.push(
            "ADVISORIES of all dependencies: the database of RustSec cannot be reached from here; run `cargo deny check advisories` where it can"
                .to_owned(),
        );
        return Ok(());
    }
    step("advisories", || each(&deny, &["advisories"], &["--disable-fetch"]))
}

fn each(deny: &Path, what: &[&str], more: &[&str]) -> anyhow::Result<()> {
    WORKSPACES.iter().try_for_each(|workspace| {
        println!("   {workspace}");
        let mut command = Command::new(deny);
        command.args(["--manifest-path", &manifest(workspace), "--config", &config(), "check"]);
        // An exception is written once for all four, and three of them do not meet it.
        for unmet in ["unused-wrapper", "license-exception-not-encountered", "advisory-not-detected"] {
            command.args(["--allow", unmet]);
        }
        command.args(more).args(what);
        run(&mut command)
    })
}

fn manifest(workspace: &str) -> String {
    top().join(workspace).join("Cargo.toml").to_string_lossy().into_owned()
}

fn config() -> String {
    top().join("deny.toml").to_string_lossy().into_owned()
}
