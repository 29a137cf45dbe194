//! Answers the admin API: the whole life of tenants, their flows and plugins, over JSON.
//!
//! `serve` mounts [`router`] on a listener of its own. [`routes`] is the table of all routes; the [`door`] stands before them; each noun
//! is a file that checks what came, writes one batch with the revisions it read, and answers. Rules are the domain's: a handler asks
//! them and never repeats them.
//!
//! It must not be reachable where webhooks are, and it shows no secret that it was ever given.

pub mod addresses;
pub mod compile;
pub mod connections;
pub mod contacts;
pub mod default_routes;
pub mod directory;
pub mod door;
pub mod effective;
mod egress;
pub mod flows;
pub(crate) mod gate;
pub mod history;
mod host;
pub mod keeping;
pub mod plugins;
pub mod quotas;
pub mod releases;
pub mod routes;
pub mod secrets;
pub mod settings;
pub mod tenants;
pub mod tokens;
pub mod usage;
mod versions;

use std::sync::Arc;

use axum::{Extension, Router};
use http::{Method, Uri};
use jackfield_domain::refusal::Code;

use crate::app::App;
use crate::metrics::page;
use door::problem::Problem;

pub use tokens::ensure_operator_token;

/// The admin API.
pub fn router(app: Arc<App>) -> Router {
    let guarded = routes::guarded(&app)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(Extension(compile::room::Room::default()))
        .with_state(app.clone());
    if app.telemetry.metrics_open { guarded.merge(page::open_router(app)) } else { guarded }
}

async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::at(Code::NotFound, "path", format!("there is no route {path:?}"))
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::at(Code::MethodNotAllowed, "method", format!("{method} is not for {path:?}"))
}

#[cfg(test)]
pub(crate) mod tests;
