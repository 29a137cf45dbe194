//! Compiles a component where it can do no harm: in a child process with limits of its own, which the parent can kill.
//!
//! The install step asks [`outside::Compiler`], which runs the child; the child's command calls [`run_compiler`]. A compiler is
//! the largest program that a hostile upload can reach, and no engine calls its exhaustion a fault of the engine: so it gets
//! memory, time and files for itself, and a crash of it is an answer and not a crash of the host.

mod inside;
pub(crate) mod outside;

pub use self::inside::{CompileFault, run_compiler};
