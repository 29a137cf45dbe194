//! Answers for the emergency closure: the switch above all plugins of a tenant and those below it.
//!
//! It is meant for emergencies, so it needs no revision to be read first, and whoever set or lifted it stands in the log.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::Closure;
use serde::{Deserialize, Serialize};

use super::{Inside, history};
use crate::admin::door::body::Body;
use crate::admin::door::problem::{Problem, uncommitted, unread};
use crate::admin::door::reply::{self, Answer};
use crate::admin::door::{moment, words};
use crate::app::App;

/// What closes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClosureBody {
    reason: String,
    /// RFC 3339, or a local time in the tenant's zone.
    until: Option<String>,
    bypass: bool,
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = inside.store.get::<Closure>(&()).await.map_err(unread)?;
    let found = found.ok_or_else(|| Problem::at(Code::NotFound, "closure", format!("tenant {} is not closed", inside.tenant.id)))?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(body): Body<ClosureBody>) -> Answer {
    inside.asked.no_query()?;
    words::label("reason", &body.reason)?;
    let now = app.clock.now();
    let until = body.until.map(|text| moment::parse("until", &text, &inside.tenant.zone)).transpose()?;
    if until.is_some_and(|until| until <= now) {
        return Err(Problem::at(Code::Invalid, "until", "until lies in the past"));
    }
    let before = inside.store.get::<Closure>(&()).await.map_err(unread)?;
    let expect = inside.asked.expect(before.as_ref())?;
    // Changing a closure does not make it younger.
    let since = before.as_ref().filter(|before| before.row.is_in_force(now)).map_or(now, |before| before.row.since);
    let closure = Closure { reason: body.reason, by: inside.asked.principal.label.clone(), since, until, bypass: body.bypass };
    let change = inside.store.change().put(&closure, expect);
    let was = before.as_ref().map(|before| &before.row);
    let change = history::noted(&app, &inside, change, "closure".to_owned(), was, Some(&closure)).await?;
    change.commit().await.map_err(uncommitted)?;
    tracing::warn!(tenant = %inside.tenant.id, by = %closure.by, bypass = closure.bypass, "an emergency closure is in force");
    let found = inside.store.get::<Closure>(&()).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(if before.is_none() { StatusCode::CREATED } else { StatusCode::OK }, &found.row, found.revision)
}

pub(crate) async fn lift(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = inside.store.get::<Closure>(&()).await.map_err(unread)?;
    let found = found.ok_or_else(|| Problem::at(Code::NotFound, "closure", format!("tenant {} is not closed", inside.tenant.id)))?;
    let expect = inside.asked.expect(Some(&found))?;
    let change = inside.store.change().delete::<Closure>(&(), expect);
    let change = history::noted(&app, &inside, change, "closure".to_owned(), Some(&found.row), None).await?;
    change.commit().await.map_err(uncommitted)?;
    tracing::warn!(tenant = %inside.tenant.id, by = %inside.asked.principal.label, "an emergency closure was lifted");
    reply::done()
}
