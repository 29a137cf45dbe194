//! Compiles ahead of an upgrade: run with the new binary beside the old server, so that the new one starts with warm artifacts.
//!
//! The running server holds the store's lock, so it is asked which versions are in use and for their components, with an operator's
//! token. What it gives for signing the artifacts, the node's key, is sealed under the master key, which this process has as the new
//! server will: whoever may prepare is whoever may serve. Artifacts go straight into the data folder, authenticated, under the new
//! engine's name; the old server neither runs this program nor takes machine code from it. With a stopped server the store itself is
//! asked.
//!
//! It must not run as another user than the server's: what it writes must be readable for the server, and for nobody else.

use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use bytes::Bytes;
use jackfield_domain::id::Digest;
use jackfield_runtime::{Prepared, Preparer};
use jackfield_store::{MasterKey, Store};
use serde_json::{Value, json};

use super::session::{Session, Trouble};
use super::{Globals, print};
use crate::admin::compile::ahead::{self, Cursor, InUse, Scope};
use crate::config::Config;

/// The largest upload that any server takes.
const COMPONENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Flows or versions that one question looks at.
const PAGE: usize = 500;

/// Where the list and the components come from.
enum Source {
    /// A server that runs.
    Running(Session),
    /// The store of one that does not.
    Stopped(Store),
}

