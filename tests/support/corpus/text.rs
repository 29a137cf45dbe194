//! Makes components of the hand-written guests: what no compiler of a language would ever write.
//!
//! The corpus loads them here. A guest's file is the text of a core module, without the parts that all have in common; a few lines that
//! begin with `;;!` say what else it is:
//!
//! | line | meaning |
//! |---|---|
//! | `;;! import NAME` | the world imports this interface |
//! | `;;! wit TEXT` | a line of the guest's own package `test:guest` |
//! | `;;! export NAME` | the world exports this interface besides those of a plugin |
//! | `;;! encoding NAME` | how its strings are encoded |
//! | `;;! inner NAME` | from here on: the text of a component and its `$instance`, which stands where NAME would be imported |
//! | `;;! tail` | from here on: text at the end of the component |
//! | `;;! case NAME` | from here on: the lines of one case, each a guest of its own |
//! | `;;! whole` | the file is the text of a component as it stands |
//! | `;;! repeat COUNT TEXT` | TEXT so often, with `{}` counting from 0 and `{+}` from 1 |
//!
//! Lines before the first case belong to all of them.
//!
//! It must not make anything valid that a guest wants invalid: what the encoder would refuse is written as `whole`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::artifacts::top;

/// Where they are.
pub fn folder() -> PathBuf {
    top().join("tests/guests/wat")
}

/// What a file says, taken apart.
#[derive(Default)]
struct Parts {
    module: String,
    imports: Vec<String>,
    exports: Vec<String>,
    wit: String,
    utf16: Option<StringEncoding>,
    inner: Option<(String, String)>,
    tail: String,
    whole: bool,
}

/// Where a line of text belongs.
enum Place {
    Module,
    Inner,
    Tail,
    /// A case that was not asked for.
    Nowhere,
}

/// Cases of a file; one without a name where it has none.
pub fn cases(file: &Path) -> anyhow::Result<Vec<Option<String>>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let cases: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(";;! case ")).map(|name| Some(name.trim().to_owned())).collect();
    Ok(if cases.is_empty() { vec![None] } else { cases })
}

/// The component of a file, or of one of its cases.
pub fn component(name: &str, case: Option<&str>) -> anyhow::Result<Bytes> {
    let file = folder().join(format!("{name}.wat"));
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let parts = take_apart(&text, case)?;
    build(&parts).with_context(|| format!("guest {name} {}", case.unwrap_or_default()))
}

fn take_apart(text: &str, case: Option<&str>) -> anyhow::Result<Parts> {
    let mut parts = Parts::default();
    let mut place = Place::Module;
    let mut found = case.is_none();
    for line in text.lines() {
        let Some(word) = line.trim_start().strip_prefix(";;! ") else {
            parts.line(&place, line);
            continue;
        };
        let (word, rest) = word.split_once(' ').map_or((word, ""), |(word, rest)| (word, rest.trim()));
        if let ("case", name) = (word, rest) {
            let wanted = case == Some(name);
            found |= wanted;
            place = if wanted { Place::Module } else { Place::Nowhere };
            continue;
        }
        if matches!(place, Place::Nowhere) {
            continue;
        }
        match word {
            "import" => parts.imports.push(rest.to_owned()),
            "export" => parts.exports.push(rest.to_owned()),
            "wit" => parts.wit = format!("{}{rest}\n", parts.wit),
            "encoding" => parts.utf16 = Some(encoding(rest)?),
            "inner" => {
                parts.inner = Some((rest.to_owned(), String::new()));
                place = Place::Inner;
            }
            "tail" => place = Place::Tail,
            "module" => place = Place::Module,
            "whole" => parts.whole = true,
            "repeat" => {
                let (count, text) = rest.split_once(' ').context("a count and a text")?;
                for at in 0..count.parse::<u32>()? {
                    parts.line(&place, &text.replace("{}", &at.to_string()).replace("{+}", &(at + 1).to_string()));
                }
            }
            other => bail!("unknown line {other:?}"),
        }
    }
    if found { Ok(parts) } else { bail!("there is no case {case:?}") }
}

fn encoding(name: &str) -> anyhow::Result<StringEncoding> {
    match name {
        "utf16" => Ok(StringEncoding::UTF16),
        "latin1+utf16" => Ok(StringEncoding::CompactUTF16),
        other => bail!("unknown encoding {other:?}"),
    }
}

