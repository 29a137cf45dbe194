//! Answers for default routes: static decisions for when no plugin answers, of a tenant or a flow.
//!
//! They are the last thing between a broken plugin and a caller who hears nothing, so each draft is tried when it is set, with the
//! rule that settles events and with every connection that could carry it. Letting a queue, a person or hours go asks here first.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::{Abilities, DefaultRoute, DefaultRoutes, Inability, World, vet};
use jackfield_domain::flow::Flow;
use jackfield_domain::id::ContactId;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::directory::{Directory, ENTRIES_MAX};
use jackfield_providers::provider::{Place, Scene, provider};
use jackfield_store::{Level, RoutesRow};
use serde_json::json;

use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::door::words;
use super::flows;
use super::history;
use crate::app::App;
use crate::directory;

/// Five channels in twenty languages.
const ROUTES_MAX: usize = 100;

/// Where no connection carries a channel yet, only the rule itself is asked.
struct NothingKnown;

impl Abilities for NothingKnown {
    fn check(&self, _draft: &Draft) -> Result<Vec<String>, Inability> {
        Ok(Vec::new())
    }
}

pub(crate) async fn show_tenants(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    show(&inside, None).await
}

pub(crate) async fn show_flows(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row;
    show(&inside, Some(flow.name)).await
}

async fn show(inside: &Inside, level: Level) -> Answer {
    match inside.store.get::<RoutesRow>(&level).await.map_err(unread)? {
        Some(found) => reply::row(http::StatusCode::OK, &json!({ "routes": found.row.routes }), found.revision),
        None => reply::plain(json!({ "routes": [], "revision": null })),
    }
}

pub(crate) async fn set_tenants(State(app): State<Arc<App>>, inside: Inside, Body(routes): Body<DefaultRoutes>) -> Answer {
    set(&app, &inside, None, routes).await
}

pub(crate) async fn set_flows(State(app): State<Arc<App>>, inside: Inside, Body(routes): Body<DefaultRoutes>) -> Answer {
    let flow = flows::named(&inside).await?.row;
    set(&app, &inside, Some(flow.name), routes).await
}

async fn set(app: &App, inside: &Inside, level: Level, routes: DefaultRoutes) -> Answer {
    inside.asked.no_query()?;
    check_shape(&routes)?;
    let (directory, _) = directory::read(&app.store, &inside.tenant).await.map_err(unread)?;
    let carriers = carriers(app, inside).await?;
    for (at, route) in routes.0.iter().enumerate() {
        check(route, &format!("[{at}]"), &directory, inside, &carriers)?;
    }
    let before = inside.store.get::<RoutesRow>(&level).await.map_err(unread)?;
    let expect = inside.asked.expect(before.as_ref())?;
    let row = RoutesRow { level: level.clone(), routes };
    let change = inside.store.change().put(&row, expect);
    let thing = level.as_ref().map_or_else(|| "routes".to_owned(), |flow| format!("routes/{flow}"));
    let was = before.as_ref().map(|before| &before.row.routes);
    let change = history::noted(app, inside, change, thing, was, Some(&row.routes)).await?;
    change.commit().await.map_err(uncommitted)?;
    show(inside, level).await
}

fn check_shape(routes: &DefaultRoutes) -> Result<(), Problem> {
    if routes.0.len() > ROUTES_MAX {
        return Err(Problem::new(Code::LimitReached, format!("at most {ROUTES_MAX} default routes, and these are {}", routes.0.len())));
    }
    let mut seen = BTreeSet::new();
    for (at, route) in routes.0.iter().enumerate() {
        let language = route.language.as_deref().map(str::to_ascii_lowercase);
        if let Some(language) = &route.language {
            words::language(&format!("[{at}].language"), language)?;
        }
        if !seen.insert((route.channel, language)) {
            let detail = format!("there are two routes for {} in this language; which one is meant?", route.channel.as_str());
            return Err(Problem::at(Code::Conflict, &format!("[{at}]"), detail));
        }
    }
    Ok(())
}

