//! Answers for addresses: what is dialled belongs to one flow at a time and answers through one connection.
//!
//! Binding is where a mistake is still cheap, so it asks the provider whether it can do what the flow's live plugin lists. Flow and
//! connection are written again with each binding, so that a deletion which looked before it meets a conflict instead of leaving an
//! address that leads nowhere.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::Flow;
use jackfield_domain::id::{ConnectionId, FlowName, TenantId};
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::life::{Claim, Next, RIVALS_MAX, Released};
use jackfield_domain::tenant::address::{Address, Binding, route};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::provider;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};

use super::door::body::Body;
use super::door::guard::{Asked, Inside};
use super::door::moment;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::releases;
use crate::app::App;
use crate::quota::things::{self, Counting};

/// Most addresses of one tenant: what its list holds in memory.
pub(crate) const BINDINGS_MAX: usize = 100_000;
/// Addresses that are bound together: a batch takes 1,000 writes, and each is three.
const BATCH_MAX: usize = 300;
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
    /// When: in the tenant's zone, or with an offset. At once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// With the first verified contact through the new connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    with_first_contact: Option<bool>,
}

/// Addresses that are bound together, all or none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    addresses: Vec<Address>,
    connection: ConnectionId,
    flow: FlowName,
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
    let when = when(&app, &inside, &to)?;
    let new = NewBinding { address: found.row.address, connection: to.connection, flow: to.flow, priority: to.priority };
    match when {
        When::Now => write(&app, &inside, new, StatusCode::OK).await,
        When::Later(at) => later(&app, &inside, new, at).await,
    }
}

/// When a move is made; [`Next::at`] where it waits.
enum When {
    Now,
    Later(Option<Moment>),
}

fn when(app: &App, inside: &Inside, to: &Move) -> Result<When, Problem> {
    match (&to.at, to.with_first_contact) {
        (Some(_), Some(true)) => Err(Problem::at(Code::Invalid, "at", "a move waits for a time or for a contact, and not for both")),
        (Some(text), _) => {
            let at = moment::exact("at", text, &inside.tenant.zone)?;
            if at <= app.clock.now() {
                return Err(Problem::at(Code::Invalid, "at", "at lies in the past; leave it out to move the address now"));
            }
            Ok(When::Later(Some(at)))
        }
        (None, Some(true)) => Ok(When::Later(None)),
        (None, _) => Ok(When::Now),
    }
}

/// Keeps where an address is to go. Flow and connection are looked at now: a move that could not be made then is refused while somebody
/// reads the refusal.
async fn later(app: &App, inside: &Inside, new: NewBinding, at: Option<Moment>) -> Answer {
    let there = app.store.platform().binding(&new.address).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    let expect = inside.asked.expect(Some(&there))?;
    if new.priority.is_some_and(|wanted| wanted != there.row.priority) {
        return Err(Problem::at(Code::Invalid, "priority", "the priority of an address changes at once; set it without a time"));
    }
    let (flow, connection) = (flow(inside, &new.flow).await?, connection(app, inside, &new.connection).await?);
    own_lines_only(inside, &new.address, &connection.row, &inside.asked)?;
    let actions = releases::live_actions(app, inside, &flow.row).await?;
    let notes = check(&actions, &connection.row)?;
    let next = Some(Next { connection: new.connection, flow: new.flow, at });
    let binding = Binding { next, ..there.row.settled(app.clock.now()) };
    let change = inside
        .store
        .change()
        .put(&flow.row, Expect::Revision(flow.revision))
        .platform(|platform| platform.connect(&connection.row, Expect::Revision(connection.revision)).bind(&binding, expect));
    change.commit().await.map_err(uncommitted)?;
    let found = app.store.platform().binding(&new.address).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(StatusCode::OK, &View { binding: found.row, notes }, found.revision)
}

