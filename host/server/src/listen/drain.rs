//! Ends a server in order and in time: readiness fails, nothing new is accepted, what is in progress is finished, the rest is dropped.
//!
//! `serve` calls it when the process is told to end. Each part has its own bound, so that neither a client that never finishes its
//! request nor one that never reads its answer can keep the process; and whoever runs it can end it at once by saying so twice. What
//! was still open when the time was up is told, because somebody will ask whose call that was.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Places, Seen, Stage, Stages};
use crate::config::listeners::Listeners;

/// Connections of one listener that are told one by one; more are a number.
const TOLD_MAX: usize = 20;
/// Dropping a connection is a matter of microseconds; a second covers a machine that is far too busy.
const DROP_PATIENCE: Duration = Duration::from_secs(1);

/// How it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// How long it took.
    pub took: Duration,
    /// Connections that were dropped.
    pub dropped: usize,
    /// The first of them, one sentence each.
    pub left: Vec<String>,
    /// True where somebody did not want to wait.
    pub at_once: bool,
}

/// The listeners that are to end.
pub(crate) struct Doors {
    pub(crate) tasks: JoinSet<()>,
    pub(crate) places: Vec<(&'static str, Arc<Places>)>,
}

/// Ends them. `at_once` cuts every wait short.
pub(crate) async fn drain(
    stages: &Stages,
    doors: &mut Doors,
    rules: &Listeners,
    mut at_once: Pin<&mut impl Future<Output = ()>>,
) -> Drained {
    let began = Instant::now();
    let mut hurried = false;
    stages.go(Stage::Leaving);
    if !rules.drain_notice.is_zero() {
        tracing::info!(notice_ms = rules.drain_notice.as_millis(), "readiness fails; everything is still answered");
        hurried = tokio::time::timeout(rules.drain_notice, at_once.as_mut()).await.is_ok();
    }
    stages.go(Stage::Closing);
    let mut done = false;
    if !hurried {
        tokio::select! {
            () = ended(&mut doors.tasks) => done = true,
            () = at_once.as_mut() => hurried = true,
            () = tokio::time::sleep(rules.drain_deadline) => {}
        }
    }
    let mut drained = Drained { at_once: hurried, ..Drained::default() };
    if !done {
        for (name, places) in &doors.places {
            drained.dropped += places.count();
            drained.left.extend(places.seen(TOLD_MAX).iter().map(|seen| in_words(name, seen)));
        }
        stages.go(Stage::Over);
        if tokio::time::timeout(DROP_PATIENCE, ended(&mut doors.tasks)).await.is_err() {
            doors.tasks.abort_all();
        }
    }
    drained.took = began.elapsed();
    drained
}

async fn ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

fn in_words(name: &str, seen: &Seen) -> String {
    let Seen { peer, age, in_flight, is_asking } = seen;
    let what = match (in_flight, is_asking) {
        (0, true) => "had not finished its request".to_owned(),
        (0, false) => "had an answer to read, or nothing to say".to_owned(),
        (1, _) => "waited for an answer".to_owned(),
        (more, _) => format!("waited for {more} answers"),
    };
    format!("{name}: {peer}, connected for {} ms, {what}", age.as_millis())
}
