//! Answers for tenants' secrets: values that go in, are sent to the hosts that they are bound to, and never come out.
//!
//! A value and its hosts are written together, always: whoever could change the hosts of a value that he does not know could have it
//! sent to himself. What is shown is the handle, the hosts, when and by whom; not a character of the value.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::EntryName;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Secret;
use jackfield_domain::tenant::secret::{BoundHost, HOSTS_MAX, SECRETS_MAX, TenantSecret, VALUE_BYTES_MAX};
use jackfield_store::Found;
use serde::{Deserialize, Serialize};

use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// A secret on its way in, without its handle, which stands in the path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    value: Secret,
    hosts: Vec<String>,
}

/// A secret as it is shown.
#[derive(Debug, Serialize)]
struct View {
    handle: EntryName,
    hosts: Vec<BoundHost>,
    given: Moment,
    by: String,
}

impl View {
    fn of(secret: &TenantSecret) -> Self {
        Self { handle: secret.handle.clone(), hosts: secret.hosts.clone(), given: secret.given, by: secret.by.clone() }
    }
}

async fn named(inside: &Inside) -> Result<Found<TenantSecret>, Problem> {
    let handle: EntryName = inside.asked.part("name")?;
    inside.store.get::<TenantSecret>(&handle).await.map_err(unread)?.ok_or_else(|| Problem::not_found("secret", &handle))
}

pub(crate) async fn list(inside: Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<EntryName>()?;
    let rows = inside.store.list::<TenantSecret>(after.as_ref(), limit).await.map_err(unread)?;
    let views: Vec<_> = rows.iter().map(|found| Found { row: View::of(&found.row), revision: found.revision }).collect();
    reply::page(&views, limit, |view| view.handle.to_string())
}

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    reply::row(StatusCode::OK, &View::of(&found.row), found.revision)
}

fn hosts(given: &[String]) -> Result<Vec<BoundHost>, Problem> {
    if given.is_empty() || given.len() > HOSTS_MAX {
        return Err(Problem::at(Code::Invalid, "hosts", format!("a secret is bound to 1 to {HOSTS_MAX} hosts")));
    }
    let host = |(at, text): (usize, &String)| {
        let at = format!("hosts[{at}]");
        text.parse::<BoundHost>().map_err(|bad| Problem::at(Code::Invalid, &at, bad.to_string()))
    };
    given.iter().enumerate().map(host).collect()
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewSecret>) -> Answer {
    inside.asked.no_query()?;
    let handle: EntryName = inside.asked.part("name")?;
    let hosts = hosts(&new.hosts)?;
    if !TenantSecret::is_sound(&new.value) {
        let detail = format!("a value is 1 to {VALUE_BYTES_MAX} printable ASCII characters without a space at its ends");
        return Err(Problem::at(Code::Invalid, "value", detail));
    }
    let found = inside.store.get::<TenantSecret>(&handle).await.map_err(unread)?;
    if found.is_none() && inside.store.list::<TenantSecret>(None, SECRETS_MAX).await.map_err(unread)?.len() >= SECRETS_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {SECRETS_MAX} secrets")));
    }
    let expect = inside.asked.expect(found.as_ref())?;
    let secret = TenantSecret { handle, value: new.value, hosts, given: app.clock.now(), by: inside.asked.principal.label.clone() };
    inside.store.change().put(&secret, expect).commit().await.map_err(uncommitted)?;
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let found = named(&inside).await?;
    reply::row(status, &View::of(&found.row), found.revision)
}

pub(crate) async fn delete(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = named(&inside).await?;
    let expect: Expect = inside.asked.expect(Some(&found))?;
    inside.store.change().delete::<TenantSecret>(&found.row.handle, expect).commit().await.map_err(uncommitted)?;
    reply::done()
}