/// The connections through which a default route of the tenant may leave: its own and those above it.
async fn carriers(app: &App, inside: &Inside) -> Result<Vec<Connection>, Problem> {
    let mut carriers = Vec::new();
    for owner in std::iter::once(&inside.tenant.id).chain(&inside.tenant.ancestors) {
        let found = app.store.platform().connections_of(owner, ENTRIES_MAX).await.map_err(unread)?;
        carriers.extend(found.into_iter().map(|found| found.row));
    }
    Ok(carriers)
}

fn check(route: &DefaultRoute, at: &str, directory: &Directory, inside: &Inside, carriers: &[Connection]) -> Result<(), Problem> {
    if let Some(hours) = route.hours.as_ref().filter(|hours| !directory.hours.contains_key(hours.as_str())) {
        return Err(Problem::at(Code::Invalid, &format!("{at}.hours"), format!("there are no hours {hours}; set them first")));
    }
    let branches = [("open", Some(&route.open)), ("closed", route.closed.as_ref())];
    for (name, draft) in branches.into_iter().filter_map(|(name, draft)| draft.map(|draft| (name, draft))) {
        let at = format!("{at}.{name}");
        let carries =
            |connection: &&Connection| provider(&connection.provider).is_some_and(|provider| provider.channels().contains(&route.channel));
        let carriers: Vec<&Connection> = carriers.iter().filter(carries).collect();
        if carriers.is_empty() {
            try_with(draft, &at, directory, inside, &NothingKnown)?;
        }
        for connection in carriers {
            try_through(draft, &at, directory, inside, connection)?;
        }
    }
    Ok(())
}

fn try_through(draft: &Draft, at: &str, directory: &Directory, inside: &Inside, connection: &Connection) -> Result<(), Problem> {
    let Some(provider) = provider(&connection.provider) else { return Ok(()) };
    let caller = Endpoint::default();
    let scene = Scene {
        connection,
        contact: ContactId::first_at(0),
        turn: 1,
        place: Place::Main,
        language: &inside.tenant.language,
        entry: None,
        caller: &caller,
        directory,
        asked: "",
        ran: None,
        now: 0,
        alone: false,
    };
    try_with(draft, at, directory, inside, provider.abilities(&scene).as_ref())
}

fn try_with(draft: &Draft, at: &str, directory: &Directory, inside: &Inside, abilities: &dyn Abilities) -> Result<(), Problem> {
    let world = World { directory, limits: &inside.tenant.limits, listed: None, abilities };
    match vet(draft.clone(), &world) {
        Ok(_) => Ok(()),
        Err(failure) => {
            let code =
                if failure.kind == jackfield_domain::fallback::FailureKind::CannotRender { Code::CannotRender } else { Code::Invalid };
            Err(Problem::at(code, at, failure.detail))
        }
    }
}

/// The first default route of the tenant or its flows that works now and would not without something in the directory, in words.
pub(crate) async fn broken_without(app: &App, inside: &Inside, without: impl Fn(&mut Directory)) -> Result<Option<String>, Problem> {
    let (directory, _) = directory::read(&app.store, &inside.tenant).await.map_err(unread)?;
    let mut less = directory.clone();
    without(&mut less);
    let flows = inside.store.list::<Flow>(None, ENTRIES_MAX).await.map_err(unread)?;
    let levels = std::iter::once(None).chain(flows.into_iter().map(|found| Some(found.row.name)));
    for level in levels {
        let Some(found) = inside.store.get::<RoutesRow>(&level).await.map_err(unread)? else { continue };
        for (at, route) in found.row.routes.0.iter().enumerate() {
            let works = |directory: &Directory| check(route, "", directory, inside, &[]).is_ok();
            if works(&directory) && !works(&less) {
                let whose = level.as_ref().map_or_else(|| "the tenant".to_owned(), |flow| format!("flow {flow}"));
                return Ok(Some(format!("default route {at} of {whose}")));
            }
        }
    }
    Ok(None)
}
