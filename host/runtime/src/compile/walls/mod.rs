//! Raises the walls around the child, before it reads a byte, and tells which of them stand.
//!
//! [`super::inside`] and [`super::probe`] call [`raise`] on themselves; nothing can take a wall down again. The child starts as this very
//! program and limits itself, because what the parent could set before the start needs code that the compiler cannot check; that is
//! sound as long as nothing hostile was read, and nothing was.
//!
//! Best effort: a kernel without one of them still gets the others. Whoever demands all of them looks at what came back. It must not
//! report a wall that it did not see go up.

#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod folder;

use rlimit::Resource;
use serde::{Deserialize, Serialize};

use super::order::ChildLimits;

/// Whether a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It stands.
    Up,
    /// As much of it as this kernel knows.
    Partly,
    /// It does not.
    Missing,
}

/// One wall of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Which, for example "seccomp".
    pub name: String,
    /// Whether it stands.
    pub standing: Standing,
    /// What it does, or why it is missing.
    pub detail: String,
}

impl Wall {
    fn new(name: &str, standing: Standing, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), standing, detail: detail.into() }
    }

    /// Of something that went up or failed.
    fn of<E: std::fmt::Display>(name: &str, detail: &str, raised: Result<(), E>) -> Self {
        match raised {
            Ok(()) => Self::new(name, Standing::Up, detail),
            Err(error) => Self::new(name, Standing::Missing, error.to_string()),
        }
    }
}

/// How much more patient than everything else a compiler is: calls are answered meanwhile.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// The kernel's largest: where memory runs out, a child goes first and never the server.
#[cfg(target_os = "linux")]
const OOM_SCORE: &str = "1000";
/// It opens no file; this is for a person who has its output written to one, and twice the largest artifact.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Its three pipes. It opens nothing.
const FILES_MAX: u64 = 3;

/// Raises all walls around this process. It cannot be undone, and the process can do nothing afterwards but compute, read its standard
/// input and write its two outputs.
pub(crate) fn raise(limits: &ChildLimits) -> Vec<Wall> {
    let mut walls = raise_unfiltered(limits);
    // The filter comes last: it forbids everything that the others need to go up.
    walls.extend(last());
    walls
}

/// All but the filter of system calls: for a look at what stands behind it.
pub(super) fn raise_unfiltered(limits: &ChildLimits) -> Vec<Wall> {
    let mut walls = before_limits();
    walls.push(Wall::of("limits", "memory, processor time, files and processes are bounded", set_limits(limits)));
    walls
}

fn set_limits(limits: &ChildLimits) -> std::io::Result<()> {
    let ChildLimits { address_bytes_max, cpu_seconds_max, wall: _ } = *limits;
    let mut all = vec![
        (Resource::CORE, 0),
        (Resource::AS, address_bytes_max),
        (Resource::CPU, cpu_seconds_max),
        (Resource::FSIZE, FILE_BYTES_MAX),
        (Resource::NOFILE, FILES_MAX),
    ];
    if cfg!(target_os = "linux") {
        all.extend([(Resource::NPROC, 0), (Resource::MEMLOCK, 0), (Resource::MSGQUEUE, 0)]);
    }
    all.into_iter().try_for_each(|(resource, max)| resource.set(max, max))
}

#[cfg(target_os = "linux")]
fn before_limits() -> Vec<Wall> {
    // Files of its own that only it may write, until it can no longer look like its own; so this comes before everything.
    let oom = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let nice = step_back();
    let dumpable = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    vec![
        Wall::of("yields", "the kernel prefers everything else to it", nice),
        Wall::of("dies-first", "where memory runs out, it goes before the server", oom),
        Wall::of("not-dumpable", "no other process of this user can look into it", dumpable),
        Wall::of("no-new-privs", "nothing that it starts can gain rights", rustix::thread::set_no_new_privs(true)),
        folder::raise(),
    ]
}

/// Whoever started it may stand further behind already, and only root may take that back.
#[cfg(target_os = "linux")]
fn step_back() -> rustix::io::Result<()> {
    let nice = rustix::process::getpriority_process(None)?;
    rustix::process::setpriority_process(None, nice.max(NICE))
}

#[cfg(target_os = "linux")]
fn last() -> Vec<Wall> {
    vec![Wall::of("seccomp", "the kernel lets it compute and use its three pipes, and nothing else", filter::raise())]
}

#[cfg(not(target_os = "linux"))]
fn before_limits() -> Vec<Wall> {
    let missing = |name| Wall::new(name, Standing::Missing, "this system is not Linux");
    ["yields", "dies-first", "not-dumpable", "no-new-privs", "landlock"].into_iter().map(missing).collect()
}

#[cfg(not(target_os = "linux"))]
fn last() -> Vec<Wall> {
    vec![Wall::new("seccomp", Standing::Missing, "this system is not Linux")]
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_yields_and_asks_for_nothing_that_only_root_may_have() {
        // Nice is a thread's own.
        let from = |nice: i32| {
            let raised = std::thread::spawn(move || {
                rustix::process::setpriority_process(None, nice).unwrap();
                step_back().unwrap();
                rustix::process::getpriority_process(None).unwrap()
            });
            raised.join().unwrap()
        };
        assert_eq!([0, 10, 19].map(from), [10, 10, 19]);
    }
}
