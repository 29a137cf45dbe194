//! Sets a reference system up from its own file, as an operator would: by the command line.
//!
//! The promises and the demo use it. The file names a public URL and components beside it; here both are those of this server and of this
//! tree.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::artifacts;
use crate::doors::{SECRET_KEY, TOKEN};
use crate::platform::Operator;

/// A file of tenants, gone with it.
#[derive(Debug)]
pub struct File {
    dir: tempfile::TempDir,
}

impl File {
    /// Of the plugin in that folder, for that operator's server.
    pub fn of(operator: &Operator, folder: &str) -> anyhow::Result<Self> {
        let plugins = artifacts::top().join("plugins");
        let text = std::fs::read_to_string(plugins.join(folder).join("tenants.yaml"))?;
        let text = text.replace("https://calls.platform.example", &operator.hooks_url);
        let text = text.replace("../target/", &format!("{}/target/", plugins.display()));
        let file = Self { dir: tempfile::tempdir()? };
        std::fs::write(file.path(), text.replace("cases/", &format!("{}/{folder}/cases/", plugins.display())))?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("tenants.yaml")
    }

    /// `jackfield plan` or `apply` with it.
    pub fn run(&self, operator: &Operator, verb: &str) -> anyhow::Result<Output> {
        jackfield(operator, verb, &self.path())
    }
}

fn jackfield(operator: &Operator, verb: &str, file: &Path) -> anyhow::Result<Output> {
    let mut command = Command::new(artifacts::binary()?);
    command.arg(verb).arg(file).env("JACKFIELD_SERVER", &operator.admin_url).env("JACKFIELD_TOKEN", &operator.token);
    command.env("CONNECT_SECRET_ACCESS_KEY", SECRET_KEY).env("CARE_TOKEN", TOKEN);
    Ok(command.output()?)
}

/// What a command said, for people.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
