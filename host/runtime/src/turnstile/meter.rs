//! Measures what a guest uses of a processor, apart from how long it waits for its worker and its worker for a processor.
//!
//! A worker runs several guests in stretches; the time between two stretches of a guest is the others'. [`Metered`] wraps the guest's
//! future and counts its stretches by the clock of its thread, which stands still while the kernel runs somebody else: by any other
//! clock a cheap guest on a busy machine looks as dear as its neighbours. The place that the guest holds reads the sum when it is given
//! back - which mostly happens inside the last stretch, on the same thread, so one that has begun counts as well.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// One guest's stretches.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counted: Mutex<Counted>,
}

/// What came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Metering {
    /// All together.
    pub(crate) used: Duration,
    /// The longest of them.
    pub(crate) longest: Duration,
}

#[derive(Debug, Default)]
struct Counted {
    before: Metering,
    /// What its thread had used when the stretch that is going on began.
    since: Option<Duration>,
}

/// What this thread has used of a processor.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanos)
}

impl Metering {
    fn add(&mut self, stretch: Duration) {
        self.used = self.used.saturating_add(stretch);
        self.longest = self.longest.max(stretch);
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Nothing panics while it is held.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        self.lock().since = Some(used());
    }

    fn end(&self) {
        let mut counted = self.lock();
        if let Some(since) = counted.since.take() {
            counted.before.add(used().saturating_sub(since));
        }
    }

    /// What was counted since the last time that it was asked.
    pub(crate) fn take(&self) -> Metering {
        let mut counted = self.lock();
        if let Some(since) = counted.since {
            let now = used();
            counted.before.add(now.saturating_sub(since));
            counted.since = Some(now);
        }
        std::mem::take(&mut counted.before)
    }
}

/// A guest whose stretches are counted.
pub(crate) struct Metered<F> {
    guest: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(guest: F, meter: Arc<Meter>) -> Self {
        Self { guest: Box::pin(guest), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.meter.begin();
        let polled = self.guest.as_mut().poll(context);
        self.meter.end();
        polled
    }
}
