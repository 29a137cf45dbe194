//! Answers for the directory: queues, people, business hours and the closure, which plugins and default routes point at by name.
//!
//! Each noun has its file; what they share is here: entries are put whole under their names, are counted, and are let go only where no
//! default route would break. Plugins are not asked: what they point at is in their code, and a name that is gone is theirs to meet.

pub mod closure;
pub mod hours;
pub mod people;
pub mod queues;

use axum::response::Response;
use http::StatusCode;
use jackfield_domain::id::EntryName;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{Directory, ENTRIES_MAX};
use jackfield_store::Row;

use super::default_routes;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::history;
use crate::app::App;

/// A page of entries.
async fn list<R: Row<Id = EntryName>>(inside: &Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<EntryName>()?;
    let rows = inside.store.list::<R>(after.as_ref(), limit).await.map_err(unread)?;
    reply::page(&rows, limit, |row| row.id().to_string())
}

/// One entry.
async fn show<R: Row<Id = EntryName>>(inside: &Inside, what: &str) -> Answer {
    inside.asked.no_query()?;
    let name: EntryName = inside.asked.part("name")?;
    let found = inside.store.get::<R>(&name).await.map_err(unread)?.ok_or_else(|| Problem::not_found(what, &name))?;
    reply::row(StatusCode::OK, &found.row, found.revision)
}

/// Writes an entry whole: 201 where it is new.
async fn put<R: Row<Id = EntryName>>(app: &App, inside: &Inside, what: &str, row: &R) -> Answer {
    inside.asked.no_query()?;
    let before = inside.store.get::<R>(&row.id()).await.map_err(unread)?;
    let expect = inside.asked.expect(before.as_ref())?;
    if before.is_none() && inside.store.list::<R>(None, ENTRIES_MAX).await.map_err(unread)?.len() >= ENTRIES_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {ENTRIES_MAX} of them")));
    }
    let change = inside.store.change().put(row, expect);
    let was = before.as_ref().map(|before| &before.row);
    let change = history::noted(app, inside, change, format!("{what}/{}", row.id()), was, Some(row)).await?;
    change.commit().await.map_err(uncommitted)?;
    let found = inside.store.get::<R>(&row.id()).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(if before.is_none() { StatusCode::CREATED } else { StatusCode::OK }, &found.row, found.revision)
}

/// Lets an entry go, unless a default route needs it: `without` takes it out of a directory for trying.
async fn drop_entry<R: Row<Id = EntryName>>(
    app: &App,
    inside: &Inside,
    what: &str,
    without: impl Fn(&mut Directory, &str),
) -> Result<Response, Problem> {
    inside.asked.no_query()?;
    let name: EntryName = inside.asked.part("name")?;
    let found = inside.store.get::<R>(&name).await.map_err(unread)?.ok_or_else(|| Problem::not_found(what, &name))?;
    let expect = inside.asked.expect(Some(&found))?;
    if let Some(broken) = default_routes::broken_without(app, inside, |directory| without(directory, name.as_str())).await? {
        return Err(Problem::at(Code::InUse, what, format!("{what} {name} is needed by {broken}; change that first")));
    }
    let change = inside.store.change().delete::<R>(&name, expect);
    let change = history::noted(app, inside, change, format!("{what}/{name}"), Some(&found.row), None).await?;
    change.commit().await.map_err(uncommitted)?;
    reply::done()
}