impl Parts {
    fn line(&mut self, place: &Place, line: &str) {
        let text = match (place, &mut self.inner) {
            (Place::Module, _) => &mut self.module,
            (Place::Inner, Some((_, text))) => text,
            (Place::Tail, _) => &mut self.tail,
            (Place::Inner, None) | (Place::Nowhere, _) => return,
        };
        text.push_str(line);
        text.push('\n');
    }

    /// The module: the guest's own lines, and of the frame what it does not bring along.
    fn module(&self) -> anyhow::Result<String> {
        let frame = std::fs::read_to_string(folder().join("frame.wat"))?;
        // Imports come first in a module, wherever a case has them.
        let (imports, own): (Vec<&str>, Vec<&str>) = self.module.lines().partition(|line| line.starts_with("(import "));
        let mut text = format!("(module\n{}\n{}\n", imports.join("\n"), own.join("\n"));
        for part in frame.split("\n;;? ").skip(1) {
            let (key, part) = part.split_once('\n').context("a part has a text after its key")?;
            if !self.module.contains(key) {
                text = format!("{text}{part}\n");
            }
        }
        Ok(text + ")")
    }

    /// The module with what says of it which world it is for.
    fn embedded(&self) -> anyhow::Result<Vec<u8>> {
        let mut resolve = Resolve::default();
        resolve.push_path(top().join("wit/v1"))?;
        resolve.push_path(folder().join("wasi.wit"))?;
        let line = |word: &str, names: &[String]| {
            names.iter().map(|name| format!("{word} {}; ", name.trim_start_matches("test:guest/"))).collect::<String>()
        };
        let world = format!(
            "package test:guest; {} world guest {{ {} {} export jackfield:plugin/describe@0.9.0; export jackfield:plugin/router@0.9.0; }}",
            self.wit,
            line("import", &self.imports),
            line("export", &self.exports),
        );
        let package = resolve.push_str("guest.wit", &world)?;
        let world = resolve.select_world(&[package], Some("guest"))?;
        let mut module = wat::parse_str(self.module()?)?;
        embed_component_metadata(&mut module, &resolve, world, self.utf16.unwrap_or(StringEncoding::UTF8))?;
        Ok(module)
    }
}

fn build(parts: &Parts) -> anyhow::Result<Bytes> {
    if parts.whole {
        return Ok(wat::parse_str(&parts.module)?.into());
    }
    let component = ComponentEncoder::default().module(&parts.embedded()?)?.validate(true).encode()?;
    if parts.inner.is_none() && parts.tail.is_empty() {
        return Ok(component.into());
    }
    let mut text = String::new();
    wasmprinter::Config::new().print(&component, &mut wasmprinter::PrintFmtWrite(&mut text))?;
    if let Some((name, inner)) = &parts.inner {
        text = beside(&text, name, inner)?;
    }
    let end = text.trim_end().strip_suffix(')').context("a component ends with a parenthesis")?;
    Ok(wat::parse_str(format!("{end}\n{}\n)", parts.tail))?.into())
}

/// A component of two: the guest, and beside it the inner one, whose `$instance` the guest is given where it imports that name. They
/// are siblings, because a component may not call what contains it, nor be called by it.
fn beside(guest: &str, name: &str, inner: &str) -> anyhow::Result<String> {
    let (head, _) = guest.split_once("\n  (core module").context("a guest has a module")?;
    let head = head.strip_prefix("(component").context("a guest is a component")?;
    let mark = "(import \"";
    let mut around = String::new();
    let mut given = String::new();
    for line in head.lines() {
        let Some(import) = line.trim_start().strip_prefix(mark) else {
            around = format!("{around}{line}\n");
            continue;
        };
        let (imported, rest) = import.split_once('"').context("an import has a name")?;
        let own = rest.strip_prefix(" (instance ").and_then(|rest| rest.split(' ').next()).context("an instance has a name")?;
        let line = if imported == name { inner.replace("$instance", own) } else { line.to_owned() };
        around = format!("{around}{line}\n");
        given = format!("{given} (with \"{imported}\" (instance {own}))");
    }
    let mut exports = String::new();
    for interface in ["jackfield:plugin/describe@0.9.0", "jackfield:plugin/router@0.9.0"] {
        exports = format!("{exports}(export \"{interface}\" (instance $guest \"{interface}\"))\n");
    }
    let guest = guest.replacen("(component", "(component $guest", 1);
    Ok(format!("(component\n{around}\n{guest}\n(instance $guest (instantiate $guest{given}))\n{exports})"))
}
