//! Gathers what belongs together into one batch, seals it and commits it: all of it is durable, or none of it happened.
//!
//! The pipeline's commit step and every write of the admin API go through [`Change`]; there is no other way to write a row. It is a
//! list of steps and not a list of writes, because keys are fetched and increments resolved only when it is committed, and again
//! where an increment lost a race that its plugin must not notice.
//!
//! It must not retry a conflict that its caller asked for: an expectation that failed is the caller's to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::capability::StateWrite;
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::{ConnectionId, ContactId, FlowName, TenantId};
use jackfield_domain::ports::rows::{Batch, CommitError, Expect, RowsFault, Write};
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::trail::Turn;
use jackfield_domain::usage::{Purpose, Tally};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::Shared;
use crate::brief::{self, Briefs};
use crate::fault::{StoreFault, uncommitted};
use crate::instance;
use crate::keys;
use crate::platform::{CallRow, PlatformChange, call_key};
use crate::rows::Row;
use crate::seal::{Held, Keyring, is_tombstone};
use crate::state;
use crate::tenant::{misfit, unreadable};
use crate::{contact, usage};

/// How often an increment is tried again. Every lost race means that somebody else's increment won, so this is how many contacts may
/// add to one number at the very same moment; they queue for the key before they try, so it is hardly ever needed.
const RACES_MAX: usize = 32;

/// What most rows fit into: contacts, turns and replies have a kilobyte or two.
const ROW_BYTES: usize = 2 * 1024;

/// What a counter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counter {
    /// What happened on a day, in the tenant's zone.
    Usage {
        /// "2026-11-23".
        day: String,
        /// In which flow.
        flow: FlowName,
        /// By which release; none where no plugin answered.
        release: Option<ReleaseNumber>,
        /// Why it ran.
        purpose: Purpose,
    },
    /// A release's "invocations" and "failures": what makes it a good one.
    Record {
        /// Whose release.
        flow: FlowName,
        /// Which.
        release: ReleaseNumber,
    },
}

/// Whose key seals a value.
#[derive(Clone)]
pub(crate) enum Sealing {
    None,
    /// The scope's own.
    Of(TenantId),
}

/// One part of a change, before keys are fetched.
pub(crate) enum Step {
    /// A write that is ready.
    Ready(Write),
    /// A value to be sealed for its row.
    Put { key: Vec<u8>, plain: Zeroizing<Vec<u8>>, sealing: Sealing, expect: Expect, owner_in_front: bool },
    /// State writes, resolved against what is there.
    State { space: StateSpace, writes: Vec<StateWrite>, now: Moment },
    /// A provider's id of a contact, digested when it is committed, and where the contact lives.
    Call { connection: ConnectionId, provider_contact: String, row: CallRow, expect: Expect },
    /// A tenant's row is written: a name that was erased gets a new key.
    Revive(TenantId),
}

/// Steps towards one batch.
pub(crate) struct Steps {
    pub shared: Arc<Shared>,
    list: Vec<Step>,
    refused: Option<CommitError>,
}

/// A row as JSON. Most fit into what is taken at once: growing would copy it again and again, and leave copies behind that nobody wipes.
pub(crate) fn in_plain(row: &impl Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(ROW_BYTES));
    serde_json::to_writer(&mut *plain, row)?;
    Ok(plain)
}

impl Steps {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, list: Vec::new(), refused: None }
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.list.push(step);
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, row: &impl Serialize, sealing: Sealing, expect: Expect) {
        match in_plain(row) {
            Ok(plain) => self.push(Step::Put { key, plain, sealing, expect, owner_in_front: false }),
            Err(error) => self.refuse(&key, &error),
        }
    }

    pub(crate) fn mark(&mut self, key: Vec<u8>, value: Bytes) {
        self.push(Step::Ready(Write::Put { key, value, expect: Expect::Anything }));
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>, expect: Expect) {
        self.push(Step::Ready(Write::Delete { key, expect }));
    }

    pub(crate) fn check(&mut self, key: Vec<u8>, expect: Expect) {
        self.push(Step::Ready(Write::Check { key, expect }));
    }

    /// A row that cannot be written as JSON is a fault of ours; the batch is refused when it is committed.
    pub(crate) fn refuse(&mut self, key: &[u8], error: &dyn std::fmt::Display) {
        self.refused.get_or_insert(CommitError::Fault(RowsFault { why: format!("{} cannot be written: {error}", keys::in_words(key)) }));
    }

    /// Commits. `scope` is the tenant whose change it is.
    pub(crate) async fn commit(self, scope: Option<&TenantId>) -> Result<(), CommitError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let owners: BTreeSet<&TenantId> = scope.into_iter().chain(self.list.iter().filter_map(Step::owner)).collect();
        let _turns = state::turns(&self.shared, &self.list).await;
        let mut races = 0;
        loop {
            let (writes, ours) = resolve(&self.shared, &self.list, &owners).await?;
            match self.shared.rows.commit(Batch { writes }).await {
                Err(CommitError::Conflict { key }) if ours.contains(&key) && races < RACES_MAX => races += 1,
                Err(CommitError::Conflict { key }) => {
                    // A key that changed is the one of an erased tenant: the next question must go to the database.
                    owners.iter().filter(|owner| Keyring::row_of(owner) == key).for_each(|owner| self.shared.keyring.forget(owner));
                    return Err(CommitError::Conflict { key });
                }
                other => return other,
            }
        }
    }
}

