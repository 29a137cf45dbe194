//! Writes what can be told apart afterwards: each client's n-th batch is a function of client and n, so a database says all about
//! itself.
//!
//! Each batch writes or removes a pair of rows, counts in a sum and notes its own number, all at once. What a database must hold
//! follows from the numbers that it notes: the replay of so many batches of each client, exactly. A number below what was acknowledged
//! is a loss; rows that differ from the replay are torn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jackfield_domain::ports::rows::{Batch, Expect, Rows, Write};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::backend::guard::sums_of;
use crate::backend::sled::Sled;

const CLIENTS: u8 = 8;
/// Pairs of each client: few, so that rows are written anew and sled moves its pages.
const SLOTS: u8 = 24;
const SUM: &[u8] = b"sum";
const NAME: &str = "n";

/// How many batches of each client there are, and from which seed they are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    seed: u64,
    done: BTreeMap<u8, u64>,
}

/// What is wrong with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    Lost,
    Torn,
}

impl Progress {
    pub(super) fn begin(seed: u64) -> Self {
        Self { seed, done: (0..CLIENTS).map(|client| (client, 0)).collect() }
    }

    pub(super) fn batches(&self) -> u64 {
        self.done.values().sum()
    }
}

/// A pair of rows, and what they get: none where they go.
struct Act {
    slot: u8,
    value: Option<Bytes>,
}

fn act(seed: u64, client: u8, number: u64) -> Act {
    let mut material = seed.to_be_bytes().to_vec();
    material.push(client);
    material.extend_from_slice(&number.to_be_bytes());
    let draw: [u8; 32] = Sha256::digest(&material).into();
    let [slot, kind, high, low, fill, ..] = draw;
    let bytes = match kind {
        0..=31 => None,
        // Pieces, many of them.
        32..=39 => Some(usize::from(high) * 100),
        _ => Some(usize::from(u16::from_be_bytes([high & 0x0f, low]))),
    };
    Act { slot: slot % SLOTS, value: bytes.map(|bytes| Bytes::from(vec![fill; bytes])) }
}

fn pair(client: u8, slot: u8) -> [Vec<u8>; 2] {
    [vec![b'a', client, slot], vec![b'b', client, slot]]
}

fn note(client: u8) -> Vec<u8> {
    vec![b'n', client]
}

fn batch(seed: u64, client: u8, number: u64) -> Batch {
    let Act { slot, value } = act(seed, client, number);
    let mut writes: Vec<Write> = pair(client, slot)
        .into_iter()
        .map(|key| match &value {
            Some(value) => Write::Put { key, value: value.clone(), expect: Expect::Anything },
            None => Write::Delete { key, expect: Expect::Anything },
        })
        .collect();
    let own = Bytes::copy_from_slice(&number.to_be_bytes());
    writes.push(Write::Put { key: note(client), value: own, expect: Expect::Anything });
    writes.push(Write::Add { key: SUM.to_vec(), by: BTreeMap::from([(NAME.to_owned(), 1)]) });
    Batch { writes }
}

/// Clients at work.
pub(super) struct Workload {
    acknowledged: Arc<Mutex<Progress>>,
    moved: Arc<Notify>,
    begun: u64,
    clients: JoinSet<()>,
}

impl Workload {
    /// Goes on from where a database stands.
    pub(super) fn start(rows: Arc<Sled>, from: Progress) -> Self {
        let begun = from.batches();
        let acknowledged = Arc::new(Mutex::new(from.clone()));
        let moved = Arc::new(Notify::new());
        let mut clients = JoinSet::new();
        for (client, done) in from.done {
            let (rows, acknowledged, moved) = (Arc::clone(&rows), Arc::clone(&acknowledged), Arc::clone(&moved));
            clients.spawn(async move {
                for number in done + 1.. {
                    if rows.commit(batch(from.seed, client, number)).await.is_err() {
                        return;
                    }
                    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).done.insert(client, number);
                    moved.notify_one();
                }
            });
        }
        Self { acknowledged, moved, begun, clients }
    }

    /// Waits for so many acknowledgements.
    pub(super) async fn reach(&self, batches: u64) {
        while self.acknowledged().batches() < self.begun + batches {
            self.moved.notified().await;
        }
    }

    pub(super) fn acknowledged(&self) -> Progress {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn stop(mut self) {
        self.clients.shutdown().await;
    }
}

/// Compares a database with what was acknowledged; gives how far it is.
pub(super) async fn inspect(rows: &Sled, acknowledged: &Progress) -> Result<Progress, Harm> {
    let mut found = Progress { seed: acknowledged.seed, done: BTreeMap::new() };
    let mut expected: BTreeMap<Vec<u8>, Bytes> = BTreeMap::new();
    for (client, wanted) in &acknowledged.done {
        let kept = rows.get(&note(*client)).await.map_err(|_| Harm::Lost)?;
        let number = match kept {
            Some(kept) => u64::from_be_bytes((&*kept.value).try_into().map_err(|_| Harm::Torn)?),
            None => 0,
        };
        if number < *wanted {
            return Err(Harm::Lost);
        }
        found.done.insert(*client, number);
        for number in 1..=number {
            let Act { slot, value } = act(acknowledged.seed, *client, number);
            for key in pair(*client, slot) {
                match &value {
                    Some(value) => expected.insert(key, value.clone()),
                    None => expected.remove(&key),
                };
            }
        }
    }
    let page = rows.scan(b"a", b"c", usize::MAX, false).await.map_err(|_| Harm::Lost)?;
    let there: BTreeMap<Vec<u8>, Bytes> = page.into_iter().map(|(key, kept)| (key, kept.value)).collect();
    let sum = match rows.get(SUM).await.map_err(|_| Harm::Lost)? {
        Some(kept) => sums_of(&kept.value).map_err(|_| Harm::Torn)?.get(NAME).copied().unwrap_or(0),
        None => 0,
    };
    let counts = u64::try_from(sum).is_ok_and(|sum| sum == found.batches());
    if there == expected && counts { Ok(found) } else { Err(Harm::Torn) }
}
