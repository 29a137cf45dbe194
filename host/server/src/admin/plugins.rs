//! Answers for plugins: a component comes in, is checked, compiled and described, and becomes a version that never changes.
//!
//! The bytes go to the runtime first, because only what it accepts is kept. The same bytes again are the same version and answer 200
//! instead of 201, so that a pipeline of a tenant's own may upload blindly. How much may be on its way at once is for `compile::room` to
//! say; from its first byte on an upload is a job that whoever waits can look at.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::StatusCode;
use jackfield_domain::flow::plugin::{Plugin, Version};
use jackfield_domain::id::{Digest, PluginName};
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::ENTRIES_MAX;
use jackfield_runtime::{Installed, Job, RuntimeFault};
use jackfield_store::Found;

use super::compile::room::{self, COMPONENT_BYTES_MAX, Part, Room};
use super::door::body;
use super::door::guard::{self, Inside};
use super::door::problem::{Problem, broken, uncommitted, uninstalled, unkept, unread};
use super::door::reply::{self, Answer};
use super::gate;
use crate::app::App;
use crate::quota::things::{self, Counting};

/// 32 MiB on a bad line.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(120);
/// Versions of a plugin that race for the next number.
const RACES_MAX: usize = 20;

pub(crate) async fn list(inside: Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<PluginName>()?;
    let rows = inside.store.list::<Plugin>(after.as_ref(), limit).await.map_err(unread)?;
    reply::page(&rows, limit, |plugin| plugin.name.to_string())
}

