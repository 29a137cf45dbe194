//! Says why a guest ended, from types and our own flags, in the domain's words.
//!
//! Called once at the end of an invocation that did not answer. Texts of the engine are for people and go into the detail;
//! what a program relies on comes from the meter's flags, from our own error types and from the engine's list of traps. The
//! one exception is an error whose type the engine keeps to itself; it is recognised in one place, and a test pins it.

use std::fmt::{self, Write as _};

use jackfield_domain::budget::{Limit, Limits};
use jackfield_domain::fallback::{Failure, FailureKind};
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::guest::limits::{Ended, Meter, WaitedInVain};
use crate::wasi::Exited;

/// Functions that are named in a detail: the innermost say what happened, the rest is the toolchain's.
const FRAMES_MAX: usize = 6;
/// Of each name.
const NAME_CHARS_MAX: usize = 80;
/// Longer ones are told as they stand: what a name with back references means is not worth its time.
const NAME_BYTES_MAX: usize = 512;

/// Where in its life a guest failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While its instance was made.
    Start,
    /// While a function ran, or while its answer was read.
    Run,
}

/// What the plugin did wrong.
pub(crate) fn classify(error: &Error, stage: Stage, meter: &Meter, limits: &Limits) -> Failure {
    let kind = kind(error, stage, meter);
    Failure::new(kind, detail(kind, error, limits))
}

/// True where the engine has not yet saved what the guest's last stretch cost.
pub(crate) fn leaves_fuel_uncounted(error: &Error) -> bool {
    error.downcast_ref::<Trap>().is_some_and(|trap| !matches!(trap, Trap::OutOfFuel | Trap::UnreachableCodeReached))
}

fn kind(error: &Error, stage: Stage, meter: &Meter) -> FailureKind {
    if let Some(Ended(limit)) = error.downcast_ref::<Ended>() {
        return FailureKind::Limit(*limit);
    }
    if error.is::<WaitedInVain>() {
        return FailureKind::CapabilityTimeout;
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return FailureKind::NotReady;
    }
    if is_too_much_data(error) {
        return FailureKind::Limit(Limit::Output);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => FailureKind::Limit(Limit::Fuel),
        Some(Trap::StackOverflow) => FailureKind::Stack,
        // A guest that is refused memory gives up in a way of its own, mostly with `unreachable` or by calling exit.
        _ if meter.growth_refused => FailureKind::Limit(Limit::Memory),
        Some(
            Trap::CannotEnterComponent
            | Trap::CannotLeaveComponent
            | Trap::CannotBlockSyncTask
            | Trap::InvalidChar
            | Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer,
        ) => FailureKind::BrokeAbi,
        Some(_) => FailureKind::Trapped,
        None if error.is::<Exited>() => FailureKind::Trapped,
        // What is left while a function runs is the engine refusing what the guest gave it: text that is not UTF-8, a pointer
        // beyond its memory, a handle that it does not own.
        None if stage == Stage::Run => FailureKind::BrokeAbi,
        None => FailureKind::Trapped,
    }
}

/// True for the engine's own error for data that passes what one call may carry. Its type is private.
fn is_too_much_data(error: &Error) -> bool {
    error.root_cause().to_string().starts_with("too much data is being copied between the host and the guest")
}

fn detail(kind: FailureKind, error: &Error, limits: &Limits) -> String {
    let cause = error.root_cause().to_string();
    let (cause, frames) = (cause.strip_prefix("wasm trap: ").unwrap_or(&cause), frames(error));
    match kind {
        FailureKind::Limit(Limit::Fuel) => format!("it used all of its {} fuel{frames}", limits.fuel_max),
        FailureKind::Limit(Limit::Memory) => {
            format!("it asked for more than {} bytes of memory and could not go on: {cause}{frames}", limits.memory_bytes_max)
        }
        FailureKind::Limit(Limit::HostCalls) => {
            format!("it went on calling the host after {} calls of capabilities", limits.host_calls_max)
        }
        FailureKind::Limit(Limit::Output) => format!("it gave more than {} bytes", limits.output_bytes_max),
        FailureKind::Limit(Limit::Log) => format!("it logged more than {} bytes", limits.log_bytes_max),
        FailureKind::Limit(Limit::Stored) => format!(
            "it went on writing after its state was full: {} bytes for the contact, {} for the tenant",
            limits.contact_state_bytes_max, limits.tenant_state_bytes_max
        ),
        FailureKind::Stack => format!("it ran out of stack{frames}"),
        _ => format!("{cause}{frames}"),
    }
}

/// The functions that it was in, the innermost first: where the component carries their names.
fn frames(error: &Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let mut told: Vec<String> = Vec::with_capacity(FRAMES_MAX);
    let mut is_within = false;
    for frame in backtrace.frames() {
        let name = frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), readable);
        // How a toolchain panics is the same in every plugin; what a developer wrote comes after it.
        if !is_within && !is_of_toolchain(&name) {
            is_within = true;
            told.clear();
        }
        if told.len() < FRAMES_MAX {
            told.push(name);
        } else if is_within {
            break;
        }
    }
    if told.is_empty() { String::new() } else { format!(" in {}", told.join(" < ")) }
}

/// A name as its developer wrote it, bounded and without anything that a terminal would obey. The name is the plugin's own, and a short
/// one may stand for megabytes: so no more of it is written out than is told.
fn readable(name: &str) -> String {
    let mut written = Written(String::new());
    if name.len() <= NAME_BYTES_MAX {
        // It fails once it is full, and then what is there is what is told.
        let _ = write!(written, "{:#}", rustc_demangle::demangle(name));
    } else {
        let _ = write!(written, "{name}");
    }
    crate::guest::log::escaped(&written.0).chars().take(NAME_CHARS_MAX).collect()
}

/// Takes so much and no more.
struct Written(String);

impl fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = NAME_CHARS_MAX.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(room));
        if text.chars().nth(room).is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

fn is_of_toolchain(name: &str) -> bool {
    let name = name.trim_start_matches('<');
    ["std::", "core::", "alloc::", "__rust", "rust_", "__rustc", "abort", "_abort", "panic_abort::"]
        .iter()
        .any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_they_were_written_and_the_toolchains_are_told_apart() {
        assert_eq!(readable("_ZN4shop5route17h05af221e174051e9E"), "shop::route");
        assert_eq!(readable("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(readable("jackfield:plugin/router#handle"), "jackfield:plugin/router#handle");
        assert!(!readable("a\u{1b}[31mb").contains('\u{1b}'));
        assert_eq!(readable(&"x".repeat(5_000)).len(), NAME_CHARS_MAX);
        assert!(Written("x".repeat(NAME_CHARS_MAX)).write_str("y").is_err(), "whoever writes it out stops there");
        for toolchain in ["core::panicking::panic_fmt", "<alloc::vec::Vec<T> as core::clone::Clone>::clone", "__rust_start_panic"] {
            assert!(is_of_toolchain(toolchain), "{toolchain}");
        }
        assert!(!is_of_toolchain("shop::route") && !is_of_toolchain("function 12"));
    }
}
