//! Answers for queues, and takes in how they stand where no provider tells it.
//!
//! How a queue stands is written by whoever reports last, without a revision: a report is no change that somebody could lose.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::id::EntryName;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{Queue, QueueStatus};
use jackfield_domain::tenant::hours::Hours;
use jackfield_store::QueueStatusRow;
use serde::{Deserialize, Serialize};

use super::Inside;
use crate::admin::door::body::Body;
use crate::admin::door::problem::{Problem, uncommitted, unread};
use crate::admin::door::reply::{self, Answer};
use crate::admin::door::words;
use crate::app::App;

/// Providers that one queue can be known to: there are fewer providers than that.
const PROVIDER_IDS_MAX: usize = 20;

/// A queue without its name, which stands in the path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueBody {
    label: String,
    language: Option<String>,
    hours: Option<EntryName>,
    #[serde(default)]
    provider_ids: BTreeMap<String, String>,
}

/// How a queue stands, now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusBody {
    waiting: u32,
    staffed: u32,
    #[serde(default)]
    oldest_ms: u64,
}

pub(crate) async fn list(inside: Inside) -> Answer {
    super::list::<Queue>(&inside).await
}

pub(crate) async fn show(inside: Inside) -> Answer {
    super::show::<Queue>(&inside, "queue").await
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(body): Body<QueueBody>) -> Answer {
    let name: EntryName = inside.asked.part("name")?;
    words::label("label", &body.label)?;
    if let Some(language) = &body.language {
        words::language("language", language)?;
    }
    if let Some(hours) = &body.hours
        && inside.store.get::<Hours>(hours).await.map_err(unread)?.is_none()
    {
        return Err(Problem::at(Code::Invalid, "hours", format!("there are no hours {hours}; set them first")));
    }
    if body.provider_ids.len() > PROVIDER_IDS_MAX {
        return Err(Problem::at(Code::Invalid, "provider_ids", format!("a queue has at most {PROVIDER_IDS_MAX} provider ids")));
    }
    for (provider, id) in &body.provider_ids {
        words::label("provider_ids", provider)?;
        words::label("provider_ids", id)?;
    }
    let QueueBody { label, language, hours, provider_ids } = body;
    super::put(&app, &inside, "queue", &Queue { name, label, language, hours, provider_ids }).await
}

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    super::drop_entry::<Queue>(&app, &inside, "queue", |directory, name| {
        directory.queues.remove(name);
    })
    .await
}

pub(crate) async fn show_status(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let name: EntryName = inside.asked.part("name")?;
    let found = inside.store.queue_status(&name).await.map_err(unread)?.ok_or_else(|| Problem::not_found("status of queue", &name))?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn set_status(State(app): State<Arc<App>>, inside: Inside, Body(body): Body<StatusBody>) -> Answer {
    inside.asked.no_query()?;
    let name: EntryName = inside.asked.part("name")?;
    if inside.store.get::<Queue>(&name).await.map_err(unread)?.is_none() {
        return Err(Problem::not_found("queue", &name));
    }
    let StatusBody { waiting, staffed, oldest_ms } = body;
    let status = QueueStatus { waiting, staffed, oldest_ms, reported: app.clock.now() };
    // The last report counts, whoever made it.
    let row = QueueStatusRow { queue: name, status };
    inside.store.change().put(&row, Expect::Anything).commit().await.map_err(uncommitted)?;
    reply::plain(row.status)
}
