//! Looks at components inside a component, and refuses those between which texts could be copied without end.
//!
//! Between two of them the engine writes code that copies what they hand over, and it asks no fuel for the bytes of a text: a hundred
//! thousand texts that are all the same megabytes, written to one place, kept a thread busy for half a second between two looks at the
//! clock, and could have done so for many. No limit of the engine stands against it. A text can be copied only from one memory into
//! another, so of all instances inside an upload one may have memory. That leaves room for what toolchains put around a plugin, which
//! answers for absent parts of the system and has none.
//!
//! Numbers must mean here what they mean to the engine: whatever could bring a component or a module in by another way is refused.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Operator, Parser, Payload,
};

use super::{malformed, too_complex};
use jackfield_domain::refusal::Refusal;

/// A component as it stands in the upload; the first is the upload itself.
#[derive(Default)]
struct Definition {
    parent: Option<usize>,
    /// Components inside it, in the order of their numbers.
    inside: Vec<usize>,
    /// Numbers of those that it makes instances of.
    instantiated: Vec<u32>,
    has_code: bool,
    has_memory: bool,
    can_grow: bool,
}

/// Refuses an upload in which more than one instance has memory.
pub(super) fn check(component: &[u8]) -> Result<(), Refusal> {
    let mut definitions = read(component, false)?;
    if with(&definitions, |definition| definition.has_code) <= 1 {
        return Ok(());
    }
    if definitions.iter().any(|definition| !definition.has_memory) {
        // Reading every instruction is for the few uploads that are made of several.
        definitions = read(component, true)?;
    }
    let memories = with(&definitions, |definition| definition.has_memory || definition.can_grow);
    if memories <= 1 {
        return Ok(());
    }
    let detail = format!("{memories} of the components inside it have memory; at most one may, because texts are copied between them");
    Err(too_complex(detail, "components with memory"))
}

/// How many instances there are of definitions of a kind.
fn with(definitions: &[Definition], kind: fn(&Definition) -> bool) -> u64 {
    let mut times: Vec<u64> = Vec::with_capacity(definitions.len());
    let mut count = 0_u64;
    for (at, definition) in definitions.iter().enumerate() {
        // A component stands behind the one that contains it, so the times of that one are known.
        let of_parent = definition.parent.map_or(1, |parent| {
            let around = times.get(parent).copied().unwrap_or(0);
            definitions.get(parent).map_or(0, |parent| around.saturating_mul(parent.made(at)))
        });
        times.push(of_parent);
        count = count.saturating_add(if kind(definition) { of_parent } else { 0 });
    }
    count
}

impl Definition {
    /// How many instances it makes of a component inside it.
    fn made(&self, of: usize) -> u64 {
        let number = self.inside.iter().position(|inside| *inside == of).and_then(|at| u32::try_from(at).ok());
        self.instantiated.iter().filter(|instantiated| Some(**instantiated) == number).count() as u64
    }
}

/// What encloses what is being read.
enum Around {
    Component(usize),
    Module,
}

fn read(component: &[u8], with_code: bool) -> Result<Vec<Definition>, Refusal> {
    let mut definitions = vec![Definition::default()];
    let mut around = vec![Around::Component(0)];
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| malformed(&error))?;
        let current = around.iter().rev().find_map(|around| match around {
            Around::Component(at) => Some(*at),
            Around::Module => None,
        });
        let current = current.unwrap_or(0);
        let next = definitions.len();
        let Some(definition) = definitions.get_mut(current) else { break };
        match payload {
            Payload::ModuleSection { .. } => {
                definition.has_code = true;
                around.push(Around::Module);
            }
            Payload::ComponentSection { .. } => {
                definition.inside.push(next);
                definitions.push(Definition { parent: Some(current), ..Definition::default() });
                around.push(Around::Component(next));
            }
            Payload::End(_) => {
                around.pop();
            }
            payload => definition.see(&payload, current > 0, with_code)?,
        }
    }
    Ok(definitions)
}

impl Definition {
    fn see(&mut self, payload: &Payload<'_>, is_inside: bool, with_code: bool) -> Result<(), Refusal> {
        match payload {
            Payload::MemorySection(reader) => {
                for memory in reader.clone() {
                    self.has_memory |= memory.map_err(|error| malformed(&error))?.initial > 0;
                }
            }
            Payload::CodeSectionEntry(code) if with_code && !self.has_memory && !self.can_grow => {
                for operator in code.get_operators_reader().map_err(|error| malformed(&error))? {
                    self.can_grow |= matches!(operator.map_err(|error| malformed(&error))?, Operator::MemoryGrow { .. });
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance.map_err(|error| malformed(&error))? {
                        self.instantiated.push(component_index);
                    }
                }
            }
            _ => self.refuse_other_ways(payload, is_inside)?,
        }
        Ok(())
    }

