//! Asks the kernel how large this process is: memory, files, maps, threads.
//!
//! The page of metrics reads it at each scrape. What the kernel does not tell is left out: a zero would be a lie.

/// What the kernel says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process {
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open files, sockets among them.
    pub open_files: Option<u64>,
    /// Memory maps: the kernel allows a limited number.
    pub maps: Option<u64>,
}

/// Reads it; a few milliseconds where there are tens of thousands of maps, so not on a thread that answers.
pub fn read() -> Process {
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let field = |name: &str| {
        let line = status.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Process {
        resident_bytes: field("VmRSS:").map(|kib| kib.saturating_mul(1024)),
        threads: field("Threads:"),
        open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        maps: std::fs::read("/proc/self/maps").ok().map(|maps| maps.iter().filter(|byte| **byte == b'\n').count() as u64),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory_threads_files_and_maps() {
        let process = super::read();
        for figure in [process.resident_bytes, process.threads, process.open_files, process.maps] {
            assert!(figure.is_some_and(|figure| figure > 0), "{process:?}");
        }
    }
}
