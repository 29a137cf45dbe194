//! Chooses the threads that a tenant's guests run on, by how long they held a worker without letting go.
//!
//! A guest lets others run after a stretch of fuel. A stretch is some hundredths of a millisecond, but not always: one operation that
//! fills sixty megabytes is paid by the byte and cannot be interrupted, and takes a quarter of a second where the memory is cold. No
//! order of waiting helps whoever is behind it on the same thread; only the kernel can take the processor away. So there are three
//! kinds of threads: for tenants that have shown that they are short, for everybody, and for those that held a worker too long.
//!
//! [`super::lines`] keeps a [`Record`] of each tenant. What a tenant says of itself counts nothing; what was measured does.

use std::time::{Duration, Instant};

/// Whose threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Lane {
    /// Tenants that ask for little and let go at once. Their threads stand before those of the others.
    Express,
    /// Everybody else, and everybody who is not known yet.
    Usual,
    /// Tenants whose guests held a worker too long. They meet each other.
    Slow,
}

impl Lane {
    /// All of them, the first before the last.
    pub(crate) const ALL: [Self; 3] = [Self::Express, Self::Usual, Self::Slow];

    /// Its place among all.
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Express => 0,
            Self::Usual => 1,
            Self::Slow => 2,
        }
    }

    /// How far the kernel puts its threads behind those of webhooks: short guests not at all, because a call waits for them; the others so
    /// far that a request which only needs a look at a table never waits for a plugin's time slice, and gets on with what is left.
    pub(crate) fn nice(self) -> i32 {
        match self {
            Self::Express => 0,
            Self::Usual => 10,
            Self::Slow => 19,
        }
    }

    /// Threads, on a machine whose guests get so many workers.
    pub(crate) fn threads(self, workers: usize) -> usize {
        match self {
            Self::Express | Self::Usual => workers.max(1),
            Self::Slow => (workers / 2).max(1),
        }
    }

    /// As threads are named.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Express => "guest-express",
            Self::Usual => "guest",
            Self::Slow => "guest-slow",
        }
    }

    /// Where it may run, the best first: a short guest may run among the others where they have room, and nobody else anywhere else.
    pub(crate) fn choices(self) -> &'static [Self] {
        match self {
            Self::Express => &[Self::Express, Self::Usual],
            Self::Usual => &[Self::Usual],
            Self::Slow => &[Self::Slow],
        }
    }
}

/// A number for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PerLane<T>(pub(crate) [T; 3]);

impl<T: Copy + Default> PerLane<T> {
    pub(crate) fn of(each: impl Fn(Lane) -> T) -> Self {
        Self(Lane::ALL.map(each))
    }

    pub(crate) fn get(&self, lane: Lane) -> T {
        let [express, usual, slow] = self.0;
        match lane {
            Lane::Express => express,
            Lane::Usual => usual,
            Lane::Slow => slow,
        }
    }

    pub(crate) fn at(&mut self, lane: Lane) -> &mut T {
        let [express, usual, slow] = &mut self.0;
        match lane {
            Lane::Express => express,
            Lane::Usual => usual,
            Lane::Slow => slow,
        }
    }
}

/// A tenant that used less than this within the last second or so is light: a tenth of one worker.
const LIGHT: Duration = Duration::from_millis(100);
/// After that long, half of what a tenant used is forgotten.
const USED_HALF_LIFE: Duration = Duration::from_secs(1);
/// Guests that were measured before a tenant is known to be short.
const KNOWN_AFTER: u32 = 3;
/// Whose guests never used more than this is short: ten times what a plugin takes that answers from a table.
const SHORT: Duration = Duration::from_millis(10);
/// Whoever held a worker longer than this is slow: no plugin does that with what plugins are for, and what the kernel does on its behalf
/// where memory is scarce takes less.
const LONG: Duration = Duration::from_millis(40);
/// After that long, half of the dearest guest and of the longest stretch is forgotten: a quarter of a second is slow for four minutes, so
/// one who behaves only while being looked at holds up a worker that often at most.
const WORST_HALF_LIFE: Duration = Duration::from_secs(60);

/// So many failures without an answer between them, and the next is expected to be one as well. Half of them are forgotten in a minute, so
/// whoever was turned away all that time is tried again.
const HOPELESS_AFTER: f64 = 9.5;

/// What was measured of one tenant's guests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// What they used lately.
    used: Fading,
    /// The most that one used.
    dearest: Fading,
    /// The longest that one held its worker.
    longest: Fading,
    measured: u32,
    /// Failures since its last answer.
    failed: Fading,
}

/// A number of which half is forgotten after each half-life.
#[derive(Debug, Clone, Copy)]
struct Fading {
    number: f64,
    at: Instant,
    half_life: Duration,
}

impl Fading {
    fn new(half_life: Duration, now: Instant) -> Self {
        Self { number: 0.0, at: now, half_life }
    }

