//! Puts what `jackfield plugin new` writes into the binary: the templates, the contract and the SDK for Rust.
//!
//! A list of paths with the files' texts is generated, so that a change of any of them is noticed like a change of our own source.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDERS: [(&str, &str); 3] = [("KIT", "plugins/kit"), ("CONTRACT", "wit/v1"), ("SDK", "plugins/sdk")];

fn main() -> io::Result<()> {
    let top = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..").canonicalize()?;
    let mut generated = String::new();
    for (name, folder) in FOLDERS {
        let folder = top.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        walk(&folder, &folder, &mut files)?;
        files.sort();
        // Writing to a string cannot fail.
        let _ = writeln!(generated, "static {name}: &[(&str, &str)] = &[");
        for (path, file) in files {
            let _ = writeln!(generated, "    ({path:?}, include_str!({file:?})),");
        }
        generated.push_str("];\n");
    }
    let workspace = top.join("plugins/Cargo.toml");
    let _ = writeln!(generated, "static WORKSPACE: &str = include_str!({workspace:?});");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("kit.rs"), generated)
}

fn walk(folder: &Path, root: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && name != "target" && name != "__pycache__" {
            walk(&path, root, files)?;
        } else if path.is_file() {
            let within = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push((within, path));
        }
    }
    Ok(())
}
