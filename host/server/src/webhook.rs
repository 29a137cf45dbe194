//! Receives what providers send (step 1): the raw body, whole and bounded, and hands it to the pipeline.
//!
//! It listens apart from the admin API, because one is on the Internet and the other is not. It judges nothing but size and time: a
//! body that is too large or too slow ends here with a bare status and an entry in the connection's list.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use http::{StatusCode, header};
use jackfield_domain::id::ConnectionId;
use jackfield_providers::connect::{self, Connect};
use jackfield_providers::native;
use jackfield_providers::provider::Provider as _;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::app::App;
use crate::config::HOOK_BODY_BYTES_MAX;
use crate::listen::Peer;
use crate::metrics::step::{Step, timed};
use crate::pipeline::{Answered, Outgoing, Received, answer};
use crate::refusals::RefusedRequest;
use crate::telemetry::spans;

/// A provider sends a few kilobytes from a data centre; one that takes longer is not a provider.
const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// For a provider that is told to come back: an overload that a second does not end is not ended by asking more often.
const RETRY_AFTER_S: &str = "1";

/// The providers' listener.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/hooks/{connection}/{*tail}", any(receive))
        .route("/2015-03-31/functions/{function}/invocations", any(invoke))
        .route("/v1/contacts/{contact}/events", any(tell))
        .with_state(app)
}

/// As AWS's clients call a function: its name is the connection's.
async fn invoke(State(app): State<Arc<App>>, Path(named): Path<String>, peer: Option<Extension<Peer>>, request: Request) -> Response {
    let tail = format!("2015-03-31/functions/{named}/invocations");
    match connect::function(&tail) {
        Some(function) => receive(State(app), Path((function, tail)), peer, request).await,
        None => reply_of(Connect.refuse(StatusCode::NOT_FOUND.as_u16()).into()),
    }
}

/// As clients of our own tell what happened: the connection is the user of the authorisation.
async fn tell(State(app): State<Arc<App>>, Path(contact): Path<String>, peer: Option<Extension<Peer>>, request: Request) -> Response {
    let tail = format!("v1/contacts/{contact}/events");
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match native::basic(given) {
        Some((connection, _)) => receive(State(app), Path((connection, tail)), peer, request).await,
        None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"connection\"")]).into_response(),
    }
}

async fn receive(
    State(app): State<Arc<App>>,
    Path((connection, tail)): Path<(String, String)>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    // The name stands in a URL that we gave out: one that is none was never ours.
    let Ok(connection) = connection.parse::<ConnectionId>() else {
        app.metrics.request(None, StatusCode::NOT_FOUND.as_u16());
        return StatusCode::NOT_FOUND.into_response();
    };
    // At the level of errors, so that a line of any level stands in it; what is not known yet is filled in by whoever learns it.
    let span = tracing::error_span!("webhook", otel.kind = "server", %connection, tenant = Empty, contact = Empty);
    if peer.as_ref().is_some_and(|Extension(Peer(peer))| app.telemetry.trusts(*peer)) {
        spans::continue_trace(&span, request.headers());
    }
    let peer = peer.map(|Extension(Peer(peer))| peer);
    take(app, connection, tail, peer, request).instrument(span).await
}

async fn take(app: Arc<App>, connection: ConnectionId, tail: String, peer: Option<IpAddr>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path_and_query = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let read = tokio::time::timeout(BODY_PATIENCE, to_bytes(body, HOOK_BODY_BYTES_MAX));
    let read = timed(&app.metrics, Step::Receive, read).await;
    let (at, begun) = (app.clock.now(), Instant::now());
    let turned_away = |code: &str, detail: String| RefusedRequest {
        at,
        code: code.to_owned(),
        url_seen: path_and_query.split('?').next().unwrap_or_default().to_owned(),
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
            return bare(&app, &tail, StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(_) => {
            remember(&app, &connection, turned_away("too-slow", "the body did not come in time".to_owned())).await;
            return bare(&app, &tail, StatusCode::REQUEST_TIMEOUT);
        }
    };
    // A stranger who sends slowly holds a socket and no seat: it is taken once the request is whole.
    let Some(seat) = app.in_flight.enter() else { return overloaded(&app, &connection) };
    let received =
        Received { connection, tail: tail.clone(), method: parts.method, path_and_query, headers: parts.headers, body, peer, at, begun };
    match answer(&app, received, seat).await {
        Answered::Bare(status) => refused(&tail, status),
        Answered::Reply(reply) => reply_of(reply),
    }
}

/// A status, before anybody knows whose request it is.
fn bare(app: &App, tail: &str, status: StatusCode) -> Response {
    app.metrics.request(None, status.as_u16());
    refused(tail, status)
}

/// AWS's clients ask for functions that are not there, or with too much, and must be told so in their own words.
fn refused(tail: &str, status: StatusCode) -> Response {
    match connect::function(tail) {
        Some(_) => reply_of(Connect.refuse(status.as_u16()).into()),
        None => status.into_response(),
    }
}

fn reply_of(reply: Outgoing) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, reply.content_type)], Body::from(reply.body)).into_response();
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse::<header::HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Nothing is read and nothing is written any more: the connection's static document, which is held in memory.
fn overloaded(app: &App, connection: &ConnectionId) -> Response {
    app.metrics.request(None, StatusCode::SERVICE_UNAVAILABLE.as_u16());
    match app.statics.of(connection) {
        Some(reply) => reply_of(reply.into()),
        None => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)]).into_response(),
    }
}

/// Only a connection that exists keeps a list: names that strangers make up must not fill memory.
async fn remember(app: &App, connection: &ConnectionId, refused: RefusedRequest) {
    if matches!(app.store.platform().connection(connection).await, Ok(Some(_))) {
        app.refusals.add(connection, refused);
    }
}
