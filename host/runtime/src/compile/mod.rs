//! Compiles a component where it can do no harm: in a child process behind walls of its own, which the parent can kill.
//!
//! The install and the loading step ask [`outside::Compiler`] when [`board`] has given them a turn; the child's command calls
//! [`compiler_main`]. A compiler is the largest program that a hostile upload can reach, and no engine calls its exhaustion a fault of the
//! engine: so it gets memory, time and nothing else for itself, and a crash of it is an answer and not a crash of the host.

pub(crate) mod board;
mod inside;
pub(crate) mod order;
pub(crate) mod outside;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod walls;
pub(crate) mod workshop;

use std::io::Write as _;
use std::process::ExitCode;

use self::inside::CompileFault;
use self::order::Order;

/// Is the compiler: does what the arguments behind `compile` say, once, and ends. Called by `jackfield compile` and by nobody else: the
/// walls hold for the whole process and cannot be taken down.
pub fn compiler_main(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let (told, code) = match Order::parse(arguments) {
        Ok(Order::Compile { class, settings, fingerprint }) => {
            match inside::run(class, &settings, &fingerprint, std::io::stdin().lock(), std::io::stdout().lock()) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(ours @ (CompileFault::Open(_) | CompileFault::OtherEngine)) => (ours.to_string(), outside::NOT_FIT),
                Err(fault) => (fault.to_string(), 1),
            }
        }
        Ok(Order::Probe) => return tell(probe::run()),
        Ok(Order::Try(deed)) => return tell(probe::run_one(&deed)),
        Err(bad) => (bad, 2),
    };
    // Whoever closed it does not want to know.
    let _ = writeln!(std::io::stderr(), "{told}");
    ExitCode::from(code)
}

fn tell(told: Result<String, String>) -> ExitCode {
    let written = match &told {
        Ok(text) => writeln!(std::io::stdout(), "{text}"),
        Err(text) => writeln!(std::io::stderr(), "{text}"),
    };
    if told.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
