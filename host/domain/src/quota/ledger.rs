//! Decides what the ledger's rows become: how much is granted, what is refused, when a threshold is crossed.
//!
//! The store reads rows, asks [`Entry::apply`] and commits what comes out, all entries of a spend or none. The rule stands here and
//! without any input or output, so that it can be held against a model. A row says what was *granted*: taken out of the limit and
//! handed to somebody, durably, before any of it is used. So what is used is never more than what was granted, and that never more
//! than the limit, whenever anything crashes; what a crash takes with it counts as used.
//!
//! What is counted after it was used, or is exempt by rule, may pass the limit and stands apart, as `over`.

use serde::{Deserialize, Serialize};

use super::meter::Meter;
use super::window::Window;
use crate::contact::Moment;
use crate::id::TenantId;

/// Percent of a limit at which its level is told: once to prepare, once when nothing is left.
pub const THRESHOLDS: [u8; 2] = [80, 100];
/// A lease is what was used in so much time: a busy tenant asks the ledger about four times a second, which costs next to nothing
/// where writes are synced in groups, and a crash forfeits a quarter of a second.
const LEASE_MS: u64 = 250;
/// A lease takes at most this part of what is left, so that a crash near the end of a window forfeits little.
const LEASE_PART: u64 = 4;
/// A lease is at most so many times the one before, so that two calls within a millisecond do not look like a thousand a second.
const LEASE_GROWTH: u64 = 2;

/// What is counted: one meter of one level in one window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The level.
    pub tenant: TenantId,
    /// What is metered.
    pub meter: Meter,
    /// In which window.
    pub window: Window,
}

/// What the ledger keeps of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Handed out within the limit.
    pub granted: u64,
    /// Counted beyond it: exempt, or reported after it was used.
    #[serde(default)]
    pub over: u64,
    /// The highest threshold that was told; 0 where none was.
    #[serde(default)]
    pub noticed: u8,
}

impl Balance {
    /// What counts against the limit.
    pub fn used(self) -> u64 {
        self.granted.saturating_add(self.over)
    }

    /// What can still be granted.
    pub fn left(self, limit: u64) -> u64 {
        limit.saturating_sub(self.used())
    }
}

/// What happens to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Hands out at least `least`, better `wanted`, or refuses.
    Grant {
        /// What is needed now.
        least: u64,
        /// What would spare the next question.
        wanted: u64,
    },
    /// Counts what is used already, or whose use nothing may bar.
    Count(u64),
    /// Takes back what was handed out and not used.
    Return(u64),
    /// Something was refused for want of it.
    UsedUp,
}

/// One account's part of a spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which account.
    pub account: Account,
    /// Its limit now.
    pub limit: u64,
    /// What happens.
    pub change: Move,
}

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The row.
    pub balance: Balance,
    /// Handed out by it.
    pub granted: u64,
    /// Thresholds that it crossed, for the first time in the window.
    pub crossed: Vec<u8>,
}

/// A level is told that its quota goes to its end, once for each threshold and window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: Moment,
    /// Whose quota.
    pub level: TenantId,
    /// Of what.
    pub meter: Meter,
    /// In which window.
    pub window: Window,
    /// 80 or 100.
    pub percent: u8,
    /// What counted against the limit then.
    pub used: u64,
    /// The limit then.
    pub limit: u64,
}

impl Notice {
    /// Which one it is among those of its moment, for example "contacts-day-80".
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.meter.as_str(), self.window.period.as_str(), self.percent)
    }
}

impl Entry {
    /// What the row becomes. Refuses a grant that would pass the limit; nothing of the spend happens then.
    pub fn apply(&self, before: Balance) -> Result<Changed, Balance> {
        let mut balance = before;
        let mut granted = 0;
        match self.change {
            Move::Grant { least, wanted } => {
                let left = before.left(self.limit);
                if left < least {
                    return Err(before);
                }
                granted = wanted.clamp(least, least.max(left));
                balance.granted = balance.granted.saturating_add(granted);
            }
            Move::Count(amount) => {
                let within = amount.min(before.left(self.limit));
                balance.granted = balance.granted.saturating_add(within);
                balance.over = balance.over.saturating_add(amount.saturating_sub(within));
            }
            Move::Return(amount) => balance.granted = balance.granted.saturating_sub(amount),
            Move::UsedUp => {}
        }
        let crossed: Vec<u8> =
            THRESHOLDS.into_iter().filter(|percent| *percent > before.noticed && self.is_at(balance, *percent)).collect();
        balance.noticed = crossed.last().copied().unwrap_or(before.noticed);
        Ok(Changed { balance, granted, crossed })
    }

    fn is_at(&self, balance: Balance, percent: u8) -> bool {
        match self.change {
            Move::UsedUp => percent == 100,
            Move::Return(_) => false,
            Move::Grant { .. } | Move::Count(_) => {
                self.limit > 0 && u128::from(balance.used()) * 100 >= u128::from(self.limit) * u128::from(percent)
            }
        }
    }
}

/// How much an account is used, as far as the next lease depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Used since the last lease.
    pub spent: u64,
    /// In so much time.
    pub elapsed_ms: u64,
    /// The last lease; 0 before the first.
    pub last: u64,
}

/// How large a lease should be: what was used in a quarter of a second, growing gently, and never much of what is left. Near the end of the
/// limit it is just what is needed, so that the last unit can be used.
pub fn lease(least: u64, pace: Pace, left: u64) -> u64 {
    let used = u128::from(pace.spent) * u128::from(LEASE_MS) / u128::from(pace.elapsed_ms.max(1));
    let used = u64::try_from(used).unwrap_or(u64::MAX);
    let grown = pace.last.max(least).saturating_mul(LEASE_GROWTH);
    used.min(grown).min(left / LEASE_PART).max(least)
}

#[cfg(test)]
mod tests;
