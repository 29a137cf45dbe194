//! Answers for the host itself: its version, whether its store acknowledges, what of compiled plugins it holds, and its limits.
//!
//! Only whoever runs the platform may ask: how full a host is says something about all its tenants. It is for people and for a first
//! look; what is watched over time belongs to metrics.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::budget::Limits;
use serde_json::json;

use super::door::guard::Asked;
use super::door::problem::unread;
use super::door::reply::{self, Answer};
use crate::app::App;

/// How the process does, check by check: what `/live` and `/ready` tell in a word.
pub(crate) async fn health(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let checks = app.health.ready(app.runtime.pulse(), &app.store);
    let live = app.health.live(app.runtime.pulse());
    reply::plain(json!({
        "live": live.iter().all(|check| check.ok),
        "ready": checks.iter().all(|check| check.ok),
        "checks": checks,
        "listeners": app.health.doors(),
    }))
}

/// What the host is and holds.
pub(crate) async fn show(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let resident = app.runtime.resident();
    let busy = app.runtime.busy();
    reply::plain(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "instance": app.store.platform().instance_id().await.map_err(unread)?,
        "store": if app.store.health().is_ok() { "healthy" } else { "acknowledges nothing; see the log" },
        "guests": { "running": busy.running, "waiting": busy.waiting, "events": app.in_flight.now() },
        "memory": app.memory.get(),
        "artifacts": resident.artifacts,
        "artifact_bytes": resident.bytes,
        "artifact_bytes_max": resident.bytes_max,
        "compiler": {
            "totals": app.runtime.compile_totals(),
            "probe": app.runtime.probed(),
        },
        "limits": Limits::host(),
    }))
}
