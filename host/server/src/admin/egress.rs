//! Answers what a flow's requests to the outside came to: counts, failures and times per host and release.
//!
//! The figures are the gate's, in memory since the process began; `since` says so of each. What was charged stands in the usage, what
//! each request was stands in the trail of its contact. It must not show another flow's.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::door::guard::Inside;
use super::door::reply::{self, Answer};
use super::flows;
use crate::app::App;

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row;
    // At most 64 for a tenant, so there is one page.
    reply::plain(json!({ "items": app.gate.figures(&inside.tenant.id, &flow.name), "next": null }))
}
