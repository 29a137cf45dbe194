//! Lets a version of a plugin go that nobody can meet any more.
//!
//! In use is what a call could still run: what an alias points at, what was live before (a rollback and the last good release go there),
//! what is planned, and what a contact that is not over began with - of the tenant's own flows and of those below it, which may run a
//! plugin without a copy. Releases that named it stay, because they are what happened; they say that their version is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::contact::{Moment, Phase};
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::{Release, ReleaseNumber};
use jackfield_domain::id::{PluginName, TenantId};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::ENTRIES_MAX;
use jackfield_store::{ContactQuery, PAGE_MAX, TenantStore};

use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;
use crate::quota::things;

/// A contact that began longer ago is over, whatever its provider reported.
const RUNNING_MS: Moment = 24 * 60 * 60 * 1000;
/// Contacts that are looked at for one flow, in pages; with more nobody can say, and then it stays.
const PAGES_MAX: usize = 50;
/// Releases of one flow that are looked at.
const RELEASES_MAX: usize = 10_000;

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let plugin: PluginName = inside.asked.part("plugin")?;
    let number = inside.asked.raw_part("number");
    let number = number.parse::<u32>().map_err(|_| Problem::at(Code::Invalid, "version", "a version is named by its number"))?;
    let found = inside.store.get::<Version>(&(plugin, number)).await.map_err(unread)?;
    let version = found.ok_or_else(|| Problem::not_found("version", &number))?;
    let expect = inside.asked.expect(Some(&version))?;
    let mut tenants = vec![inside.tenant.id.clone()];
    while let Some(tenant) = tenants.pop() {
        if let Some(user) = user(&app, &tenant, &version.row).await? {
            let detail = format!("version {number} of {} is in use: {user}", version.row.plugin);
            return Err(Problem::at(Code::InUse, "version", detail));
        }
        let below = app.store.platform().children(&tenant, ENTRIES_MAX).await.map_err(unread)?;
        tenants.extend(below.into_iter().map(|found| found.row.id));
    }
    let less = [(Thing::Versions, -1), (Thing::ComponentBytes, -i64::try_from(version.row.bytes).unwrap_or(i64::MAX))];
    let change = || inside.store.change().forget_version(&version.row, expect);
    things::commit(&app.store, &things::path(&inside.tenant), &less, change).await?;
    tracing::info!(tenant = %inside.tenant.id, plugin = %version.row.plugin, number, by = %inside.asked.principal.label, "a version was removed");
    reply::done()
}

/// Who of a tenant uses a version, in words.
async fn user(app: &App, tenant: &TenantId, version: &Version) -> Result<Option<String>, Problem> {
    let scope = app.store.tenant(tenant);
    for flow in scope.list::<Flow>(None, ENTRIES_MAX).await.map_err(unread)? {
        let flow = flow.row;
        let running: BTreeSet<ReleaseNumber> = releases_of(&scope, &flow, version).await?;
        if running.is_empty() {
            continue;
        }
        let alias = flow.aliases.iter().find(|(_, number)| running.contains(number));
        if let Some((alias, number)) = alias {
            return Ok(Some(format!("release {number} of flow {tenant}/{} runs it, which is {alias}", flow.name)));
        }
        if let Some(number) = flow.history.iter().find(|number| running.contains(number)) {
            return Ok(Some(format!(
                "release {number} of flow {tenant}/{} runs it, which was live before; a rollback may go there",
                flow.name
            )));
        }
        if let Some(planned) = flow.planned.iter().find(|planned| running.contains(&planned.release)) {
            return Ok(Some(format!("release {} of flow {tenant}/{} runs it, which is planned", planned.release, flow.name)));
        }
        if let Some(user) = contact(app, &scope, &flow, &running).await? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

async fn releases_of(scope: &TenantStore, flow: &Flow, version: &Version) -> Result<BTreeSet<ReleaseNumber>, Problem> {
    let rows = scope.list::<Release>(Some(&(flow.name.clone(), 0)), RELEASES_MAX).await.map_err(unread)?;
    let runs_it = |release: &Release| {
        let of = &release.version;
        release.flow == flow.name && of.tenant == version.tenant && of.plugin == version.plugin && of.number == version.number
    };
    Ok(rows.into_iter().map(|found| found.row).filter(runs_it).map(|release| release.number).collect())
}

/// A contact that is not over and began with one of the releases.
async fn contact(app: &App, scope: &TenantStore, flow: &Flow, releases: &BTreeSet<ReleaseNumber>) -> Result<Option<String>, Problem> {
    let from = Some(app.clock.now().saturating_sub(RUNNING_MS));
    let mut query = ContactQuery { flow: Some(flow.name.clone()), from, limit: PAGE_MAX, ..ContactQuery::default() };
    for _ in 0..PAGES_MAX {
        let page = scope.find_contacts(&query).await.map_err(unread)?;
        let is_on = |contact: &jackfield_domain::contact::Contact| {
            contact.phase != Phase::Ended && contact.release.is_some_and(|release| releases.contains(&release))
        };
        if let Some(found) = page.contacts.iter().find(|found| is_on(&found.row)) {
            return Ok(Some(format!("contact {} is not over and began with it", found.row.id)));
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(None),
        }
    }
    Ok(Some(format!("flow {} had too many contacts since yesterday to look at all of them; try it in a quieter hour", flow.name)))
}
