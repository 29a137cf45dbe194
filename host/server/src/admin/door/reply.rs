//! Shapes answers: one row with its revision, pages of rows, and nothing.
//!
//! Handlers end with it, so that every noun looks alike: the row's own fields beside `revision`, the same revision as ETag, lists as
//! `items` and `next`. Nothing is cached on the way: answers hold a tenant's business.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jackfield_store::Found;
use serde::Serialize;
use serde_json::json;

use super::problem::Problem;

/// What every handler gives.
pub type Answer = Result<Response, Problem>;

/// A row beside its revision.
#[derive(Debug, Serialize)]
struct Shown<'a, T> {
    #[serde(flatten)]
    row: &'a T,
    revision: u64,
}

fn respond(status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Any JSON.
pub(crate) fn plain(body: impl Serialize) -> Answer {
    Ok(respond(StatusCode::OK, body))
}

/// Something new, without a revision.
pub(crate) fn made(body: impl Serialize) -> Answer {
    Ok(respond(StatusCode::CREATED, body))
}

/// One row with its revision.
pub(crate) fn row(status: StatusCode, row: &impl Serialize, revision: u64) -> Answer {
    let mut response = respond(status, Shown { row, revision });
    if let Ok(etag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// A page of rows as they were found; `name` of the last is where the next page goes on, if this one is full.
pub(crate) fn page<T: Serialize>(rows: &[Found<T>], limit: usize, name: impl Fn(&T) -> String) -> Answer {
    let items: Vec<_> = rows.iter().map(|found| Shown { row: &found.row, revision: found.revision }).collect();
    let next = rows.last().filter(|_| rows.len() >= limit).map(|last| name(&last.row));
    plain(json!({ "items": items, "next": next }))
}

/// It is done, and there is nothing to say.
pub(crate) fn done() -> Answer {
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}
