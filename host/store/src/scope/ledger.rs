//! Keeps the ledger of quotas: a row for each level, meter, period and window, and the notices that its thresholds leave.
//!
//! The server's quotas reach it through the domain's port. A spend of several levels is one batch, guarded by the revisions that were
//! read and by the levels' keys, so that all of it is durable or none of it happened, and nothing is written for a tenant that was
//! erased meanwhile. Rows stand in the scope of their level and go with it.
//!
//! It must not decide what may be granted: that is the domain's rule. What was refused writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::ledger::{Ledger, LedgerError};
use jackfield_domain::ports::rows::{Batch, CommitError, Expect, Kept, RowsFault, Write};
use jackfield_domain::quota::ledger::{Account, Balance, Changed, Entry, Notice};
use jackfield_domain::quota::meter::{Meter, Period};
use serde::Serialize;

use crate::fault::StoreFault;
use crate::keys::{self, Range, Table, texts};
use crate::rows::Row;
use crate::seal::Keyring;
use crate::tenant::{misfit, unreadable};
use crate::{Shared, TenantStore};

/// How often a batch is made anew because somebody else changed a row of it. One process asks for one account at a time, so this is
/// how many processes may.
const RACES_MAX: usize = 32;
/// Rows removed at a time.
const SWEPT_AT_ONCE: usize = 500;

/// The ledger over rows.
pub(crate) struct KeptLedger {
    pub(crate) shared: Arc<Shared>,
}

fn key_of(account: &Account) -> Vec<u8> {
    keys::tenant(&account.tenant, Table::Ledger, &texts([account.window.period.as_str(), account.meter.as_str(), &account.window.name]))
}

fn balance_of(key: &[u8], kept: &Kept) -> Result<Balance, RowsFault> {
    serde_json::from_slice(&kept.value).map_err(|error| fault(&unreadable(key, &misfit(&error))))
}

fn fault(fault: &StoreFault) -> RowsFault {
    RowsFault { why: fault.to_string() }
}

fn value_of(key: &[u8], row: &impl Serialize) -> Result<Bytes, RowsFault> {
    serde_json::to_vec(row).map(Bytes::from).map_err(|error| fault(&unreadable(key, &misfit(&error))))
}

impl KeptLedger {
    async fn find(&self, account: &Account) -> Result<(Balance, Expect), RowsFault> {
        let key = key_of(account);
        match self.shared.rows.get(&key).await? {
            Some(kept) => Ok((balance_of(&key, &kept)?, Expect::Revision(kept.revision))),
            None => Ok((Balance::default(), Expect::Absent)),
        }
    }

    /// One try: what changes, or the level whose row or key changed meanwhile.
    async fn attempt(&self, entries: &[Entry], at: Moment) -> Result<Option<Vec<Changed>>, LedgerError> {
        let mut writes = self.guards(entries).await?;
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let (before, expect) = self.find(&entry.account).await?;
            let changed = entry.apply(before).map_err(|balance| LedgerError::Short { account: entry.account.clone(), balance })?;
            let key = key_of(&entry.account);
            let value = value_of(&key, &changed.balance)?;
            writes.push(Write::Put { key, value, expect });
            for percent in &changed.crossed {
                writes.push(notice(entry, &changed, *percent, at)?);
            }
            all.push(changed);
        }
        match self.shared.rows.commit(Batch { writes }).await {
            Ok(()) => Ok(Some(all)),
            Err(CommitError::Conflict { key }) => {
                let levels = entries.iter().map(|entry| &entry.account.tenant);
                levels.filter(|level| Keyring::row_of(level) == key).for_each(|level| self.shared.keyring.forget(level));
                Ok(None)
            }
            Err(CommitError::TooLarge(why)) => Err(LedgerError::Fault(RowsFault { why })),
            Err(CommitError::Fault(fault)) => Err(LedgerError::Fault(fault)),
        }
    }

    /// Every level's key stands as it was read: a tenant that is erased leaves no account behind.
    async fn guards(&self, entries: &[Entry]) -> Result<Vec<Write>, LedgerError> {
        let levels: BTreeSet<&TenantId> = entries.iter().map(|entry| &entry.account.tenant).collect();
        let mut writes = Vec::with_capacity(levels.len() + entries.len());
        for level in levels {
            let held = self.shared.keyring.of(level).await.map_err(|found| fault(&found))?;
            writes.push(Write::Check { key: Keyring::row_of(level), expect: Expect::Revision(held.revision) });
        }
        Ok(writes)
    }
}

fn notice(entry: &Entry, changed: &Changed, percent: u8, at: Moment) -> Result<Write, RowsFault> {
    let Account { tenant, meter, window } = entry.account.clone();
    let notice = Notice { at, level: tenant, meter, window, percent, used: changed.balance.used(), limit: entry.limit };
    let key = keys::tenant(&notice.level, Table::Notice, &Notice::key_part(&notice.id()));
    let value = value_of(&key, &notice)?;
    Ok(Write::Put { key, value, expect: Expect::Anything })
}

impl Ledger for KeptLedger {
    fn read<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Balance, RowsFault>> {
        Box::pin(async move { Ok(self.find(account).await?.0) })
    }

    fn commit(&self, entries: Vec<Entry>, at: Moment) -> BoxFuture<'_, Result<Vec<Changed>, LedgerError>> {
        Box::pin(async move {
            for _ in 0..=RACES_MAX {
                if let Some(changed) = self.attempt(&entries, at).await? {
                    return Ok(changed);
                }
            }
            Err(LedgerError::Fault(RowsFault { why: "the ledger's rows were written too often meanwhile".to_owned() }))
        })
    }
}

impl TenantStore {
    /// Removes accounts of windows before those, by period, and notices before that moment; how many went.
    pub async fn sweep_ledger(&self, before: &[(Period, String)], notices_before: Moment) -> Result<usize, StoreFault> {
        let mut ranges = Vec::new();
        for (period, name) in before {
            for meter in Meter::ALL {
                let of = |part: &[u8]| keys::tenant(&self.id, Table::Ledger, part);
                let all = Range::of_prefix(of(&texts([period.as_str(), meter.as_str()])));
                ranges.push(all.before(of(&texts([period.as_str(), meter.as_str(), name]))));
            }
        }
        ranges.push(self.range(Table::Notice, &[]).before(keys::tenant(&self.id, Table::Notice, &notices_before.to_be_bytes())));
        let mut gone = 0;
        for range in ranges {
            loop {
                let page = self.shared.rows.scan(&range.from, &range.to, SWEPT_AT_ONCE, false).await?;
                let count = page.len();
                if count == 0 {
                    break;
                }
                let writes = page.into_iter().map(|(key, _)| Write::Delete { key, expect: Expect::Anything }).collect();
                self.shared.rows.commit(Batch { writes }).await.map_err(crate::fault::fault_of)?;
                gone += count;
            }
        }
        Ok(gone)
    }
}
