//! Stands in for `jackfield compile` in this crate's tests: the child without the server around it.

use std::io::Write as _;
use std::io::{stderr, stdin, stdout};
use std::process::ExitCode;

use jackfield_domain::flow::plugin::SlotClass;

fn main() -> ExitCode {
    let class = match std::env::args().nth(3).as_deref() {
        Some("large") => SlotClass::Large,
        _ => SlotClass::Small,
    };
    match jackfield_runtime::run_compiler(class, stdin().lock(), stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _nobody_listens = writeln!(stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}
