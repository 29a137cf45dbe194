//! Keeps one tenant's line: who stands in it, what it holds, and where it stands in the virtual time of its lane.
//!
//! [`super::lines`] has one for each tenant that runs, waits or is remembered. It must not know of the others.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::priority::Priority;

use super::lane::{Lane, PerLane, Record};
use super::lines::Waiter;

/// What one place is taken to cost before anything was measured: a Rust plugin answers in less.
const FIRST_GUESS: Duration = Duration::from_millis(1);
/// Weight of the newest measurement, as one part of so many: follows a change within some dozens of calls.
const NEWEST_PART: u64 = 16;
/// One tenant's line.
pub(super) struct Line<W> {
    /// Where the tenant stands in the virtual time of its lane: what it used, since it last caught up with the clock.
    pub(super) virtual_us: u64,
    /// Whose virtual time that is.
    pub(super) lane: Lane,
    pub(super) running: PerLane<u32>,
    pub(super) slots: [u32; 2],
    pub(super) record: Record,
    /// What one call of it uses of a worker, by the last ones.
    pub(super) cost_us: u64,
    /// How long one call of it holds its place, by the last ones.
    pub(super) held_us: u64,
    /// By priority, lowest first.
    pub(super) waiting: [VecDeque<Waiter<W>>; Priority::ALL.len()],
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A mean that follows the newest measurements.
pub(super) fn newest(mean_us: u64, measured: Duration) -> u64 {
    mean_us.saturating_mul(NEWEST_PART - 1).saturating_add(micros(measured)) / NEWEST_PART
}

fn at(class: SlotClass) -> usize {
    match class {
        SlotClass::Small => 0,
        SlotClass::Large => 1,
    }
}

pub(super) fn of(counts: &[u32; 2], class: SlotClass) -> u32 {
    counts.get(at(class)).copied().unwrap_or_default()
}

pub(super) fn count(counts: &mut [u32; 2], class: SlotClass) -> Option<&mut u32> {
    counts.get_mut(at(class))
}

/// A place in the order of one lane; the least is next.
pub(super) type Standing = (u64, Duration);

impl<W> Line<W> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            virtual_us: 0,
            lane: Lane::Usual,
            running: PerLane::default(),
            slots: [0; 2],
            record: Record::new(now),
            cost_us: micros(FIRST_GUESS),
            held_us: micros(FIRST_GUESS),
            waiting: std::array::from_fn(|_| VecDeque::new()),
        }
    }

    /// Goes to the lane where its next guest belongs, and takes its debt along.
    pub(super) fn change_lane(&mut self, clock_us: &PerLane<u64>, now: Instant) {
        let lane = self.record.lane(now);
        if lane != self.lane {
            let debt_us = self.virtual_us.saturating_sub(clock_us.get(self.lane));
            self.virtual_us = clock_us.get(lane).saturating_add(debt_us);
            self.lane = lane;
        }
    }

    /// Comes to the present of its lane: rest is no credit.
    pub(super) fn catch_up(&mut self, clock_us: &PerLane<u64>, now: Instant) {
        self.change_lane(clock_us, now);
        self.virtual_us = self.virtual_us.max(clock_us.get(self.lane));
    }

    /// Where it stands in the order, by what it will have used after its next call; among those who are even the one that used less lately
    /// is first.
    pub(super) fn stands(&self, now: Instant) -> Standing {
        (self.virtual_us.saturating_add(self.cost_us), self.record.lately(now))
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running == PerLane::default() && self.slots == [0; 2] && self.len() == 0
    }
}
