//! Reads what the machine allows this process: its own limits, the kernel's, and those of the control groups around it.
//!
//! What cannot be read counts as no limit: the comparison is there to help and must not keep a server from starting on a system that
//! it does not know. A control group is bounded by its ancestors too, so the least of them counts.

use std::fs;
use std::path::{Path, PathBuf};

use rlimit::{INFINITY, Resource};

/// What Linux allows unless somebody changed it.
const MAPS_DEFAULT: u64 = 65_530;

/// What is allowed; none where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Bytes of addresses.
    pub address_bytes: Option<u64>,
    /// Memory maps.
    pub maps: u64,
    /// Open files, once the soft limit is raised to the hard one.
    pub files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
}

/// Asks.
pub fn allowed() -> Allowed {
    let hard = |resource: Resource| resource.get_hard().ok().filter(|limit| *limit != INFINITY);
    let soft = |resource: Resource| resource.get_soft().ok().filter(|limit| *limit != INFINITY);
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    let group = |file: &str| groups().iter().filter_map(|group| number(&group.join(file))).min();
    // The superuser's processes are not counted against the limit of a user.
    let of_user = if rustix::process::geteuid().is_root() { None } else { soft(Resource::NPROC) };
    Allowed {
        address_bytes: soft(Resource::AS),
        maps: maps.unwrap_or(MAPS_DEFAULT),
        files: hard(Resource::NOFILE),
        threads: of_user.into_iter().chain(group("pids.max")).min(),
        memory_bytes: group("memory.max"),
    }
}

/// The control group of this process and those around it (version 2 of the interface; version 1 is not looked for).
fn groups() -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else { return Vec::new() };
    let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let root = Path::new("/sys/fs/cgroup");
    root.join(own).ancestors().take_while(|group| group.starts_with(root)).map(Path::to_path_buf).collect()
}

/// "max" and what is not there are no limit.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
