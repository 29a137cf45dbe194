//! Compiles a component where it can do no harm: in a child process with limits, that the parent can kill.

use std::io::{Read, Write};

use jackfield_domain::flow::plugin::SlotClass;

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

/// Limits itself, compiles what comes in and writes the artifact. Called by `jackfield compile` and by nobody else.
pub fn run_compiler(_class: SlotClass, mut input: impl Read, mut output: impl Write) -> Result<(), CompileFault> {
    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    output.flush()?;
    Err(CompileFault::Refused("not built yet".to_owned()))
}
