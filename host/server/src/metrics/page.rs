//! Shows what is counted, and what is so just now, in the text that Prometheus reads.
//!
//! The table of routes mounts [`show`] for whoever runs the platform; where the operator opened it, [`open_router`] answers without a
//! token as well. What is so just now - memory, queues, what is loaded - is read at the scrape ([`rooms`]) and
//! not kept up to date in between, because nothing else needs it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use super::{process, rooms};
use crate::admin::door::guard::Asked;
use crate::admin::door::problem::Problem;
use crate::admin::door::reply::Answer;
use crate::app::App;

/// Where Prometheus looks.
pub(crate) const PATH: &str = "/metrics";
/// OpenMetrics, which Prometheus prefers.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// For a token that reaches the platform.
pub(crate) async fn show(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    page(&app).await.map_err(|error| Problem::Broke(error.to_string()))
}

/// For whoever reaches the port.
pub(crate) fn open_router(app: Arc<App>) -> Router {
    let answer = |State(app): State<Arc<App>>| async move {
        page(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the page of metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
    };
    Router::new().route(PATH, get(answer)).with_state(app)
}

async fn page(app: &App) -> Result<Response, std::fmt::Error> {
    // A process that is ending may refuse the thread; then the kernel's figures are left out.
    let process = tokio::task::spawn_blocking(process::read).await.unwrap_or_default();
    let mut now = Registry::with_prefix("jackfield");
    rooms::read(&mut now, app, &process);
    let mut text = String::new();
    encode_registry(&mut text, &app.metrics.registry)?;
    encode_registry(&mut text, &now)?;
    encode_eof(&mut text)?;
    let headers = [(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, text).into_response())
}
