//! Bounds events per second, by a bucket for each level that has a rate.
//!
//! The admit step asks for one event at all levels or none. Nothing is durable: a bucket is full a few seconds after it was emptied,
//! so a start with full buckets gives nobody more than one burst. Text leaves the share of voice in the bucket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::quota::meter::Rate;
use jackfield_domain::quota::shortage::{Scarce, Shortage};

use super::levels::Levels;

/// Thousandths of an event, so that a slow rate fills a bucket evenly.
const EVENT: u64 = 1_000;
/// Longer than the longest deadline, so no event waits as long: a time so much earlier is a clock that was set back.
const SET_BACK_MS: Moment = 20_000;
/// Buckets that are kept; full ones are as good as none and go first.
const BUCKETS_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: Rate,
    /// Thousandths of an event.
    level: u64,
    filled: Moment,
}

impl Bucket {
    fn full(rate: Rate, now: Moment) -> Self {
        Self { rate, level: u64::from(rate.burst) * EVENT, filled: now }
    }

    fn fill(&mut self, rate: Rate, now: Moment) {
        // Events per second are thousandths of an event per millisecond.
        let came = now.saturating_sub(self.filled).saturating_mul(u64::from(rate.per_second));
        self.level = self.level.saturating_add(came).min(u64::from(rate.burst) * EVENT);
        // What waited for its contact's turn comes with an earlier time: what has come since must not come again.
        let is_set_back = self.filled.saturating_sub(now) > SET_BACK_MS;
        (self.rate, self.filled) = (rate, if is_set_back { now } else { self.filled.max(now) });
    }

    fn is_full(&self) -> bool {
        self.level >= u64::from(self.rate.burst) * EVENT
    }
}

/// The buckets of all levels.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: Mutex<HashMap<TenantId, Bucket>>,
}

impl Rates {
    /// Takes one event at every level, or says which has none. What is exempt is taken where there is any and never barred.
    pub(super) fn take(&self, levels: &Levels, voice: bool, exempt: bool, now: Moment) -> Result<(), Shortage> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let limited: Vec<_> = levels.set().filter_map(|(tenant, row)| row.quota.rate.map(|rate| (tenant, row, rate))).collect();
        for (tenant, row, rate) in &limited {
            let bucket = buckets.entry((*tenant).clone()).or_insert_with(|| Bucket::full(*rate, now));
            bucket.fill(*rate, now);
            let whole = u64::from(rate.burst) * EVENT;
            let kept = if voice { 0 } else { whole - row.quota.text_limit(whole) };
            if !exempt && bucket.level < EVENT.saturating_add(kept) {
                let kept_for_voice = bucket.level >= EVENT;
                let (level, limit) = ((*tenant).clone(), u64::from(rate.per_second));
                return Err(Shortage { level, of: Scarce::Rate, window: None, limit, kept_for_voice });
            }
        }
        for (tenant, _, _) in &limited {
            if let Some(bucket) = buckets.get_mut(*tenant) {
                bucket.level = bucket.level.saturating_sub(EVENT);
            }
        }
        if buckets.len() > BUCKETS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jackfield_domain::quota::meter::{Quota, QuotaRow};

    use super::*;
    use crate::quota::levels::Level;

    fn level(tenant: &str, per_second: u32, burst: u32, share: u8) -> Level {
        let quota = Quota { rate: Some(Rate { per_second, burst }), voice_share_percent: Some(share), ..Quota::unlimited() };
        Level { tenant: tenant.parse().unwrap(), row: Some(QuotaRow { quota, zone: "UTC".to_owned(), set: 0, by: String::new() }) }
    }

    #[test]
    fn a_burst_is_let_in_and_then_as_many_as_the_rate_says() {
        let rates = Rates::default();
        let levels = Levels(vec![level("acme", 2, 4, 0)]);
        let let_in = |now| (0..10).filter(|_| rates.take(&levels, true, false, now).is_ok()).count();
        assert_eq!(let_in(1_000), 4);
        assert_eq!(let_in(1_499), 0);
        assert_eq!(let_in(1_500), 1);
        assert_eq!(let_in(3_000), 3);
        assert_eq!(let_in(1_000_000), 4);
        assert_eq!(let_in(0), 0, "a clock that goes back gives nothing");
    }

    #[test]
    fn an_event_that_comes_late_fills_nothing_twice() {
        let rates = Rates::default();
        let levels = Levels(vec![level("acme", 2, 4, 0)]);
        let let_in = |now, asked: usize| (0..asked).filter(|_| rates.take(&levels, true, false, now).is_ok()).count();
        assert_eq!(let_in(10_000, 10), 4);
        assert_eq!(let_in(11_000, 1), 1);
        assert_eq!(let_in(10_000, 1), 1, "it arrived a second ago and waited");
        assert_eq!(let_in(11_000, 10), 0, "that second has been counted");
        assert_eq!(let_in(11_500, 10), 1);
    }

    #[test]
    fn text_leaves_the_share_of_voice_and_a_parent_counts_its_children() {
        let rates = Rates::default();
        let child = Levels(vec![level("sales", 100, 100, 0), level("acme", 1, 10, 50)]);
        let text = (0..20).filter(|_| rates.take(&child, false, false, 0).is_ok()).count();
        let voice = (0..20).filter(|_| rates.take(&child, true, false, 0).is_ok()).count();
        assert_eq!((text, voice), (5, 5));
        let short = rates.take(&child, true, false, 0).unwrap_err();
        assert_eq!((short.level.as_str(), short.kept_for_voice), ("acme", false));
        assert!(rates.take(&child, false, true, 0).is_ok(), "what is exempt is never barred");
    }
}
