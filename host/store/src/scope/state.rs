//! Keeps what plugins keep: reads for the capability `state`, and resolves its writes when the decision is committed.
//!
//! The runtime reads through the port, [`crate::Change::state`] writes. An increment is a read, a sum and a write that expects what was
//! read, tried again when it loses: the backend cannot add up what it cannot open. Contacts that add to one number queue for it first,
//! so that trying again stays rare.
//!
//! The moment at which a value vanishes stands unsealed before it (and is authenticated with it), so that lists and the sweep need
//! not open values. It must not enforce quotas: the runtime does, with the sizes that are counted here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::capability::{Entry, Scope, StateChange, StateWrite};
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::{Batch, CommitError, Expect, Kept, RowsFault, Write};
use jackfield_domain::ports::state::{KeyPage, State, StateSpace};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::Shared;
use crate::TenantStore;
use crate::backend::guard::sums_of;
use crate::change::Step;
use crate::fault::{StoreFault, fault_of, uncommitted};
use crate::keys::{self, Range, Table, texts};
use crate::seal::DataKey;
use crate::tenant::unreadable;

/// Lanes in which increments queue. Two numbers that share one wait for each other for nothing, seldom with this many.
const LANES: usize = 64;
/// Rows that the sweep looks at in one go.
const SWEEP_STEP: usize = 200;
/// A contact that nobody ended is over after a day; its state stays a day longer, because a sweep that is early would be wrong and one
/// that is late is not.
const ORPHAN_AGE_MS: u64 = 2 * jackfield_domain::contact::MESSAGE_LIFETIME_MS;
/// Of the digest of owner and plugin, in a key.
const PLUGIN_BYTES: usize = 16;
const BYTES: &str = "bytes";
const NEVER: Moment = 0;

/// Where increments queue.
pub(crate) struct Lanes(Vec<Arc<Mutex<()>>>);

impl Default for Lanes {
    fn default() -> Self {
        Self((0..LANES).map(|_| Arc::default()).collect())
    }
}

/// Plugin state over rows.
pub(crate) struct KeptState {
    pub shared: Arc<Shared>,
}

/// A value and when it vanishes.
#[derive(Clone)]
struct Value {
    bytes: Vec<u8>,
    until: Option<Moment>,
}

fn prefix(space: &StateSpace, scope: Scope) -> Vec<u8> {
    let mut part = match scope {
        Scope::Tenant => b"t".to_vec(),
        Scope::Contact => contact_part(&space.contact),
    };
    // Digested to half, because keys must stay short; nobody lists state by plugin.
    let whose = Sha256::digest(texts([space.owner.as_str(), space.plugin.as_str()]));
    part.extend(whose.iter().take(PLUGIN_BYTES));
    keys::tenant(&space.tenant, Table::State, &part)
}

/// The contact stands first, so that all that it kept is one range.
pub(crate) fn contact_part(contact: &ContactId) -> Vec<u8> {
    let mut part = b"c".to_vec();
    part.extend_from_slice(&contact.to_bytes());
    part
}

fn key_of(space: &StateSpace, scope: Scope, key: &str) -> Vec<u8> {
    let mut row = prefix(space, scope);
    row.extend_from_slice(key.as_bytes());
    row
}

fn size_key(tenant: &TenantId) -> Vec<u8> {
    keys::tenant(tenant, Table::StateBytes, &[])
}

fn split<'a>(row: &[u8], value: &'a [u8]) -> Result<(Option<Moment>, &'a [u8]), StoreFault> {
    let (until, sealed) = value.split_first_chunk::<8>().ok_or_else(|| unreadable(row, "it is cut short"))?;
    let until = Moment::from_be_bytes(*until);
    Ok(((until != NEVER).then_some(until), sealed))
}

fn bound(row: &[u8], until: Option<Moment>) -> Vec<u8> {
    let mut bound = row.to_vec();
    bound.extend_from_slice(&until.unwrap_or(NEVER).to_be_bytes());
    bound
}

fn open(key: &DataKey, row: &[u8], kept: &Kept) -> Result<Value, StoreFault> {
    let (until, sealed) = split(row, &kept.value)?;
    let bytes = key.open(&bound(row, until), sealed)?.to_vec();
    Ok(Value { bytes, until })
}

fn seal(key: &DataKey, row: &[u8], value: &Value) -> Result<Bytes, StoreFault> {
    let mut kept = value.until.unwrap_or(NEVER).to_be_bytes().to_vec();
    kept.extend_from_slice(&key.seal(&bound(row, value.until), &value.bytes)?);
    Ok(Bytes::from(kept))
}

fn has_vanished(until: Option<Moment>, now: Moment) -> bool {
    until.is_some_and(|until| until <= now)
}

