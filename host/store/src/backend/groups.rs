//! Counts the committer's groups: how many, how large, how long, and what of them is still ahead of sled, for whoever watches the disk.
//!
//! The committer counts, [`crate::Store::groups`] shows. Plain numbers in fixed buckets, because the store knows no metrics and one
//! thread counts for all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends in microseconds: from a fast disk's sync to one that is dying. The last has no end.
const TIMES_US: [u64; 13] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 512_000, 2_048_000, u64::MAX];
/// Upper ends in batches: a group takes a thousand at most.
const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 64, 256, 1_024, u64::MAX];

/// What was counted since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFigures {
    /// Groups that became durable.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Microseconds that they took together, from their first batch to their sync.
    pub took_us: u64,
    /// Groups that took up to so many microseconds and more than the one before; the last has no end.
    pub by_time: Vec<(u64, u64)>,
    /// The same by batches.
    pub by_size: Vec<(u64, u64)>,
    /// Bytes of the journal that are not settled.
    pub ahead_bytes: u64,
    /// How often the committer had to wait until something was settled.
    pub waits: u64,
    /// Microseconds that it waited.
    pub waited_us: u64,
}

/// Where the committer counts.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    batches: AtomicU64,
    took_us: AtomicU64,
    by_time: [AtomicU64; TIMES_US.len()],
    by_size: [AtomicU64; SIZES.len()],
    ahead_bytes: AtomicU64,
    waits: AtomicU64,
    waited_us: AtomicU64,
}

impl Groups {
    /// A group is durable.
    pub(crate) fn landed(&self, batches: usize, took: Duration) {
        let (batches, took_us) = (batches as u64, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.batches.fetch_add(batches, Ordering::Relaxed);
        self.took_us.fetch_add(took_us, Ordering::Relaxed);
        count(&self.by_time, &TIMES_US, took_us);
        count(&self.by_size, &SIZES, batches);
    }

    /// So much of the journal is not settled.
    pub(crate) fn ahead(&self, bytes: u64) {
        self.ahead_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The committer has waited for what is settled.
    pub(crate) fn waited(&self, took: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> GroupFigures {
        let read = |buckets: &[AtomicU64], ends: &[u64]| -> Vec<(u64, u64)> {
            ends.iter().zip(buckets).map(|(end, bucket)| (*end, bucket.load(Ordering::Relaxed))).collect()
        };
        let by_time = read(&self.by_time, &TIMES_US);
        GroupFigures {
            groups: by_time.iter().map(|(_, count)| count).sum(),
            batches: self.batches.load(Ordering::Relaxed),
            took_us: self.took_us.load(Ordering::Relaxed),
            by_time,
            by_size: read(&self.by_size, &SIZES),
            ahead_bytes: self.ahead_bytes.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
            waited_us: self.waited_us.load(Ordering::Relaxed),
        }
    }
}

fn count(buckets: &[AtomicU64], ends: &[u64], value: u64) {
    if let Some((_, bucket)) = ends.iter().zip(buckets).find(|(end, _)| value <= **end) {
        bucket.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_in_one_bucket_of_each_kind() {
        let groups = Groups::default();
        for (batches, us) in [(1, 10), (3, 900), (5_000, 9_000_000)] {
            groups.landed(batches, Duration::from_micros(us));
        }
        let figures = groups.figures();
        assert_eq!((figures.groups, figures.batches, figures.took_us), (3, 5_004, 9_000_910));
        assert_eq!(figures.by_time.iter().filter(|(_, count)| *count == 1).count(), 3);
        assert_eq!(figures.by_size.last(), Some(&(u64::MAX, 1)));
    }
}
