//! Links a loaded component once, so that a call only has to make an instance.
//!
//! The runtime keeps one for each loaded version. Linking resolves every import and finds every export by name; a call uses
//! neither names nor the linker. The store of a call is made from [`Prepared::engine`], so an instance can never meet a store
//! of the other engine.

use jackfield_domain::refusal::{Code, Refusal};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::abi::v1;
use crate::abi::v1::Exports;
use crate::guest::Guest;
use crate::runtime::RuntimeFault;
use crate::wasi;

/// One of the two engines, with everything that a guest may import.
pub(crate) struct GuestEngine {
    engine: Engine,
    linker: Linker<Guest>,
}

impl GuestEngine {
    /// Defines the imports once; the linker is never copied and never changed afterwards.
    pub(crate) fn new(engine: Engine) -> Result<Self, RuntimeFault> {
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker)
            .and_then(|()| v1::add_to_linker(&mut linker))
            .map_err(|error| RuntimeFault::Engine(format!("{error:#}")))?;
        Ok(Self { engine, linker })
    }

    /// The engine, to map artifacts into.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// A version that is ready to run.
pub(crate) struct Prepared {
    pub(crate) instance: InstancePre<Guest>,
    pub(crate) exports: Exports,
    /// Of the artifact.
    pub(crate) bytes: u64,
}

impl Prepared {
    /// Links a component; names the import or export whose type is not the contract's.
    pub(crate) fn link(on: &GuestEngine, component: &Component, bytes: u64) -> Result<Self, Refusal> {
        let instance = on.linker.instantiate_pre(component).map_err(|error| unlinked(&error, component, on))?;
        let exports = Exports::find(&instance)?;
        Ok(Self { instance, exports, bytes })
    }

    /// The engine that it belongs to.
    pub(crate) fn engine(&self) -> &Engine {
        self.instance.engine()
    }
}

/// The engine's own words name function and type; which import it was stands in them and is picked out for programs.
fn unlinked(error: &wasmtime::Error, component: &Component, on: &GuestEngine) -> Refusal {
    let why = format!("{error:#}");
    let ty = component.component_type();
    let at = ty.imports(&on.engine).map(|(name, _)| name).find(|name| why.contains(&format!("`{name}`")));
    let refusal = Refusal::new(Code::WrongContract, format!("an import is not what the contract {} says: {why}", v1::VERSION));
    match at {
        Some(name) => refusal.at(name),
        None => refusal,
    }
}
