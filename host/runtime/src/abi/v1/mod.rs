//! Speaks version 0.9 of the contract: finds a component's exports, calls them, and turns values into the domain's.
//!
//! The bindings are generated from `wit/v1`, so that a change of the contract that this host does not follow does not compile.
//! Exports are found interface by interface and not as one world, because a plugin may leave out any of them but `describe`.

#[cfg(feature = "fuzz")]
pub(crate) mod any;
mod lift;
mod lower;

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::Failure;
use jackfield_domain::flow::plugin::Metadata;
use jackfield_domain::refusal::{Code, Refusal};
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};
use wasmtime::{Result, Store};

pub(crate) use self::lower::{About, customer_id};
use crate::guest::Guest;

/// Generated from the contract.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all, reason = "generated code")]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "generated code"
)]
#[allow(clippy::wildcard_imports, clippy::disallowed_methods, clippy::disallowed_types, reason = "generated code")]
pub(crate) mod bindings {
    macro_rules! bindings {
        ($($more:tt)*) => {
            wasmtime::component::bindgen!({
                path: "../../wit/v1",
                world: "assistant-plugin",
                imports: { default: async | trappable },
                exports: { default: async },
                $($more)*
            });
        };
    }

    #[cfg(not(feature = "fuzz"))]
    bindings!();
    // A fuzzer makes any value of any type.
    #[cfg(feature = "fuzz")]
    bindings!(additional_derives: [arbitrary::Arbitrary],);
}

use bindings::exports::jackfield::plugin as exports;
pub(crate) use bindings::jackfield::plugin as imports;

/// The contract that this folder speaks, for messages.
pub(crate) const VERSION: &str = "0.9.0";
/// The part of a version that must be the same.
pub(crate) const COMPATIBLE: &str = "0.9.";

/// Defines every import interface of the contract.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    imports::settings::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::directory::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::state::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::http::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::outcome::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    imports::customer::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// Where a component's exports are. Looked up once for each version, so that a call needs no names.
pub(crate) struct Exports {
    describe: exports::describe::GuestIndices,
    router: Option<exports::router::GuestIndices>,
    assistant: Option<exports::assistant::GuestIndices>,
    tools: Option<exports::tools::GuestIndices>,
    observer: Option<exports::observer::GuestIndices>,
}

fn missing(interface: &str, why: &wasmtime::Error) -> Refusal {
    Refusal::new(Code::BadExport, format!("export `{interface}` is not what the contract {VERSION} says: {why:#}")).at(interface)
}

fn optional<T>(pre: &InstancePre<Guest>, interface: &str, find: fn(&InstancePre<Guest>) -> Result<T>) -> Result<Option<T>, Refusal> {
    let name = format!("jackfield:plugin/{interface}@{VERSION}");
    if pre.component().get_export_index(None, &name).is_none() {
        return Ok(None);
    }
    find(pre).map(Some).map_err(|why| missing(interface, &why))
}

impl Exports {
    /// Finds what a component exports.
    pub(crate) fn find(pre: &InstancePre<Guest>) -> Result<Self, Refusal> {
        Ok(Self {
            describe: exports::describe::GuestIndices::new(pre).map_err(|why| missing("describe", &why))?,
            router: optional(pre, "router", exports::router::GuestIndices::new)?,
            assistant: optional(pre, "assistant", exports::assistant::GuestIndices::new)?,
            tools: optional(pre, "tools", exports::tools::GuestIndices::new)?,
            observer: optional(pre, "observer", exports::observer::GuestIndices::new)?,
        })
    }

    /// Compares the type of every exported function with the contract's; names the first that differs.
    pub(crate) fn check(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<(), Refusal> {
        self.describe.load(&mut *store, instance).map_err(|why| missing("describe.describe", &why))?;
        if let Some(router) = &self.router {
            router.load(&mut *store, instance).map_err(|why| missing("router.handle", &why))?;
        }
        if let Some(assistant) = &self.assistant {
            assistant.load(&mut *store, instance).map_err(|why| missing("assistant.prompt", &why))?;
        }
        if let Some(tools) = &self.tools {
            tools.load(&mut *store, instance).map_err(|why| missing("tools.call", &why))?;
        }
        if let Some(observer) = &self.observer {
            observer.load(&mut *store, instance).map_err(|why| missing("observer.notify", &why))?;
        }
        Ok(())
    }

    /// Calls `describe.describe`.
    pub(crate) async fn describe(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Metadata> {
        let describe = self.describe.load(&mut *store, instance)?;
        Ok(lift::metadata(describe.call_describe(store).await?))
    }

    /// Calls `router.handle`; none where the plugin has no router.
    pub(crate) async fn handle(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        about: About<'_>,
        event: &Event,
    ) -> Result<Option<Result<Draft, Failure>>> {
        let Some(router) = &self.router else { return Ok(None) };
        let router = router.load(&mut *store, instance)?;
        let answer = router.call_handle(store, &lower::contact(about), &lower::event(event)).await?;
        Ok(Some(answer.map(lift::decision).map_err(lift::failure)))
    }

    /// Calls `assistant.prompt`; none where the plugin has no assistant.
    pub(crate) async fn prompt(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        about: About<'_>,
        event: &Event,
    ) -> Result<Option<Result<Persona, Failure>>> {
        let Some(assistant) = &self.assistant else { return Ok(None) };
        let assistant = assistant.load(&mut *store, instance)?;
        let answer = assistant.call_prompt(store, &lower::contact(about), &lower::event(event)).await?;
        Ok(Some(answer.map(lift::persona).map_err(lift::failure)))
    }

    /// Calls `observer.notify`; none where the plugin does not observe.
    pub(crate) async fn notify(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        about: About<'_>,
        event: &Event,
    ) -> Result<Option<()>> {
        let Some(observer) = &self.observer else { return Ok(None) };
        let observer = observer.load(&mut *store, instance)?;
        observer.call_notify(store, &lower::contact(about), &lower::event(event)).await?;
        Ok(Some(()))
    }
}
