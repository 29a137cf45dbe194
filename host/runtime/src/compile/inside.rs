//! Is the child: limits itself, reads a component, writes the artifact.
//!
//! It sets its limits before it reads a byte, so that whatever comes in is met by them. It uses the engine's own configuration
//! without a pool, which would reserve terabytes of addresses that the limit forbids; the artifact is the same.

use std::io::{Read, Write};

use jackfield_domain::flow::plugin::SlotClass;
use rlimit::Resource;
use wasmtime::Engine;

use crate::check::COMPONENT_BYTES_MAX;
use crate::engine::config;

/// Addresses: Python needs about one gigabyte, and the compile bombs that pass the pre-check stay below two.
const ADDRESS_BYTES_MAX: u64 = 3 * 1024 * 1024 * 1024;
/// Processor time: StarlingMonkey takes fifteen seconds on one core.
const CPU_SECONDS_MAX: u64 = 60;
/// A file that it should never write.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Open files: three of its own and what the engine looks at.
const FILES_MAX: u64 = 16;

/// Why the child gives up.
#[derive(Debug, thiserror::Error)]
pub enum CompileFault {
    /// A limit could not be set.
    #[error("a limit cannot be set: {0}")]
    Limit(std::io::Error),
    /// The component could not be read or the artifact written.
    #[error("stdin or stdout: {0}")]
    Pipe(#[from] std::io::Error),
    /// The engine refuses the component.
    #[error("{0}")]
    Refused(String),
}

/// Limits itself, compiles what comes in and writes the artifact. Called by `jackfield compile` and by nobody else: the limits
/// hold for the whole process and cannot be lifted.
pub fn run_compiler(class: SlotClass, input: impl Read, mut output: impl Write) -> Result<(), CompileFault> {
    for (resource, max) in [
        (Resource::CORE, 0),
        (Resource::AS, ADDRESS_BYTES_MAX),
        (Resource::CPU, CPU_SECONDS_MAX),
        (Resource::FSIZE, FILE_BYTES_MAX),
        (Resource::NOFILE, FILES_MAX),
    ] {
        resource.set(max, max).map_err(CompileFault::Limit)?;
    }
    let mut component = Vec::new();
    input.take(COMPONENT_BYTES_MAX as u64 + 1).read_to_end(&mut component)?;
    let engine = Engine::new(&config(class, None)).map_err(|error| CompileFault::Refused(format!("{error:#}")))?;
    let artifact = engine.precompile_component(&component).map_err(|error| CompileFault::Refused(format!("{error:#}")))?;
    output.write_all(&artifact)?;
    output.flush()?;
    Ok(())
}