impl Step {
    fn owner(&self) -> Option<&TenantId> {
        match self {
            Self::Put { sealing: Sealing::Of(owner), .. } => Some(owner),
            Self::State { space, .. } => Some(&space.tenant),
            _ => None,
        }
    }
}

/// The writes, and the keys whose races are ours to run again.
async fn resolve(shared: &Shared, list: &[Step], owners: &BTreeSet<&TenantId>) -> Result<(Vec<Write>, BTreeSet<Vec<u8>>), CommitError> {
    let mut ours = BTreeSet::new();
    let mut writes = Vec::with_capacity(list.len() + owners.len() + 2);
    // First of all, because a tenant that is written again must have its key before anything is sealed with it.
    for step in list {
        if let Step::Revive(tenant) = step {
            revive(shared, tenant).await?;
        }
    }
    let mut held: BTreeMap<&TenantId, Held> = BTreeMap::new();
    for owner in owners {
        let key = shared.keyring.of(owner).await.map_err(|fault| match fault {
            StoreFault::Erased(tenant) => CommitError::Conflict { key: Keyring::row_of(&tenant) },
            other => uncommitted(other),
        })?;
        writes.push(Write::Check { key: Keyring::row_of(owner), expect: Expect::Revision(key.revision) });
        held.insert(owner, key);
    }
    for step in list {
        match step {
            Step::Ready(write) => writes.push(write.clone()),
            Step::Put { key, plain, sealing, expect, owner_in_front } => {
                let value = match sealing {
                    Sealing::None => Bytes::copy_from_slice(plain),
                    Sealing::Of(owner) => sealed(&held, owner, key, plain, *owner_in_front).map_err(uncommitted)?,
                };
                writes.push(Write::Put { key: key.clone(), value, expect: *expect });
            }
            Step::State { space, writes: asked, now } => {
                if let Some(held) = held.get(&space.tenant) {
                    state::resolve(shared, &held.key, space, asked, *now, &mut writes, &mut ours).await?;
                }
            }
            Step::Call { connection, provider_contact, row, expect } => {
                let key = call_key(instance::of(shared).await.map_err(uncommitted)?, connection, provider_contact);
                let value = serde_json::to_vec(row).map_err(|e| uncommitted(unreadable(&key, &misfit(&e))))?;
                writes.push(Write::Put { key, value: Bytes::from(value), expect: *expect });
            }
            Step::Revive(_) => {}
        }
    }
    Ok((writes, ours))
}

fn sealed(held: &BTreeMap<&TenantId, Held>, owner: &TenantId, key: &[u8], plain: &[u8], owner_in_front: bool) -> Result<Bytes, StoreFault> {
    let holder = held.get(owner).ok_or_else(|| StoreFault::missing("data key", owner.as_str()))?;
    let value = holder.key.seal(key, plain)?;
    if !owner_in_front {
        return Ok(Bytes::from(value));
    }
    let mut with_owner = keys::texts([owner.as_str()]);
    with_owner.extend_from_slice(&value);
    Ok(Bytes::from(with_owner))
}

/// Gives an erased name a new key, once nothing of its old owner is left.
async fn revive(shared: &Shared, tenant: &TenantId) -> Result<(), CommitError> {
    let row = Keyring::row_of(tenant);
    let Some(kept) = shared.rows.get(&row).await? else { return Ok(()) };
    match is_tombstone(&kept.value) {
        None => Ok(()),
        Some(false) => Err(CommitError::Conflict { key: row }),
        Some(true) => {
            let value = shared.keyring.wrap_new(&row).map_err(uncommitted)?;
            let put = Write::Put { key: row, value, expect: Expect::Revision(kept.revision) };
            shared.rows.commit(Batch { writes: vec![put] }).await
        }
    }
}

