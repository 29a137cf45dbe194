//! Shows what is uploaded and compiled now: a tenant its own, the operator all.
//!
//! Whoever waits for an upload asks again and again; the command line does while its upload is open. It tells phase and place in the
//! queue, which counts others without naming them.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::id::TenantId;
use jackfield_domain::refusal::Code;
use serde_json::json;

use crate::admin::door::guard::{self, Asked, Inside};
use crate::admin::door::problem::Problem;
use crate::admin::door::reply::{self, Answer};
use crate::app::App;

/// A tenant's own.
pub(crate) async fn of_tenant(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    page(&app, &inside.asked, Some(&inside.tenant.id))
}

/// Everybody's.
pub(crate) async fn all(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    page(&app, &asked, None)
}

fn page(app: &App, asked: &Asked, of: Option<&TenantId>) -> Answer {
    let query = asked.query(&["after", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let after = query.get("after").map(|after| after.parse::<u64>()).transpose();
    let after = after.map_err(|_| Problem::at(Code::Invalid, "after", "after takes a job's number"))?.unwrap_or(0);
    let mut jobs = app.runtime.compiles(of);
    jobs.retain(|job| job.id > after);
    let next = (jobs.len() > limit).then(|| jobs.get(limit.saturating_sub(1)).map(|job| job.id.to_string())).flatten();
    jobs.truncate(limit);
    reply::plain(json!({ "items": jobs, "next": next }))
}
