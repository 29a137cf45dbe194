//! Tries a configuration on this machine without a server: its limits, the folder's disk, and whether plugins run.
//!
//! `jackfield check` calls it, before the first start and before an upgrade. It makes a folder of its own beside the data and removes it
//! again: the real store is never opened, so it may run beside a server that holds it.

use std::fmt;
use std::path::{Path, PathBuf};

use jackfield_domain::ports::Clock as _;
use jackfield_runtime::Runtime;
use jackfield_store::{MasterKey, Store};
use serde::Serialize;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::machine::{self, Compared};
use crate::quarantine;
use crate::selftest::{self, Passed};
use crate::serve::{make_private_dir, runtime_settings};

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Vec<Line>,
    self_test: Vec<Passed>,
    trouble: Vec<String>,
}

/// A limit, and whether it is enough.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    compared: Compared,
    fits: bool,
}

impl Report {
    /// True where a server would start.
    pub fn is_sound(&self) -> bool {
        self.trouble.is_empty()
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        // Names and numbers alone: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { compared, fits } in &self.machine {
            writeln!(f, "{}  {compared}", if *fits { "ok     " } else { "TOO LOW" })?;
        }
        for Passed { what, detail, took_ms } in &self.self_test {
            writeln!(f, "ok       {what}: {detail} ({took_ms} ms)")?;
        }
        for trouble in &self.trouble {
            writeln!(f, "FAILED   {trouble}")?;
        }
        write!(f, "{}", if self.is_sound() { "a server would start" } else { "a server would not start" })
    }
}

/// Tries it.
pub async fn run(config: &Config) -> Report {
    let settings = runtime_settings(config, [0; 32]);
    let compared = machine::compare(config, &settings, &machine::allowed());
    let mut report = Report { machine: Vec::new(), self_test: Vec::new(), trouble: Vec::new() };
    if let Err(refused) = machine::demand(config, &settings) {
        report.trouble.push(refused.to_string());
    }
    report.machine = compared.into_iter().map(|compared| Line { fits: compared.fits(), compared }).collect();
    if report.is_sound() {
        match in_a_folder(config).await {
            Ok(passed) => report.self_test = passed,
            Err(error) => report.trouble.push(format!("{error:#}")),
        }
    }
    report
}

async fn in_a_folder(config: &Config) -> anyhow::Result<Vec<Passed>> {
    let folder = Folder::make(&config.data)?;
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let store = Store::open(&folder.0.join("store"), MasterKey::from_bytes(key)).await?;
    let tried = try_plugins(config, &folder.0, &store).await;
    store.close().await;
    tried
}

async fn try_plugins(config: &Config, folder: &Path, store: &Store) -> anyhow::Result<Vec<Passed>> {
    let mut settings = runtime_settings(config, *store.platform().node_key().await?);
    settings.artifacts_dir = folder.join("artifacts");
    let runtime = Runtime::start(settings, store.blobs())?;
    let tried = async {
        quarantine::check(&runtime, config.compile.quarantine).await?;
        Ok(selftest::run(store, &runtime, SystemClock.now()).await?)
    };
    let tried = tried.await;
    runtime.stop();
    tried
}

/// A folder that is gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make(data: &Path) -> anyhow::Result<Self> {
        make_private_dir(data)?;
        let folder = data.join(format!("check-{}", std::process::id()));
        make_private_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the folder of the check is still there; remove it");
        }
    }
}
