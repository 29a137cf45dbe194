//! Lets a version of a plugin go that nobody can meet any more.
//!
//! In use is what a call could still run: what an alias points at, what was live before (a rollback and the last good release go there),
//! what is planned, and what a contact that is not over began with - of the tenant's own flows and of those below it, which may run a
//! plugin without a copy. The newest stays, because it is what a release takes where none is named. Releases that named one stay, because
//! they are what happened; they say that their version is gone.
//!
//! A version's bytes stay counted: another tenant may have the same, and the file on the disk is not removed.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::contact::{Contact, Moment, Phase};
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::{Plugin, Version};
use jackfield_domain::flow::release::{Release, ReleaseNumber};
use jackfield_domain::id::{PluginName, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::ENTRIES_MAX;
use jackfield_store::{ContactQuery, Found, PAGE_MAX, TenantStore};

use super::contacts::searched;
use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;
use crate::quota::things;

/// A contact that began longer ago is over, whatever its provider reported.
const RUNNING_MS: Moment = 24 * 60 * 60 * 1000;
/// Contacts that are looked at for one flow, in pages; with more nobody can say, and then it stays.
const PAGES_MAX: usize = 50;
/// Tenants below that are looked at.
const BELOW_MAX: usize = 10_000;
/// Flows whose revisions a batch can hold, beside what else is in it.
const FLOWS_MAX: usize = 900;

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let plugin: PluginName = inside.asked.part("plugin")?;
    let number = inside.asked.raw_part("number");
    let number = number.parse::<u32>().map_err(|_| Problem::at(Code::Invalid, "version", "a version is named by its number"))?;
    let found = inside.store.get::<Version>(&(plugin.clone(), number)).await.map_err(unread)?;
    let version = found.ok_or_else(|| Problem::not_found("version", &number))?;
    let expect = inside.asked.expect(Some(&version))?;
    let in_use = |why: String| Problem::at(Code::InUse, "version", format!("version {number} of {plugin} is in use: {why}"));
    let row = inside.store.get::<Plugin>(&plugin).await.map_err(unread)?;
    if row.is_none_or(|plugin| plugin.row.newest == number) {
        return Err(in_use("it is the newest, which a release takes where none is named; upload another first".to_owned()));
    }
    let own = flows(&inside.store).await?;
    let mut tenants = vec![inside.tenant.id.clone()];
    let mut looked_at = 0;
    while let Some(tenant) = tenants.pop() {
        if let Some(user) = user(&app, &tenant, &version.row).await? {
            return Err(in_use(user));
        }
        let below = app.store.platform().children(&tenant, BELOW_MAX).await.map_err(unread)?;
        looked_at += below.len();
        if looked_at >= BELOW_MAX {
            return Err(in_use("too many tenants are below this one to look at all of them".to_owned()));
        }
        tenants.extend(below.into_iter().map(|found| found.row.id));
    }
    // Whoever points a flow of the tenant at it meanwhile changes the flow, and this batch then changes nothing.
    let change = || {
        let change = inside.store.change().forget_version(&version.row, expect);
        own.iter().fold(change, |change, flow| change.check::<Flow>(&flow.row.name, Expect::Revision(flow.revision)))
    };
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Versions, -1)], change).await?;
    tracing::info!(tenant = %inside.tenant.id, %plugin, number, by = %inside.asked.principal.label, "a version was removed");
    reply::done()
}

async fn flows(scope: &TenantStore) -> Result<Vec<Found<Flow>>, Problem> {
    let flows = scope.list::<Flow>(None, ENTRIES_MAX).await.map_err(unread)?;
    if flows.len() > FLOWS_MAX {
        let detail = format!("the tenant has {} flows; with more than {FLOWS_MAX} nobody can say whether a version is in use", flows.len());
        return Err(Problem::at(Code::InUse, "version", detail));
    }
    Ok(flows)
}

/// Who of a tenant uses a version, in words.
async fn user(app: &App, tenant: &TenantId, version: &Version) -> Result<Option<String>, Problem> {
    let scope = app.store.tenant(tenant);
    for flow in flows(&scope).await? {
        let flow = flow.row;
        let named = flow.aliases.iter().map(|(alias, number)| (*number, format!("which is {alias}")));
        let before = flow.history.iter().map(|number| (*number, "which was live before; a rollback may go there".to_owned()));
        let planned = flow.planned.iter().map(|planned| (planned.release, "which is planned".to_owned()));
        for (number, why) in named.chain(before).chain(planned) {
            if runs(&scope, &flow, number, version).await? {
                return Ok(Some(format!("release {number} of flow {tenant}/{} runs it, {why}", flow.name)));
            }
        }
        if let Some(user) = contact(app, &scope, &flow, version).await? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

async fn runs(scope: &TenantStore, flow: &Flow, number: ReleaseNumber, version: &Version) -> Result<bool, Problem> {
    let release = scope.get::<Release>(&(flow.name.clone(), number)).await.map_err(unread)?;
    Ok(release.is_some_and(|release| {
        let of = release.row.version;
        of.tenant == version.tenant && of.plugin == version.plugin && of.number == version.number
    }))
}

/// A contact that is not over and began with a release that runs it.
async fn contact(app: &App, scope: &TenantStore, flow: &Flow, version: &Version) -> Result<Option<String>, Problem> {
    let from = Some(app.clock.now().saturating_sub(RUNNING_MS));
    let mut query = ContactQuery { flow: Some(flow.name.clone()), from, limit: PAGE_MAX, ..ContactQuery::default() };
    let mut known = std::collections::BTreeMap::new();
    for _ in 0..PAGES_MAX {
        let page = searched(app, scope, &query).await?;
        let is_on = |contact: &Contact| (contact.phase != Phase::Ended).then_some(contact.release).flatten();
        for (release, contact) in page.contacts.iter().filter_map(|found| Some((is_on(&found.row)?, found.row.id))) {
            let runs_it = match known.get(&release) {
                Some(known) => *known,
                None => runs(scope, flow, release, version).await?,
            };
            known.insert(release, runs_it);
            if runs_it {
                return Ok(Some(format!("contact {contact} is not over and began with it")));
            }
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(None),
        }
    }
    Ok(Some(format!("flow {} had too many contacts since yesterday to look at all of them; try it in a quieter hour", flow.name)))
}
