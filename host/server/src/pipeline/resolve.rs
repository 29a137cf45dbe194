//! Finds whose event it is (step 2): the connection by the path, the tenant and flow by the dialled side.
//!
//! Nothing is verified yet, so nothing is written and nothing is charged. The caller's number is never looked at: whoever calls
//! must not choose a tenant. An address answers only through the connection it is bound to.

use std::sync::Arc;

use jackfield_domain::contact::Moment;
use jackfield_domain::fallback::last_words;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::tenant::address::{Binding, route};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::{Glance, Provider, Raw, provider};
use jackfield_store::{Found, StoreFault};

use super::{Received, Stopped, TurnedAway};
use crate::app::App;
use crate::quota::things::{self, Counting};

/// Step 2's gift.
pub(super) struct Resolved {
    pub connection: Arc<Connection>,
    pub provider: &'static dyn Provider,
    pub glance: Glance,
    /// None where nobody bound the address to this connection, or where the request names none.
    pub binding: Option<Bound>,
}

/// The request as a provider reads it.
pub(super) fn raw(received: &Received) -> Raw<'_> {
    Raw {
        method: &received.method,
        tail: &received.tail,
        path_and_query: &received.path_and_query,
        headers: &received.headers,
        body: &received.body,
        peer: received.peer,
        now: received.at,
    }
}

pub(super) async fn resolve(app: &App, received: &Received) -> Result<Resolved, Stopped> {
    let platform = app.store.platform();
    let Some(found) = platform.connection_shared(&received.connection).await? else {
        return Err(TurnedAway::NoConnection.into());
    };
    let connection = found.row;
    let Some(provider) = provider(&connection.provider) else {
        return Err(TurnedAway::NoConnection.into());
    };
    app.statics.keep(&connection.id, found.revision, || provider.render_unbound(&last_words(), &connection));
    let glance = provider
        .glance(&raw(received), &connection)
        .map_err(|unreadable| TurnedAway::unreadable(received, &connection, provider, &unreadable))?;
    let binding = bound(app, &connection, provider, &glance, received.at).await?;
    Ok(Resolved { connection, provider, glance, binding })
}

/// An address as it is for a contact through the connection, and the row that says so.
pub(super) struct Bound {
    pub binding: Binding,
    /// As it is kept. Where it differs, the signature decides whether it changes.
    pub kept: Found<Arc<Binding>>,
}

/// Where what was dialled leads through this connection. Exact beats prefix beats domain beats default; of several exact ones the
/// provider's order decides.
async fn bound(
    app: &App,
    connection: &Connection,
    provider: &dyn Provider,
    glance: &Glance,
    now: Moment,
) -> Result<Option<Bound>, StoreFault> {
    let mut first: Option<Bound> = None;
    let mut misnamed = glance.named.clone();
    for address in route::candidates(&connection.id, &glance.addresses) {
        let Some(kept) = app.store.platform().binding_shared(&address).await? else { continue };
        let Some(binding) = Binding::clone(&kept.row).through(&connection.id, provider.vouches(), now) else { continue };
        // Names of connections are given again: whoever has this one now answers for its own tenants and those below them alone.
        if !is_within(app, &binding.tenant, &connection.tenant).await? {
            continue;
        }
        misnamed.retain(|named| *named != address);
        match &first {
            None if !glance.must_agree => return Ok(Some(Bound { binding, kept })),
            None => first = Some(Bound { binding, kept }),
            // A default or a prefix says nothing of its own beside what was named.
            Some(_) if route::connection_of(&binding.address).is_some() => {}
            Some(named) if is_within(app, &named.binding.tenant, &binding.tenant).await? => {}
            Some(_) => return Ok(None),
        }
    }
    Ok(first.filter(|_| misnamed.is_empty()))
}

/// True where the one is the other, or stands below it.
async fn is_within(app: &App, tenant: &TenantId, above: &TenantId) -> Result<bool, StoreFault> {
    Ok(tenant == above || app.known.of(tenant).await?.is_some_and(|around| around.tenant.ancestors.contains(above)))
}

/// Keeps what the first verified contact has shown: whose the address is, and that it has moved. Nobody waits for it; until it is
/// written the next contact shows the same.
pub(super) fn keep_proof(app: &Arc<App>, bound: &Bound) {
    if bound.binding == *bound.kept.row {
        return;
    }
    let (app, binding, kept) = (Arc::clone(app), bound.binding.clone(), bound.kept.clone());
    tokio::spawn(async move {
        if let Err(why) = write_proof(&app, &binding, &kept).await {
            tracing::error!(%why, "what a contact has shown of an address could not be kept");
        }
    });
}

async fn write_proof(app: &App, binding: &Binding, kept: &Found<Arc<Binding>>) -> Result<(), String> {
    let platform = app.store.platform();
    let mut change = platform.change().rebind(&kept.row, binding, Expect::Revision(kept.revision)).assigned(&binding.address);
    let lost = kept.row.everybody().filter(|tenant| binding.everybody().all(|left| left != *tenant));
    for tenant in lost {
        tracing::warn!(address = %binding.address, from = %tenant, to = %binding.tenant, "a proof ended a claim");
        // One that is gone gave back what it had when it went.
        let Some(around) = app.known.of(tenant).await.map_err(|fault| fault.to_string())? else { continue };
        let counting = Counting::of(&app.store, &things::path(&around.tenant), &[(Thing::Addresses, -1)]).await;
        change = counting.map_err(|problem| format!("{problem:?}"))?.put(change);
    }
    match change.commit().await {
        // Another contact has shown it meanwhile.
        Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(fault) => Err(fault.to_string()),
    }
}
