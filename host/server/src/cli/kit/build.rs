//! Calls a language's own tools to make a component of a project: cargo; npm's esbuild and componentize-qjs, for
//! TypeScript tsc before them; componentize-py.
//!
//! They are installed into the project by its own manifest, so that a build is the same on every machine. What they print is shown as it
//! comes.

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::process::Command;

use super::Language;
use crate::cli::session::{Outcome, Trouble};

/// What the component is called in its folder.
const COMPONENT: &str = "plugin.wasm";
const TARGET: &str = "wasm32-wasip2";

/// A build.
#[derive(Debug, Args)]
pub struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Which world of the contract it exports: router-plugin, observing-plugin and so on; wit/v1/worlds.wit has all.
    #[arg(long, default_value = "router-plugin")]
    world: String,
    /// JavaScript and TypeScript with all of the language, in StarlingMonkey: a component of 13 MiB that needs the plan large. Without it, in
    /// QuickJS.
    #[arg(long)]
    full_js: bool,
}

impl Build {
    /// Builds, and says where the component is.
    pub(crate) async fn run(self) -> Result<PathBuf, Trouble> {
        let dir = self.dir.canonicalize().map_err(|e| Trouble::Usage(format!("{}: {e}", self.dir.display())))?;
        match Language::of(&dir)? {
            Language::Rust => rust(&dir).await?,
            Language::Js => js(&dir, &self).await?,
            Language::Ts => ts(&dir, &self).await?,
            Language::Python => python(&dir, &self.world).await?,
        }
        Ok(self.dir.join(COMPONENT))
    }
}

async fn rust(dir: &Path) -> Outcome {
    // Where there is no rustup, whoever installed Rust has brought the target along.
    if let Ok(mut adding) = Command::new("rustup").args(["target", "add", TARGET]).current_dir(dir).spawn() {
        let _cargo_will_say_what_is_missing = adding.wait().await;
    }
    call(dir, "cargo", &["build", "--release", "--target", TARGET]).await?;
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).map_err(|e| Trouble::Failed(e.to_string()))?;
    let manifest: toml::Table = manifest.parse().map_err(|e| Trouble::Usage(format!("Cargo.toml: {e}")))?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = name.ok_or_else(|| Trouble::Usage("Cargo.toml names no package".to_owned()))?.replace('-', "_");
    let made = dir.join(format!("target/{TARGET}/release/{name}.wasm"));
    std::fs::copy(&made, dir.join(COMPONENT)).map(drop).map_err(|e| Trouble::Failed(format!("{}: {e}", made.display())))
}

/// What makes a component with StarlingMonkey inside, with what it needs and does not bring along.
const FULL_JS: [(&str, &str); 2] = [("@bytecodealliance/componentize-js", "0.23.0"), ("@bytecodealliance/preview2-shim", "0.25.0")];
/// How it is called: nothing of WASI, because nothing of it is there when the plugin runs.
const FULL_JS_SCRIPT: (&str, &str) = (
    "build/componentize.mjs",
    r#"import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [bundle, witPath, worldName, output] = process.argv.slice(2);
// An interface is the default export of its module in QuickJS; here it is the module.
const source = (await readFile(bundle, "utf8")).replace(/^import (\w+) from ("jackfield:[^"]+");/gm, "import * as $1 from $2;");
const sourcePath = "build/plugin.full.js";
await writeFile(sourcePath, source);
const disableFeatures = ["random", "stdio", "clocks", "http", "fetch-event"];
const { component } = await componentize({ sourcePath, witPath, worldName, disableFeatures });
await writeFile(output, component);
"#,
);

/// What scripts are bundled into, with all that they import but the contract.
const BUNDLE: &str = "build/plugin.js";

async fn ts(dir: &Path, build: &Build) -> Outcome {
    npm_install(dir).await?;
    call(dir, &node_tool(dir, "tsc"), &["--project", "tsconfig.json"]).await?;
    bundle(dir, "plugin.ts").await?;
    componentize(dir, build).await
}

async fn js(dir: &Path, build: &Build) -> Outcome {
    npm_install(dir).await?;
    bundle(dir, "plugin.js").await?;
    componentize(dir, build).await
}

async fn npm_install(dir: &Path) -> Outcome {
    // Not `npm ci`: the package names bindings for platforms that were never published, which `ci` takes for a fault.
    call(dir, "npm", &["install", "--no-audit", "--no-fund", "--loglevel=error"]).await
}

fn node_tool(dir: &Path, name: &str) -> String {
    dir.join("node_modules/.bin").join(name).to_string_lossy().into_owned()
}

async fn bundle(dir: &Path, source: &str) -> Outcome {
    let outfile = format!("--outfile={BUNDLE}");
    let args = [source, "--bundle", "--format=esm", "--external:jackfield:*", "--log-level=warning", &outfile];
    call(dir, &node_tool(dir, "esbuild"), &args).await
}

async fn componentize(dir: &Path, Build { world, full_js, .. }: &Build) -> Outcome {
    if *full_js {
        return starling_monkey(dir, world).await;
    }
    let tool = node_tool(dir, "componentize-qjs");
    let args = ["--wit", "wit/v1", "--world", world, "--js", BUNDLE, "--sync", "--stub-wasi", "--output", COMPONENT];
    call(dir, &tool, &args).await
}

/// Its tool is a library, and a large one: a project has it from the first time that it is asked for.
async fn starling_monkey(dir: &Path, world: &str) -> Outcome {
    if FULL_JS.iter().any(|(name, _)| !dir.join("node_modules").join(name).exists()) {
        let wanted: Vec<String> = FULL_JS.iter().map(|(name, version)| format!("{name}@{version}")).collect();
        let install = ["install", "--save-dev", "--save-exact", "--no-audit", "--no-fund", "--loglevel=error"];
        call(dir, "npm", &install.into_iter().chain(wanted.iter().map(String::as_str)).collect::<Vec<_>>()).await?;
    }
    std::fs::write(dir.join(FULL_JS_SCRIPT.0), FULL_JS_SCRIPT.1).map_err(|e| Trouble::Failed(format!("{}: {e}", FULL_JS_SCRIPT.0)))?;
    call(dir, "node", &[FULL_JS_SCRIPT.0, BUNDLE, "wit/v1", world, COMPONENT]).await
}

async fn python(dir: &Path, world: &str) -> Outcome {
    if !dir.join(".venv/bin/python").exists() {
        call(dir, "python3", &["-m", "venv", ".venv"]).await?;
    }
    let tool = |name: &str| dir.join(".venv/bin").join(name).to_string_lossy().into_owned();
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"];
    call(dir, &tool("python"), &install).await?;
    let args = [
        "--quiet",
        "--wit-path",
        "wit/v1",
        "--world",
        world,
        "componentize",
        "--python-path",
        "src",
        "--stub-wasi",
        "--output",
        COMPONENT,
        "plugin",
    ];
    call(dir, &tool("componentize-py"), &args).await
}

async fn call(dir: &Path, program: &str, args: &[&str]) -> Outcome {
    let status = Command::new(program).args(args).current_dir(dir).status().await;
    let status = status.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Trouble::Failed(format!("{program} is not installed, or not on the PATH; the plugin's language needs it"))
        }
        _ => Trouble::Failed(format!("{program}: {e}")),
    })?;
    if status.success() { Ok(()) } else { Err(Trouble::Failed(format!("{program} {} failed: {status}", args.join(" ")))) }
}
