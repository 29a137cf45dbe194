//! Stands in for `jackfield compile` in this crate's tests: the child without the server around it.

use std::process::ExitCode;

fn main() -> ExitCode {
    jackfield_runtime::compiler_main(std::env::args().skip(2))
}
