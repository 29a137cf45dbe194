//! Promises about the ledger's rows: all levels or none, whoever else writes them, and nothing for a tenant that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::ledger::LedgerError;
use jackfield_domain::ports::rows::{Batch, Kept, Page, Rows, RowsFault};
use jackfield_domain::quota::ledger::{Account, Entry, Move, Notice};
use jackfield_domain::quota::meter::{Meter, Period};
use jackfield_domain::quota::window::Window;

use super::*;
use crate::CommitError;
use crate::backend::memory::Memory;
use crate::blobs::KeptBlobs;

fn entry(level: &str, limit: u64, change: Move) -> Entry {
    let window = Window { period: Period::Day, name: "2026-11-20".to_owned() };
    Entry { account: Account { tenant: id(level), meter: Meter::Contacts, window }, limit, change }
}

fn grant(level: &str, limit: u64, amount: u64) -> Entry {
    entry(level, limit, Move::Grant { least: amount, wanted: amount })
}

async fn granted(store: &Store, level: &str) -> u64 {
    store.ledger().read(&grant(level, 0, 0).account).await.unwrap().granted
}

async fn notices(store: &Store, level: &str) -> Vec<u8> {
    store.tenant(&id(level)).list::<Notice>(None, 10).await.unwrap().into_iter().map(|found| found.row.percent).collect()
}

#[tokio::test]
async fn a_grant_happens_at_all_levels_or_at_none() {
    let store = store().await;
    let ledger = store.ledger();
    ledger.commit(vec![grant("acme", 10, 6), grant("bolt", 10, 6)], 1).await.unwrap();
    let short = ledger.commit(vec![grant("acme", 10, 4), grant("bolt", 9, 4)], 2).await.unwrap_err();
    let LedgerError::Short { account, balance } = short else { panic!("{short}") };
    assert_eq!((account.tenant.as_str(), balance.granted), ("bolt", 6));
    assert_eq!((granted(&store, "acme").await, granted(&store, "bolt").await), (6, 6));
    assert!(notices(&store, "acme").await.is_empty(), "a threshold that was not crossed after all is not told");
    ledger.commit(vec![grant("acme", 10, 4)], 3).await.unwrap();
    ledger.commit(vec![entry("acme", 10, Move::Return(4))], 4).await.unwrap();
    ledger.commit(vec![grant("acme", 10, 4)], 5).await.unwrap();
    let mut told = notices(&store, "acme").await;
    told.sort_unstable();
    assert_eq!(told, [80, 100], "once each, although it was reached twice");
}

/// Rows before which somebody else makes the same batch, once.
struct Raced {
    rows: Memory,
    armed: AtomicBool,
}

impl Rows for Raced {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>> {
        self.rows.get(key)
    }

    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>> {
        self.rows.scan(from, to, limit, newest_first)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            if self.armed.swap(false, Ordering::Relaxed) {
                self.rows.commit(batch.clone()).await?;
            }
            self.rows.commit(batch).await
        })
    }

    fn health(&self) -> Result<(), RowsFault> {
        self.rows.health()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>> {
        self.rows.close()
    }
}

#[tokio::test]
async fn two_grants_at_the_same_moment_both_count() {
    let rows = Arc::new(Raced { rows: Memory::default(), armed: AtomicBool::new(false) });
    let store = Store::over(rows.clone(), Arc::new(KeptBlobs::memory()), master());
    let ledger = store.ledger();
    ledger.commit(vec![grant("acme", 10, 1)], 1).await.unwrap();
    rows.armed.store(true, Ordering::Relaxed);
    let changed = ledger.commit(vec![grant("acme", 10, 3)], 2).await.unwrap();
    assert_eq!((changed[0].granted, granted(&store, "acme").await), (3, 7), "1, then 3 by somebody else, then 3");
    rows.armed.store(true, Ordering::Relaxed);
    assert!(matches!(ledger.commit(vec![grant("acme", 10, 2)], 3).await, Err(LedgerError::Short { .. })), "the other took what was left");
}

#[tokio::test]
async fn nothing_is_granted_to_a_tenant_that_was_erased() {
    let store = store().await;
    settle_in(&store).await;
    let ledger = store.ledger();
    ledger.commit(vec![grant("acme", 10, 1)], 1).await.unwrap();
    for address in store.platform().bindings_of(&id("acme"), 10).await.unwrap() {
        store.platform().change().unbind(&address, Expect::Anything).commit().await.unwrap();
    }
    store.platform().erase(&id("acme")).await.unwrap();
    assert!(matches!(ledger.commit(vec![grant("acme", 10, 1)], 2).await, Err(LedgerError::Fault(_))));
    assert_eq!(granted(&store, "acme").await, 0);
}

#[tokio::test]
async fn old_windows_and_notices_are_swept_and_those_of_today_stay() {
    let store = store().await;
    let ledger = store.ledger();
    let mut old = grant("acme", 1, 1);
    old.account.window.name = "2026-09-01".to_owned();
    ledger.commit(vec![old.clone()], 10).await.unwrap();
    ledger.commit(vec![grant("acme", 1, 1)], 1_000).await.unwrap();
    let gone = store.tenant(&id("acme")).sweep_ledger(&[(Period::Day, "2026-10-01".to_owned())], 500).await.unwrap();
    assert_eq!((gone, granted(&store, "acme").await, notices(&store, "acme").await.len()), (3, 1, 2));
    assert_eq!(ledger.read(&old.account).await.unwrap().granted, 0);
}
