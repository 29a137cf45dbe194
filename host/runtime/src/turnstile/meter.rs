//! Measures how long a guest is run, apart from how long it waits for its worker.
//!
//! A worker runs several guests in stretches; the time between two stretches of a guest is the others'. [`Metered`] wraps the guest's
//! future and counts its stretches, the place that the guest holds reads the sum when it is given back - which mostly happens inside
//! the last stretch, so one that has begun counts as well.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The sum of one guest's stretches.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    before: Duration,
    /// Of the stretch that is going on.
    since: Option<Instant>,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Nothing panics while it is held.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        self.lock().since = Some(Instant::now());
    }

    fn end(&self) {
        let mut counted = self.lock();
        let stretch = counted.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        counted.before += stretch;
    }

    /// What was counted since the last time that it was asked.
    pub(crate) fn take(&self) -> Duration {
        let mut counted = self.lock();
        let now = Instant::now();
        let stretch = counted.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        counted.since = counted.since.map(|_| now);
        std::mem::take(&mut counted.before) + stretch
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
