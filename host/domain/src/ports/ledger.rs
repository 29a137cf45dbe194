//! Keeps what was granted of every quota, durably: the only place where levels, windows and crashes meet.
//!
//! The server's quotas ask it when a lease has run out; between two questions a spend costs no input or output. It is a port, so
//! that the rule can be tested on a map and a cluster can put a shared database behind it: whoever stands there, a grant is durable
//! before it is answered, and an answer that was lost is a grant that was lost.

use super::BoxFuture;
use super::rows::RowsFault;
use crate::contact::Moment;
use crate::quota::ledger::{Account, Balance, Changed, Entry};

/// Why the ledger did nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// An account has not enough. Nothing was written.
    #[error("there is not enough of {} of tenant {} in {}", account.meter.as_str(), account.tenant, account.window.name)]
    Short {
        /// Which one.
        account: Account,
        /// How it stands.
        balance: Balance,
    },
    /// The outcome is unknown: nothing of it may be used.
    #[error(transparent)]
    Fault(#[from] RowsFault),
}

/// Accounts by level, meter and window.
pub trait Ledger: Send + Sync {
    /// How an account stands.
    fn read<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Balance, RowsFault>>;

    /// Changes all of these accounts, each at most once, and notes the thresholds that they cross; or none of them. The answer has
    /// their order. When it returns Ok, neither a crash nor a power cut loses it.
    fn commit(&self, entries: Vec<Entry>, at: Moment) -> BoxFuture<'_, Result<Vec<Changed>, LedgerError>>;
}
