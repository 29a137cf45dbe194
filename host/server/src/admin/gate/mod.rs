//! Runs the test cases that must hold before an upload is kept and before a release becomes live, and asks for approval of what is wider.
//!
//! Which cases those are: the plugin's own, by its tenant; those that the tenant which runs it keeps for a plugin of that name; and those
//! that the tenant and everyone above it, up to the platform, keep for all plugins. They run in the runtime that calls run in, behind all
//! calls, and touch nothing. A release is compared with the one that is live: what it may do more is named, and somebody says yes to it.
//!
//! It must not stand in the way of going back: a rollback is what one does when everything else was wrong.

pub(super) mod files;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jackfield_cases::{Bench, FileReport, Given, Unreached, parse};
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::case_file::CaseFile;
use jackfield_domain::flow::compared::compare;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::{PluginName, TenantId};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::Tenant;
use jackfield_runtime::Installed;
use jackfield_store::Found;
use serde::Serialize;
use serde_json::Value;

use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use crate::app::App;
use crate::directory;

/// For all cases of one upload or one promotion. They take milliseconds each, where they do not burn what they have.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tenants whose cases run at the same time.
const AT_ONCE: usize = 4;
/// So many that are wrong are named; the rest is counted.
const NAMED_MAX: usize = 5;

/// What came of all cases that must hold.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    /// File by file: whose it is stands in its name.
    files: Vec<FileReport>,
    /// How many ran.
    cases: usize,
    /// How many are not as they must be.
    wrong: usize,
    /// Files that need the settings of a release, where there is none yet.
    left_out: Vec<String>,
    /// What none of them reached.
    unreached: Unreached,
}

/// A kept file, and the tenant that keeps it.
type Kept = (TenantId, CaseFile);

/// All files that are for a plugin which `tenant` runs and `owner` uploaded.
async fn kept(app: &App, tenant: &Tenant, owner: &TenantId, plugin: &PluginName) -> Result<Vec<Kept>, Problem> {
    let mut all = Vec::new();
    if *owner != tenant.id {
        all.extend(of(app, owner, Some(plugin)).await?);
    }
    all.extend(of(app, &tenant.id, Some(plugin)).await?);
    for id in std::iter::once(&tenant.id).chain(tenant.ancestors.iter().rev()) {
        all.extend(of(app, id, None).await?);
    }
    Ok(all)
}

/// Those that a tenant keeps for one plugin, or for all.
async fn of(app: &App, tenant: &TenantId, plugin: Option<&PluginName>) -> Result<Vec<Kept>, Problem> {
    let files = files::of(&app.store.tenant(tenant), plugin).await?;
    Ok(files.into_iter().map(|found: Found<CaseFile>| (tenant.clone(), found.row)).collect())
}

fn called((tenant, file): &Kept) -> String {
    match &file.plugin {
        Some(plugin) => format!("{tenant}/{plugin}/{}", file.name),
        None => format!("{tenant}/{}", file.name),
    }
}

/// Who runs test cases now: few at once, and of a tenant one. What they take is behind all calls, and still the host's.
#[derive(Debug, Default)]
pub struct Rehearsals {
    of: Mutex<HashSet<TenantId>>,
}

/// A place among them; given back when it is dropped.
pub(crate) struct Rehearsal<'a> {
    rehearsals: &'a Rehearsals,
    tenant: TenantId,
}

impl Rehearsals {
    fn enter(&self, tenant: &TenantId) -> Option<Rehearsal<'_>> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= AT_ONCE || !of.insert(tenant.clone()) {
            return None;
        }
        Some(Rehearsal { rehearsals: self, tenant: tenant.clone() })
    }
}

impl Drop for Rehearsal<'_> {
    fn drop(&mut self) {
        self.rehearsals.of.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}

/// A plugin that is to be let in.
pub(crate) struct Candidate<'a> {
    /// Who runs it.
    pub tenant: &'a Tenant,
    /// Whose it is.
    pub owner: &'a TenantId,
    /// Under which name.
    pub plugin: &'a PluginName,
    /// What it is.
    pub installed: Installed,
    /// Of the release, where there is one.
    pub settings: Option<Value>,
}

