//! Writes the contract as TypeScript: `plugins/kit/script/types/contract.d.ts`, made of `wit/v1`.
//!
//! The file stands in the tree and in every new project in TypeScript or JavaScript, so that an editor knows the contract without any tool;
//! a test holds it to the WIT. Names are as componentize-qjs has them: `min-digits` is `minDigits`, a case of a variant is `{ tag, val }`,
//! an interface that is imported is the default export of its module.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use wit_parser::{Docs, Function, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeOwner, WorldItem};

/// Where it is written.
pub(crate) const FILE: &str = "plugins/kit/script/types/contract.d.ts";
const WIT: &str = "wit/v1";

/// Writes the file, or with `check` only says whether it is as it must be.
pub(crate) fn write(check: bool) -> anyhow::Result<()> {
    let top = crate::shell::top();
    let wanted = generate(&top.join(WIT))?;
    let file = top.join(FILE);
    if check {
        let there = std::fs::read_to_string(&file).with_context(|| format!("{FILE} cannot be read"))?;
        if there != wanted {
            bail!("{FILE} is not what {WIT} says; `cargo xtask types` writes it anew");
        }
        return Ok(());
    }
    std::fs::write(&file, wanted)?;
    println!("{FILE} is written");
    Ok(())
}

fn generate(wit: &Path) -> anyhow::Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let package = resolve.packages.get(package).context("the contract is a package")?;
    let version = package.name.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut out = String::from(
        "// The plugin contract for editors and for tsc. Made of wit/ by `cargo xtask types`; a change here is lost.\n\
         // A moment and a duration are numbers of milliseconds.\n\n",
    );
    let mut namespaces = String::new();
    let mut modules = String::new();
    let imported = imports(&resolve);
    for (name, id) in &package.interfaces {
        let interface = resolve.interfaces.get(*id).with_context(|| format!("interface {name}"))?;
        namespaces.push_str(&namespace(&resolve, name, interface)?);
        if imported.contains(name) {
            let module = camel(name, true);
            writeln!(modules, "declare module \"jackfield:plugin/{name}@{version}\" {{")?;
            writeln!(modules, "  const {}: jackfield.{module}.Functions;", camel(name, false))?;
            writeln!(modules, "  export default {};\n}}\n", camel(name, false))?;
        }
    }
    write!(out, "declare namespace jackfield {{\n{namespaces}}}\n\n{}", modules.trim_end())?;
    out.push('\n');
    Ok(out)
}

/// Interfaces that a plugin may import for their functions.
fn imports(resolve: &Resolve) -> Vec<String> {
    let named = |item: &WorldItem| match item {
        WorldItem::Interface { id, .. } => resolve.interfaces.get(*id).filter(|of| !of.functions.is_empty()).and_then(|of| of.name.clone()),
        _ => None,
    };
    resolve.worlds.iter().flat_map(|(_, world)| world.imports.values()).filter_map(named).collect()
}

fn namespace(resolve: &Resolve, name: &str, interface: &Interface) -> anyhow::Result<String> {
    let mut out = String::new();
    docs(&mut out, "  ", &interface.docs)?;
    writeln!(out, "  namespace {} {{", camel(name, true))?;
    for (name, id) in &interface.types {
        let def = resolve.types.get(*id).with_context(|| format!("type {name}"))?;
        type_of(resolve, &mut out, name, def)?;
    }
    if !interface.functions.is_empty() {
        writeln!(out, "    interface Functions {{")?;
        for (name, function) in &interface.functions {
            docs(&mut out, "      ", &function.docs)?;
            writeln!(out, "      {};", signature(resolve, name, function)?)?;
        }
        writeln!(out, "    }}")?;
    }
    writeln!(out, "  }}")?;
    Ok(out)
}

fn signature(resolve: &Resolve, name: &str, function: &Function) -> anyhow::Result<String> {
    let mut parameters = Vec::new();
    for parameter in &function.params {
        parameters.push(format!("{}: {}", camel(&parameter.name, false), named(resolve, &parameter.ty)?));
    }
    let result = match &function.result {
        Some(result) => returned(resolve, result)?,
        None => "void".to_owned(),
    };
    Ok(format!("{}({}): {result}", camel(name, false), parameters.join(", ")))
}

/// What a function gives: an error is thrown.
fn returned(resolve: &Resolve, result: &Type) -> anyhow::Result<String> {
    if let Type::Id(id) = result
        && let Some(TypeDef { kind: TypeDefKind::Result(of), name: None, .. }) = resolve.types.get(*id)
    {
        return of.ok.as_ref().map_or_else(|| Ok("void".to_owned()), |ok| named(resolve, ok));
    }
    named(resolve, result)
}

