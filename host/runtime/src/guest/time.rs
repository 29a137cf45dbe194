//! Keeps a guest's time: it stands still at the event's time, and a wait moves it instead of waiting.
//!
//! Clocks and polls of WASI read it. A guest that sleeps for an hour gets its answer at once and finds the hour gone, so nothing
//! ever sleeps inside a guest, two runs of one event see the same times, and no guest can build a timer out of its own clock.
//! The wall limit knows nothing of it: that one runs on the host's clock.

use std::time::{Duration, Instant};

use jackfield_domain::contact::Moment;

/// Most pollables at once: a guest polls two streams and a few timers.
const POLLABLES_MAX: usize = 256;

/// What a pollable waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Nothing: it is ready.
    Nothing,
    /// A time of the guest's monotonic clock, in nanoseconds.
    Time(u64),
}

/// A guest asked for something that cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadPoll {
    /// More than the host keeps.
    #[error("more than {POLLABLES_MAX} pollables at once")]
    TooMany,
    /// It is gone, or never was.
    #[error("there is no such pollable")]
    Unknown,
    /// A list with nothing in it would wait for ever.
    #[error("nothing to poll")]
    Empty,
}

/// The time of one invocation.
#[derive(Debug)]
pub(crate) struct Time {
    event: Moment,
    deadline: Moment,
    /// On the host's clock, for the time that is left.
    began: Instant,
    moved_ns: u64,
    pollables: Vec<Option<Awaited>>,
}

impl Time {
    pub(crate) fn new(event: Moment, deadline: Moment) -> Self {
        Self { event, deadline, began: Instant::now(), moved_ns: 0, pollables: Vec::new() }
    }

    /// Since 1970.
    pub(crate) fn wall(&self) -> Duration {
        Duration::from_millis(self.event).saturating_add(Duration::from_nanos(self.moved_ns))
    }

    /// Nanoseconds that the guest waited.
    pub(crate) fn monotonic_ns(&self) -> u64 {
        self.moved_ns
    }

    /// Milliseconds until the deadline on the host's clock, in coarse steps: fine ones would be a timer.
    pub(crate) fn left_ms(&self) -> u64 {
        const STEP_MS: u64 = 50;
        self.left_exactly_ms() / STEP_MS * STEP_MS
    }

    /// The same for the host's own use.
    pub(crate) fn left_exactly_ms(&self) -> u64 {
        let total_ms = self.deadline.saturating_sub(self.event);
        let gone_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        total_ms.saturating_sub(gone_ms)
    }

    /// Makes a pollable.
    pub(crate) fn subscribe(&mut self, awaited: Awaited) -> Result<u32, BadPoll> {
        let free = match self.pollables.iter().position(Option::is_none) {
            Some(free) => free,
            None if self.pollables.len() < POLLABLES_MAX => {
                self.pollables.push(None);
                self.pollables.len() - 1
            }
            None => return Err(BadPoll::TooMany),
        };
        if let Some(slot) = self.pollables.get_mut(free) {
            *slot = Some(awaited);
        }
        u32::try_from(free).map_err(|_| BadPoll::TooMany)
    }

    /// Makes a pollable that is ready after a wait.
    pub(crate) fn subscribe_after(&mut self, wait_ns: u64) -> Result<u32, BadPoll> {
        self.subscribe(Awaited::Time(self.moved_ns.saturating_add(wait_ns)))
    }

    /// Forgets a pollable.
    pub(crate) fn drop_pollable(&mut self, pollable: u32) -> Result<(), BadPoll> {
        let slot = usize::try_from(pollable).ok().and_then(|at| self.pollables.get_mut(at)).ok_or(BadPoll::Unknown)?;
        slot.take().map(|_| ()).ok_or(BadPoll::Unknown)
    }

    /// True where it is ready now.
    pub(crate) fn is_ready(&self, pollable: u32) -> Result<bool, BadPoll> {
        Ok(self.ready_ns(pollable)? <= self.moved_ns)
    }

    /// Waits until one of them is ready: moves the clock to the nearest. Gives back which are ready then.
    pub(crate) fn poll(&mut self, pollables: &[u32]) -> Result<Vec<u32>, BadPoll> {
        let ready_ns = pollables.iter().map(|pollable| self.ready_ns(*pollable)).collect::<Result<Vec<u64>, BadPoll>>()?;
        let nearest_ns = ready_ns.iter().copied().min().ok_or(BadPoll::Empty)?;
        self.moved_ns = self.moved_ns.max(nearest_ns);
        let ready = ready_ns.iter().enumerate().filter(|(_, at)| **at <= self.moved_ns);
        Ok(ready.filter_map(|(at, _)| u32::try_from(at).ok()).collect())
    }

    fn ready_ns(&self, pollable: u32) -> Result<u64, BadPoll> {
        match usize::try_from(pollable).ok().and_then(|at| self.pollables.get(at)) {
            Some(Some(Awaited::Nothing)) => Ok(0),
            Some(Some(Awaited::Time(at_ns))) => Ok(*at_ns),
            _ => Err(BadPoll::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_the_guest_waits_and_then_jumps() {
        let mut time = Time::new(1_000, 9_000);
        assert_eq!((time.wall(), time.monotonic_ns()), (Duration::from_secs(1), 0));
        let hour = time.subscribe_after(3_600_000_000_000).unwrap();
        assert!(!time.is_ready(hour).unwrap());
        assert_eq!(time.poll(&[hour]).unwrap(), [0]);
        assert_eq!((time.wall(), time.monotonic_ns()), (Duration::from_secs(3_601), 3_600_000_000_000));
        assert!(time.is_ready(hour).unwrap());
    }

    #[test]
    fn only_the_nearest_of_a_poll_is_ready() {
        let mut time = Time::new(0, 0);
        let far = time.subscribe_after(1_000_000_000_000).unwrap();
        let near = time.subscribe_after(5).unwrap();
        let as_near = time.subscribe_after(5).unwrap();
        assert_eq!(time.poll(&[far, near, as_near]).unwrap(), [1, 2]);
        assert_eq!(time.monotonic_ns(), 5);
        let stream = time.subscribe(Awaited::Nothing).unwrap();
        assert_eq!(time.poll(&[far, stream]).unwrap(), [1]);
        assert_eq!(time.monotonic_ns(), 5);
    }

    #[test]
    fn a_thousand_years_are_no_further_than_a_moment() {
        let mut time = Time::new(u64::MAX, u64::MAX);
        let never = time.subscribe_after(u64::MAX).unwrap();
        assert_eq!(time.poll(&[never]).unwrap(), [0]);
        assert_eq!(time.monotonic_ns(), u64::MAX);
        let later = time.subscribe_after(u64::MAX).unwrap();
        assert!(time.is_ready(later).unwrap());
        assert!(time.wall() > Duration::from_secs(1));
    }

    #[test]
    fn pollables_are_bounded_and_their_places_used_again() {
        let mut time = Time::new(0, 0);
        for _ in 0..POLLABLES_MAX {
            time.subscribe(Awaited::Nothing).unwrap();
        }
        assert!(matches!(time.subscribe(Awaited::Nothing), Err(BadPoll::TooMany)));
        time.drop_pollable(7).unwrap();
        assert!(matches!(time.drop_pollable(7), Err(BadPoll::Unknown)));
        assert!(matches!(time.is_ready(7), Err(BadPoll::Unknown)));
        assert_eq!(time.subscribe(Awaited::Nothing).unwrap(), 7);
        assert!(matches!(time.poll(&[]), Err(BadPoll::Empty)));
    }
}
