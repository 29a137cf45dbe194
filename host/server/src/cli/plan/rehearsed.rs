//! Runs, on this machine, the test cases of a file against the components of the same file, before any of it is sent.
//!
//! The server runs them again before an upload is kept and before a release becomes live, and has cases of its own beside them; but a case
//! that does not hold would stop an apply in its middle, and most of those that can be wrong are in the file. They find the settings and
//! the directory that the file describes.
//!
//! A plugin that the file only names is left to the server: its component is not here.

use std::path::Path;

use jackfield_cases::Given;
use jackfield_domain::id::{PluginName, TenantId};

use super::file::Whole;
use super::steps::{Difference, Id, Kind};
use super::vetted::{self, Above};
use super::wanted::Wanted;
use crate::cli::bench;
use crate::cli::session::Trouble;

/// Refuses where a case does not hold for a release that is to be made.
pub(super) async fn hold(tenants: &[Whole], above: &Above, wanted: &Wanted, difference: &Difference) -> Result<(), Trouble> {
    for step in difference.steps.iter().filter(|step| step.thing.kind == Kind::Release) {
        let id = &step.thing;
        let Some(run) = wanted.runs.get(id) else { continue };
        let Some((owner, _)) = wanted.versions.get(id) else { continue };
        let Some(component) = wanted.files.get(&Id::new(owner, Kind::Plugin, &run.plugin)).filter(|_| run.version.is_none()) else {
            continue;
        };
        let files = files(wanted, &id.tenant, owner, &run.plugin)?;
        if files.is_empty() {
            continue;
        }
        let settings = wanted.things.get(id).and_then(|release| release.get("settings")).cloned();
        let directory = tenants.iter().find(|whole| whole.tenant.id.value == id.tenant).map(|whole| vetted::directory(whole, above));
        let reports = bench::held(component.clone(), &files, Given { settings, directory }).await?;
        let cases = reports.iter().flat_map(|report| report.cases.iter().map(move |case| (&report.file, case)));
        for (file, case) in cases {
            if let Some(wrong) = case.wrong.first() {
                let why = format!("{}: {id}: {file} {:?}, step {}: {}", run.place, case.name, wrong.step, wrong.why);
                return Err(Trouble::BadFile(why));
            }
        }
    }
    Ok(())
}

/// Those of the file that must hold: of the plugin by its owner and by whoever runs it, and of everybody above for all plugins.
fn files(
    wanted: &Wanted,
    tenant: &TenantId,
    owner: &TenantId,
    plugin: &PluginName,
) -> Result<Vec<(String, jackfield_cases::format::File)>, Trouble> {
    let mut above = vec![tenant];
    while let Some(parent) = above.last().and_then(|last| wanted.parents.get(*last)).and_then(Option::as_ref) {
        if above.contains(&parent) {
            break;
        }
        above.push(parent);
    }
    let is_meant = |id: &Id| match id.name.split_once('/') {
        Some((of, _)) => of == plugin.as_str() && (id.tenant == *tenant || id.tenant == *owner),
        None => above.contains(&&id.tenant),
    };
    let mut all = Vec::new();
    for (id, bytes) in wanted.files.iter().filter(|(id, _)| id.kind == Kind::Cases && is_meant(id)) {
        let text = String::from_utf8_lossy(bytes);
        // They were read when they became things.
        let file = jackfield_cases::parse(Path::new(&id.to_string()), &text).map_err(|e| Trouble::BadFile(e.to_string()))?;
        all.push((id.to_string(), file));
    }
    Ok(all)
}
