//! Tells a newer binary what to compile before it takes over: which versions are in use, their components, and the sealed node key.
//!
//! `jackfield prepare` calls it with an operator's token, because this server holds the store's lock. In use is what a call can meet from
//! now on: every alias of every flow, what is planned, and what `live` pointed at before - a running contact keeps the release that it began with, and the
//! last good release stands in when the live one fails.
//!
//! The node key leaves sealed under the master key: whoever has this server's token and no master key gets nothing from it. Nothing is
//! taken in here: an artifact that came over a network would be machine code from whoever sent it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::{SlotClass, Version};
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::{Digest, FlowName, PluginName, TenantId};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::Tenant;
use jackfield_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::door::guard::{self, Asked};
use crate::admin::door::problem::{Problem, unkept, unread};
use crate::admin::door::reply::{self, Answer};
use crate::app::App;

/// Tenants that one page looks through: most have few flows, some have none.
const TENANTS_PER_PAGE: usize = 200;

/// A component that is worth compiling ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// Of its bytes.
    pub digest: Digest,
    /// Which engine runs it.
    pub class: SlotClass,
    /// Of the component.
    pub bytes: u64,
    /// Whose plugin, which and which version, in words.
    pub what: String,
    /// Who uses it, for example "acme/main live".
    pub by: Vec<String>,
}

/// Which versions are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What calls can meet.
    InUse,
    /// Every version that was ever uploaded.
    All,
}

/// Where a walk over all tenants goes on: behind a tenant, or inside one behind a name of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    tenant: Option<TenantId>,
    /// A flow, or a plugin and a number; none where the tenant is done.
    inside: Option<String>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenant = self.tenant.as_ref().map(TenantId::as_str).unwrap_or_default();
        match &self.inside {
            Some(inside) => write!(f, "{tenant}/{inside}"),
            None => f.write_str(tenant),
        }
    }
}

impl Cursor {
    /// Reads what a page named as next.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let (tenant, inside) = text.split_once('/').map_or((text, None), |(tenant, inside)| (tenant, Some(inside.to_owned())));
        Ok(Self { tenant: Some(tenant.parse::<TenantId>()?), inside })
    }
}

fn bad_cursor() -> Problem {
    Problem::at(Code::Invalid, "after", "after takes what the page before named as next")
}

/// Everything that a page found, once for each digest.
#[derive(Default)]
struct Found {
    by_digest: BTreeMap<Digest, InUse>,
    looked_at: usize,
}

impl Found {
    fn add(&mut self, version: &Version, by: Option<String>) {
        let entry = self.by_digest.entry(version.digest).or_insert_with(|| InUse {
            digest: version.digest,
            class: version.class,
            bytes: version.bytes,
            what: format!("{}/{} version {}", version.tenant, version.plugin, version.number),
            by: Vec::new(),
        });
        entry.by.extend(by);
    }
}

/// One page of a walk over all tenants, and where the next goes on.
pub async fn page(store: &Store, scope: Scope, after: Cursor, limit: usize) -> Result<(Vec<InUse>, Option<Cursor>), Problem> {
    let mut found = Found::default();
    let Cursor { tenant: mut at, mut inside } = after;
    if let (Some(tenant), Some(name)) = (&at, inside.take()) {
        let rest = of_tenant(store, tenant, scope, Some(&name), limit, &mut found).await?;
        if let Some(inside) = rest {
            return Ok((found.by_digest.into_values().collect(), Some(Cursor { tenant: at, inside: Some(inside) })));
        }
    }
    let tenants = store.platform().tenants(at.as_ref(), TENANTS_PER_PAGE).await.map_err(unread)?;
    let is_last = tenants.len() < TENANTS_PER_PAGE;
    for Tenant { id, .. } in tenants.into_iter().map(|found| found.row) {
        let left = limit.saturating_sub(found.looked_at);
        if left == 0 {
            return Ok((found.by_digest.into_values().collect(), Some(Cursor { tenant: at, inside: None })));
        }
        if let Some(inside) = of_tenant(store, &id, scope, None, left, &mut found).await? {
            return Ok((found.by_digest.into_values().collect(), Some(Cursor { tenant: Some(id), inside: Some(inside) })));
        }
        at = Some(id);
    }
    let next = (!is_last).then_some(Cursor { tenant: at, inside: None });
    Ok((found.by_digest.into_values().collect(), next))
}