async fn named(inside: &Inside) -> Result<Found<Plugin>, Problem> {
    let name: PluginName = inside.asked.part("plugin")?;
    inside.store.get::<Plugin>(&name).await.map_err(unread)?.ok_or_else(|| Problem::not_found("plugin", &name))
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn versions(inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let after = query.get("after").map(|after| after.parse::<u32>()).transpose();
    let after = after.map_err(|_| Problem::at(Code::Invalid, "after", "after takes a version's number"))?.unwrap_or(0);
    let plugin = named(&inside).await?.row;
    let mut rows = inside.store.list::<Version>(Some(&(plugin.name.clone(), after)), limit).await.map_err(unread)?;
    rows.retain(|found| found.row.plugin == plugin.name);
    reply::page(&rows, limit, |version| version.number.to_string())
}

pub(crate) async fn version(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let plugin = named(&inside).await?.row;
    let number = inside.asked.raw_part("number");
    let number = number.parse::<u32>().map_err(|_| Problem::at(Code::Invalid, "version", "a version is named by its number"))?;
    let found = inside.store.get::<Version>(&(plugin.name, number)).await.map_err(unread)?;
    let found = found.ok_or_else(|| Problem::not_found("version", &number))?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn upload(State(app): State<Arc<App>>, Extension(room): Extension<Room>, inside: Inside, request: Request) -> Answer {
    inside.asked.no_query()?;
    let name: PluginName = inside.asked.part("plugin")?;
    body::check_type(request.headers(), "application/wasm")?;
    let part = match room::check_encoding(request.headers()).and_then(|()| room.enter(&inside.tenant.id, request.headers())) {
        Ok(part) => part,
        Err(refusal) => return Ok(room::turn_away(refusal, request.into_body()).await),
    };
    let job = app.runtime.begin_upload(&inside.tenant.id, format!("plugin {name}"));
    let (parts, body) = request.into_parts();
    let component = body::read(&parts.headers, body, COMPONENT_BYTES_MAX, UPLOAD_PATIENCE).await?;
    // Its room goes along: who hangs up now does not take it from under the bytes.
    let (digest, component, _part) = digest_of(&app, component, part).await?;
    if let Some(known) = inside.store.version_of(&name, &digest).await.map_err(unread)? {
        return reply::row(StatusCode::OK, &known.row, known.revision);
    }
    let is_new = inside.store.get::<Plugin>(&name).await.map_err(unread)?.is_none();
    if is_new && inside.store.list::<Plugin>(None, ENTRIES_MAX).await.map_err(unread)?.len() >= ENTRIES_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {ENTRIES_MAX} plugins")));
    }
    // Refused before the compiler begins; what counts is the batch.
    let things = made(component.len() as u64);
    Counting::of(&app.store, &things::path(&inside.tenant), &things).await?;
    let installed = install(&app, &inside, &name, &job, component).await?;
    keep(&app, &inside, &name, installed).await
}

/// Nothing of an upload is kept before the runtime has accepted it and its test cases hold, and its version is written only once its
/// bytes are durable.
async fn install(app: &App, inside: &Inside, name: &PluginName, job: &Job, component: Bytes) -> Result<Installed, Problem> {
    let installed = app.runtime.install_as(job, component.clone()).await.map_err(uninstalled)?;
    let owner = &inside.tenant.id;
    let candidate = gate::Candidate { tenant: &inside.tenant, owner, plugin: name, installed: installed.clone(), settings: None };
    gate::hold(app, candidate).await?.must()?;
    app.store.blobs().put(component).await.map_err(unkept)?;
    Ok(installed)
}

/// Tens of megabytes take tens of milliseconds: behind all that anybody on a call waits for.
async fn digest_of(app: &App, component: Bytes, part: Part) -> Result<(Digest, Bytes, Part), Problem> {
    let digest = app.runtime.spawn_behind(move || (Digest::of(&component), component, part)).await;
    digest.map_err(|error| broken(RuntimeFault::Panicked(error.to_string())))
}

async fn keep(app: &App, inside: &Inside, name: &PluginName, installed: Installed) -> Answer {
    for race in 0..=RACES_MAX {
        if let Some(known) = inside.store.version_of(name, &installed.digest).await.map_err(unread)? {
            return reply::row(StatusCode::OK, &known.row, known.revision);
        }
        let found = inside.store.get::<Plugin>(name).await.map_err(unread)?;
        let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Revision(found.revision));
        let now = app.clock.now();
        let mut plugin = found
            .map_or_else(|| Plugin { tenant: inside.tenant.id.clone(), name: name.clone(), newest: 0, created: now }, |found| found.row);
        plugin.newest =
            plugin.newest.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, "the plugin has no version numbers left"))?;
        let version = version_row(&plugin, &installed, now, inside.asked.principal.label.clone());
        let counting = Counting::of(&app.store, &things::path(&inside.tenant), &made(version.bytes)).await?;
        let change = inside.store.change().put(&plugin, expect).version(&version).platform(|platform| counting.put(platform));
        match change.commit().await {
            Ok(()) => {
                let id = (plugin.name, plugin.newest);
                let kept = inside.store.get::<Version>(&id).await.map_err(unread)?.ok_or_else(Problem::stale)?;
                return reply::row(StatusCode::CREATED, &kept.row, kept.revision);
            }
            Err(CommitError::Conflict { .. }) if race < RACES_MAX => {}
            Err(error) => return Err(uncommitted(error)),
        }
    }
    Err(Problem::new(Code::Busy, "too many versions of this plugin come at once; try again"))
}

/// What a new version counts as.
fn made(bytes: u64) -> [(Thing, i64); 2] {
    [(Thing::Versions, 1), (Thing::ComponentBytes, i64::try_from(bytes).unwrap_or(i64::MAX))]
}

fn version_row(plugin: &Plugin, installed: &Installed, now: u64, by: String) -> Version {
    Version {
        tenant: plugin.tenant.clone(),
        plugin: plugin.name.clone(),
        number: plugin.newest,
        digest: installed.digest,
        bytes: installed.bytes,
        class: installed.class,
        contract: installed.contract.clone(),
        exports: installed.exports.clone(),
        imports: installed.imports.clone(),
        metadata: installed.metadata.clone(),
        describe_fuel: installed.describe_fuel,
        compile_ms: installed.compile_ms,
        uploaded: now,
        by,
    }
}