/// Binds many at once: all of them, or none where one cannot be.
pub(crate) async fn bind_many(State(app): State<Arc<App>>, inside: Inside, Body(batch): Body<Batch>) -> Answer {
    inside.asked.no_query()?;
    let count = batch.addresses.len();
    if !(1..=BATCH_MAX).contains(&count) {
        return Err(Problem::at(Code::Invalid, "addresses", format!("{count} addresses; 1 to {BATCH_MAX} can be bound at once")));
    }
    let (flow, connection) = (flow(&inside, &batch.flow).await?, connection(&app, &inside, &batch.connection).await?);
    let actions = releases::live_actions(&app, &inside, &flow.row).await?;
    let notes = check(&actions, &connection.row)?;
    let mut seen = std::collections::BTreeSet::new();
    for address in &batch.addresses {
        if !seen.insert(address) {
            return Err(Problem::at(Code::Invalid, "addresses", format!("{address} is there twice")));
        }
        own_lines_only(&inside, address, &connection.row, &inside.asked)?;
        if let Some(there) = app.store.platform().binding(address).await.map_err(unread)? {
            return Err(bound_already(&inside.asked, &inside, &there.row));
        }
        not_in_quarantine(&app, &inside, address).await?;
    }
    let more = i64::try_from(count).unwrap_or(i64::MAX);
    let counting = Counting::of(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, more)]).await?;
    let binding = |address: &Address| claimed(&inside, address.clone(), &batch.connection, &batch.flow, app.clock.now());
    let change = inside.store.change().put(&flow.row, Expect::Revision(flow.revision)).platform(|platform| {
        let platform = platform.connect(&connection.row, Expect::Revision(connection.revision));
        let all =
            batch.addresses.iter().fold(platform, |platform, address| platform.bind(&binding(address), Expect::Absent).assigned(address));
        counting.put(all)
    });
    change.commit().await.map_err(uncommitted)?;
    reply::plain(serde_json::json!({ "bound": count, "flow": batch.flow, "connection": batch.connection, "notes": notes }))
}

fn claimed(inside: &Inside, address: Address, connection: &ConnectionId, flow: &FlowName, now: Moment) -> Binding {
    Binding {
        address,
        tenant: inside.tenant.id.clone(),
        connection: connection.clone(),
        flow: flow.clone(),
        bound: now,
        priority: false,
        proven: None,
        next: None,
        rivals: Vec::new(),
    }
}

/// Refuses what was another tenant's lately and had callers. Whoever runs the platform may know better.
async fn not_in_quarantine(app: &App, inside: &Inside, address: &Address) -> Result<(), Problem> {
    let Some(released) = app.store.platform().released(address).await.map_err(unread)? else { return Ok(()) };
    let may = released.tenant == inside.tenant.id || released.until() <= app.clock.now() || inside.asked.principal.is_platform();
    if may {
        return Ok(());
    }
    let days = released.until().saturating_sub(app.clock.now()).div_ceil(24 * 60 * 60 * 1_000);
    let detail =
        format!("{address} was somebody else's until lately and is kept back for {days} days more; the platform can assign it before");
    Err(Problem::at(Code::Conflict, "address", detail))
}

/// Keeps that another tenant claims an address too, through a connection of its own: the first verified contact will tell whose it is.
async fn claim(app: &App, inside: &Inside, new: &NewBinding, there: Found<Binding>) -> Answer {
    let (flow, connection) = (flow(inside, &new.flow).await?, connection(app, inside, &new.connection).await?);
    let actions = releases::live_actions(app, inside, &flow.row).await?;
    let mut notes = check(&actions, &connection.row)?;
    let claim =
        Claim { tenant: inside.tenant.id.clone(), connection: new.connection.clone(), flow: new.flow.clone(), bound: app.clock.now() };
    let mut rivals = there.row.rivals.clone();
    rivals.push(claim);
    let binding = Binding { rivals, ..there.row };
    let counting = Counting::of(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, 1)]).await?;
    let change = inside.store.change().put(&flow.row, Expect::Revision(flow.revision)).platform(|platform| {
        let platform = platform.connect(&connection.row, Expect::Revision(connection.revision));
        counting.put(platform.bind(&binding, Expect::Revision(there.revision)))
    });
    change.commit().await.map_err(uncommitted)?;
    notes.push("somebody else claims the address, too; the first verified contact decides whose it is".to_owned());
    let own = claimed(inside, new.address.clone(), &new.connection, &new.flow, app.clock.now());
    reply::row(StatusCode::CREATED, &View { binding: own, notes }, there.revision)
}

