//! Makes small uploads that would make a compiler run for a minute or ask for gigabytes.
//!
//! The promises about uploads send them, each through the real route. Every kind has been measured against a compiler without limits:
//! what is named behind it is what it cost there. They are made here and not kept, because a few lines make megabytes.

use std::borrow::Cow;

use bytes::Bytes;
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, CustomSection, DataSection, Function, FunctionSection, Instruction, MemorySection,
    MemoryType, Module, ModuleSection, TypeSection, ValType,
};

/// A component that should never reach a compiler.
pub struct Bomb {
    /// What it is made of.
    pub name: &'static str,
    /// The upload.
    pub component: Bytes,
    /// What the refusal must name.
    pub named: &'static str,
}

/// One of each kind.
pub fn all() -> Vec<Bomb> {
    let bomb = |name, module: &Module, named| Bomb { name, component: component(module), named };
    vec![
        bomb("a million empty functions: 38 s and 5.4 GB", &functions(1_000_000), "functions"),
        bomb("a hundred thousand bytes of data over four gigabytes: 31 s and 1.9 GB", &scattered(100_000, 65_536), "data segments"),
        bomb("a hundred thousand types: 9 s and 0.8 GB", &types(100_000), "types"),
        bomb("a million types: more than 90 s", &types(1_000_000), "types"),
        bomb("fifty thousand locals and five thousand branches: 0.7 GB", &locals(50_000, 5_000), "50000 locals"),
        bomb("fifty thousand locals and twenty thousand branches: 26 GB", &locals(50_000, 20_000), "50000 locals"),
        bomb("locals times branches, each in bounds", &locals(5_000, 20_000), "product"),
        bomb("a million additions in one function: 19 s and 0.9 GB", &additions(1_000_000), "bytes; at most"),
        bomb("half a million nested blocks: 1.3 GB", &nested(500_000), "bytes; at most"),
        bomb("as many nested blocks as a function has room for", &nested(300_000), "deep"),
        bomb("a data segment at each end of a gigabyte", &scattered(2, 1 << 30), "from its first to its last data"),
        bomb("four gigabytes of declared memory", &memory(65_536), "declared memory"),
    ]
}

/// A component around one module.
pub fn component(module: &Module) -> Bytes {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish().into()
}

/// The same component with something behind it that means nothing: other bytes, and as sound as before.
pub fn marked(component: &[u8], mark: &str) -> Bytes {
    let mut marked = component.to_vec();
    let section = CustomSection { name: Cow::Borrowed("mark"), data: Cow::Borrowed(mark.as_bytes()) };
    marked.push(0);
    wasm_encoder::Encode::encode(&section, &mut marked);
    marked.into()
}

/// One type without parameters, and that many functions of it with that body.
fn of_functions(count: u32, body: &Function) -> Module {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}

/// Empty functions.
pub fn functions(count: u32) -> Module {
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    of_functions(count, &body)
}

fn scattered(count: u32, apart: u32) -> Module {
    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    for at in 0..count {
        let offset = u32::wrapping_mul(at, apart).cast_signed();
        data.active(0, &ConstExpr::i32_const(offset), [1]);
    }
    let mut module = Module::new();
    module.section(&memories).section(&data);
    module
}

fn types(count: u32) -> Module {
    // Each differs from its neighbours, or an engine would keep one for all.
    let values = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    let mut types = TypeSection::new();
    for number in 0..count {
        let digit = |place: u32| values.get(usize::try_from(number >> (2 * place) & 3).unwrap_or(0)).copied();
        let parameters: Vec<ValType> = (0..10).filter_map(digit).collect();
        types.ty().function(parameters, []);
    }
    let mut module = Module::new();
    module.section(&types);
    module
}

/// Locals that are wanted behind the last branch, and so kept apart at every one before it: the product is what explodes.
pub fn locals(locals: u32, branches: u32) -> Module {
    let mut body = Function::new([(locals, ValType::I32)]);
    for _ in 0..branches / 2 {
        body.instruction(&Instruction::Block(BlockType::Empty));
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::BrIf(0));
        body.instruction(&Instruction::End);
    }
    for local in 0..locals {
        body.instruction(&Instruction::LocalGet(local));
        body.instruction(&Instruction::Drop);
    }
    body.instruction(&Instruction::End);
    of_functions(1, &body)
}

/// One long function.
pub fn additions(count: u32) -> Module {
    let mut body = Function::new([(1, ValType::I32)]);
    body.instruction(&Instruction::LocalGet(0));
    for number in 0..count {
        body.instruction(&Instruction::I32Const(number.cast_signed()));
        body.instruction(&Instruction::I32Add);
    }
    body.instruction(&Instruction::Drop);
    body.instruction(&Instruction::End);
    of_functions(1, &body)
}

fn nested(depth: u32) -> Module {
    let mut body = Function::new([]);
    for _ in 0..depth {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    for _ in 0..=depth {
        body.instruction(&Instruction::End);
    }
    of_functions(1, &body)
}

fn memory(pages: u64) -> Module {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&memories);
    module
}