/// What one tenant has; the name to go on behind where that was not all.
async fn of_tenant(
    store: &Store,
    tenant: &TenantId,
    scope: Scope,
    after: Option<&str>,
    limit: usize,
    found: &mut Found,
) -> Result<Option<String>, Problem> {
    let scoped = store.tenant(tenant);
    match scope {
        Scope::All => {
            let after = after.map(version_name).transpose()?;
            let rows = scoped.list::<Version>(after.as_ref(), limit).await.map_err(unread)?;
            found.looked_at += rows.len();
            rows.iter().for_each(|version| found.add(&version.row, None));
            Ok(rows.last().filter(|_| rows.len() >= limit).map(|last| format!("{}@{}", last.row.plugin, last.row.number)))
        }
        Scope::InUse => {
            let after = after.map(|name| name.parse::<FlowName>().map_err(|_| bad_cursor())).transpose()?;
            let rows = scoped.list::<Flow>(after.as_ref(), limit).await.map_err(unread)?;
            found.looked_at += rows.len();
            for flow in &rows {
                of_flow(store, &flow.row, found).await?;
            }
            Ok(rows.last().filter(|_| rows.len() >= limit).map(|last| last.row.name.to_string()))
        }
    }
}

fn version_name(text: &str) -> Result<(PluginName, u32), Problem> {
    let (plugin, number) = text.split_once('@').ok_or_else(bad_cursor)?;
    Ok((plugin.parse().map_err(|_| bad_cursor())?, number.parse().map_err(|_| bad_cursor())?))
}

async fn of_flow(store: &Store, flow: &Flow, found: &mut Found) -> Result<(), Problem> {
    let mut wanted: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (alias, number) in &flow.aliases {
        wanted.entry(*number).or_default().insert(format!("{}/{} {alias}", flow.tenant, flow.name));
    }
    for number in &flow.history {
        wanted.entry(*number).or_default().insert(format!("{}/{} before", flow.tenant, flow.name));
    }
    for planned in &flow.planned {
        wanted.entry(planned.release).or_default().insert(format!("{}/{} planned", flow.tenant, flow.name));
    }
    let scoped = store.tenant(&flow.tenant);
    for (number, by) in wanted {
        let Some(release) = scoped.get::<Release>(&(flow.name.clone(), number)).await.map_err(unread)? else { continue };
        let used = release.row.version;
        let version = store.tenant(&used.tenant).get::<Version>(&(used.plugin, used.number)).await.map_err(unread)?;
        if let Some(version) = version {
            by.into_iter().for_each(|by| found.add(&version.row, Some(by)));
        }
    }
    Ok(())
}

/// Versions that are worth compiling ahead.
pub(crate) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let query = asked.query(&["after", "limit", "which"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let scope = match query.get("which").copied() {
        None | Some("in-use") => Scope::InUse,
        Some("all") => Scope::All,
        Some(_) => return Err(Problem::at(Code::Invalid, "which", "which is in-use or all")),
    };
    let after = query.get("after").map(|after| Cursor::parse(after)).transpose()?.unwrap_or_default();
    let (items, next) = page(&app.store, scope, after, limit).await?;
    reply::plain(json!({ "items": items, "next": next.map(|next| next.to_string()) }))
}

/// A component's bytes.
pub(crate) async fn component(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let digest: Digest = asked.part("digest")?;
    let bytes = app.store.blobs().get(&digest).await.map_err(unkept)?.ok_or_else(|| Problem::not_found("component", &digest))?;
    let response = Response::builder().header(header::CONTENT_TYPE, "application/wasm").header(header::CACHE_CONTROL, "no-store");
    response.body(Body::from(bytes)).map_err(|error| Problem::Broke(error.to_string()))
}

/// What a newer binary needs to know of this one.
pub(crate) async fn engine(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    reply::plain(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "instance": app.store.platform().instance_id().await.map_err(unread)?,
        "fingerprint": app.runtime.fingerprint(),
        "sealed_node_key": app.store.platform().sealed_node_key().await.map_err(unread)?,
    }))
}
