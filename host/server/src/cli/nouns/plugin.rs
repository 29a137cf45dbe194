//! Speaks of plugins: upload a component, see what it is and which versions there are.
//!
//! `cli::admin` runs its verbs. The component is sent as it is: whether it can run here is the server's to say, by name, and a second
//! check here would only disagree with it one day.

use std::path::PathBuf;

use clap::Subcommand;
use jackfield_domain::id::PluginName;
use serde_json::Value;

use crate::cli::bench::{Talked, Tried};
use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, read};
use crate::cli::when;

/// Verbs of plugins.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Upload a version. The same bytes again are the same version.
    Upload {
        /// Unique within the tenant; made by its first upload.
        name: PluginName,
        /// A component (.wasm); "-" for standard input.
        file: PathBuf,
    },
    /// Run test cases against a component, here and without a server.
    Test(Tried),
    /// Be the caller: type keys or words and read what is heard, here and without a server.
    Run(Talked),
    /// Print the JSON Schema of files of test cases, for editors.
    CaseSchema,
    /// See those of the tenant.
    List,
    /// See the versions of one.
    Versions {
        /// Which.
        name: PluginName,
    },
}

impl Plugin {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("plugins").await?;
        match self {
            // What needs no server never comes here.
            Self::Test(_) | Self::Run(_) | Self::CaseSchema => Ok(()),
            Self::Upload { name, file } => {
                let path = format!("{base}/{name}/versions");
                let upload = session.upload(&path, read(&file).await?);
                let reply = crate::cli::waiting::tell(session, &format!("plugin {name}"), upload).await?;
                let known = if reply.status == 200 { "these bytes are known already" } else { "uploaded" };
                session.show(&reply.body, |version| format!("{known}\n{}", card(version)))
            }
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let names = ["name", "newest", "tenant"];
                    let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
                    table(&names, &rows)
                })
            }
            Self::Versions { name } => {
                let zone = session.zone().await?;
                let all = session.list(&format!("{base}/{name}/versions")).await?;
                session.show(&all, |all| {
                    let row = |version: &Value| {
                        let came =
                            version.get("uploaded").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
                        let theirs = version.get("metadata").map_or_else(|| "-".to_owned(), |metadata| text(metadata, "version"));
                        let digest: String = text(version, "digest").chars().take(12).collect();
                        vec![
                            text(version, "number"),
                            theirs,
                            digest,
                            text(version, "bytes"),
                            text(version, "class"),
                            came,
                            text(version, "by"),
                        ]
                    };
                    table(
                        &["version", "its own", "digest", "bytes", "class", "came", "by"],
                        &items(all).iter().map(row).collect::<Vec<_>>(),
                    )
                })
            }
        }
    }
}

fn card(version: &Value) -> String {
    let metadata = version.get("metadata").unwrap_or(&Value::Null);
    let said = format!("{} {}", text(metadata, "name"), text(metadata, "version"));
    let mut pairs = vec![("plugin", text(version, "plugin")), ("version", text(version, "number")), ("calls itself", said)];
    pairs.extend(
        ["digest", "bytes", "class", "contract", "exports", "imports", "compile_ms"].into_iter().map(|name| (name, text(version, name))),
    );
    pairs.extend(["events", "actions", "outcomes"].into_iter().map(|name| (name, text(metadata, name))));
    fields(&pairs)
}
