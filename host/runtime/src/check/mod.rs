//! Looks at an upload before anything compiles it: whether it is a component of ours, and whether it is safe to compile.
//!
//! The install step calls it on the bytes as they came. It refuses by name, because "invalid component" helps nobody: what is
//! not there, which import is not allowed, which function is too large. The bounds stand before full validation, and both
//! before the compiler, because a compiler can be made to ask for twenty gigabytes by a third of a megabyte.
//!
//! It must not trust anything that it reads; what it reports is counted here and not taken from the upload's own word.

mod body;
mod bounds;
mod metadata;
mod names;
mod nesting;

use std::collections::BTreeSet;

use jackfield_domain::flow::plugin::{Grant, SlotClass};
use jackfield_domain::refusal::{Code, Refusal};
use wasmparser::Validator;

pub(crate) use self::metadata::check_metadata;
use crate::engine::{SMALL_DECLARED_BYTES_MAX, SMALL_TABLE_ELEMENTS_MAX, features};

/// Largest upload: Python is 18 MB, and nothing that routes calls needs more.
pub(crate) const COMPONENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What an upload was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Which engine runs it.
    pub(crate) class: SlotClass,
    /// The contract's version that its `describe` has.
    pub(crate) contract: String,
    /// Export interfaces of the contract.
    pub(crate) exports: BTreeSet<String>,
    /// Import interfaces of the contract that need a grant.
    pub(crate) imports: BTreeSet<Grant>,
}

/// Checks an upload.
pub(crate) fn check(component: &[u8]) -> Result<Checked, Refusal> {
    check_form(component)?;
    let sizes = bounds::measure(component)?;
    Validator::new_with_features(features()).validate_all(component).map_err(|error| malformed(&error))?;
    nesting::check(component)?;
    let names::Names { contract, exports, imports } = names::check(component)?;
    Ok(Checked { class: class(&sizes), contract, exports, imports })
}

/// Tells what it is that is not a component.
fn check_form(component: &[u8]) -> Result<(), Refusal> {
    let bad = |what: &str| Err(Refusal::new(Code::BadComponent, format!("the upload is {what}; send a WebAssembly component")));
    if component.len() > COMPONENT_BYTES_MAX {
        let detail = format!("the component is {} bytes; at most {COMPONENT_BYTES_MAX}", component.len());
        return Err(Refusal::new(Code::TooLarge, detail));
    }
    match component {
        [] => bad("empty"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            bad("a core module and not a component: build it for wasm32-wasip2, or wrap it with a component tool")
        }
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', ..] => bad("of a version of WebAssembly that this host does not know"),
        [0x7f, b'E', b'L', b'F', ..] => bad("machine code"),
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => bad("compressed"),
        [b'(', ..] => bad("WebAssembly text"),
        _ => bad("not WebAssembly"),
    }
}

/// Small where the small engine's slots fit it: by what its modules declare, which is what every instance begins with. What it
/// asks for later is the memory limit's business.
fn class(sizes: &bounds::Sizes) -> SlotClass {
    let is_small = sizes.memory_bytes <= SMALL_DECLARED_BYTES_MAX && sizes.table_elements_largest <= u64::from(SMALL_TABLE_ELEMENTS_MAX);
    if is_small { SlotClass::Small } else { SlotClass::Large }
}

fn malformed(error: &wasmparser::BinaryReaderError) -> Refusal {
    Refusal::new(Code::BadComponent, format!("the component is not valid: {} (at byte {})", error.message(), error.offset()))
}

fn too_complex(detail: String, at: impl Into<String>) -> Refusal {
    Refusal::new(Code::ComponentTooComplex, detail).at(at)
}

#[cfg(test)]
mod tests;
