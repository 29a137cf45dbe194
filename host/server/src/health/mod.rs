//! Tells whether the process lives and whether it should be sent calls.
//!
//! `/live` and `/ready` ask [`Health`], and so does the operator's `/v1/host/health`. Live means that the async runtimes make progress:
//! where one does not, only a new process helps. Ready means that a call which comes now would be answered and made durable: where it
//! does not, balancers should send it elsewhere, and the process may well mend itself.
//!
//! Answers are read from what the watchers noted; nothing here waits for the store, the disk or any lock that a request holds, because
//! a health check that hangs with the patient tells nothing. Strangers may read it, so it names no path, no tenant and no number.

mod answers;
mod watch;
mod watchdog;

pub(crate) use answers::{bare_router, router};
pub(crate) use watch::{beat, look};
pub(crate) use watchdog::Watchdog;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jackfield_runtime::GuestPulse;
use jackfield_store::Store;
use serde::Serialize;

use crate::listen::{Places, Stage, Stages};

/// A runtime whose timer has not rung for that long is stuck: it should have rung twenty times.
const STUCK: Duration = Duration::from_secs(5);
/// A store that has not acknowledged for that long acknowledges nothing: it is asked four times meanwhile.
const STORE_SILENT: Duration = Duration::from_secs(20);
/// With less left on the disk nothing should begin: the store's log grows by a few MiB a minute under load, and a store that cannot be
/// written ends every call with last words.
const DISK_BYTES_LEAST: u64 = 128 * 1024 * 1024;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which: "web", "guests", "store", "disk", "stage".
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// A sentence.
    pub detail: String,
}

impl Check {
    fn of(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self { name, ok, detail: detail.into() }
    }
}

/// A listener, as it looks from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoorSeen {
    /// "providers" or "the admin API".
    pub name: &'static str,
    /// Open connections.
    pub connections: usize,
    /// Connections that were turned away because their peer had too many.
    pub turned_away: u64,
}

/// What the watchers noted.
#[derive(Debug)]
pub struct Health {
    began: Instant,
    web_beat_ms: AtomicU64,
    noted: Mutex<Noted>,
    doors: Mutex<Vec<(&'static str, Arc<Places>)>>,
    /// How near the end the server is.
    pub stages: Stages,
}

/// The last look at the store and the disk.
#[derive(Debug, Clone, Default)]
struct Noted {
    store: Option<StoreNote>,
    disk: Option<Result<u64, String>>,
}

#[derive(Debug, Clone)]
struct StoreNote {
    at: Instant,
    took: Duration,
    is_failed: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            web_beat_ms: AtomicU64::new(0),
            noted: Mutex::default(),
            doors: Mutex::default(),
            stages: Stages::default(),
        }
    }
}

impl Health {
    /// Whether the async runtimes make progress.
    pub fn live(&self, guests: GuestPulse) -> Vec<Check> {
        let web = self.since_web_beat();
        let mut checks = vec![Check::of("web", web < STUCK, format!("its timer rang {} ms ago", web.as_millis()))];
        checks.push(match guests {
            GuestPulse { overdue, .. } if overdue > 0 => {
                Check::of("guests", false, format!("{overdue} guests run long past their time: their threads are stuck"))
            }
            GuestPulse { since_beat, .. } => {
                Check::of("guests", since_beat < STUCK, format!("their timer rang {} ms ago", since_beat.as_millis()))
            }
        });
        checks
    }

    /// Whether a call that comes now would be answered and kept.
    pub fn ready(&self, guests: GuestPulse, store: &Store) -> Vec<Check> {
        let mut checks = self.live(guests);
        let stage = self.stages.now();
        checks.push(Check::of(
            "stage",
            stage == Stage::Serving,
            match stage {
                Stage::Serving => "it serves",
                Stage::Leaving => "it is about to end, and answers until then",
                Stage::Closing | Stage::Over => "it ends",
            },
        ));
        let noted = self.noted().clone();
        checks.push(store_check(store.health().is_err(), noted.store.as_ref(), self.began.elapsed()));
        checks.push(disk_check(noted.disk.as_ref()));
        checks
    }

