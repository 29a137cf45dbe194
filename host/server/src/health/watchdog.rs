//! Watches from outside all async runtimes: a thread that needs none of them, and tells the supervisor while they beat.
//!
//! A runtime that is stuck cannot say so itself; `/live` then hangs instead of answering. This thread says it in the log, by name, and
//! stops telling systemd's watchdog that all is well, upon which systemd starts the process anew.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Check;
use crate::app::App;
use crate::config::environment::Supervisor;

/// How often it looks. A supervisor's watchdog is never set to less than some seconds.
const EVERY: Duration = Duration::from_secs(1);

/// Ends the thread when it is dropped.
pub(crate) struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts to watch.
    pub(crate) fn start(app: &Arc<App>, supervisor: Supervisor) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let watched = Arc::downgrade(app);
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let mut stuck: Vec<&'static str> = Vec::new();
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if !round(&watched, supervisor, &mut stuck) {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Its channel closes and it wakes; a look takes microseconds.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One look; false once there is nothing left to watch.
fn round(watched: &Weak<App>, supervisor: Supervisor, stuck: &mut Vec<&'static str>) -> bool {
    let Some(app) = watched.upgrade() else { return false };
    let checks = app.health.live(app.runtime.pulse());
    let now: Vec<&'static str> = checks.iter().filter(|check| !check.ok).map(|check| check.name).collect();
    for Check { name, ok, detail } in &checks {
        match (ok, stuck.contains(name)) {
            (false, false) => tracing::error!(runtime = name, %detail, "an async runtime is stuck"),
            (true, true) => tracing::info!(runtime = name, "the async runtime makes progress again"),
            _ => {}
        }
    }
    if now.is_empty() {
        supervisor.alive();
    }
    *stuck = now;
    true
}