/// Runs all that must hold for it.
pub(crate) async fn hold(app: &App, candidate: Candidate<'_>) -> Result<Held, Problem> {
    let Candidate { tenant, owner, plugin, installed, settings } = candidate;
    let is_upload = settings.is_none();
    let (directory, _) = directory::read(&app.store, tenant).await.map_err(unread)?;
    let mut bench = Bench::new(app.runtime.clone(), installed).with(Given { settings, directory: Some(directory) });
    let (mut read, mut left_out) = (Vec::new(), Vec::new());
    for kept in kept(app, tenant, owner, plugin).await? {
        let name = called(&kept);
        // It was read when it was kept; a newer Jackfield may be stricter.
        let file = parse(Path::new(&name), &kept.1.text).map_err(|e| Problem::at(Code::CasesFail, "cases", e.to_string()))?;
        // An upload has no settings yet. What needs them is tried with the release's.
        if !is_upload || bench.takes_settings_of(&file) {
            read.push((name, file));
        } else {
            left_out.push(name);
        }
    }
    let cases: usize = read.iter().map(|(_, file)| file.cases.len()).sum();
    let _room =
        app.rehearsals.enter(&tenant.id).ok_or_else(|| Problem::new(Code::Busy, "other test cases run just now; try again in a moment"))?;
    let running = async {
        let mut files = Vec::with_capacity(read.len());
        for (name, file) in &read {
            files.push(bench.file(name, file).await);
        }
        files
    };
    let slow = || {
        let detail = format!(
            "{cases} test cases were not through after {} s: a case burns all its time, or the host is full of calls",
            PATIENCE.as_secs()
        );
        Problem::at(Code::Busy, "cases", detail)
    };
    let files = tokio::time::timeout(PATIENCE, running).await.map_err(|_| slow())?;
    let wrong = files.iter().flat_map(|file| &file.cases).filter(|case| !case.wrong.is_empty()).count();
    Ok(Held { files, cases, wrong, left_out, unreached: bench.unreached() })
}

impl Held {
    /// Refuses where one does not hold.
    pub(crate) fn must(self) -> Result<Self, Problem> {
        if self.wrong == 0 {
            return Ok(self);
        }
        let mut named = Vec::new();
        for file in &self.files {
            for case in file.cases.iter().filter(|case| !case.wrong.is_empty()) {
                let why = case.wrong.first().map_or_else(String::new, |wrong| format!("step {}: {}", wrong.step, wrong.why));
                named.push(format!("{} {:?}: {why}", file.file, case.name));
            }
        }
        let more = named.len().saturating_sub(NAMED_MAX);
        named.truncate(NAMED_MAX);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        let detail = format!("{} of {} test cases that must hold do not: {}{rest}", self.wrong, self.cases, named.join("; "));
        Err(Problem::at(Code::CasesFail, "cases", detail))
    }
}

/// Before a release becomes live: its cases hold, and somebody approved of what is wider than what is live.
pub(crate) async fn promote(
    app: &App,
    inside: &Inside,
    flow: &Flow,
    release: &Release,
    version: Version,
    approved: bool,
) -> Result<Vec<String>, Problem> {
    let wider = wider(app, inside, flow, release).await?;
    if !wider.is_empty() && !approved {
        let detail = format!(
            "release {} may do more than what is live: {}; repeat it with \"approve\": true (--approve) where that is meant",
            release.number,
            wider.join(", ")
        );
        return Err(Problem::at(Code::NeedsApproval, "approve", detail));
    }
    let (owner, plugin) = (version.tenant.clone(), version.plugin.clone());
    let settings = Some(release.settings.clone());
    let candidate = Candidate { tenant: &inside.tenant, owner: &owner, plugin: &plugin, installed: installed(version), settings };
    let held = hold(app, candidate).await?.must()?;
    let mut notes: Vec<String> = wider.into_iter().map(|line| format!("approved: {line}")).collect();
    if held.cases > 0 {
        notes.push(format!("{} test cases hold", held.cases));
    }
    Ok(notes)
}

/// What a release may do that the live one may not; nothing where none is live.
async fn wider(app: &App, inside: &Inside, flow: &Flow, release: &Release) -> Result<Vec<String>, Problem> {
    let Some(live) = flow.live_at(app.clock.now()).filter(|live| *live != release.number) else { return Ok(Vec::new()) };
    let found = inside.store.get::<Release>(&(flow.name.clone(), live)).await.map_err(unread)?;
    Ok(found.map(|live| compare(&live.row, release).wider).unwrap_or_default())
}

/// A version as the runtime speaks of it.
pub(crate) fn installed(version: Version) -> Installed {
    Installed {
        digest: version.digest,
        bytes: version.bytes,
        class: version.class,
        contract: version.contract,
        exports: version.exports,
        imports: version.imports,
        metadata: version.metadata,
        describe_fuel: version.describe_fuel,
        compile_ms: version.compile_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tenants_run_cases_at_once_and_each_one_time() {
        let rehearsals = Rehearsals::default();
        let name = |number: usize| format!("t-{number}").parse::<TenantId>().unwrap();
        let first = rehearsals.enter(&name(0)).unwrap();
        assert!(rehearsals.enter(&name(0)).is_none());
        let others: Vec<_> = (1..AT_ONCE).map(|number| rehearsals.enter(&name(number)).unwrap()).collect();
        assert!(rehearsals.enter(&name(AT_ONCE)).is_none());
        drop(first);
        assert!(rehearsals.enter(&name(AT_ONCE)).is_some());
        drop(others);
    }
}
