//! Says why a guest ended, from types and our own flags, in the domain's words.
//!
//! Called once at the end of an invocation that did not answer. Texts of the engine are for people and go into the detail;
//! what a program relies on comes from the meter's flags, from our own error types and from the engine's list of traps. The
//! one exception is an error whose type the engine keeps to itself; it is recognised in one place, and a test pins it.

use jackfield_domain::budget::{Limit, Limits};
use jackfield_domain::fallback::{Failure, FailureKind};
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::guest::limits::{Ended, Meter, WaitedInVain};
use crate::wasi::Exited;

/// Functions that are named in a detail: the innermost say what happened, the rest is the toolchain's.
const FRAMES_MAX: usize = 4;

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
    let cause = cause.strip_prefix("wasm trap: ").unwrap_or(&cause).to_owned() + &frames(error);
    match kind {
        FailureKind::Limit(Limit::Fuel) => format!("it used all of its {} fuel{}", limits.fuel_max, frames(error)),
        FailureKind::Limit(Limit::Memory) => {
            format!("it asked for more than {} bytes of memory and could not go on: {cause}", limits.memory_bytes_max)
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
        FailureKind::Stack => format!("it ran out of stack{}", frames(error)),
        _ => cause,
    }
}

fn frames(error: &Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names: Vec<String> = backtrace
        .frames()
        .iter()
        .take(FRAMES_MAX)
        .map(|frame| frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), crate::guest::log::escaped))
        .map(|name| name.chars().take(80).collect())
        .collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(" < ")) }
}
