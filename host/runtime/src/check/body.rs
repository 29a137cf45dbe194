//! Bounds one function's body: its size, its locals, its branches, and above all locals times branches.
//!
//! The product is what explodes: a compiler that keeps every local apart at every branch asked for 26 GB for a function of 322 kB
//! with 50,000 locals and 20,000 branches. Each of the two alone is harmless and common in generated code.

use jackfield_domain::refusal::Refusal;
use wasmparser::{FunctionBody, Operator};

use super::{malformed, too_complex};

/// Largest body: the interpreter loops of JavaScript and Python engines are a few hundred kilobytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most locals and parameters.
const LOCALS_MAX: u64 = 5_000;
/// Most locals times branches: 250 million took 0.7 GB, a thousand million asked for 26 GB.
const PRODUCT_MAX: u64 = 50_000_000;
/// Deepest nesting of blocks: half a million took 1.3 GB.
const NESTING_MAX: u64 = 2_000;

/// A body and what its module says of it.
pub(super) struct Body<'a, 'b> {
    pub(super) code: &'b FunctionBody<'a>,
    pub(super) parameters: u64,
    /// For the refusal.
    pub(super) place: String,
}

/// Refuses a body that passes a bound.
pub(super) fn check(body: &Body<'_, '_>) -> Result<(), Refusal> {
    let Body { code, parameters, place } = body;
    let bytes = code.range().len();
    if bytes > BODY_BYTES_MAX {
        return Err(too_complex(format!("{place} is {bytes} bytes; at most {BODY_BYTES_MAX}"), place));
    }
    let mut locals = *parameters;
    for group in code.get_locals_reader().map_err(|error| malformed(&error))? {
        let (count, _) = group.map_err(|error| malformed(&error))?;
        locals = locals.saturating_add(u64::from(count));
    }
    if locals > LOCALS_MAX {
        return Err(too_complex(format!("{place} has {locals} locals; at most {LOCALS_MAX}"), place));
    }
    let (branches, nesting) = measure(code)?;
    if nesting > NESTING_MAX {
        return Err(too_complex(format!("{place} nests blocks {nesting} deep; at most {NESTING_MAX}"), place));
    }
    if locals.saturating_mul(branches) > PRODUCT_MAX {
        let detail = format!("{place} has {locals} locals and {branches} branches; their product is at most {PRODUCT_MAX}");
        return Err(too_complex(detail, place));
    }
    Ok(())
}

/// Branches, every place where control may come from more than one side counted, and the deepest nesting.
fn measure(code: &FunctionBody<'_>) -> Result<(u64, u64), Refusal> {
    let (mut branches, mut nesting, mut deepest) = (0_u64, 0_u64, 0_u64);
    for operator in code.get_operators_reader().map_err(|error| malformed(&error))? {
        match operator.map_err(|error| malformed(&error))? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                branches += 1;
                nesting += 1;
                deepest = deepest.max(nesting);
            }
            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => branches += 1,
            Operator::BrTable { targets } => branches += u64::from(targets.len()) + 1,
            Operator::End => nesting = nesting.saturating_sub(1),
            _ => {}
        }
    }
    Ok((branches, deepest))
}