fn type_of(resolve: &Resolve, out: &mut String, name: &str, def: &TypeDef) -> anyhow::Result<()> {
    docs(out, "    ", &def.docs)?;
    let type_name = camel(name, true);
    match &def.kind {
        TypeDefKind::Record(record) => {
            writeln!(out, "    interface {type_name} {{")?;
            for field in &record.fields {
                docs(out, "      ", &field.docs)?;
                writeln!(out, "      {}: {};", camel(&field.name, false), named(resolve, &field.ty)?)?;
            }
            writeln!(out, "    }}")?;
        }
        TypeDefKind::Variant(variant) => {
            writeln!(out, "    type {type_name} =")?;
            for case in &variant.cases {
                docs(out, "      ", &case.docs)?;
                match &case.ty {
                    Some(ty) => writeln!(out, "      | {{ tag: \"{}\"; val: {} }}", case.name, named(resolve, ty)?)?,
                    None => writeln!(out, "      | {{ tag: \"{}\" }}", case.name)?,
                }
            }
            writeln!(out, "      ;")?;
        }
        TypeDefKind::Enum(of) => {
            writeln!(out, "    type {type_name} =")?;
            for case in &of.cases {
                docs(out, "      ", &case.docs)?;
                writeln!(out, "      | \"{}\"", case.name)?;
            }
            writeln!(out, "      ;")?;
        }
        kind => writeln!(out, "    type {type_name} = {};", anonymous(resolve, kind)?)?,
    }
    Ok(())
}

/// A type where it is used: by its name where it has one.
fn named(resolve: &Resolve, ty: &Type) -> anyhow::Result<String> {
    Ok(match ty {
        Type::Bool => "boolean".to_owned(),
        // The engine gives and takes 64 bits as numbers too.
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::S8 | Type::S16 | Type::S32 | Type::S64 | Type::F32 | Type::F64 => {
            "number".to_owned()
        }
        Type::Char | Type::String => "string".to_owned(),
        Type::ErrorContext => bail!("the contract has no error contexts"),
        Type::Id(id) => {
            let def = resolve.types.get(*id).context("a type of the contract")?;
            match (&def.name, def.owner) {
                (Some(name), TypeOwner::Interface(owner)) => {
                    let owner = resolve.interfaces.get(owner).and_then(|owner| owner.name.clone()).context("an interface with a name")?;
                    format!("{}.{}", camel(&owner, true), camel(name, true))
                }
                _ => anonymous(resolve, &def.kind)?,
            }
        }
    })
}

fn anonymous(resolve: &Resolve, kind: &TypeDefKind) -> anyhow::Result<String> {
    Ok(match kind {
        TypeDefKind::Type(of) => named(resolve, of)?,
        TypeDefKind::Option(of) => format!("{} | null", named(resolve, of)?),
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(of) => {
            let of = named(resolve, of)?;
            if of.contains(' ') { format!("({of})[]") } else { format!("{of}[]") }
        }
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|of| named(resolve, of)).collect::<anyhow::Result<_>>()?;
            format!("[{}]", parts.join(", "))
        }
        TypeDefKind::Result(of) => {
            let part = |tag: &str, of: &Option<Type>| -> anyhow::Result<String> {
                Ok(match of {
                    Some(of) => format!("{{ tag: \"{tag}\"; val: {} }}", named(resolve, of)?),
                    None => format!("{{ tag: \"{tag}\" }}"),
                })
            };
            format!("{} | {}", part("ok", &of.ok)?, part("err", &of.err)?)
        }
        TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) | TypeDefKind::Resource => bail!("the contract has no resources"),
        other => bail!("the contract has a type that nobody told TypeScript of: {}", other.as_str()),
    })
}

fn docs(out: &mut String, indent: &str, docs: &Docs) -> anyhow::Result<()> {
    let Some(text) = docs.contents.as_deref().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(()) };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    match lines.as_slice() {
        [line] => writeln!(out, "{indent}/** {line} */")?,
        lines => {
            writeln!(out, "{indent}/**")?;
            for line in lines {
                writeln!(out, "{indent} * {line}")?;
            }
            writeln!(out, "{indent} */")?;
        }
    }
    Ok(())
}

/// `min-digits` as `minDigits`, or as `MinDigits`.
fn camel(name: &str, upper: bool) -> String {
    let mut camel = String::with_capacity(name.len());
    for (at, word) in name.split('-').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if at > 0 || upper => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_tree_is_what_the_contract_says() {
        write(true).unwrap();
        let text = std::fs::read_to_string(crate::shell::top().join(FILE)).unwrap();
        for part in [
            "declare module \"jackfield:plugin/settings@0.9.0\"",
            "interface Collect {",
            "minDigits: number;",
            "| { tag: \"keep\" }",
            "set(scope: State.Scope, key: string, value: Uint8Array, lifetime: State.Milliseconds | null): void;",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!((camel("min-digits", false), camel("dial-ended", true)), ("minDigits".to_owned(), "DialEnded".to_owned()));
    }
}
