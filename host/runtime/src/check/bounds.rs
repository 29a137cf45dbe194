//! Counts what a component makes a compiler do, and refuses what passes a bound.
//!
//! Each bound stands against a measured way of making the compiler run for a minute or ask for gigabytes; the numbers leave
//! real guests room, Python with its thirty-eight modules included.

use wasmparser::{CanonicalFunction, CanonicalOption, ComponentInstance, DataKind, Instance, Operator, Parser, Payload};

use super::body::{self, Body};
use super::{malformed, too_complex};
use crate::engine::{DECLARED_CORE_INSTANCES_MAX, LARGE_TABLE_ELEMENTS_MAX, MEMORIES_MAX};
use jackfield_domain::budget::HOST_MEMORY_BYTES_MAX;
use jackfield_domain::refusal::{Code, Refusal};

/// Functions of all modules: Python has 13,500; a million empty ones took 38 s and 5.4 GB.
const FUNCTIONS_MAX: u64 = 60_000;
/// Types of all modules and components: a hundred thousand took 9 s.
const TYPES_MAX: u64 = 10_000;
/// Data segments of one module: interpreters whose memory was written down after their start have 2,300 (Python) and 5,600
/// (QuickJS); a hundred thousand over four gigabytes took 31 s and 1.9 GB.
const DATA_SEGMENTS_MAX: u32 = 10_000;
/// From the first byte of a module's data to its last: the image that is mapped into every instance.
const DATA_SPAN_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Globals of one module: toolchains make a handful.
const GLOBALS_MAX: u32 = 10_000;
/// Core modules: Python is thirty-eight.
const MODULES_MAX: u64 = 40;
/// Components inside components: toolchains wrap each exported interface once.
const DEPTH_MAX: usize = 3;
/// Components in all, and instances of them.
const COMPONENTS_MAX: u64 = 64;
/// Functions that are lifted, lowered or made for resources: about one for each import and export.
const CANONICAL_MAX: u64 = 10_000;
/// A page of memory.
const PAGE_BYTES: u64 = 64 * 1024;

/// What was counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Of all modules' declared memories.
    pub(super) memory_bytes: u64,
    /// Of the largest declared table.
    pub(super) table_elements_largest: u64,
    core_instances: u64,
    functions: u64,
    types: u64,
    modules: u64,
    memories: u64,
    components: u64,
    component_instances: u64,
    canonical: u64,
}

/// The module that is being read.
#[derive(Default)]
struct Module {
    /// Parameters of each of its types.
    parameters: Vec<u64>,
    /// The type of each function that has a body.
    types: Vec<u32>,
    bodies: usize,
}

/// Reads all of it once.
pub(super) fn measure(component: &[u8]) -> Result<Sizes, Refusal> {
    let mut sizes = Sizes::default();
    let mut module = Module::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::ModuleSection { .. } => {
                sizes.modules += 1;
                at_most(sizes.modules, MODULES_MAX, "core modules")?;
                depth += 1;
                module = Module::default();
            }
            Payload::ComponentSection { .. } => {
                sizes.components += 1;
                at_most(sizes.components, COMPONENTS_MAX, "components inside it")?;
                depth += 1;
                at_most(depth as u64, DEPTH_MAX as u64, "components nested in one another")?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            payload => {
                sizes.count_component(&payload).and_then(|()| sizes.count_module(&payload, &mut module))?;
            }
        }
    }
    Ok(sizes)
}

fn at_most(count: u64, max: u64, what: &str) -> Result<(), Refusal> {
    if count > max { Err(too_complex(format!("the component has more than {max} {what}"), what)) } else { Ok(()) }
}

