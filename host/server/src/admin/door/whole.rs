//! Makes what was asked for whole, also where whoever asked hangs up.
//!
//! hyper drops a handler with its connection. Most handlers write one batch, but an erasure is a thousand of them, and a change of limits
//! one for each of those below: half of it would stand until somebody asked again. So a handler that changes something runs on a task of
//! its own, which goes to its end like the walk of an event; so many at once, and others wait. A server that ends waits for them, not for long:
//! an erasure goes on at the next start.
//!
//! It must not lie before what only works for whoever waits: an upload, a run of test cases and a replay end with their client, and change
//! nothing before their last batch.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use super::problem::Problem;
use crate::app::App;

/// Runs the handler to its end, once there is room for it.
pub(crate) async fn to_its_end(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // It is never closed. Whoever hangs up while it waits has not begun.
    let Ok(place) = Arc::clone(&app.changes_room).acquire_owned().await else {
        return Problem::Broke("no change can be made any more".to_owned()).into_response();
    };
    let handler = async move {
        let response = next.run(request).await;
        drop(place);
        response
    };
    let handled = app.changes.spawn(handler.in_current_span());
    handled.await.unwrap_or_else(|ended| Problem::Broke(format!("the handler ended: {ended}")).into_response())
}
