//! Receives what providers send (step 1): the raw body, whole and bounded, and hands it to the pipeline.
//!
//! It listens apart from the admin API, because one is on the Internet and the other is not. It judges nothing but size and time: a
//! body that is too large or too slow ends here with a bare status and an entry in the connection's list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{StatusCode, header};
use jackfield_domain::id::ConnectionId;

use crate::app::App;
use crate::config::HOOK_BODY_BYTES_MAX;
use crate::pipeline::{Answered, Received, answer};
use crate::refusals::RefusedRequest;

/// A provider sends a few kilobytes from a data centre; one that takes longer is not a provider.
const BODY_PATIENCE: Duration = Duration::from_secs(5);

/// The providers' listener.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/hooks/{connection}/{*tail}", any(receive)).with_state(app)
}

async fn receive(State(app): State<Arc<App>>, Path((connection, tail)): Path<(String, String)>, request: Request) -> Response {
    // The name stands in a URL that we gave out: one that is none was never ours.
    let Ok(connection) = connection.parse::<ConnectionId>() else { return StatusCode::NOT_FOUND.into_response() };
    let (parts, body) = request.into_parts();
    let path_and_query = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let read = tokio::time::timeout(BODY_PATIENCE, to_bytes(body, HOOK_BODY_BYTES_MAX)).await;
    let (at, begun) = (app.clock.now(), Instant::now());
    let turned_away = |code: &str, detail: String| RefusedRequest {
        at,
        code: code.to_owned(),
        url_seen: path_and_query.clone(),
        header_names: parts.headers.keys().map(|name| name.as_str().to_owned()).collect(),
        forms_tried: Vec::new(),
        detail,
    };
    let body = match read {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            remember(
                &app,
                &connection,
                turned_away("too-large", format!("the body is larger than {HOOK_BODY_BYTES_MAX} bytes, or broke off")),
            )
            .await;
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        Err(_) => {
            remember(&app, &connection, turned_away("too-slow", "the body did not come in time".to_owned())).await;
            return StatusCode::REQUEST_TIMEOUT.into_response();
        }
    };
    let received = Received { connection, tail, method: parts.method, path_and_query, headers: parts.headers, body, at, begun };
    match answer(&app, received).await {
        Answered::Bare(status) => status.into_response(),
        Answered::Reply(reply) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
            (status, [(header::CONTENT_TYPE, reply.content_type.to_string())], Body::from(reply.body)).into_response()
        }
    }
}

/// Only a connection that exists keeps a list: names that strangers make up must not fill memory.
async fn remember(app: &App, connection: &ConnectionId, refused: RefusedRequest) {
    if matches!(app.store.platform().connection(connection).await, Ok(Some(_))) {
        app.refusals.add(connection, refused);
    }
}
