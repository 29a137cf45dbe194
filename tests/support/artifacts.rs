//! Finds what other workspaces built: plugins, hostile guests, the binary.
//!
//! `cargo xtask test` and `demo` build them first; a test that misses one says the command instead of failing oddly.

use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The top level of the project.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A plugin of plugins/, by its folder's name.
pub fn plugin(name: &str) -> anyhow::Result<Bytes> {
    component(&top().join("plugins/target/wasm32-wasip2/release"), name)
}

/// A guest of tests/guests, by its folder's name.
pub fn guest(name: &str) -> anyhow::Result<Bytes> {
    component(&top().join("tests/guests/target/wasm32-wasip2/release"), name)
}

fn component(dir: &Path, name: &str) -> anyhow::Result<Bytes> {
    let file = dir.join(format!("{}.wasm", name.replace('-', "_")));
    let bytes =
        std::fs::read(&file).map_err(|e| anyhow::anyhow!("{} is missing ({e}); build it with `cargo xtask guests`", file.display()))?;
    Ok(bytes.into())
}

/// The `jackfield` binary of this build: the compile child, and the server as a process.
pub fn binary() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let found = here.ancestors().skip(1).take(3).map(|dir| dir.join("jackfield")).find(|file| file.is_file());
    found.ok_or_else(|| anyhow::anyhow!("the jackfield binary is missing; build it with `cargo build -p jackfield-server`"))
}
