//! Answers for addresses: what is dialled belongs to one flow at a time and answers through one connection.
//!
//! Binding is where a mistake is still cheap, so it asks the provider whether it can do what the flow's live plugin lists. Flow and
//! connection are written again with each binding, so that a deletion which looked before it meets a conflict instead of leaving an
//! address that leads nowhere.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::flow::Flow;
use jackfield_domain::id::{ConnectionId, FlowName, TenantId};
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::{Address, Binding, route};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::provider;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};

use super::door::body::Body;
use super::door::guard::{Asked, Inside};
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::releases;
use crate::app::App;
use crate::quota::things::{self, Counting};

/// Most addresses of one tenant: what its list holds in memory.
pub(crate) const BINDINGS_MAX: usize = 100_000;
/// Many addresses may be bound at once to one flow or connection; each then waits for the others a few times.
const RACES_MAX: usize = 10;

/// A new binding.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBinding {
    address: Address,
    connection: ConnectionId,
    flow: FlowName,
    /// No quota bars its contacts. Set only from above the tenant; what is absent stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<bool>,
}

/// Where an address that is bound goes now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Move {
    connection: ConnectionId,
    flow: FlowName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<bool>,
}

/// A binding with what the provider will do in a lesser way than the plugin asks.
#[derive(Debug, Serialize)]
struct View {
    #[serde(flatten)]
    binding: Binding,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

pub(crate) async fn list(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "limit"])?;
    let limit = super::door::guard::limit(query.get("limit").copied())?;
    let after = query.get("after").copied().unwrap_or_default();
    let all = app.store.platform().bindings_of(&inside.tenant.id, BINDINGS_MAX).await.map_err(unread)?;
    let items: Vec<_> = all.into_iter().filter(|binding| binding.address.to_string().as_str() > after).take(limit).collect();
    let next = items.last().filter(|_| items.len() >= limit).map(|last| last.address.to_string());
    reply::plain(serde_json::json!({ "items": items, "next": next }))
}

async fn own(app: &App, inside: &Inside) -> Result<Found<Binding>, Problem> {
    let address: Address = inside.asked.part("address")?;
    let found = app.store.platform().binding(&address).await.map_err(unread)?;
    found.filter(|found| found.row.tenant == inside.tenant.id).ok_or_else(|| Problem::not_found("address", &address))
}

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn bind(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewBinding>) -> Answer {
    inside.asked.no_query()?;
    if app.store.platform().bindings_of(&inside.tenant.id, BINDINGS_MAX).await.map_err(unread)?.len() >= BINDINGS_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {BINDINGS_MAX} addresses")));
    }
    write(&app, &inside, new, StatusCode::CREATED).await
}

pub(crate) async fn move_to(State(app): State<Arc<App>>, inside: Inside, Body(to): Body<Move>) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    let new = NewBinding { address: found.row.address, connection: to.connection, flow: to.flow, priority: to.priority };
    write(&app, &inside, new, StatusCode::OK).await
}