    /// Refuses imports, aliases and exports of whole components, and of modules inside: toolchains never use them.
    fn refuse_other_ways(&self, payload: &Payload<'_>, is_inside: bool) -> Result<(), Refusal> {
        let is_way = match payload {
            Payload::ComponentImportSection(reader) => reader
                .clone()
                .into_iter()
                .any(|import| import.is_ok_and(|import| matches!(import.ty, ComponentTypeRef::Module(_) | ComponentTypeRef::Component(_)))),
            Payload::ComponentAliasSection(reader) => reader.clone().into_iter().any(|alias| {
                alias.is_ok_and(|alias| match alias {
                    ComponentAlias::InstanceExport { kind, .. } => is_whole(kind),
                    ComponentAlias::Outer { kind, .. } => {
                        matches!(kind, ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::Component)
                    }
                    ComponentAlias::CoreInstanceExport { .. } => false,
                })
            }),
            Payload::ComponentExportSection(reader) => {
                reader.clone().into_iter().any(|export| export.is_ok_and(|export| is_whole(export.kind)))
            }
            Payload::ComponentInstanceSection(_) => false,
            _ => return Ok(()),
        };
        if !is_way {
            return Ok(());
        }
        let place = if is_inside { "a component inside it" } else { "it" };
        Err(too_complex(format!("{place} hands whole components or modules on; only instances and functions may be"), "components"))
    }
}

fn is_whole(kind: ComponentExternalKind) -> bool {
    matches!(kind, ComponentExternalKind::Module | ComponentExternalKind::Component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        check(&wat::parse_str(text).unwrap()).map_err(|refusal| refusal.detail)
    }

    /// A component inside with a module like that, and an instance of it.
    fn inside(name: &str, module: &str) -> String {
        format!("(component ${name} (core module $m {module}) (core instance (instantiate $m))) (instance (instantiate ${name}))")
    }

    #[test]
    fn one_instance_with_memory_has_nobody_to_copy_to() {
        for text in [
            "(component)".to_owned(),
            "(component (core module (memory 1)) (core module (memory 4)))".to_owned(),
            format!("(component {})", inside("a", "(memory 1) (func (drop (memory.grow (i32.const 1))))")),
            format!("(component {} {})", inside("a", "(memory 1)"), inside("b", "(memory 0) (func)")),
            // Defined and never made.
            format!("(component {} (component (core module (memory 1))))", inside("a", "(memory 1)")),
        ] {
            assert_eq!(checked(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn two_instances_with_memory_are_refused_however_they_come_to_it() {
        let grows = "(memory 0) (func (drop (memory.grow (i32.const 1))))";
        let twice = "(component $a (core module $m (memory 1)) (core instance (instantiate $m))) (instance (instantiate $a)) (instance (instantiate $a))";
        for text in [
            format!("(component {} {})", inside("a", "(memory 1)"), inside("b", "(memory 1)")),
            format!("(component {} {})", inside("a", "(memory 1)"), inside("b", grows)),
            format!("(component {} {})", inside("a", grows), inside("b", grows)),
            format!("(component {twice})"),
            format!("(component (component $b {}) (instance (instantiate $b)) (instance (instantiate $b)))", inside("a", "(memory 1)")),
            format!("(component (core module $m (memory 1)) (core instance (instantiate $m)) {})", inside("a", "(memory 1)")),
        ] {
            assert!(checked(&text).is_err_and(|why| why.contains("have memory")), "{text}");
        }
    }

    #[test]
    fn no_component_or_module_comes_in_by_another_way() {
        for text in [
            "(component (component (import \"m\" (core module))))",
            "(component (component (import \"c\" (component))))",
            "(component (core module $m (memory 1)) (component (alias outer 1 $m (core module))))",
            "(component (component $c) (component (alias outer 1 $c (component))))",
            "(component (component $c) (export \"c\" (component $c)))",
            "(component (component $c (component $d) (export \"d\" (component $d))) (instance $i (instantiate $c)) (alias export $i \"d\" (component)))",
        ] {
            // Only an upload with code in several components is looked at as closely; the way itself is refused at once.
            assert!(checked(text).is_err_and(|why| why.contains("hands whole")), "{text}");
        }
    }
}
