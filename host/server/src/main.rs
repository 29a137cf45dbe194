//! Starts `jackfield`: everything is in the library, so that tests can run it in their own process.

use std::process::ExitCode;

/// A third of what an event took was the allocator of the C library, which takes a lock where another thread frees (decision 21).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    jackfield_server::command::main()
}
