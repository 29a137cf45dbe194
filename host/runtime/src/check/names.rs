//! Compares what a component imports and exports with the contract and with the table of allowed imports.
//!
//! Only names are read here; whether types fit is found when the component is linked. A name that is not in the table is
//! refused whatever its type, so that nothing is ever linked by accident.

use std::collections::BTreeSet;

use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::refusal::{Code, Refusal};
use wasmparser::{ComponentExternalKind, Parser, Payload};

use super::malformed;
use crate::abi::v1::{COMPATIBLE, VERSION};
use crate::wasi;

/// The package of the contract.
const PACKAGE: &str = "jackfield:plugin/";
/// Export interfaces of the contract, `describe` first.
const EXPORTS: [&str; 5] = ["describe", "router", "assistant", "tools", "observer"];
/// Interfaces without functions: imported for their types, and exported by some toolchains with what uses them.
const TYPES: [&str; 5] = ["types", "contacts", "events", "decisions", "personas"];
/// The versions of WASI that this host speaks.
const WASI_COMPATIBLE: &str = "0.2.";

/// What the names say.
pub(super) struct Names {
    pub(super) contract: String,
    pub(super) exports: BTreeSet<String>,
    pub(super) imports: BTreeSet<Grant>,
}

/// Checks every import and export of the outermost component.
pub(super) fn check(component: &[u8]) -> Result<Names, Refusal> {
    let mut names = Names { contract: String::new(), exports: BTreeSet::new(), imports: BTreeSet::new() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(reader) if depth == 0 => {
                for import in reader {
                    let import = import.map_err(|error| malformed(&error))?;
                    names.import(import.name.name, import.ty.kind() == ComponentExternalKind::Instance)?;
                }
            }
            Payload::ComponentExportSection(reader) if depth == 0 => {
                for export in reader {
                    let export = export.map_err(|error| malformed(&error))?;
                    names.export(export.name.name, export.kind == ComponentExternalKind::Instance)?;
                }
            }
            _ => {}
        }
    }
    names.require()
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn wrong_contract(name: &str) -> Refusal {
    let detail = format!("the component uses `{name}`; this host speaks the contract {COMPATIBLE}x");
    Refusal::new(Code::WrongContract, detail).at(name)
}

impl Names {
    fn import(&mut self, name: &str, is_instance: bool) -> Result<(), Refusal> {
        let (interface, version) = split(name);
        let refuse = || Err(Refusal::new(Code::ImportNotAllowed, format!("the component imports `{name}`, which is not allowed")).at(name));
        if !is_instance {
            return refuse();
        }
        if let Some(ours) = interface.strip_prefix(PACKAGE) {
            let grant = Grant::ALL.into_iter().find(|grant| grant.interface() == ours);
            if grant.is_none() && !TYPES.contains(&ours) {
                return refuse();
            }
            if !version.starts_with(COMPATIBLE) {
                return Err(wrong_contract(name));
            }
            self.imports.extend(grant);
        } else if !wasi::INTERFACES.contains(&interface) || !version.starts_with(WASI_COMPATIBLE) {
            return refuse();
        }
        Ok(())
    }

    fn export(&mut self, name: &str, is_instance: bool) -> Result<(), Refusal> {
        let (interface, version) = split(name);
        // What is not of the contract is never called, so it does no harm: toolchains export things of their own.
        let Some(ours) = interface.strip_prefix(PACKAGE).filter(|_| is_instance) else { return Ok(()) };
        if TYPES.contains(&ours) {
            return Ok(());
        }
        if !EXPORTS.contains(&ours) {
            let detail = format!("the component exports `{name}`, which the contract {VERSION} does not know");
            return Err(Refusal::new(Code::BadExport, detail).at(name));
        }
        if !version.starts_with(COMPATIBLE) {
            return Err(wrong_contract(name));
        }
        if !self.exports.insert(ours.to_owned()) {
            return Err(Refusal::new(Code::BadExport, format!("the component exports `{ours}` twice")).at(ours));
        }
        if ours == "describe" {
            version.clone_into(&mut self.contract);
        }
        Ok(())
    }

    /// `describe` and at least one thing to do.
    fn require(self) -> Result<Self, Refusal> {
        if !self.exports.contains("describe") {
            let detail = format!("the component does not export `{PACKAGE}describe@{VERSION}`");
            return Err(Refusal::new(Code::BadExport, detail).at("describe"));
        }
        if self.exports.len() < 2 {
            let detail = "the component exports nothing to call: export at least one of router, assistant, tools and observer";
            return Err(Refusal::new(Code::BadExport, detail).at("router"));
        }
        Ok(self)
    }
}
