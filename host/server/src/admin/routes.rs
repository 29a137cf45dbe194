//! Lists every route of the admin API: method, path, who may use it, and what answers.
//!
//! [`super::router`] is made of this table and of nothing else, so a route that stands nowhere here does not exist, and a test can walk
//! all routes with every kind of token. What is in braces is a part of the path; `{tenant}` makes the guard open that tenant's scope
//! or answer that there is none.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use super::compile::{ahead, jobs, poison};
use super::directory::{closure, hours, people, queues};
use super::door::guard::{Who, enter};
use super::door::whole::to_its_end;
use super::gate::files;
use super::keeping::{captures, logs, replays};
use super::releases::planned;
use super::{
    addresses, connections, contacts, default_routes, effective, egress, flows, history, host, plugins, quotas, releases, secrets,
    settings, tenants, tokens, usage, versions,
};
use crate::app::App;
use crate::metrics::page;

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with names in braces.
    pub path: &'static str,
    /// Who may use it.
    pub who: Who,
}

impl Route {
    /// True where it changes something and must not stop half-way because its client hangs up.
    fn goes_to_its_end(&self) -> bool {
        self.method != Method::GET && !(self.method == Method::POST && ENDS_WITH_ITS_CLIENT.contains(&self.path))
    }
}

/// What works only for whoever waits for it: a compiler's child or a plugin's runs, and at most one batch at the end.
const ENDS_WITH_ITS_CLIENT: [&str; 4] = [
    "/v1/tenants/{tenant}/plugins/{plugin}/versions",
    "/v1/tenants/{tenant}/plugins/{plugin}/versions/{number}/cases",
    "/v1/tenants/{tenant}/contacts/{contact}/replay",
    "/v1/tenants/{tenant}/flows/{flow}/replay",
];

struct Entry {
    route: Route,
    handler: MethodRouter<Arc<App>>,
}

fn at<H, T>(method: Method, path: &'static str, who: Who, handler: H) -> Entry
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    // Only methods of the table come here; one that axum cannot route would answer nothing, and the walk over all routes fails.
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE);
    Entry { route: Route { method, path, who }, handler: on(filter, handler) }
}

/// All routes, for whoever wants to walk them.
pub fn table() -> Vec<Route> {
    entries().into_iter().map(|entry| entry.route).collect()
}

/// The routes with their guard.
pub(super) fn guarded(app: &Arc<App>) -> Router<Arc<App>> {
    // Where the operator opened the page of metrics, it stands outside the guard.
    let is_guarded = |entry: &Entry| entry.route.path != page::PATH || !app.telemetry.metrics_open;
    entries().into_iter().filter(is_guarded).fold(Router::new(), |router, Entry { route, handler }| {
        let guard = from_fn_with_state((app.clone(), route.who), enter);
        let handler = if route.goes_to_its_end() { handler.route_layer(from_fn_with_state(app.clone(), to_its_end)) } else { handler };
        router.route(route.path, handler.route_layer(guard))
    })
}

fn entries() -> Vec<Entry> {
    let mut all = platform_level();
    all.extend(tenant_level());
    all.extend(flow_level());
    all.extend(directory_level());
    all
}

fn platform_level() -> Vec<Entry> {
    use Who::{Platform, Tenant};
    vec![
        at(Method::GET, page::PATH, Platform, page::show),
        at(Method::GET, "/v1/host", Platform, host::show),
        at(Method::GET, "/v1/host/health", Platform, host::health),
        at(Method::GET, "/v1/host/compiles", Platform, jobs::all),
        at(Method::GET, "/v1/host/poison", Platform, poison::list),
        at(Method::DELETE, "/v1/host/poison/{digest}", Platform, poison::pardon),
        at(Method::GET, "/v1/host/engine", Platform, ahead::engine),
        at(Method::GET, "/v1/host/versions", Platform, ahead::list),
        at(Method::GET, "/v1/host/components/{digest}", Platform, ahead::component),
        at(Method::GET, "/v1/self", Tenant, tokens::who_am_i),
        at(Method::GET, "/v1/tokens", Tenant, tokens::list),
        at(Method::POST, "/v1/tokens", Tenant, tokens::create),
        at(Method::DELETE, "/v1/tokens/{id}", Tenant, tokens::revoke),
        at(Method::GET, "/v1/contacts/{contact}", Tenant, contacts::show_anywhere),
        at(Method::GET, "/v1/tenants", Tenant, tenants::list),
        at(Method::POST, "/v1/tenants", Tenant, tenants::create),
    ]
}