/// Runs the command to its exit status: 1 where a version would not run after the upgrade.
pub async fn run(config: &Config, master: &MasterKey, globals: &Globals, scope: Scope, is_stopped: bool) -> ExitCode {
    match prepare(config, master, globals, scope, is_stopped).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(trouble) => {
            print::complain(&trouble.tell());
            ExitCode::from(trouble.status())
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Trouble {
    Trouble::Failed(error.to_string())
}

async fn prepare(config: &Config, master: &MasterKey, globals: &Globals, scope: Scope, is_stopped: bool) -> Result<u64, Trouble> {
    let session = Session::open(globals, Box::new(std::io::stdout()))?;
    check_user(config)?;
    let (source, node_key, running) = if is_stopped {
        let store = Store::open(&config.data.join("store"), master.clone()).await.map_err(failed)?;
        let key = *store.platform().node_key().await.map_err(failed)?;
        (Source::Stopped(store), key, None)
    } else {
        let engine = session.get("/v1/host/engine", &[]).await?;
        let key = *master.open_node_key(&print::text(&engine, "sealed_node_key")).map_err(failed)?;
        let running = print::text(&engine, "fingerprint");
        if !config.data.join("artifacts").join(&running).is_dir() {
            let data = config.data.display();
            return Err(Trouble::Usage(format!("the server does not keep its data in {data}; say where with --data or --config")));
        }
        (Source::Running(Session::open(globals, Box::new(std::io::sink()))?), key, Some(running))
    };
    let artifacts = config.data.join("artifacts");
    let opened = Preparer::open(artifacts, config.compiler.clone(), config.compile, node_key).await;
    let (preparer, probe) = opened.map_err(failed)?;
    if running.as_ref() == Some(&probe.fingerprint) {
        session.tell("the running server has the same engine: its artifacts are good for this binary as they are");
    }
    let wanted = source.list(scope).await?;
    let mut done = Vec::with_capacity(wanted.len());
    let mut counts = Counts::default();
    for (at, one) in wanted.iter().enumerate() {
        let outcome = one_of(&preparer, &source, one).await?;
        let told = counts.add(&outcome);
        session.tell(&format!("[{}/{}] {}: {told}", at + 1, wanted.len(), one.what));
        done.push(shown(one, &outcome));
    }
    if let Source::Stopped(store) = &source {
        store.close().await;
    }
    let Counts { ready, made, refused, bytes } = counts;
    let answer = json!({
        "version": probe.version, "fingerprint": probe.fingerprint, "running": running,
        "ready": ready, "made": made, "refused": refused, "made_bytes": bytes, "items": done,
    });
    session.show(&answer, |_| {
        let end = if refused == 0 { "it can start warm" } else { "the refused ones would go to the fallback" };
        format!("jackfield {}: {ready} were ready, {made} compiled, {refused} refused; {end}", probe.version)
    })?;
    Ok(refused)
}

/// What another user writes into the folder, the server could not read.
fn check_user(config: &Config) -> Result<(), Trouble> {
    let data = config.data.display();
    let folder = std::fs::metadata(config.data.join("store"));
    let folder =
        folder.map_err(|e| Trouble::Usage(format!("there is no server's data in {data}: {e}; say where with --data or --config")))?;
    match std::fs::metadata("/proc/self") {
        Ok(own) if own.uid() != folder.uid() => {
            Err(Trouble::Usage(format!("{data} belongs to another user; run this as the user that the server runs as")))
        }
        // Without /proc there is nothing to compare; what cannot be written says so itself.
        _ => Ok(()),
    }
}

async fn one_of(preparer: &Preparer, source: &Source, one: &InUse) -> Result<Prepared, Trouble> {
    if preparer.is_ready(one.digest).await.map_err(failed)? {
        return Ok(Prepared::Already);
    }
    let component = source.component(&one.digest).await?;
    if Digest::of(&component) != one.digest {
        return Err(Trouble::Failed(format!("the server sent other bytes than those of {}", one.digest)));
    }
    preparer.prepare(one.digest, one.class, component).await.map_err(failed)
}

fn shown(one: &InUse, outcome: &Prepared) -> Value {
    let (outcome, detail) = match outcome {
        Prepared::Already => ("ready", Value::Null),
        Prepared::Made { took_ms, bytes } => ("made", json!({ "took_ms": took_ms, "artifact_bytes": bytes })),
        Prepared::Refused(refusal) => ("refused", json!({ "code": refusal.code, "detail": refusal.detail })),
    };
    json!({ "what": one.what, "digest": one.digest, "by": one.by, "outcome": outcome, "detail": detail })
}

#[derive(Default)]
struct Counts {
    ready: u64,
    made: u64,
    refused: u64,
    bytes: u64,
}

impl Counts {
    /// Counts it and says it in words.
    fn add(&mut self, outcome: &Prepared) -> String {
        match outcome {
            Prepared::Already => {
                self.ready += 1;
                "ready".to_owned()
            }
            Prepared::Made { took_ms, bytes } => {
                self.made += 1;
                self.bytes = self.bytes.saturating_add(*bytes);
                format!("compiled in {took_ms} ms")
            }
            Prepared::Refused(refusal) => {
                self.refused += 1;
                format!("refused: {refusal}")
            }
        }
    }
}

impl Source {
    /// Every version once, however many use it.
    async fn list(&self, scope: Scope) -> Result<Vec<InUse>, Trouble> {
        let mut all: std::collections::BTreeMap<Digest, InUse> = std::collections::BTreeMap::new();
        let mut after = None;
        loop {
            let (items, next) = self.page(scope, after.as_deref()).await?;
            for item in items {
                match all.get_mut(&item.digest) {
                    Some(known) => known.by.extend(item.by),
                    None => drop(all.insert(item.digest, item)),
                }
            }
            if next.is_none() {
                return Ok(all.into_values().collect());
            }
            after = next;
        }
    }

    async fn page(&self, scope: Scope, after: Option<&str>) -> Result<(Vec<InUse>, Option<String>), Trouble> {
        match self {
            Self::Running(session) => {
                let limit = PAGE.to_string();
                let which = if scope == Scope::All { "all" } else { "in-use" };
                let mut query = vec![("which", which), ("limit", limit.as_str())];
                query.extend(after.map(|after| ("after", after)));
                let page = session.get("/v1/host/versions", &query).await?;
                let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
                let items = page.get("items").cloned().unwrap_or_default();
                Ok((serde_json::from_value(items).map_err(failed)?, next))
            }
            Self::Stopped(store) => {
                let after = after.map(Cursor::parse).transpose().map_err(failed)?.unwrap_or_default();
                let page = ahead::page(store, scope, after, PAGE).await;
                let (items, next) = page.map_err(|problem| Trouble::Failed(format!("the store cannot be read: {problem:?}")))?;
                Ok((items, next.map(|next| next.to_string())))
            }
        }
    }

    async fn component(&self, digest: &Digest) -> Result<Bytes, Trouble> {
        match self {
            Self::Running(session) => session.download(&format!("/v1/host/components/{digest}"), COMPONENT_BYTES_MAX).await,
            Self::Stopped(store) => {
                let found = store.blobs().get(digest).await.map_err(failed)?;
                found.ok_or_else(|| Trouble::Failed(format!("the store has no component {digest}")))
            }
        }
    }
}
