//! Walks a new user's path with nothing but the command line and one language's own tools, and says how long each step took.
//!
//! New, build, test, upload, promote, call, change, diff, replay, roll back: what the tutorial says, in that order, each as a person would
//! type it. What a caller hears is looked at after every step that should change it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::process::Process;

const NUMBER: &str = "+18005550166";
const MENU: &str = "For sales press 1. For support press 2.";
const CHANGED: &str = "Welcome. For sales press 1. For support press 2.";

/// In which language.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Js,
    Ts,
    Python,
}

impl Language {
    const ALL: [Self; 4] = [Self::Ts, Self::Js, Self::Python, Self::Rust];

    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::Python => "python",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Js => "plugin.js",
            Self::Ts => "plugin.ts",
            Self::Python => "src/plugin.py",
        }
    }
}

/// One walk, or all of them.
pub(crate) fn run(only: Option<Language>) -> anyhow::Result<()> {
    let languages = only.map_or_else(|| Language::ALL.to_vec(), |only| vec![only]);
    for language in languages {
        walk(language).with_context(|| format!("the walk in {}", language.name()))?;
    }
    Ok(())
}

/// Whoever walks: in a folder of their own, with a token.
struct Walker<'a> {
    folder: &'a Path,
    process: &'a Process,
    token: String,
}

impl Walker<'_> {
    /// A command of ours; what it printed. It must succeed.
    fn types(&self, args: &[&str]) -> anyhow::Result<String> {
        let begun = Instant::now();
        let mut command = Command::new(artifacts::binary()?);
        command.args(args).current_dir(self.folder);
        command.env("JACKFIELD_SERVER", &self.process.admin_url).env("JACKFIELD_TOKEN", &self.token).env("JACKFIELD_TENANT", "shop");
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("  {:>7.1} s  jackfield {}", begun.elapsed().as_secs_f64(), args.join(" "));
        ensure!(output.status.success(), "it ended with {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }
}

fn walk(language: Language) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let home = tempfile::tempdir()?;
    let process = Process::start(&home.path().join("data"))?;
    let line = runtime.block_on(process.operator(None)?.connect_twilio("twilio"))?;
    let token = process.operator_token.clone().context("the first start tells the token")?;
    let outside = Walker { folder: home.path(), process: &process, token: token.clone() };
    println!("\nthe walk in {}", language.name());
    let begun = Instant::now();
    outside.types(&["plugin", "new", "shop", "--lang", language.name()])?;
    let project = home.path().join("shop");
    let inside = Walker { folder: &project, process: &process, token };
    inside.types(&["plugin", "build"])?;
    inside.types(&["plugin", "test", "plugin.wasm", "cases/"])?;
    println!("  {:>7.1} s  from nothing to a plugin that passes its cases", begun.elapsed().as_secs_f64());
    inside.types(&["tenant", "create", "shop", "--label", "Shop", "--zone", "America/New_York", "--plan", "large"])?;
    for queue in ["sales", "support"] {
        inside.types(&["queue", "set", queue, "--label", queue])?;
    }
    inside.types(&["flow", "create", "main"])?;
    inside.types(&["address", "bind", NUMBER, "--connection", "twilio", "--flow", "main"])?;
    inside.types(&["plugin", "upload", "shop", "plugin.wasm"])?;
    inside.types(&["cases", "set", "cases/menu.yaml", "--plugin", "shop"])?;
    inside.types(&["plugin", "promote", "shop", "--flow", "main"])?;
    let first = runtime.block_on(heard(&line))?;
    ensure!(first.1.contains(MENU), "the first caller heard {:?}", first.1);
    println!("  {:>7.1} s  from nothing to a caller who hears it", begun.elapsed().as_secs_f64());

    let source = project.join(language.source());
    let text = std::fs::read_to_string(&source)?;
    ensure!(text.contains(MENU), "{} does not say the menu", source.display());
    std::fs::write(&source, text.replace(MENU, CHANGED))?;
    inside.types(&["plugin", "build"])?;
    inside.types(&["plugin", "test", "plugin.wasm", "cases/"])?;
    inside.types(&["plugin", "upload", "shop", "plugin.wasm"])?;
    inside.types(&["plugin", "promote", "shop", "--flow", "main"])?;
    let diff = inside.types(&["flow", "diff", "main", "1", "2"])?;
    ensure!(diff.contains("version 1") && diff.contains("version 2"), "the difference says {diff}");
    ensure!(runtime.block_on(heard(&line))?.1.contains(CHANGED), "the change is not heard");

    let found = inside.types(&["contacts", "find", "--call-id", &first.0, "--json"])?;
    let found: serde_json::Value = serde_json::from_str(&found)?;
    let contact = found.pointer("/items/0/id").and_then(serde_json::Value::as_str).context("the first call is found")?.to_owned();
    let same = inside.types(&["replay", &contact])?;
    ensure!(same.contains("identical:"), "the replay says {same}");
    let other = inside.types(&["replay", &contact, "--release", "2"])?;
    ensure!(other.contains("decision:"), "the replay against the change says {other}");
    inside.types(&["flow", "rollback", "main"])?;
    let back = runtime.block_on(heard(&line))?.1;
    ensure!(!back.contains(CHANGED) && back.contains(MENU), "after the rollback a caller heard {back:?}");
    println!("  {:>7.1} s  in all", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Calls: the provider's id of the call, and what the caller hears.
async fn heard(line: &Line) -> anyhow::Result<(String, String)> {
    let call = line.call("+14155550100", NUMBER);
    let heard = call.arrive().await?;
    Ok((call.sid.clone(), heard.twiml.said()))
}