/// Binds or moves an address. Races with other bindings to the same flow or connection are run again; one for the address is not.
async fn write(app: &App, inside: &Inside, new: NewBinding, status: StatusCode) -> Answer {
    for race in 0..=RACES_MAX {
        let there = app.store.platform().binding(&new.address).await.map_err(unread)?;
        let expect = match (&there, status) {
            (Some(there), StatusCode::OK) => inside.asked.expect(Some(there))?,
            (Some(there), _) => return Err(bound_already(&inside.asked, inside, &there.row)),
            (None, _) => Expect::Absent,
        };
        let priority = there.as_ref().is_some_and(|there| there.row.priority);
        if new.priority.is_some_and(|wanted| wanted != priority) {
            inside.asked.principal.demand_above(&inside.tenant, "the priority of an address")?;
        }
        let counting = Counting::of(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, i64::from(there.is_none()))]).await?;
        let flow = flow(inside, &new.flow).await?;
        let connection = connection(app, inside, &new.connection).await?;
        own_lines_only(inside, &new.address, &connection.row, &inside.asked)?;
        let actions = releases::live_actions(app, inside, &flow.row).await?;
        let notes = check(&actions, &connection.row)?;
        let binding = Binding {
            address: new.address.clone(),
            tenant: inside.tenant.id.clone(),
            connection: new.connection.clone(),
            flow: new.flow.clone(),
            bound: app.clock.now(),
            priority: new.priority.unwrap_or(priority),
        };
        let change = inside
            .store
            .change()
            .put(&flow.row, Expect::Revision(flow.revision))
            .platform(|platform| platform.connect(&connection.row, Expect::Revision(connection.revision)).bind(&binding, expect))
            .platform(|platform| counting.put(platform));
        match change.commit().await {
            Ok(()) => {
                let found = app.store.platform().binding(&new.address).await.map_err(unread)?.ok_or_else(Problem::stale)?;
                return reply::row(status, &View { binding: found.row, notes }, found.revision);
            }
            Err(CommitError::Conflict { .. }) if race < RACES_MAX => {}
            Err(error) => return Err(uncommitted(error)),
        }
    }
    Err(Problem::new(Code::Busy, "too many addresses are being bound at once; try again"))
}

/// A prefix or a default catches what is bound to nobody, so it is for lines of the tenant's own: on a shared one it would catch what is
/// another tenant's tomorrow. Whoever is above may know better.
fn own_lines_only(inside: &Inside, address: &Address, connection: &Connection, asked: &Asked) -> Result<(), Problem> {
    let Some(named) = route::connection_of(address) else { return Ok(()) };
    if named != connection.id.as_str() {
        let detail = format!("{address} is about connection {named}; bind it to that one");
        return Err(Problem::at(Code::Invalid, "connection", detail));
    }
    if connection.tenant == inside.tenant.id {
        return Ok(());
    }
    asked.principal.demand_above(&inside.tenant, "a prefix or a default on a connection of another tenant")?;
    Ok(())
}

/// Says by whom an address is bound, to those who may know.
fn bound_already(asked: &Asked, inside: &Inside, binding: &Binding) -> Problem {
    let address = &binding.address;
    let detail = if binding.tenant == inside.tenant.id {
        format!("{address} goes to your flow {} already; PUT moves it", binding.flow)
    } else if asked.principal.is_platform() {
        format!("{address} is bound to flow {} of tenant {}; release it there first", binding.flow, binding.tenant)
    } else {
        format!("{address} is bound already")
    };
    Problem::at(Code::Conflict, "address", detail)
}

async fn flow(inside: &Inside, name: &FlowName) -> Result<Found<Flow>, Problem> {
    inside.store.get::<Flow>(name).await.map_err(unread)?.ok_or_else(|| Problem::not_found("flow", name))
}

/// A connection of the tenant or of one above it.
pub(crate) async fn connection(app: &App, inside: &Inside, id: &ConnectionId) -> Result<Found<Connection>, Problem> {
    let found = app.store.platform().connection(id).await.map_err(unread)?;
    let may_use = |owner: &TenantId| *owner == inside.tenant.id || inside.tenant.ancestors.contains(owner);
    found.filter(|found| may_use(&found.row.tenant)).ok_or_else(|| Problem::not_found("connection", id))
}

/// Asks the provider whether it can do what a plugin lists; gives back what it will do in a lesser way.
pub(crate) fn check(actions: &[String], connection: &Connection) -> Result<Vec<String>, Problem> {
    let provider = provider(&connection.provider)
        .ok_or_else(|| Problem::at(Code::Invalid, "connection", format!("connection {} has no known provider", connection.id)))?;
    Ok(provider.bindable(actions, connection)?)
}

pub(crate) async fn release(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let change = || inside.store.change().platform(|platform| platform.unbind(&found.row, expect));
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, -1)], change).await?;
    reply::done()
}