    fn now(&self, now: Instant) -> f64 {
        let halvings = now.saturating_duration_since(self.at).as_secs_f64() / self.half_life.as_secs_f64();
        self.number * (-halvings).exp2()
    }

    fn add(&mut self, number: f64, now: Instant) {
        self.number = self.now(now) + number;
        self.at = now;
    }

    fn raise(&mut self, number: f64, now: Instant) {
        self.number = self.now(now).max(number);
        self.at = now;
    }
}

impl Record {
    pub(crate) fn new(now: Instant) -> Self {
        let worst = Fading::new(WORST_HALF_LIFE, now);
        Self { used: Fading::new(USED_HALF_LIFE, now), dearest: worst, longest: worst, measured: 0, failed: worst }
    }

    /// A guest used so much of a worker until it ended or stood aside, and held it so long at a time.
    pub(crate) fn measure(&mut self, used: Duration, longest: Duration, now: Instant) {
        self.used.add(used.as_secs_f64(), now);
        self.longest.raise(longest.as_secs_f64(), now);
    }

    /// A guest ended and had used so much in all.
    pub(crate) fn ended(&mut self, whole: Duration, now: Instant) {
        self.dearest.raise(whole.as_secs_f64(), now);
        self.measured = self.measured.saturating_add(1);
    }

    /// A guest answered, or failed.
    pub(crate) fn came_to(&mut self, answered: bool, now: Instant) {
        if answered {
            self.failed = Fading::new(WORST_HALF_LIFE, now);
        } else {
            self.failed.add(1.0, now);
        }
    }

    /// True where its plugins only fail: whoever asks for one of them would be turned to the fallback anyway.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        self.failed.now(now) >= HOPELESS_AFTER
    }

    /// What the tenant used lately.
    pub(crate) fn lately(&self, now: Instant) -> Duration {
        Duration::from_secs_f64(self.used.now(now))
    }

    /// Where its next guest belongs.
    pub(crate) fn lane(&self, now: Instant) -> Lane {
        let is_short = || self.measured >= KNOWN_AFTER && self.dearest.now(now) < SHORT.as_secs_f64() && self.lately(now) < LIGHT;
        if self.longest.now(now) > LONG.as_secs_f64() {
            Lane::Slow
        } else if is_short() && !self.is_hopeless(now) {
            Lane::Express
        } else {
            Lane::Usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// So many guests that each used so much, in stretches of so much.
    fn ran(record: &mut Record, times: u32, used: Duration, longest: Duration, at: Instant) {
        for _ in 0..times {
            record.measure(used, longest, at);
            record.ended(used, at);
        }
    }

    #[test]
    fn a_tenant_is_short_once_it_is_known_and_slow_after_one_long_stretch() {
        let at = Instant::now();
        let mut record = Record::new(at);
        assert_eq!(record.lane(at), Lane::Usual, "nobody is known before its first guest");
        ran(&mut record, KNOWN_AFTER, MS, MS / 10, at);
        assert_eq!(record.lane(at), Lane::Express);
        ran(&mut record, 1, MS * 220, MS * 200, at);
        assert_eq!(record.lane(at), Lane::Slow);
        ran(&mut record, 50, MS, MS / 10, at);
        assert_eq!(record.lane(at), Lane::Slow, "behaving for a moment changes nothing");
        assert_eq!(record.lane(at + WORST_HALF_LIFE * 4), Lane::Usual);
        assert_eq!(record.lane(at + WORST_HALF_LIFE * 6), Lane::Express);
    }

    #[test]
    fn who_asks_for_much_in_short_stretches_is_neither_short_nor_slow() {
        let at = Instant::now();
        let mut record = Record::new(at);
        ran(&mut record, 10, MS * 50, MS / 10, at);
        assert_eq!(record.lane(at), Lane::Usual);
        assert_eq!(record.lane(at + USED_HALF_LIFE * 5), Lane::Usual, "its next guest may be as dear");
        assert_eq!(record.lane(at + WORST_HALF_LIFE * 3), Lane::Express);
    }

    #[test]
    fn who_only_fails_is_hopeless_until_its_next_answer() {
        let at = Instant::now();
        let mut record = Record::new(at);
        ran(&mut record, KNOWN_AFTER, MS, MS / 10, at);
        (0..10).for_each(|_| record.came_to(false, at));
        assert_eq!((record.is_hopeless(at), record.lane(at)), (true, Lane::Usual));
        assert!(!record.is_hopeless(at + WORST_HALF_LIFE), "after a while it is tried again");
        record.came_to(true, at);
        assert_eq!((record.is_hopeless(at), record.lane(at)), (false, Lane::Express));
    }

    #[test]
    fn who_asks_for_little_all_the_time_is_not_short() {
        let at = Instant::now();
        let mut record = Record::new(at);
        ran(&mut record, 200, MS, MS / 10, at);
        assert_eq!(record.lane(at), Lane::Usual);
        assert_eq!(record.lane(at + USED_HALF_LIFE * 2), Lane::Express);
    }
}
