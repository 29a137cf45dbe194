//! Answers for addresses: what is dialled belongs to one flow at a time and answers through one connection.
//!
//! Binding is where a mistake is still cheap, so it asks the provider whether it can do what the flow's live plugin lists. Flow and
//! connection are written again with each binding, so that a deletion which looked before it meets a conflict instead of leaving an
//! address that leads nowhere.

mod claims;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::Flow;
use jackfield_domain::id::{ConnectionId, FlowName, TenantId};
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::life::{Next, Released};
use jackfield_domain::tenant::address::{Address, Binding};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::provider;
use jackfield_store::Found;
use serde::{Deserialize, Serialize};

use self::claims::{bound_already, claim, may_be_claimed, not_in_quarantine, own_lines_only};
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
    pub(super) address: Address,
    pub(super) connection: ConnectionId,
    pub(super) flow: FlowName,
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

/// A binding as one of those who hold or claim it may see it, with what the provider will do in a lesser way than the plugin asks.
#[derive(Debug, Serialize)]
pub(super) struct View {
    #[serde(flatten)]
    binding: Binding,
    /// Somebody else says that it is theirs, too. Who, the platform alone learns, in `rivals`.
    #[serde(skip_serializing_if = "is_false")]
    contested: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl View {
    pub(super) fn of(mut binding: Binding, asked: &Asked, notes: Vec<String>) -> Self {
        let contested = !binding.rivals.is_empty();
        if !asked.principal.is_platform() {
            binding.rivals.clear();
        }
        Self { binding, contested, notes }
    }
}

pub(crate) async fn list(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "limit"])?;
    let limit = super::door::guard::limit(query.get("limit").copied())?;
    let after = query.get("after").copied().unwrap_or_default();
    let mut all = held_or_claimed(&app, &inside.tenant.id).await?;
    all.sort_by_cached_key(|binding| binding.address.to_string());
    all.retain(|binding| binding.address.to_string().as_str() > after);
    all.truncate(limit);
    let items: Vec<View> = all.into_iter().map(|binding| View::of(binding, &inside.asked, Vec::new())).collect();
    let next = items.last().filter(|_| items.len() >= limit).map(|last| last.binding.address.to_string());
    reply::plain(serde_json::json!({ "items": items, "next": next }))
}

/// What a tenant holds, and what it claims beside another.
pub(crate) async fn held_or_claimed(app: &App, tenant: &TenantId) -> Result<Vec<Binding>, Problem> {
    let platform = app.store.platform();
    let mut all = platform.bindings_of(tenant, BINDINGS_MAX).await.map_err(unread)?;
    all.extend(platform.claims_of(tenant, BINDINGS_MAX).await.map_err(unread)?);
    Ok(all)
}

/// An address as everybody has it, if the tenant holds or claims it.
pub(super) async fn named(app: &App, inside: &Inside, address: &Address) -> Result<Found<Binding>, Problem> {
    let found = app.store.platform().binding(address).await.map_err(unread)?;
    let is_ours = |found: &Found<Binding>| found.row.everybody().any(|one| *one == inside.tenant.id);
    found.filter(is_ours).ok_or_else(|| Problem::not_found("address", address))
}

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&app, &inside, &inside.asked.part("address")?).await?;
    let seen = found.row.seen_by(&inside.tenant.id).ok_or_else(|| Problem::not_found("address", &found.row.address))?;
    reply::row(StatusCode::OK, &View::of(seen, &inside.asked, Vec::new()), found.revision)
}

pub(crate) async fn bind(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewBinding>) -> Answer {
    inside.asked.no_query()?;
    if held_or_claimed(&app, &inside.tenant.id).await?.len() >= BINDINGS_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {BINDINGS_MAX} addresses")));
    }
    write(&app, &inside, new, StatusCode::CREATED).await
}

pub(crate) async fn move_to(State(app): State<Arc<App>>, inside: Inside, Body(to): Body<Move>) -> Answer {
    inside.asked.no_query()?;
    let found = named(&app, &inside, &inside.asked.part("address")?).await?;
    if found.row.tenant != inside.tenant.id {
        let detail =
            format!("{} is claimed by you and not proven to be yours; release the claim and bind it anew to change it", found.row.address);
        return Err(Problem::at(Code::Conflict, "address", detail));
    }
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
    let binding = Binding { next, ..there.row.clone().settled(app.clock.now()) };
    let change =
        inside.store.change().put(&flow.row, Expect::Revision(flow.revision)).platform(|platform| {
            platform.connect(&connection.row, Expect::Revision(connection.revision)).rebind(&there.row, &binding, expect)
        });
    change.commit().await.map_err(uncommitted)?;
    let found = app.store.platform().binding(&new.address).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(StatusCode::OK, &View::of(found.row, &inside.asked, notes), found.revision)
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
        counting.put(batch.addresses.iter().fold(platform, |platform, address| platform.bind(&binding(address)).assigned(address)))
    });
    change.commit().await.map_err(uncommitted)?;
    reply::plain(serde_json::json!({ "bound": count, "flow": batch.flow, "connection": batch.connection, "notes": notes }))
}

pub(super) fn claimed(inside: &Inside, address: Address, connection: &ConnectionId, flow: &FlowName, now: Moment) -> Binding {
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
        // Whoever moves its address keeps what it has proven: a move must give nobody the time to claim it.
        let proven = there.as_ref().and_then(|there| there.row.proven);
        let rivals = there.as_ref().map(|there| there.row.rivals.clone()).unwrap_or_default();
        let binding = Binding { priority: new.priority.unwrap_or(priority), proven, rivals, ..fresh };
        let change = inside
            .store
            .change()
            .put(&flow.row, Expect::Revision(flow.revision))
            .platform(|platform| {
                let platform = platform.connect(&connection.row, Expect::Revision(connection.revision)).assigned(&binding.address);
                match &there {
                    Some(there) => platform.rebind(&there.row, &binding, expect),
                    None => platform.bind(&binding),
                }
            })
            .platform(|platform| counting.put(platform));
        match change.commit().await {
            Ok(()) => {
                let found = app.store.platform().binding(&new.address).await.map_err(unread)?.ok_or_else(Problem::stale)?;
                return reply::row(status, &View::of(found.row, &inside.asked, notes), found.revision);
            }
            Err(CommitError::Conflict { .. }) if race < RACES_MAX => {}
            Err(error) => return Err(uncommitted(error)),
        }
    }
    Err(Problem::new(Code::Busy, "too many addresses are being bound at once; try again"))
}

pub(super) async fn flow(inside: &Inside, name: &FlowName) -> Result<Found<Flow>, Problem> {
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
    let found = named(&app, &inside, &inside.asked.part("address")?).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let had_contacts = found.row.tenant == inside.tenant.id && found.row.proven.is_some();
    let released = Released { address: found.row.address.clone(), tenant: inside.tenant.id.clone(), at: app.clock.now() };
    let change = || {
        inside.store.change().platform(|platform| {
            let platform = if had_contacts { platform.released(&released) } else { platform };
            match found.row.clone().without(&inside.tenant.id) {
                Some(left) => platform.rebind(&found.row, &left, expect),
                None => platform.unbind(&found.row, expect),
            }
        })
    };
    things::commit(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, -1)], change).await?;
    reply::done()
}
