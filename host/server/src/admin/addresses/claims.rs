//! Says who may have an address: whose it was lately, who may claim it beside its holder, and what is for lines of one's own.
//!
//! The handlers of addresses ask before they write. The first verified contact decides between claims, in the resolve step; here nobody
//! loses anything to anybody.

use http::StatusCode;
use jackfield_domain::id::ConnectionId;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::life::{Claim, RIVALS_MAX};
use jackfield_domain::tenant::address::{Address, Binding, route};
use jackfield_domain::tenant::connection::Connection;
use jackfield_store::Found;

use super::{NewBinding, View, check, connection, flow, named};
use crate::admin::door::guard::{Asked, Inside};
use crate::admin::door::problem::{Problem, uncommitted, unread};
use crate::admin::door::reply::{self, Answer};
use crate::admin::releases;
use crate::app::App;
use crate::quota::things::{self, Counting};

/// Refuses what was another tenant's lately and had callers. Whoever runs the platform may know better.
pub(super) async fn not_in_quarantine(app: &App, inside: &Inside, address: &Address) -> Result<(), Problem> {
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
pub(super) async fn claim(app: &App, inside: &Inside, new: &NewBinding, there: Found<Binding>) -> Answer {
    let (flow, connection) = (flow(inside, &new.flow).await?, connection(app, inside, &new.connection).await?);
    own_lines_only(inside, &new.address, &connection.row, &inside.asked)?;
    let actions = releases::live_actions(app, inside, &flow.row).await?;
    let mut notes = check(&actions, &connection.row)?;
    let claim =
        Claim { tenant: inside.tenant.id.clone(), connection: new.connection.clone(), flow: new.flow.clone(), bound: app.clock.now() };
    let mut rivals = there.row.rivals.clone();
    rivals.push(claim);
    let binding = Binding { rivals, ..there.row.clone() };
    let counting = Counting::of(&app.store, &things::path(&inside.tenant), &[(Thing::Addresses, 1)]).await?;
    let change = inside.store.change().put(&flow.row, Expect::Revision(flow.revision)).platform(|platform| {
        let platform = platform.connect(&connection.row, Expect::Revision(connection.revision));
        counting.put(platform.rebind(&there.row, &binding, Expect::Revision(there.revision)))
    });
    change.commit().await.map_err(uncommitted)?;
    notes.push("somebody else claims the address, too; the first verified contact decides whose it is".to_owned());
    let found = named(app, inside, &new.address).await?;
    let own = found.row.seen_by(&inside.tenant.id).ok_or_else(Problem::stale)?;
    reply::row(StatusCode::CREATED, &View::of(own, &inside.asked, notes), found.revision)
}

/// True where an address that somebody has may be claimed by this tenant, too: it is not proven, and the connection is another than that
/// of every claim.
pub(super) fn may_be_claimed(inside: &Inside, there: &Binding, connection: &ConnectionId) -> bool {
    let is_free = there.connection != *connection && there.rivals.iter().all(|rival| rival.connection != *connection);
    let is_new = there.tenant != inside.tenant.id && there.rivals.iter().all(|rival| rival.tenant != inside.tenant.id);
    there.proven.is_none() && is_free && is_new && there.rivals.len() < RIVALS_MAX
}

/// A prefix or a default catches what is bound to nobody, so it is for lines of the tenant's own: on a shared one it would catch what is
/// another tenant's tomorrow. Whoever is above may know better.
pub(super) fn own_lines_only(inside: &Inside, address: &Address, connection: &Connection, asked: &Asked) -> Result<(), Problem> {
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
pub(super) fn bound_already(asked: &Asked, inside: &Inside, binding: &Binding) -> Problem {
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