fn tenant_level() -> Vec<Entry> {
    use Who::Tenant;
    vec![
        at(Method::GET, "/v1/tenants/{tenant}", Tenant, tenants::show),
        at(Method::PATCH, "/v1/tenants/{tenant}", Tenant, tenants::change),
        at(Method::DELETE, "/v1/tenants/{tenant}", Tenant, tenants::erase),
        at(Method::GET, "/v1/tenants/{tenant}/connections", Tenant, connections::list),
        at(Method::POST, "/v1/tenants/{tenant}/connections", Tenant, connections::create),
        at(Method::GET, "/v1/tenants/{tenant}/connections/{connection}", Tenant, connections::show),
        at(Method::PATCH, "/v1/tenants/{tenant}/connections/{connection}", Tenant, connections::change),
        at(Method::DELETE, "/v1/tenants/{tenant}/connections/{connection}", Tenant, connections::delete),
        at(Method::GET, "/v1/tenants/{tenant}/connections/{connection}/refusals", Tenant, connections::refusals),
        at(Method::GET, "/v1/tenants/{tenant}/connections/{connection}/fallback", Tenant, connections::fallback),
        at(Method::PUT, "/v1/tenants/{tenant}/connections/{connection}/unbound", Tenant, connections::set_unbound),
        at(Method::DELETE, "/v1/tenants/{tenant}/connections/{connection}/unbound", Tenant, connections::drop_unbound),
        at(Method::GET, "/v1/tenants/{tenant}/addresses", Tenant, addresses::list),
        at(Method::POST, "/v1/tenants/{tenant}/addresses", Tenant, addresses::bind),
        at(Method::POST, "/v1/tenants/{tenant}/address-batches", Tenant, addresses::bind_many),
        at(Method::GET, "/v1/tenants/{tenant}/addresses/{address}", Tenant, addresses::show),
        at(Method::PUT, "/v1/tenants/{tenant}/addresses/{address}", Tenant, addresses::move_to),
        at(Method::DELETE, "/v1/tenants/{tenant}/addresses/{address}", Tenant, addresses::release),
        at(Method::GET, "/v1/tenants/{tenant}/secrets", Tenant, secrets::list),
        at(Method::GET, "/v1/tenants/{tenant}/secrets/{name}", Tenant, secrets::show),
        at(Method::PUT, "/v1/tenants/{tenant}/secrets/{name}", Tenant, secrets::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/secrets/{name}", Tenant, secrets::delete),
        at(Method::GET, "/v1/tenants/{tenant}/effective", Tenant, effective::show),
        at(Method::GET, "/v1/tenants/{tenant}/settings", Tenant, settings::show_tenants),
        at(Method::PUT, "/v1/tenants/{tenant}/settings", Tenant, settings::set_tenants),
        at(Method::GET, "/v1/tenants/{tenant}/routes", Tenant, default_routes::show_tenants),
        at(Method::PUT, "/v1/tenants/{tenant}/routes", Tenant, default_routes::set_tenants),
        at(Method::GET, "/v1/tenants/{tenant}/plugins", Tenant, plugins::list),
        at(Method::GET, "/v1/tenants/{tenant}/plugins/{plugin}", Tenant, plugins::show),
        at(Method::GET, "/v1/tenants/{tenant}/plugins/{plugin}/versions", Tenant, plugins::versions),
        at(Method::POST, "/v1/tenants/{tenant}/plugins/{plugin}/versions", Tenant, plugins::upload),
        at(Method::GET, "/v1/tenants/{tenant}/plugins/{plugin}/versions/{number}", Tenant, plugins::version),
        at(Method::DELETE, "/v1/tenants/{tenant}/plugins/{plugin}/versions/{number}", Tenant, versions::delete),
        at(Method::POST, "/v1/tenants/{tenant}/plugins/{plugin}/versions/{number}/cases", Tenant, files::run),
        at(Method::GET, "/v1/tenants/{tenant}/plugins/{plugin}/cases", Tenant, files::list),
        at(Method::GET, "/v1/tenants/{tenant}/plugins/{plugin}/cases/{name}", Tenant, files::show),
        at(Method::PUT, "/v1/tenants/{tenant}/plugins/{plugin}/cases/{name}", Tenant, files::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/plugins/{plugin}/cases/{name}", Tenant, files::delete),
        at(Method::GET, "/v1/tenants/{tenant}/cases", Tenant, files::list),
        at(Method::GET, "/v1/tenants/{tenant}/cases/{name}", Tenant, files::show),
        at(Method::PUT, "/v1/tenants/{tenant}/cases/{name}", Tenant, files::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/cases/{name}", Tenant, files::delete),
        at(Method::GET, "/v1/tenants/{tenant}/compiles", Tenant, jobs::of_tenant),
        at(Method::GET, "/v1/tenants/{tenant}/contacts", Tenant, contacts::find),
        at(Method::GET, "/v1/tenants/{tenant}/contacts/{contact}", Tenant, contacts::show),
        at(Method::POST, "/v1/tenants/{tenant}/contacts/{contact}/tokens", Tenant, quotas::report_tokens),
        at(Method::POST, "/v1/tenants/{tenant}/contacts/{contact}/replay", Tenant, replays::one),
        at(Method::GET, "/v1/tenants/{tenant}/captures", Tenant, captures::show),
        at(Method::PUT, "/v1/tenants/{tenant}/captures", Tenant, captures::set),
        at(Method::GET, "/v1/tenants/{tenant}/quotas", Tenant, quotas::show),
        at(Method::PUT, "/v1/tenants/{tenant}/quotas", Tenant, quotas::set),
        at(Method::GET, "/v1/tenants/{tenant}/quotas/effective", Tenant, quotas::effective),
        at(Method::GET, "/v1/tenants/{tenant}/notices", Tenant, quotas::notices),
        at(Method::GET, "/v1/tenants/{tenant}/usage", Tenant, usage::show),
        at(Method::GET, "/v1/tenants/{tenant}/logs", Tenant, logs::follow),
        at(Method::GET, "/v1/tenants/{tenant}/history", Tenant, history::list),
    ]
}

fn flow_level() -> Vec<Entry> {
    use Who::Tenant;
    vec![
        at(Method::GET, "/v1/tenants/{tenant}/flows", Tenant, flows::list),
        at(Method::POST, "/v1/tenants/{tenant}/flows", Tenant, flows::create),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}", Tenant, flows::show),
        at(Method::PATCH, "/v1/tenants/{tenant}/flows/{flow}", Tenant, flows::change),
        at(Method::DELETE, "/v1/tenants/{tenant}/flows/{flow}", Tenant, flows::delete),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/egress", Tenant, egress::show),
        at(Method::POST, "/v1/tenants/{tenant}/flows/{flow}/replay", Tenant, replays::window),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/settings", Tenant, settings::show_flows),
        at(Method::PUT, "/v1/tenants/{tenant}/flows/{flow}/settings", Tenant, settings::set_flows),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/routes", Tenant, default_routes::show_flows),
        at(Method::PUT, "/v1/tenants/{tenant}/flows/{flow}/routes", Tenant, default_routes::set_flows),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/releases", Tenant, releases::list),
        at(Method::POST, "/v1/tenants/{tenant}/flows/{flow}/releases", Tenant, releases::made::create),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/releases/{number}", Tenant, releases::show),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/aliases", Tenant, releases::aliases),
        at(Method::PUT, "/v1/tenants/{tenant}/flows/{flow}/aliases/{alias}", Tenant, releases::activate),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/planned", Tenant, planned::list),
        at(Method::POST, "/v1/tenants/{tenant}/flows/{flow}/planned", Tenant, planned::plan),
        at(Method::DELETE, "/v1/tenants/{tenant}/flows/{flow}/planned/{number}", Tenant, planned::drop_plan),
        at(Method::GET, "/v1/tenants/{tenant}/flows/{flow}/test-callers", Tenant, planned::test_callers),
        at(Method::PUT, "/v1/tenants/{tenant}/flows/{flow}/test-callers/{caller}", Tenant, planned::add_test_caller),
        at(Method::DELETE, "/v1/tenants/{tenant}/flows/{flow}/test-callers/{caller}", Tenant, planned::drop_test_caller),
        at(Method::POST, "/v1/tenants/{tenant}/flows/{flow}/rollback", Tenant, releases::roll_back),
    ]
}

fn directory_level() -> Vec<Entry> {
    use Who::Tenant;
    vec![
        at(Method::GET, "/v1/tenants/{tenant}/queues", Tenant, queues::list),
        at(Method::GET, "/v1/tenants/{tenant}/queues/{name}", Tenant, queues::show),
        at(Method::PUT, "/v1/tenants/{tenant}/queues/{name}", Tenant, queues::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/queues/{name}", Tenant, queues::delete),
        at(Method::GET, "/v1/tenants/{tenant}/queues/{name}/status", Tenant, queues::show_status),
        at(Method::PUT, "/v1/tenants/{tenant}/queues/{name}/status", Tenant, queues::set_status),
        at(Method::GET, "/v1/tenants/{tenant}/people", Tenant, people::list),
        at(Method::GET, "/v1/tenants/{tenant}/people/{name}", Tenant, people::show),
        at(Method::PUT, "/v1/tenants/{tenant}/people/{name}", Tenant, people::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/people/{name}", Tenant, people::delete),
        at(Method::GET, "/v1/tenants/{tenant}/hours", Tenant, hours::list),
        at(Method::GET, "/v1/tenants/{tenant}/hours/{name}", Tenant, hours::show),
        at(Method::PUT, "/v1/tenants/{tenant}/hours/{name}", Tenant, hours::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/hours/{name}", Tenant, hours::delete),
        at(Method::GET, "/v1/tenants/{tenant}/hours/{name}/at", Tenant, hours::status),
        at(Method::GET, "/v1/tenants/{tenant}/closure", Tenant, closure::show),
        at(Method::PUT, "/v1/tenants/{tenant}/closure", Tenant, closure::set),
        at(Method::DELETE, "/v1/tenants/{tenant}/closure", Tenant, closure::lift),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_its_client_is_a_route_and_all_else_that_changes_something_is_not() {
        let table = table();
        let ends = |route: &&Route| route.method != Method::GET && !route.goes_to_its_end();
        let mut left: Vec<&str> = table.iter().filter(ends).map(|route| route.path).collect();
        left.sort_unstable();
        let mut named = ENDS_WITH_ITS_CLIENT.to_vec();
        named.sort_unstable();
        assert_eq!(left, named);
    }
}
