//! Lets whoever works for one event use up what its tenant may use: the way to a quota that is not the admit step's own.
//!
//! The admit and invoke steps, the egress builder inside a capability and later the outbox call it; the server's quotas stand behind
//! it. A spend counts for the tenant and everyone above it, at all levels or at none, and is durable before it is answered. It is a
//! port because a capability runs below the server and must not know leases, ledgers or levels.
//!
//! Take before you use: [`Spending::spend`] where the amount is known, [`Spending::reserve`] where only a bound is, and then
//! [`Spending::settle`] with what it came to. What is reserved and never settled stays spent.

use super::BoxFuture;
use crate::quota::Barred;
use crate::quota::ledger::Account;
use crate::quota::meter::Meter;

/// What was taken and not yet used. It cannot be copied: one reservation, one settlement.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reservation that is not settled stays spent to the last unit"]
pub struct Reserved {
    meter: Meter,
    amount: u64,
    accounts: Vec<Account>,
}

impl Reserved {
    /// Of those accounts. Only who stands behind [`Spending`] makes one.
    pub fn new(meter: Meter, amount: u64, accounts: Vec<Account>) -> Self {
        Self { meter, amount, accounts }
    }

    /// Of which meter.
    pub fn meter(&self) -> Meter {
        self.meter
    }

    /// How much: at least what was demanded, at most what was asked.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// From where it was taken, for giving back.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// Spends for one event of one tenant.
pub trait Spending: Send + Sync {
    /// Takes exactly so much, or nothing and says why.
    fn spend(&self, meter: Meter, amount: u64) -> BoxFuture<'_, Result<(), Barred>>;

    /// Takes as much as there is, `most` at most; nothing, and says why, where there is less than `least`.
    fn reserve(&self, meter: Meter, most: u64, least: u64) -> BoxFuture<'_, Result<Reserved, Barred>>;

    /// Says what a reservation came to; the rest can be spent again. More than was reserved counts as all of it.
    fn settle(&self, reserved: Reserved, used: u64);
}

/// Spending where nothing is counted: for tests, and for purposes that spend no quota.
#[derive(Debug, Clone, Copy)]
pub struct Unmetered;

impl Spending for Unmetered {
    fn spend(&self, _meter: Meter, _amount: u64) -> BoxFuture<'_, Result<(), Barred>> {
        Box::pin(async { Ok(()) })
    }

    fn reserve(&self, meter: Meter, most: u64, _least: u64) -> BoxFuture<'_, Result<Reserved, Barred>> {
        Box::pin(async move { Ok(Reserved::new(meter, most, Vec::new())) })
    }

    fn settle(&self, _reserved: Reserved, _used: u64) {}
}