    /// The listeners.
    pub fn doors(&self) -> Vec<DoorSeen> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |(name, places): &(&'static str, Arc<Places>)| DoorSeen {
            name,
            connections: places.count(),
            turned_away: places.turned_away(),
        };
        doors.iter().map(seen).collect()
    }

    /// Remembers a listener.
    pub(crate) fn opened(&self, name: &'static str, places: Arc<Places>) {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).push((name, places));
    }

    /// Since the timer of the webhooks' runtime last rang.
    pub(crate) fn since_web_beat(&self) -> Duration {
        Duration::from_millis(self.age_ms().saturating_sub(self.web_beat_ms.load(Ordering::Relaxed)))
    }

    fn note_beat(&self) {
        self.web_beat_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    fn note_store(&self, took: Duration, is_failed: bool) {
        self.noted().store = Some(StoreNote { at: Instant::now(), took, is_failed });
    }

    fn note_disk(&self, free: Result<u64, String>) {
        self.noted().disk = Some(free);
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // Held for a copy; nothing panics meanwhile.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn store_check(is_broken: bool, noted: Option<&StoreNote>, up: Duration) -> Check {
    match noted {
        _ if is_broken => Check::of("store", false, "it acknowledges nothing; the log says why"),
        Some(note) if note.is_failed => Check::of("store", false, "a write was not acknowledged; the log says why"),
        Some(note) if note.at.elapsed() > STORE_SILENT => {
            Check::of("store", false, format!("it has not acknowledged a write for {} s", note.at.elapsed().as_secs()))
        }
        None if up > STORE_SILENT => Check::of("store", false, "it has not acknowledged a write yet"),
        None => Check::of("store", true, "it is open"),
        Some(note) => Check::of("store", true, format!("it acknowledged a write in {} ms", note.took.as_millis())),
    }
}

fn disk_check(free: Option<&Result<u64, String>>) -> Check {
    match free {
        None => Check::of("disk", true, "it was not looked at yet"),
        Some(Ok(free)) => Check::of("disk", *free >= DISK_BYTES_LEAST, format!("{} MiB are free", free >> 20)),
        Some(Err(why)) => Check::of("disk", false, format!("its free space is not known: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_store::MasterKey;

    const WELL: GuestPulse = GuestPulse { since_beat: Duration::ZERO, overdue: 0 };

    fn failing(checks: &[Check]) -> Vec<&'static str> {
        checks.iter().filter(|check| !check.ok).map(|check| check.name).collect()
    }

    #[tokio::test]
    async fn each_trouble_is_named_and_only_what_a_new_process_would_mend_ends_its_life() {
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let health = Health::default();
        assert_eq!(failing(&health.ready(WELL, &store)), Vec::<&str>::new());
        let stuck = GuestPulse { since_beat: STUCK, overdue: 0 };
        assert_eq!(failing(&health.live(stuck)), ["guests"]);
        assert_eq!(failing(&health.live(GuestPulse { overdue: 1, ..WELL })), ["guests"]);
        health.note_store(Duration::ZERO, true);
        health.note_disk(Ok(DISK_BYTES_LEAST - 1));
        health.stages.go(Stage::Leaving);
        assert_eq!(failing(&health.ready(WELL, &store)), ["stage", "store", "disk"]);
        assert_eq!(failing(&health.live(WELL)), Vec::<&str>::new());
        health.note_store(Duration::ZERO, false);
        health.note_disk(Ok(DISK_BYTES_LEAST));
        assert_eq!(failing(&health.ready(WELL, &store)), ["stage"]);
    }

    #[test]
    fn a_store_that_falls_silent_is_noticed_although_nothing_failed() {
        let Some(long_ago) = Instant::now().checked_sub(STORE_SILENT * 2) else { return };
        let silent = StoreNote { at: long_ago, took: Duration::ZERO, is_failed: false };
        assert!(!store_check(false, Some(&silent), Duration::ZERO).ok);
        assert!(!store_check(false, None, STORE_SILENT * 2).ok);
    }
}