impl Sizes {
    fn count_component(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::CoreTypeSection(reader) => self.count_types(reader.count())?,
            Payload::ComponentTypeSection(reader) => self.count_types(reader.count())?,
            Payload::InstanceSection(reader) => {
                for instance in reader.clone() {
                    if matches!(instance.map_err(|error| malformed(&error))?, Instance::Instantiate { .. }) {
                        self.core_instances += 1;
                    }
                }
                at_most(self.core_instances, u64::from(DECLARED_CORE_INSTANCES_MAX), "core instances")?;
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    if matches!(instance.map_err(|error| malformed(&error))?, ComponentInstance::Instantiate { .. }) {
                        self.component_instances += 1;
                    }
                }
                at_most(self.component_instances, COMPONENTS_MAX, "instances of components inside it")?;
            }
            Payload::ComponentCanonicalSection(reader) => {
                self.canonical += u64::from(reader.count());
                at_most(self.canonical, CANONICAL_MAX, "lifted and lowered functions")?;
                for function in reader.clone() {
                    check_encoding(&function.map_err(|error| malformed(&error))?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count_module(&mut self, payload: &Payload<'_>, module: &mut Module) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(reader) => {
                self.count_types(reader.count())?;
                for ty in reader.clone().into_iter_err_on_gc_types() {
                    module.parameters.push(ty.map_err(|error| malformed(&error))?.params().len() as u64);
                }
            }
            Payload::FunctionSection(reader) => {
                self.functions += u64::from(reader.count());
                at_most(self.functions, FUNCTIONS_MAX, "functions")?;
                module.types = reader.clone().into_iter().collect::<Result<_, _>>().map_err(|error| malformed(&error))?;
            }
            Payload::GlobalSection(reader) => at_most(reader.count().into(), GLOBALS_MAX.into(), "globals in one module")?,
            Payload::DataSection(reader) => {
                at_most(reader.count().into(), DATA_SEGMENTS_MAX.into(), "data segments in one module")?;
                check_span(reader.clone())?;
            }
            Payload::MemorySection(reader) => {
                for memory in reader.clone() {
                    let pages = memory.map_err(|error| malformed(&error))?.initial;
                    self.memory_bytes = self.memory_bytes.saturating_add(pages.saturating_mul(PAGE_BYTES));
                    self.memories += 1;
                }
                at_most(self.memories, MEMORIES_MAX.into(), "memories")?;
                at_most(self.memory_bytes, HOST_MEMORY_BYTES_MAX, "bytes of declared memory")?;
            }
            Payload::TableSection(reader) => {
                for table in reader.clone() {
                    let elements = table.map_err(|error| malformed(&error))?.ty.initial;
                    self.table_elements_largest = self.table_elements_largest.max(elements);
                }
                at_most(self.table_elements_largest, LARGE_TABLE_ELEMENTS_MAX.into(), "elements in one table")?;
            }
            Payload::CodeSectionEntry(code) => {
                let ty = module.types.get(module.bodies).and_then(|ty| usize::try_from(*ty).ok());
                let parameters = ty.and_then(|ty| module.parameters.get(ty)).copied().unwrap_or(0);
                let place = format!("function {} of core module {}", module.bodies, self.modules.saturating_sub(1));
                module.bodies += 1;
                body::check(&Body { code, parameters, place })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn count_types(&mut self, count: u32) -> Result<(), Refusal> {
        self.types += u64::from(count);
        at_most(self.types, TYPES_MAX, "types")
    }
}

/// Strings are UTF-8. The other two encodings have been the way into the host before, and no toolchain of today uses them.
fn check_encoding(function: &CanonicalFunction) -> Result<(), Refusal> {
    let (CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. }) = function else { return Ok(()) };
    for option in options {
        let name = match option {
            CanonicalOption::UTF16 => "utf16",
            CanonicalOption::CompactUTF16 => "latin1+utf16",
            _ => continue,
        };
        return Err(Refusal::new(Code::BadComponent, format!("a function uses string encoding {name}; only utf8 is allowed")).at(name));
    }
    Ok(())
}

fn check_span(reader: wasmparser::DataSectionReader<'_>) -> Result<(), Refusal> {
    let mut first = u64::MAX;
    let mut last = 0_u64;
    for data in reader {
        let data = data.map_err(|error| malformed(&error))?;
        let DataKind::Active { offset_expr, .. } = &data.kind else { continue };
        // An offset that is no number is one that a dynamic linker fills in: such a module's segments are relative to it.
        let begin = match offset_expr.get_operators_reader().read().map_err(|error| malformed(&error))? {
            Operator::I32Const { value } => u64::from(value.cast_unsigned()),
            _ => 0,
        };
        first = first.min(begin);
        last = last.max(begin.saturating_add(data.data.len() as u64));
    }
    at_most(last.saturating_sub(first), DATA_SPAN_BYTES_MAX, "bytes from its first to its last data")
}