/// A batch in a tenant's scope.
pub struct Change {
    tenant: TenantId,
    steps: Steps,
}

impl Change {
    pub(crate) fn new(shared: Arc<Shared>, tenant: TenantId) -> Self {
        Self { tenant, steps: Steps::new(shared) }
    }

    fn key<R: Row>(&self, id: &R::Id) -> Vec<u8> {
        keys::tenant(&self.tenant, R::TABLE, &R::key_part(id))
    }

    /// Writes a row.
    pub fn put<R: Row>(mut self, row: &R, expect: Expect) -> Self {
        let key = self.key::<R>(&row.id());
        let sealing = if R::SEALED { Sealing::Of(self.tenant.clone()) } else { Sealing::None };
        self.steps.put(key, row, sealing, expect);
        self
    }

    /// Writes a version of a plugin, which never changes, and the index by which the same bytes are found to be the same version.
    pub fn version(mut self, version: &Version) -> Self {
        let key = crate::tenant::version_by_digest(&self.tenant, &version.plugin, &version.digest);
        self.steps.push(Step::Ready(Write::Put {
            key,
            value: Bytes::copy_from_slice(&version.number.to_be_bytes()),
            expect: Expect::Absent,
        }));
        self.put(version, Expect::Absent)
    }

    /// Removes a version, so that the same bytes would be another one.
    pub fn forget_version(mut self, version: &Version, expect: Expect) -> Self {
        let key = crate::tenant::version_by_digest(&self.tenant, &version.plugin, &version.digest);
        self.steps.delete(key, Expect::Anything);
        self.delete::<Version>(&(version.plugin.clone(), version.number), expect)
    }

    /// Removes a row.
    pub fn delete<R: Row>(mut self, id: &R::Id, expect: Expect) -> Self {
        let key = self.key::<R>(id);
        self.steps.delete(key, expect);
        self
    }

    /// Changes nothing, and refuses the change where the expectation fails.
    pub fn check<R: Row>(mut self, id: &R::Id, expect: Expect) -> Self {
        let key = self.key::<R>(id);
        self.steps.check(key, expect);
        self
    }

    /// Counts. Changes that count the same never conflict.
    pub fn count(mut self, counter: &Counter, by: &[(&str, i64)]) -> Self {
        let by: BTreeMap<String, i64> = by.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        let key = usage::key_of(&self.tenant, counter);
        self.steps.push(Step::Ready(Write::Add { key, by }));
        self
    }

    /// Counts what an entry of the trail adds: sums and peaks. Changes that count the same never conflict.
    pub fn tally(mut self, counter: &Counter, tally: Tally) -> Self {
        let key = usage::key_of(&self.tenant, counter);
        if !tally.sums.is_empty() {
            self.steps.push(Step::Ready(Write::Add { key: key.clone(), by: tally.sums }));
        }
        if !tally.peaks.is_empty() {
            self.steps.push(Step::Ready(Write::Raise { key, to: tally.peaks }));
        }
        self
    }

    /// Adds an entry to a contact's trail.
    pub fn turn(mut self, turn: &Turn) -> Self {
        contact::put_turn(&mut self.steps, &self.tenant, turn);
        self
    }

    /// Keeps a row of contacts in brief.
    pub fn briefs(mut self, row: &Briefs) -> Self {
        brief::put(&mut self.steps, &self.tenant, row);
        self
    }

    /// Writes plugin state: resolved when it is committed, so that increments of many contacts all count. `now` tells what has
    /// vanished.
    pub fn state(mut self, space: &StateSpace, writes: &[StateWrite], now: Moment) -> Self {
        let space = StateSpace { tenant: self.tenant.clone(), ..space.clone() };
        self.steps.push(Step::State { space, writes: writes.to_vec(), now });
        self
    }

    /// Remembers that a customer had this contact. Only a keyed digest of the customer is kept.
    pub async fn seen(mut self, customer: &str, contact: &ContactId) -> Result<Self, StoreFault> {
        let held = self.steps.shared.keyring.of(&self.tenant).await?;
        let key = contact::seen_key(&self.tenant, &held.key, customer, contact);
        self.steps.mark(key, Bytes::new());
        Ok(self)
    }

    /// Adds rows of the platform's scope to the same batch.
    pub fn platform(self, rows: impl FnOnce(PlatformChange) -> PlatformChange) -> Self {
        Self { steps: rows(PlatformChange { steps: self.steps }).steps, tenant: self.tenant }
    }

    /// Commits. When it returns Ok, neither a crash nor a power cut loses it.
    pub async fn commit(self) -> Result<(), CommitError> {
        self.steps.commit(Some(&self.tenant)).await
    }
}
