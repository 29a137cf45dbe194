//! Gives guests the part of WASI 0.2 that their toolchains cannot do without, with nothing behind it.
//!
//! A Rust, JavaScript or Python component imports clocks, random numbers, streams and file functions whether its author uses
//! them or not. Here time stands still, random numbers are seeded, output becomes log lines, and there are no files, sockets,
//! variables or arguments. It is written here and not taken from a library, because a library's versions open real files and
//! sleep on real clocks unless every switch is right, do work that no fuel pays for, and cost more to set up than a call of a
//! small plugin takes.
//!
//! [`INTERFACES`] is at once what the linker offers and what an upload may import: nothing else exists for a guest.

mod cli;
mod clocks;
mod inert;
mod io;
mod random;

use wasmtime::Result;
use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower};

pub(crate) use self::cli::Exited;
use crate::guest::{Guest, toll};

/// The version that is offered; a component of any 0.2 finds it.
const VERSION: &str = "0.2.12";

/// What a call of the host costs in fuel, besides what it does: about as long as a thousand instructions.
const CALL_FUEL: u64 = 1_000;

/// Every interface of WASI that a guest may import, without its version.
pub(crate) const INTERFACES: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Defines all of it.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    io::add_to_linker(linker)?;
    clocks::add_to_linker(linker)?;
    random::add_to_linker(linker)?;
    cli::add_to_linker(linker)?;
    inert::add_to_linker(linker)
}

fn interface<'a>(linker: &'a mut Linker<Guest>, name: &str) -> Result<LinkerInstance<'a, Guest>> {
    linker.instance(&format!("{name}@{VERSION}"))
}

/// Defines a function that costs the same whatever it is given.
fn function<P, R>(instance: &mut LinkerInstance<'_, Guest>, name: &str, body: fn(&mut Guest, P) -> Result<R>) -> Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    R: ComponentNamedList + Lower + Send + Sync + 'static,
{
    function_at(instance, name, |_| 0, body)
}

/// Defines a function whose cost depends on what it is given.
fn function_at<P, R>(
    instance: &mut LinkerInstance<'_, Guest>,
    name: &str,
    fuel: fn(&P) -> u64,
    body: fn(&mut Guest, P) -> Result<R>,
) -> Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    R: ComponentNamedList + Lower + Send + Sync + 'static,
{
    instance.func_wrap_async(name, move |mut store, params: P| {
        Box::new(async move {
            toll(&mut store, fuel(&params).saturating_add(CALL_FUEL)).await?;
            body(store.data_mut(), params)
        })
    })
}
