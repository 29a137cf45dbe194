//! Lists what stopped a compiler, and allows another try.
//!
//! For whoever runs the platform: what is on the list is refused for every tenant that sends the same bytes, and only an operator can tell
//! a bomb from a machine that was short of memory.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::id::Digest;
use serde_json::json;

use crate::admin::door::guard::Asked;
use crate::admin::door::problem::{Problem, broken};
use crate::admin::door::reply::{self, Answer};
use crate::app::App;

/// The list, by digest.
pub(crate) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let (after, limit) = asked.paging::<Digest>()?;
    let mut all = app.runtime.poisoned().await.map_err(broken)?;
    all.retain(|entry| after.is_none_or(|after| entry.digest > after));
    let next = (all.len() > limit).then(|| all.get(limit.saturating_sub(1)).map(|entry| entry.digest)).flatten();
    all.truncate(limit);
    reply::plain(json!({ "items": all, "next": next }))
}

/// Another try.
pub(crate) async fn pardon(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let digest: Digest = asked.part("digest")?;
    if app.runtime.pardon(digest).await.map_err(broken)? { reply::done() } else { Err(Problem::not_found("entry", &digest)) }
}