/// True where an address that somebody has may be claimed by this tenant, too: it is not proven, and the connection is another than that
/// of every claim.
fn may_be_claimed(inside: &Inside, there: &Binding, connection: &ConnectionId) -> bool {
    let is_free = there.connection != *connection && there.rivals.iter().all(|rival| rival.connection != *connection);
    let is_new = there.tenant != inside.tenant.id && there.rivals.iter().all(|rival| rival.tenant != inside.tenant.id);
    there.proven.is_none() && is_free && is_new && there.rivals.len() < RIVALS_MAX
}

/// Binds or moves an address. Races with other bindings to the same flow or connection are run again; one for the address is not.
async fn write(app: &App, inside: &Inside, new: NewBinding, status: StatusCode) -> Answer {
    for race in 0..=RACES_MAX {
        let there = app.store.platform().binding(&new.address).await.map_err(unread)?;
        let expect = match (&there, status) {
            (Some(there), StatusCode::OK) => inside.asked.expect(Some(there))?,
            (Some(there), _) if may_be_claimed(inside, &there.row, &new.connection) => {
                return claim(app, inside, &new, there.clone()).await;
            }
            (Some(there), _) => return Err(bound_already(&inside.asked, inside, &there.row)),
            (None, _) => Expect::Absent,
        };
        if there.is_none() {
            not_in_quarantine(app, inside, &new.address).await?;
        }
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
        let fresh = claimed(inside, new.address.clone(), &new.connection, &new.flow, app.clock.now());
        // Who moves an address on the same line keeps what was proven on it.
        let proven = there.as_ref().and_then(|there| there.row.proven.filter(|_| there.row.connection == new.connection));
        let rivals = there.as_ref().map(|there| there.row.rivals.clone()).unwrap_or_default();
        let binding = Binding { priority: new.priority.unwrap_or(priority), proven, rivals, ..fresh };
        let change = inside
            .store
            .change()
            .put(&flow.row, Expect::Revision(flow.revision))
            .platform(|platform| {
                platform.connect(&connection.row, Expect::Revision(connection.revision)).bind(&binding, expect).assigned(&binding.address)
            })
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
    let named = route::connection_of(address);
    if named.is_none() && !route::is_local(address) {
        return Ok(());
    }
    if let Some(named) = named.filter(|named| *named != connection.id.as_str()) {
        let detail = format!("{address} is about connection {named}; bind it to that one");
        return Err(Problem::at(Code::Invalid, "connection", detail));
    }
    if connection.tenant == inside.tenant.id {
        return Ok(());
    }
    asked.principal.demand_above(&inside.tenant, "a prefix, a default or a user without a domain on a connection of another tenant")?;
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
    let address: Address = inside.asked.part("address")?;
    let found = app.store.platform().binding(&address).await.map_err(unread)?;
    let mine = |found: &Found<Binding>| {
        found.row.tenant == inside.tenant.id || found.row.rivals.iter().any(|rival| rival.tenant == inside.tenant.id)
    };
    let found = found.filter(mine).ok_or_else(|| Problem::not_found("address", &address))?;
    let expect = inside.asked.expect(Some(&found))?;
    let released = Released { address, tenant: inside.tenant.id.clone(), at: app.clock.now() };
    let change = || {
        inside.store.change().platform(|platform| {
            if found.row.tenant != inside.tenant.id {
                let rivals = found.row.rivals.iter().filter(|rival| rival.tenant != inside.tenant.id).cloned().collect();
                return platform.bind(&Binding { rivals, ..found.row.clone() }, expect);
            }
            let platform = if found.row.proven.is_some() { platform.released(&released) } else { platform };
            match found.row.clone().without_holder() {
                Some(left) => platform.bind(&left, expect).unlisted(&inside.tenant.id, &found.row.address),
                None => platform.unbind(&found.row, expect),
            }
        })
    };
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, -1)], change).await?;
    reply::done()
}
