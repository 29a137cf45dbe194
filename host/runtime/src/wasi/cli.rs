//! Offers `wasi:cli`: no variables, no arguments, no terminal, a closed input, and an exit that ends the invocation.

use wasmtime::Result;
use wasmtime::component::{Linker, Resource, ResourceType};

use super::{function, interface, io};
use crate::guest::Guest;
use crate::guest::log::Stream;

struct TerminalInput;
struct TerminalOutput;

/// Ends an invocation because the guest called `exit`.
#[derive(Debug, thiserror::Error)]
#[error("the plugin called exit with status {0}")]
pub(crate) struct Exited(pub(crate) u8);

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    let mut environment = interface(linker, "wasi:cli/environment")?;
    function(&mut environment, "get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    function(&mut environment, "get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    function(&mut environment, "initial-cwd", |_, (): ()| Ok((None::<String>,)))?;

    let mut exit = interface(linker, "wasi:cli/exit")?;
    function(&mut exit, "exit", |_, (status,): (Result<(), ()>,)| -> Result<()> { Err(Exited(u8::from(status.is_err())).into()) })?;
    function(&mut exit, "exit-with-code", |_, (status,): (u8,)| -> Result<()> { Err(Exited(status).into()) })?;

    function(&mut interface(linker, "wasi:cli/stdin")?, "get-stdin", |_, (): ()| Ok((io::input(),)))?;
    function(&mut interface(linker, "wasi:cli/stdout")?, "get-stdout", |_, (): ()| Ok((io::output(Stream::Out),)))?;
    function(&mut interface(linker, "wasi:cli/stderr")?, "get-stderr", |_, (): ()| Ok((io::output(Stream::Err),)))?;

    let mut input = interface(linker, "wasi:cli/terminal-input")?;
    input.resource("terminal-input", ResourceType::host::<TerminalInput>(), |_, _| Ok(()))?;
    let mut output = interface(linker, "wasi:cli/terminal-output")?;
    output.resource("terminal-output", ResourceType::host::<TerminalOutput>(), |_, _| Ok(()))?;
    let mut stdin = interface(linker, "wasi:cli/terminal-stdin")?;
    function(&mut stdin, "get-terminal-stdin", |_, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    let mut stdout = interface(linker, "wasi:cli/terminal-stdout")?;
    function(&mut stdout, "get-terminal-stdout", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    let mut stderr = interface(linker, "wasi:cli/terminal-stderr")?;
    function(&mut stderr, "get-terminal-stderr", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
}
