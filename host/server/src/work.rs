//! Does what no request waits for: state that has vanished gives its room back, and so do artifacts of engines out of use; an erasure that
//! a fault of the disk cut short goes on.
//!
//! `serve` starts it beside the listeners. It goes through the tenants one after the other, slowly, because nothing depends on it: a
//! vanished value is not read either way.

use std::sync::Arc;
use std::time::Duration;

use jackfield_runtime::Swept;
use tokio::sync::watch;

use crate::app::App;

/// Vanished state takes room for at most that long.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Tenants read at once.
const PAGE: usize = 200;

/// Goes on until the server stops.
pub(crate) async fn sweep(app: Arc<App>, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
    loop {
        sweep_artifacts(&app).await;
        finish_erasures(&app).await;
        // What ends the wait early is the stop, or a sender that is gone: both are the end.
        if tokio::time::timeout(EVERY, stopped.changed()).await.is_ok() {
            return Ok(());
        }
        round(&app).await;
    }
}

async fn finish_erasures(app: &App) {
    match app.store.finish_erasures().await {
        Ok(0) => {}
        Ok(finished) => tracing::warn!(finished, "erasures that had been cut short were finished"),
        Err(fault) => tracing::error!(%fault, "an erasure that was cut short could not be finished; it is tried again"),
    }
}

async fn sweep_artifacts(app: &App) {
    match app.runtime.sweep_artifacts(std::time::SystemTime::now()).await {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept { engines, files }) => tracing::info!(engines, files, "artifacts of engines out of use were removed"),
        Err(fault) => tracing::warn!(%fault, "artifacts of engines out of use were not removed"),
    }
}

async fn round(app: &App) {
    let mut after = None;
    loop {
        let page = match app.store.platform().tenants(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(fault) => return tracing::warn!(%fault, "vanished state was not swept"),
        };
        let Some(last) = page.last() else { return };
        after = Some(last.row.id.clone());
        for found in &page {
            match app.store.tenant(&found.row.id).sweep_state(app.clock.now()).await {
                Ok(0) => {}
                Ok(gone) => tracing::info!(tenant = %found.row.id, gone, "vanished state was swept"),
                Err(fault) => tracing::warn!(tenant = %found.row.id, %fault, "vanished state was not swept"),
            }
        }
    }
}
