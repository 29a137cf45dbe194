//! Answers for business hours, and whether they are open at a moment.
//!
//! The rule is the domain's and is asked with the tenant's zone, so that the answer is the one that a call would get.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::id::EntryName;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{ENTRIES_MAX, Queue};
use jackfield_domain::tenant::hours::{Exception, Hours, Interval};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Inside;
use crate::admin::door::body::Body;
use crate::admin::door::problem::{Problem, unread};
use crate::admin::door::reply::{self, Answer};
use crate::admin::door::{moment, words};
use crate::app::App;

/// Hours without their name, which stands in the path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoursBody {
    zone: Option<String>,
    #[serde(default)]
    weekly: Vec<Interval>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

pub(crate) async fn list(inside: Inside) -> Answer {
    super::list::<Hours>(&inside).await
}

pub(crate) async fn show(inside: Inside) -> Answer {
    super::show::<Hours>(&inside, "hours").await
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(body): Body<HoursBody>) -> Answer {
    let name: EntryName = inside.asked.part("name")?;
    for exception in &body.exceptions {
        words::label("exceptions.label", &exception.label)?;
    }
    let HoursBody { zone, weekly, exceptions } = body;
    let hours = Hours { name, zone, weekly, exceptions, within: Vec::new() };
    hours.check()?;
    super::put(&app, &inside, "hours", &hours).await
}

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let name: EntryName = inside.asked.part("name")?;
    let queues = inside.store.list::<Queue>(None, ENTRIES_MAX).await.map_err(unread)?;
    if let Some(queue) = queues.iter().find(|queue| queue.row.hours.as_ref() == Some(&name)) {
        return Err(Problem::at(Code::InUse, "hours", format!("queue {} keeps hours {name}; change that first", queue.row.name)));
    }
    super::drop_entry::<Hours>(&app, &inside, "hours", |directory, name| {
        directory.hours.remove(name);
    })
    .await
}

/// Whether it is open, now or at a moment.
pub(crate) async fn status(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["time"])?;
    let name: EntryName = inside.asked.part("name")?;
    let around = app.known.of(&inside.tenant.id).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    // As plugins see it: inherited, and within those above.
    let hours = around.directory.hours.get(name.as_str()).ok_or_else(|| Problem::not_found("hours", &name))?;
    let zone = hours.zone.as_deref().unwrap_or(&inside.tenant.zone);
    let at = match query.get("time") {
        Some(text) => moment::parse("time", text, zone)?,
        None => app.clock.now(),
    };
    let status = hours.at(at, &inside.tenant.zone);
    reply::plain(json!({
        "at": at, "zone": zone, "open": status.open, "changes_at": status.changes_at, "exception": status.exception,
    }))
}