impl KeptState {
    async fn read(&self, space: &StateSpace, scope: Scope, key: &str, now: u64) -> Result<Option<Entry>, StoreFault> {
        let row = key_of(space, scope, key);
        let Some(kept) = self.shared.rows.get(&row).await? else { return Ok(None) };
        let held = self.shared.keyring.of(&space.tenant).await?;
        let value = open(&held.key, &row, &kept)?;
        Ok((!has_vanished(value.until, now)).then_some(Entry { value: value.bytes, revision: kept.revision }))
    }

    async fn page(&self, whole: &[u8], mut range: Range, limit: usize, now: u64) -> Result<KeyPage, StoreFault> {
        let mut found = Vec::new();
        loop {
            let page = self.shared.rows.scan(&range.from, &range.to, limit.saturating_add(1), false).await?;
            let was_last = page.len() <= limit;
            for (row, kept) in page {
                let (until, _) = split(&row, &kept.value)?;
                if !has_vanished(until, now) {
                    let key = row.strip_prefix(whole).and_then(|key| std::str::from_utf8(key).ok());
                    found.push(key.ok_or_else(|| unreadable(&row, "its key has another shape"))?.to_owned());
                }
                range = range.after(&row);
            }
            if found.len() > limit {
                found.truncate(limit);
                let next = found.last().cloned();
                return Ok((found, next));
            }
            if was_last {
                return Ok((found, None));
            }
        }
    }
}

impl State for KeptState {
    fn get<'a>(&'a self, space: &'a StateSpace, scope: Scope, key: &'a str, now: u64) -> BoxFuture<'a, Result<Option<Entry>, RowsFault>> {
        Box::pin(async move { self.read(space, scope, key, now).await.map_err(rows_fault) })
    }

    fn list<'a>(
        &'a self,
        space: &'a StateSpace,
        scope: Scope,
        prefix_wanted: &'a str,
        after: Option<&'a str>,
        limit: usize,
        now: u64,
    ) -> BoxFuture<'a, Result<KeyPage, RowsFault>> {
        Box::pin(async move {
            let mut range = Range::of_prefix(key_of(space, scope, prefix_wanted));
            if let Some(after) = after {
                range = range.after(&key_of(space, scope, after));
            }
            self.page(&prefix(space, scope), range, limit.max(1), now).await.map_err(rows_fault)
        })
    }

    fn tenant_bytes<'a>(&'a self, space: &'a StateSpace) -> BoxFuture<'a, Result<u64, RowsFault>> {
        Box::pin(async move {
            let key = size_key(&space.tenant);
            let Some(kept) = self.shared.rows.get(&key).await? else { return Ok(0) };
            let sums = sums_of(&kept.value).map_err(|why| rows_fault(unreadable(&key, &why)))?;
            Ok(sums.get(BYTES).and_then(|bytes| u64::try_from(*bytes).ok()).unwrap_or(0))
        })
    }
}

fn rows_fault(fault: StoreFault) -> RowsFault {
    match fault {
        StoreFault::Rows(fault) => fault,
        other => RowsFault { why: other.to_string() },
    }
}

/// Waits until no other change of this process increments the same numbers. Lanes are taken in order, so nobody waits in a ring.
pub(crate) async fn turns(shared: &Shared, list: &[Step]) -> Vec<OwnedMutexGuard<()>> {
    let mut lanes = BTreeSet::new();
    for step in list {
        let Step::State { space, writes, .. } = step else { continue };
        for write in writes.iter().filter(|write| matches!(write.change, StateChange::Add(_))) {
            let digest = Sha256::digest(key_of(space, write.scope, &write.key));
            lanes.insert(digest.first().map_or(0, |byte| usize::from(*byte) % LANES));
        }
    }
    let mut turns = Vec::with_capacity(lanes.len());
    for lane in lanes.into_iter().filter_map(|lane| shared.lanes.0.get(lane)) {
        turns.push(Arc::clone(lane).lock_owned().await);
    }
    turns
}

