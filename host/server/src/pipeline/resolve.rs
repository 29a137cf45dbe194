//! Finds whose event it is (step 2): the connection by the path, the tenant and flow by the dialled side.
//!
//! Nothing is verified yet, so nothing is written and nothing is charged. The caller's number is never looked at: whoever calls
//! must not choose a tenant. An address answers only through the connection it is bound to.

use std::sync::Arc;

use jackfield_domain::fallback::last_words;
use jackfield_domain::id::TenantId;
use jackfield_domain::tenant::address::{Binding, route};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::{Glance, Provider, Raw, provider};
use jackfield_store::StoreFault;

use super::{Received, Stopped, TurnedAway};
use crate::app::App;

/// Step 2's gift.
pub(super) struct Resolved {
    pub connection: Arc<Connection>,
    pub provider: &'static dyn Provider,
    pub glance: Glance,
    /// None where nobody bound the address to this connection, or where the request names none.
    pub binding: Option<Binding>,
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
    let binding = bound(app, &connection, &glance).await?;
    Ok(Resolved { connection, provider, glance, binding })
}

/// Where what was dialled leads through this connection. Exact beats prefix beats domain beats default; of several exact ones the
/// provider's order decides.
async fn bound(app: &App, connection: &Connection, glance: &Glance) -> Result<Option<Binding>, StoreFault> {
    let mut first: Option<Binding> = None;
    for address in route::candidates(&connection.id, &glance.addresses) {
        let found = app.store.platform().binding(&address).await?.map(|found| found.row);
        let Some(binding) = found.filter(|binding| binding.connection == connection.id) else { continue };
        match &first {
            None if !glance.must_agree => return Ok(Some(binding)),
            None => first = Some(binding),
            // A default or a prefix says nothing of its own beside what was named.
            Some(_) if route::connection_of(&binding.address).is_some() => {}
            Some(named) if is_within(app, &named.tenant, &binding.tenant).await? => {}
            Some(_) => return Ok(None),
        }
    }
    Ok(first)
}

/// True where the one is the other, or stands below it.
async fn is_within(app: &App, tenant: &TenantId, above: &TenantId) -> Result<bool, StoreFault> {
    Ok(tenant == above || app.known.of(tenant).await?.is_some_and(|around| around.tenant.ancestors.contains(above)))
}
