//! Makes any value that the contract's types allow and lifts it as a guest's: where a fuzzer begins.
//!
//! Only the fuzz targets' edge calls it, and it exists only with the feature `fuzz`. The values are made from the generated bindings and not
//! from the domain's types, so that lifting is tried as well, and a case that is added to the contract is tried without a word here.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::Failure;
use jackfield_domain::flow::plugin::Metadata;

use super::exports::describe;
use super::imports::{decisions, personas, types};
use super::lift;

/// Of `router.handle`.
pub(crate) fn decision(bytes: &mut Unstructured<'_>) -> Result<Draft> {
    decisions::Decision::arbitrary(bytes).map(lift::decision)
}

/// Of `assistant.prompt`.
pub(crate) fn persona(bytes: &mut Unstructured<'_>) -> Result<Persona> {
    personas::Persona::arbitrary(bytes).map(lift::persona)
}

/// Of any export that declines.
pub(crate) fn failure(bytes: &mut Unstructured<'_>) -> Result<Failure> {
    types::Failure::arbitrary(bytes).map(lift::failure)
}

/// Of `describe`.
pub(crate) fn metadata(bytes: &mut Unstructured<'_>) -> Result<Metadata> {
    describe::Metadata::arbitrary(bytes).map(lift::metadata)
}