/// Turns state writes into writes of rows. Keys whose races are ours to run again go to `ours`.
pub(crate) async fn resolve(
    shared: &Shared,
    key: &DataKey,
    space: &StateSpace,
    asked: &[StateWrite],
    now: Moment,
    writes: &mut Vec<Write>,
    ours: &mut BTreeSet<Vec<u8>>,
) -> Result<(), CommitError> {
    let mut written: BTreeMap<Vec<u8>, Option<Value>> = BTreeMap::new();
    let mut growth: i64 = 0;
    for write in asked {
        let row = key_of(space, write.scope, &write.key);
        let conflict = || CommitError::Conflict { key: row.clone() };
        let (there, found, expect) = match written.get(&row) {
            Some(earlier) => (earlier.clone(), None, Expect::Anything),
            None => match shared.rows.get(&row).await? {
                Some(kept) => (Some(open(key, &row, &kept).map_err(uncommitted)?), Some(kept.revision), Expect::Revision(kept.revision)),
                None => (None, None, Expect::Absent),
            },
        };
        let before = there.as_ref().map_or(0, |value| size_of(write, value));
        let live = there.filter(|value| !has_vanished(value.until, now));
        match write.only_if {
            None => drop(ours.insert(row.clone())),
            Some(wanted) if wanted == found.filter(|_| live.is_some()) => {}
            Some(_) => return Err(conflict()),
        }
        let after = match &write.change {
            StateChange::Set { value, until } => Some(Value { bytes: value.clone(), until: *until }),
            StateChange::Delete => None,
            StateChange::Add(by) => Some(added(live, *by).ok_or_else(conflict)?),
        };
        if write.scope == Scope::Tenant {
            growth += after.as_ref().map_or(0, |value| size_of(write, value)) - before;
        }
        writes.push(match &after {
            Some(value) => Write::Put { key: row.clone(), value: seal(key, &row, value).map_err(uncommitted)?, expect },
            None => Write::Delete { key: row.clone(), expect },
        });
        written.insert(row, after);
    }
    if growth != 0 {
        writes.push(grown(&space.tenant, growth));
    }
    Ok(())
}

fn grown(tenant: &TenantId, growth: i64) -> Write {
    Write::Add { key: size_key(tenant), by: BTreeMap::from([(BYTES.to_owned(), growth)]) }
}

fn size_of(write: &StateWrite, value: &Value) -> i64 {
    size(write.key.len(), value.bytes.len())
}

fn size(key: usize, value: usize) -> i64 {
    i64::try_from(key.saturating_add(value)).unwrap_or(i64::MAX)
}

/// None where it is no number or would leave the range: the plugin is asked again, and told so.
fn added(live: Option<Value>, by: i64) -> Option<Value> {
    let (number, until) = match live {
        Some(value) => (std::str::from_utf8(&value.bytes).ok()?.trim().parse::<i64>().ok()?, value.until),
        None => (0, None),
    };
    Some(Value { bytes: number.checked_add(by)?.to_string().into_bytes(), until })
}

impl TenantStore {
    /// Removes state that has vanished, and the state of contacts that are over; says how many values. To be called now and then:
    /// nothing is wrong before, it only takes room.
    pub async fn sweep_state(&self, now: Moment) -> Result<usize, StoreFault> {
        let mut range = self.range(Table::State, &[]);
        let whole = range.from.len();
        let mut over: BTreeMap<[u8; 16], bool> = BTreeMap::new();
        let mut swept = 0;
        loop {
            let page = self.shared.rows.scan(&range.from, &range.to, SWEEP_STEP, false).await?;
            let Some((last, _)) = page.last() else { return Ok(swept) };
            range = range.after(last);
            for (row, kept) in page {
                let (until, sealed) = split(&row, &kept.value)?;
                let gone = match row.get(whole..).and_then(contact_of) {
                    Some(contact) => match over.get(&contact) {
                        Some(is_over) => *is_over,
                        None => *over.entry(contact).or_insert(self.is_over(&ContactId::from_bytes(contact), now).await?),
                    },
                    None => false,
                };
                if gone || has_vanished(until, now) {
                    swept += usize::from(self.sweep_row(whole, &row, kept.revision, sealed.len()).await?);
                }
            }
        }
    }

    /// True where it went; somebody who wrote it meanwhile is right.
    async fn sweep_row(&self, whole: usize, row: &[u8], revision: u64, sealed_bytes: usize) -> Result<bool, StoreFault> {
        let mut writes = vec![Write::Delete { key: row.to_vec(), expect: Expect::Revision(revision) }];
        if let Some([b't', rest @ ..]) = row.get(whole..) {
            let key = rest.get(PLUGIN_BYTES..).unwrap_or_default();
            writes.push(grown(&self.id, -size(key.len(), sealed_bytes.saturating_sub(crate::seal::SEAL_BYTES))));
        }
        match self.shared.rows.commit(Batch { writes }).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(fault_of(error)),
        }
    }

    async fn is_over(&self, id: &ContactId, now: Moment) -> Result<bool, StoreFault> {
        let ended = match self.get::<Contact>(id).await? {
            Some(found) => found.row.phase == jackfield_domain::contact::Phase::Ended,
            None => true,
        };
        if ended {
            return Ok(true);
        }
        let last = self.turns(id).await?.last().map_or(id.arrived_ms(), |turn| turn.at);
        Ok(now.saturating_sub(last) > ORPHAN_AGE_MS)
    }
}

fn contact_of(part: &[u8]) -> Option<[u8; 16]> {
    match part {
        [b'c', rest @ ..] => rest.first_chunk::<16>().copied(),
        _ => None,
    }
}
