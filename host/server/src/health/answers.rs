//! Answers `/live` and `/ready`, for probes: a status that programs read and a line that people read.
//!
//! They stand beside the admin API, outside its guard, because a balancer has no token; and as a bare status on the providers' listener,
//! because that is where balancers send calls, and strangers can reach it. The same in full, for operators, is `/v1/host/health`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;

use super::Check;
use crate::app::App;

/// The two without a word.
pub(crate) fn bare_router(app: Arc<App>) -> Router {
    let status = |(status, _): (StatusCode, String)| status;
    let live = move |state: State<Arc<App>>| async move { status(live(state).await) };
    let ready = move |state: State<Arc<App>>| async move { status(ready(state).await) };
    Router::new().route("/live", get(live)).route("/ready", get(ready)).with_state(app)
}

/// The two.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new().route("/live", get(live)).route("/ready", get(ready)).with_state(app)
}

async fn live(State(app): State<Arc<App>>) -> (StatusCode, String) {
    in_words("live", &app.health.live(app.runtime.pulse()))
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, String) {
    in_words("ready", &app.health.ready(app.runtime.pulse(), &app.store))
}

fn in_words(what: &str, checks: &[Check]) -> (StatusCode, String) {
    let wrong: Vec<String> = checks.iter().filter(|check| !check.ok).map(|check| format!("{}: {}", check.name, check.detail)).collect();
    if wrong.is_empty() {
        (StatusCode::OK, format!("{what}\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not {what}\n{}\n", wrong.join("\n")))
    }
}
