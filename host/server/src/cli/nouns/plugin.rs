//! Speaks of plugins: upload a component, see what it is and which versions there are.
//!
//! `cli::admin` runs its verbs. The component is sent as it is: whether it can run here is the server's to say, by name, and a second
//! check here would only disagree with it one day.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackfield_domain::flow::compared::compare;
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::{FlowName, PluginName};
use serde_json::{Value, json};

use crate::cli::bench::{Talked, Tried};
use crate::cli::kit::{Build, New};
use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, Trouble, read};
use crate::cli::when;

/// Verbs of plugins.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Begin one: a folder with a plugin that runs, its test cases and the contract.
    New(New),
    /// Make a component of a folder, with its language's own tools.
    Build(Build),
    /// Say what an upload would: whether the component can run here, and what it is.
    Check {
        /// A component (.wasm).
        component: PathBuf,
    },
    /// Release the newest version with what the live release may reach, and make it live where it may do nothing more.
    Promote(Promote),
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
    /// Remove a version that no call can meet any more.
    RemoveVersion {
        /// Of which plugin.
        name: PluginName,
        /// Its number.
        number: u32,
    },
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
            Self::New(_) | Self::Build(_) | Self::Check { .. } | Self::Test(_) | Self::Run(_) | Self::CaseSchema => Ok(()),
            Self::Promote(promote) => promote.run(session).await,
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
            Self::RemoveVersion { name, number } => {
                let answer = session.delete(&format!("{base}/{name}/versions/{number}")).await?;
                session.say(&answer, &format!("version {number} of {name} is removed"))
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

/// A version on its way to callers.
#[derive(Debug, Args)]
pub struct Promote {
    /// Which plugin.
    name: PluginName,
    /// The flow that is to run it.
    #[arg(long)]
    flow: FlowName,
    /// Which version [default: the newest].
    #[arg(long)]
    plugin_version: Option<u32>,
    /// Why.
    #[arg(long, default_value = "")]
    note: String,
    /// Make it live although it may do more than what is live.
    #[arg(long)]
    approve: bool,
}

impl Promote {
    async fn run(self, session: &Session) -> Outcome {
        let base = session.inside(&format!("flows/{}", self.flow)).await?;
        let flow = session.get(&base, &[]).await?;
        let live = match flow.pointer("/aliases/live").and_then(Value::as_u64) {
            Some(number) => Some(release(session.get(&format!("{base}/releases/{number}"), &[]).await?)?),
            None => None,
        };
        let mut body = json!({ "plugin": self.name, "version": self.plugin_version, "note": self.note });
        if let (Some(live), Some(body)) = (&live, body.as_object_mut()) {
            // What it may reach is the flow's decision and not the version's.
            body.insert("egress".to_owned(), json!(live.egress));
        }
        let made = release(session.post(&format!("{base}/releases"), &body).await?)?;
        let compared = live.as_ref().map(|live| compare(live, &made));
        let wanted = json!({ "release": made.number, "approve": self.approve });
        let activated = session.put(&format!("{base}/aliases/live"), &wanted).await.inspect_err(|_| {
            session.tell(&format!(
                "release {} is made and not live; `jackfield flow activate {} {}` tries again",
                made.number, self.flow, made.number
            ));
        })?;
        let notes = activated.get("notes").cloned().unwrap_or_default();
        let answer = json!({ "release": made.number, "was": live.as_ref().map(|live| live.number), "compared": compared, "notes": notes });
        session.show(&answer, |_| {
            let lines = compared.iter().flat_map(|compared| {
                let part =
                    |head: &'static str, lines: &[String]| lines.iter().map(move |line| format!("\n  {head} {line}")).collect::<Vec<_>>();
                [part("+", &compared.wider), part("-", &compared.narrower), part("~", &compared.other)].concat()
            });
            format!(
                "release {} of flow {} is live with version {} of {}{}",
                made.number,
                self.flow,
                made.version.number,
                self.name,
                lines.collect::<String>()
            )
        })
    }
}

fn release(answer: Value) -> Result<Release, Trouble> {
    serde_json::from_value(answer).map_err(|e| Trouble::Failed(format!("the server speaks of releases in another way: {e}")))
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
