//! Looks after the store and the disk, and keeps the beat of the webhooks' runtime, so that health needs only to read.
//!
//! `serve` starts both beside the listeners. A look that hangs is itself the news: it is given up after a while and noted as failed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::app::App;

/// Often enough that a missing beat is seen within a second, seldom enough to cost nothing.
const BEAT: Duration = Duration::from_millis(250);
/// One durable row in so long is nothing to any disk, and a balancer asks about as often.
const EVERY: Duration = Duration::from_secs(5);
/// A disk that takes longer for one row is of no use to a call.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beats until the server stops.
pub(crate) async fn beat(app: Arc<App>, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
    loop {
        app.health.note_beat();
        if tokio::time::timeout(BEAT, stopped.changed()).await.is_ok() {
            return Ok(());
        }
    }
}

/// Looks at the store and the disk until the server stops.
pub(crate) async fn look(app: Arc<App>, data: PathBuf, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut was_failed = false;
    loop {
        let began = Instant::now();
        let failed = match tokio::time::timeout(PATIENCE, app.store.probe(app.clock.now())).await {
            Ok(Ok(_)) => None,
            Ok(Err(fault)) => Some(fault.to_string()),
            Err(_) => Some(format!("one row took longer than {} s", PATIENCE.as_secs())),
        };
        if let Some(why) = failed.as_ref().filter(|_| !was_failed) {
            tracing::error!(why, "the store does not acknowledge; readiness fails");
        }
        was_failed = failed.is_some();
        app.health.note_store(began.elapsed(), was_failed);
        let place = data.clone();
        // A disk that hangs holds one of the threads that may wait, and never a thread that answers.
        let free = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || free_bytes(&place))).await;
        app.health.note_disk(match free {
            Ok(Ok(free)) => free,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        });
        if tokio::time::timeout(EVERY, stopped.changed()).await.is_ok() {
            return Ok(());
        }
    }
}

fn free_bytes(data: &std::path::Path) -> Result<u64, String> {
    let space = rustix::fs::statvfs(data).map_err(|error| error.to_string())?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}
