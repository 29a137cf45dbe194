//! Uploads what a stranger could: bytes, real components with damage, and whole programs that nobody wrote.
//!
//! The first byte chooses. Programs are grown by wasm-smith out of the rest: as components of any shape, which mostly try the check and the
//! compiler, or as the inside of a plugin that has every export of the contract, which are run. Damage is a list of small changes to a
//! plugin, because a component that is almost right gets furthest.

use std::borrow::Cow;
use std::path::Path;

use arbitrary::{Arbitrary as _, Unstructured};
use jackfield_domain::budget::{Limits, Plan};
use jackfield_runtime::Function;
use jackfield_runtime::probe::edge::{Came, Uploads};
use serde_json::json;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::subject;

/// Fuel of one run: some milliseconds, so that a loop costs a fuzzer no more than anything else.
const FUEL_MAX: u64 = 500_000;
/// Most changes to one component: more, and nothing of it is left.
const CHANGES_MAX: usize = 24;
/// Instructions of one function that nobody wrote.
const INSTRUCTIONS_MAX: usize = 200;
/// Header of every component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// Uploads to a host of its own.
pub struct Host {
    uploads: Uploads,
    runtime: Runtime,
    /// A plugin that answers "done", as a core module and as a component.
    module: Vec<u8>,
    component: Vec<u8>,
    resolve: Resolve,
}

impl Host {
    /// With the contract of this checkout, and a directory for artifacts that nobody else uses.
    pub fn new(contract: &Path, artifacts: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let limits = Limits { fuel_max: FUEL_MAX, wall_ms_max: 20_000, ..Plan::Standard.limits() };
        let uploads = Uploads::new(artifacts, limits)?;
        let mut resolve = Resolve::default();
        resolve.push_path(contract)?;
        let world = "package test:guest; world guest { export jackfield:plugin/describe@0.9.0; export jackfield:plugin/router@0.9.0; }";
        resolve.push_str("guest.wit", world)?;
        let module = wat::parse_str(PLUGIN)?;
        let component = wrapped(&resolve, module.clone())?;
        Ok(Self { uploads, runtime, module, component, resolve })
    }

    /// The plugin that damage is done to.
    pub fn plugin(&self) -> &[u8] {
        &self.component
    }

    /// Uploads what the bytes say; none where they say nothing. A promise that does not hold is a panic.
    pub fn take(&self, bytes: &[u8]) -> Option<Came> {
        let component = self.component(bytes)?;
        let call = |digest, class| subject::call(digest, class, Function::Handle, json!({}));
        let made = call(jackfield_domain::id::Digest::of(&component), jackfield_domain::flow::plugin::SlotClass::Small);
        let Ok(made) = made else { panic!("the call of the proof cannot be made: {:?}", made.err()) };
        let taken = self.uploads.take(&component, |digest, class| jackfield_runtime::Call { digest, class, ..made });
        match self.runtime.block_on(taken) {
            Ok(came) => Some(came),
            Err(ours) => panic!("{ours}"),
        }
    }

    /// What the bytes say.
    pub fn component(&self, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
        let (how, rest) = bytes.split_first()?;
        Some(match how % 4 {
            0 => Cow::Owned(rest.to_vec()),
            1 => Cow::Owned([HEADER, rest].concat()),
            2 => Cow::Owned(damaged(&self.component, rest)),
            _ => Cow::Owned(self.grown(*how >= 128, rest)?),
        })
    }

    /// A program that nobody wrote: the whole component, or the inside of a plugin.
    fn grown(&self, inside: bool, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Unstructured::new(bytes);
        let config = wasm_smith::Config {
            exports: inside.then(|| self.module.clone()),
            max_imports: if inside { 0 } else { 10 },
            max_instructions: INSTRUCTIONS_MAX,
            allow_start_export: inside,
            // What the host has switched off is refused at once, and nothing is learnt from it.
            gc_enabled: false,
            exceptions_enabled: false,
            memory64_enabled: false,
            threads_enabled: false,
            relaxed_simd_enabled: false,
            custom_page_sizes_enabled: false,
            wide_arithmetic_enabled: false,
            // Without references to anything but functions; and the plugin's own memory is the only one.
            reference_types_enabled: false,
            max_memories: usize::from(!inside),
            tail_call_enabled: true,
            max_memory32_bytes: 4 << 20,
            max_table_elements: 10_000,
            max_modules: 6,
            max_instances: 10,
            max_components: 4,
            max_nesting_depth: 2,
            ..wasm_smith::Config::default()
        };
        if !inside {
            return wasm_smith::Component::new(config, &mut bytes).ok().map(|component| component.to_bytes());
        }
        let module = wasm_smith::Module::new(config, &mut bytes).ok()?;
        wrapped(&self.resolve, module.to_bytes()).ok()
    }
}

/// A core module with the contract's exports, as a component.
fn wrapped(resolve: &Resolve, mut module: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let package = resolve.packages.iter().find(|(_, package)| package.name.namespace == "test").map(|(id, _)| id);
    let world = resolve.select_world(&package.into_iter().collect::<Vec<_>>(), Some("guest"))?;
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.validate(true).encode()
}

/// The component with the changes that the bytes name.
fn damaged(component: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut component = component.to_vec();
    let mut bytes = Unstructured::new(bytes);
    for _ in 0..CHANGES_MAX {
        let Ok((kind, at, many)) = <(u8, u16, u8)>::arbitrary(&mut bytes) else { break };
        if bytes.is_empty() || component.is_empty() {
            break;
        }
        let at = usize::from(at) % component.len();
        let until = (at + usize::from(many)).min(component.len());
        match kind % 6 {
            0 => component.truncate(at.max(HEADER.len())),
            1 => drop(component.drain(at..until)),
            2 => {
                let copied: Vec<u8> = component.get(at..until).unwrap_or_default().to_vec();
                drop(component.splice(at..at, copied));
            }
            3 => component.insert(at, many),
            // A single bit or byte: most likely to leave everything else right.
            4 => component.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (many % 8)),
            _ => component.iter_mut().skip(at).take(1).for_each(|byte| *byte = many),
        }
    }
    component
}

/// Texts stand at 256, the metadata at 512, the answer at 768; the allocator begins at 4096.
const PLUGIN: &str = r#"(module
    (memory (export "memory") 2)
    (global $free (mut i32) (i32.const 4096))
    (data (i32.const 256) "guest1{}done")
    (data (i32.const 512) "\00\01\00\00\05\00\00\00\05\01\00\00\01\00\00\00\06\01\00\00\02\00\00\00")
    (data (i32.const 768) "\00\00\00\00\e0\03\00\00\01\00\00\00\08\01\00\00\04\00\00\00")
    (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and
            (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.set $free (i32.add (local.get $at) (local.get $bytes)))
        (local.get $at))
    (func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (i32.const 512))
    (func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32) (i32.const 768)))"#;
