//! Tells whether the guests' threads make progress: a beat of their own timer, and guests that should have ended long ago.
//!
//! The runtime starts one beside the guests and counts every guest in and out; health reads it. The beat stops where all threads are
//! stuck. One stuck thread of many does not stop it, because the others take its timers over; but the guest on it outlives its time, and
//! a guest cannot do that by itself: it yields by fuel and its wall time ends it. Both are looked at without a lock that a guest's
//! thread could be holding while it is stuck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::turnstile::Lane;

const LANES: usize = Lane::ALL.len();

/// Often enough that a missing beat is seen within a second, seldom enough to cost nothing.
const BEAT: Duration = Duration::from_millis(250);
/// A guest ends at its wall time and one stretch of fuel. Threads that stand behind all others on a machine that is far too busy may take
/// seconds over it; longer than that is none of that.
const OVERDUE: Duration = Duration::from_secs(30);

/// How the guests' threads do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestPulse {
    /// Since the timer of the lane that is the furthest behind last rang.
    pub since_beat: Duration,
    /// Guests that run long past their time.
    pub overdue: usize,
}

/// Counts beats and guests.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    /// Of each lane's threads.
    beats_ms: [AtomicU64; LANES],
    /// The guests that run, and some that have ended since: only those who count them take the lock.
    due: Mutex<Vec<(Instant, Weak<Running>)>>,
}

/// A guest that runs; dropped when it has ended, however that happens. Dropping it takes no lock, because it is dropped on a guest's thread.
#[derive(Debug)]
pub(crate) struct Running;

impl Pulse {
    /// Starts to beat on the threads of each lane, for as long as they run.
    pub(crate) fn start(guests: &[Handle; LANES]) -> Arc<Self> {
        let beats_ms = std::array::from_fn(|_| AtomicU64::new(0));
        let pulse = Arc::new(Self { began: Instant::now(), beats_ms, due: Mutex::default() });
        for (at, threads) in guests.iter().enumerate() {
            let beating = Arc::downgrade(&pulse);
            threads.spawn(async move {
                while let Some(pulse) = beating.upgrade() {
                    if let Some(beat_ms) = pulse.beats_ms.get(at) {
                        beat_ms.store(pulse.age_ms(), Ordering::Relaxed);
                    }
                    drop(pulse);
                    tokio::time::sleep(BEAT).await;
                }
            });
        }
        pulse
    }

    /// A guest begins and should have ended after that.
    pub(crate) fn enter(&self, within: Duration) -> Arc<Running> {
        let running = Arc::new(Running);
        let mut due = self.due();
        due.retain(|(_, running)| running.strong_count() > 0);
        due.push((Instant::now() + within + OVERDUE, Arc::downgrade(&running)));
        running
    }

    /// How they do now.
    pub(crate) fn now(&self) -> GuestPulse {
        // Slow guests hold their threads, and these stand behind all others: that they are late is what they are for.
        let timely = Lane::ALL.iter().zip(&self.beats_ms).filter(|(lane, _)| **lane != Lane::Slow);
        let oldest_ms = timely.map(|(_, beat_ms)| beat_ms.load(Ordering::Relaxed)).min().unwrap_or(0);
        let since_beat = Duration::from_millis(self.age_ms().saturating_sub(oldest_ms));
        let now = Instant::now();
        let overdue = self.due().iter().filter(|(due, running)| *due < now && running.strong_count() > 0).count();
        GuestPulse { since_beat, overdue }
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Weak<Running>)>> {
        // Held for a look at a few guests; nothing panics meanwhile.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_are_stuck_stop_the_beat_and_one_that_runs_again_starts_it() {
        let one = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let (guests, others) = (one(), one());
        let pulse = Pulse::start(&[others.handle().clone(), guests.handle().clone(), others.handle().clone()]);
        let (stuck, release) = std::sync::mpsc::channel::<()>();
        let (entered, in_it) = std::sync::mpsc::channel();
        guests.spawn(async move {
            entered.send(()).unwrap();
            let _ = release.recv();
        });
        in_it.recv().unwrap();
        let since = Instant::now();
        while pulse.now().since_beat < 4 * BEAT {
            assert!(since.elapsed() < Duration::from_secs(60), "a stuck thread goes on beating");
            std::thread::yield_now();
        }
        drop(stuck);
        while pulse.now().since_beat > 2 * BEAT {
            assert!(since.elapsed() < Duration::from_secs(60), "the beat does not come back");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_guest_that_outlives_its_time_is_counted_until_it_ends() {
        let guests = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let pulse = Pulse::start(&std::array::from_fn(|_| guests.handle().clone()));
        let running = pulse.enter(Duration::from_secs(1));
        assert_eq!(pulse.now().overdue, 0);
        // As if it had begun long ago.
        pulse.due().iter_mut().for_each(|(due, _)| *due -= OVERDUE + Duration::from_secs(2));
        assert_eq!(pulse.now().overdue, 1);
        drop(running);
        assert_eq!(pulse.now().overdue, 0);
    }
}
