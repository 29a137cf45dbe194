//! Gets a developer from nothing to a component: `plugin new`, `plugin build`, `plugin check`. No server is needed.
//!
//! What is written stands in `plugins/kit`, and with it go the contract and, for Rust, the SDK: a project needs nothing but its language's
//! own tools and registry. Building is those tools' work; here is only how they are called.

mod build;

pub(crate) use build::Build;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jackfield_domain::id::PluginName;
use serde_json::json;

use super::print;
use super::session::{Outcome, Trouble};

include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// Stands in the templates for the plugin's name.
const NAME: &str = "NAME";

/// In which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// With the SDK; tests without a sandbox; the smallest and fastest.
    Rust,
    /// With QuickJS inside.
    Js,
    /// The same with types that are checked.
    Ts,
    /// With CPython inside; needs the plan large.
    Python,
}

impl Language {
    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust/",
            Self::Js => "js/",
            Self::Ts => "ts/",
            Self::Python => "python/",
        }
    }

    /// Of a project, by what lies in it.
    fn of(project: &Path) -> Result<Self, Trouble> {
        // What TypeScript has beside what JavaScript has, before it.
        let marks =
            [(Self::Rust, "Cargo.toml"), (Self::Ts, "tsconfig.json"), (Self::Js, "package.json"), (Self::Python, "requirements.txt")];
        let found = marks.into_iter().find(|(_, mark)| project.join(mark).is_file()).map(|(language, _)| language);
        found.ok_or_else(|| {
            let names: Vec<&str> = marks.iter().map(|(_, mark)| *mark).collect();
            Trouble::Usage(format!(
                "{} is no plugin's folder: there is none of {}; `jackfield plugin new` makes one",
                project.display(),
                names.join(", ")
            ))
        })
    }
}

/// A new project.
#[derive(Debug, Args)]
pub struct New {
    /// What the plugin is called.
    name: PluginName,
    /// In which language.
    #[arg(long, value_enum)]
    lang: Language,
    /// Where to write it [default: a folder of its name].
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(self, json_wanted: bool, out: &mut dyn Write) -> Outcome {
        let Self { name, lang, dir } = self;
        let dir = dir.unwrap_or_else(|| PathBuf::from(name.as_str()));
        let failed = |e: std::io::Error| Trouble::Failed(format!("{}: {e}", dir.display()));
        if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Trouble::Usage(format!(
                "{} exists and is not empty; nothing was written. --dir names another folder",
                dir.display()
            )));
        }
        let files = files(name.as_str(), lang);
        for (path, text) in &files {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&dir)).and_then(|()| std::fs::write(&path, text)).map_err(failed)?;
        }
        if json_wanted {
            print::say(out, &json!({ "dir": dir, "files": files.len() }).to_string());
            return Ok(());
        }
        print::say(
            out,
            &format!(
                "{} is a plugin now. Next:\n\n  cd {}\n  jackfield plugin build\n  jackfield plugin test plugin.wasm cases/",
                dir.display(),
                dir.display()
            ),
        );
        Ok(())
    }
}

/// Every file of a new project: where it stands and what it says.
fn files(name: &str, lang: Language) -> Vec<(PathBuf, String)> {
    let of_kit = |folder: &'static str| KIT.iter().filter_map(move |(path, text)| Some((path.strip_prefix(folder)?, *text)));
    let mut files: Vec<(PathBuf, String)> = of_kit(lang.folder())
        .chain(of_kit("common/"))
        .map(|(path, text)| (PathBuf::from(if path == "gitignore" { ".gitignore" } else { path }), text.replace(NAME, name)))
        .collect();
    if matches!(lang, Language::Js | Language::Ts) {
        files.extend(of_kit("script/").map(|(path, text)| (PathBuf::from(path), text.to_owned())));
    }
    files.extend(CONTRACT.iter().map(|(path, text)| (Path::new("wit/v1").join(path), (*text).to_owned())));
    if lang == Language::Rust {
        files.extend(SDK.iter().map(|(path, text)| (Path::new("vendor/sdk").join(path), (*text).to_owned())));
        files.push((PathBuf::from("Cargo.toml"), manifest(name)));
    }
    files
}

/// The manifest of a project in Rust: the workspace that the SDK lives in here, with the SDK and the plugin as its members.
fn manifest(name: &str) -> String {
    let workspace = WORKSPACE.lines().skip_while(|line| !line.starts_with("[workspace]")).map(|line| match line {
        line if line.starts_with("members = ") => "members = [\".\", \"vendor/sdk\"]",
        line if line.starts_with("jackfield-sdk = ") => "jackfield-sdk = { path = \"vendor/sdk\" }",
        line => line,
    });
    let workspace: Vec<&str> = workspace.collect();
    let package = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition.workspace = true\npublish = false\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\njackfield-sdk.workspace = true\n"
    );
    format!("{package}\n{}\n", workspace.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_project_has_its_name_the_contract_and_cases_in_every_language() {
        for (lang, own) in
            [(Language::Rust, "src/lib.rs"), (Language::Js, "plugin.js"), (Language::Ts, "plugin.ts"), (Language::Python, "src/plugin.py")]
        {
            let files = files("shop", lang);
            let text = |path: &str| files.iter().find(|(at, _)| at == Path::new(path)).map(|(_, text)| text.as_str());
            assert!(text(own).is_some_and(|text| text.contains("\"shop\"") && !text.contains(NAME)), "{lang:?}");
            for path in ["cases/menu.yaml", "wit/v1/router.wit", "README.md", ".gitignore"] {
                assert!(text(path).is_some(), "{lang:?} has no {path}");
            }
        }
    }

    #[test]
    fn the_manifest_in_rust_names_what_is_there_and_nothing_of_ours() {
        let manifest: toml::Table = manifest("shop").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("shop"));
        assert_eq!(manifest["workspace"]["members"].as_array().unwrap().len(), 2);
        assert_eq!(manifest["workspace"]["dependencies"]["jackfield-sdk"]["path"].as_str(), Some("vendor/sdk"));
        let files = files("shop", Language::Rust);
        assert!(files.iter().any(|(path, _)| path == Path::new("vendor/sdk/src/lib.rs")));
    }

    #[test]
    fn a_folder_that_is_not_empty_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.txt"), "mine").unwrap();
        let new = New { name: "shop".parse().unwrap(), lang: Language::Js, dir: Some(dir.path().to_owned()) };
        let refused = new.run(false, &mut Vec::new());
        assert!(matches!(refused, Err(Trouble::Usage(why)) if why.contains("not empty")));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(matches!(Language::of(dir.path()), Err(Trouble::Usage(_))));
    }
}
