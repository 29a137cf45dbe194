//! Learns at the start which walls stand around the compiler, says so, and does not start where one is demanded and missing.
//!
//! `serve` calls [`check`] with a runtime that has not compiled anything yet, the command line prints [`in_words`]. What the kernel of
//! this machine really does is tried by the compiler itself and not concluded from its version.

use std::path::PathBuf;

use jackfield_runtime::{Probe, Quarantine, Runtime, Standing};

/// Learns it; an error where the configuration demands more than there is.
pub(crate) async fn check(runtime: &Runtime, demanded: Quarantine) -> anyhow::Result<()> {
    let gaps = match runtime.probe_compiler().await {
        Ok(probe) if probe.fingerprint != runtime.fingerprint() => {
            anyhow::bail!("the compiler is of version {} and makes artifacts of another engine than this server's", probe.version)
        }
        Ok(probe) => probe.gaps(),
        Err(fault) => vec![fault.to_string()],
    };
    match demanded {
        _ if gaps.is_empty() => Ok(()),
        Quarantine::Required => anyhow::bail!("compile_quarantine is \"required\", but {}", gaps.join("; ")),
        Quarantine::BestEffort => {
            tracing::warn!(gaps = %gaps.join("; "), "the compiler's quarantine is not whole");
            Ok(())
        }
    }
}

/// One line: what stands, and what does not.
pub(crate) fn in_words(probe: Option<&Probe>) -> String {
    let Some(probe) = probe else { return "cannot be run: uploads will fail".to_owned() };
    let up: Vec<&str> = probe.walls.iter().filter(|wall| wall.standing != Standing::Missing).map(|wall| wall.name.as_str()).collect();
    let gaps = probe.gaps();
    let missing = if gaps.is_empty() { String::new() } else { format!("; NOT WHOLE: {}", gaps.join("; ")) };
    format!("quarantined by {}{missing}", up.join(", "))
}

/// This very program as it runs: on Linux even after its file was replaced by a newer one, whose artifacts this server could not use.
pub(crate) fn own_program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() { Ok(running) } else { std::env::current_exe() }
}
