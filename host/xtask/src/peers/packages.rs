//! Gets what peers are made of: packages from PyPI into an environment of their own, and Debian's programs unpacked beside it.
//!
//! Nothing is installed on the machine: both live under `target/peers`. What cannot be had is told as SKIPPED by whoever asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{succeeds, top};

/// Debian's packages with the programs that call and switch.
const PROGRAMS: [&str; 5] = ["kamailio", "kamailio-utils-modules", "kamailio-extra-modules", "sip-tester", "baresip-core"];

/// A Python that has everything in `tests/peers/requirements.txt`; why not, where it could not be had.
pub(super) fn python() -> Result<PathBuf, String> {
    let venv = top().join("target/peers/venv");
    let python = venv.join("bin/python");
    let wanted = top().join("tests/peers/requirements.txt");
    let has = |python: &Path| succeeds(&python.to_string_lossy(), &["-c", "import boto3, nacl, retell, telnyx, twilio"]);
    if has(&python) {
        return Ok(python);
    }
    let made = succeeds("python3", &["-m", "venv", &venv.to_string_lossy()])
        && succeeds(&python.to_string_lossy(), &["-m", "pip", "install", "--quiet", "--requirement", &wanted.to_string_lossy()]);
    if made && has(&python) {
        Ok(python)
    } else {
        Err("boto3, pynacl, retell-sdk, telnyx and twilio could not be installed with python3 -m venv and pip".to_owned())
    }
}

/// The folder into which Debian's programs are unpacked; why not, where they could not be had.
pub(super) fn debian() -> Result<PathBuf, String> {
    let root = top().join("target/peers/debian");
    if has_programs(&root) {
        return Ok(root);
    }
    let debs = top().join("target/peers/debs");
    let why = || {
        format!(
            "Kamailio, SIPp and baresip could not be had: `apt-get update` as root, or `apt-get install {}`, and run it again",
            PROGRAMS.join(" ")
        )
    };
    std::fs::create_dir_all(debs.join("partial")).map_err(|error| error.to_string())?;
    let archives = format!("Dir::Cache::archives={}", debs.display());
    let download = || {
        let mut command = Command::new("apt-get");
        command.args(["--yes", "--quiet", "--quiet", "--no-install-recommends", "--option", "Debug::NoLocking=1", "--option", &archives]);
        command.args(["--download-only", "install"]).args(PROGRAMS);
        quiet(&mut command)
    };
    // A fresh machine has no lists of packages yet.
    if !download() {
        quiet(Command::new("apt-get").args(["update", "--quiet", "--quiet"]));
        if !download() {
            return Err(why());
        }
    }
    let files = std::fs::read_dir(&debs).map_err(|error| error.to_string())?.flatten().map(|entry| entry.path());
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "deb")) {
        if !quiet(Command::new("dpkg").arg("--extract").arg(&file).arg(&root)) {
            return Err(why());
        }
    }
    if has_programs(&root) { Ok(root) } else { Err(why()) }
}

fn has_programs(root: &Path) -> bool {
    ["usr/sbin/kamailio", "usr/bin/sipp", "usr/bin/baresip"].iter().all(|program| root.join(program).exists())
}

fn quiet(command: &mut Command) -> bool {
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
