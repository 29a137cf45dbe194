//! Removes contacts with all that stands under them: trail, replies, plugin state, the indexes by customer and by provider.
//!
//! The server's retention calls it, the oldest first; which may go is its rule. What stands under a contact goes before the contact
//! itself or together with it, so a crash in between leaves one that is found and removed again. The contact's own revision guards it: one
//! that an event writes meanwhile stays. Usage is not touched; it is a sum, and says nothing of anybody.

use std::sync::Arc;

use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::ContactId;
use jackfield_domain::ports::rows::{BATCH_WRITES_MAX, Batch, CommitError, Expect, Write};

use super::contact::seen_key;
use super::platform::{CallRow, call_key, home_key};
use super::state::contact_part;
use crate::TenantStore;
use crate::fault::{StoreFault, fault_of};
use crate::instance;
use crate::keys::{self, Range, Table};
use crate::rows::{Found, Row};

/// Contacts that are looked at in one go.
pub const FORGET_STEP: usize = 50;
/// Writes of one batch; others wait for a group that takes longer.
const WRITES_MAX: usize = BATCH_WRITES_MAX / 2;
/// Rows that are counted in one go.
const COUNT_STEP: usize = 1_000;

/// What came of one look at the oldest contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Contacts that are gone.
    pub contacts: u64,
    /// Where the next look goes on, behind what was looked at and stays; none where there are no more.
    pub next: Option<ContactId>,
}

impl TenantStore {
    /// How many contacts are kept. Reads all of their rows.
    pub async fn contacts_kept(&self) -> Result<u64, StoreFault> {
        let mut range = self.range(Table::Contact, &[]);
        let mut kept = 0;
        loop {
            let page = self.shared.rows.scan(&range.from, &range.to, COUNT_STEP, false).await?;
            let Some((last, _)) = page.last() else { return Ok(kept) };
            range = range.after(last);
            kept += page.len() as u64;
        }
    }

    /// Looks at [`FORGET_STEP`] contacts, the oldest after `after`, and removes at most `most` of those that may go. `may_go` is given
    /// the contact and the moment of its last event.
    pub async fn forget_oldest(
        &self,
        after: Option<&ContactId>,
        most: u64,
        may_go: impl Fn(&Contact, Moment) -> bool,
    ) -> Result<Forgotten, StoreFault> {
        let page = self.list::<Contact>(after, FORGET_STEP).await?;
        let mut forgotten = Forgotten { contacts: 0, next: page.last().map(|found| found.row.id) };
        let (mut together, mut contacts, mut looked_at) = (Vec::new(), 0, after.copied());
        let mut whole = true;
        for found in &page {
            if forgotten.contacts + contacts >= most {
                // Those behind it are the oldest still: the next look begins with them.
                forgotten.next = looked_at;
                break;
            }
            looked_at = Some(found.row.id);
            let (last_event, rows) = self.under(&found.row).await?;
            if !may_go(&found.row, last_event) {
                continue;
            }
            let Some(writes) = self.removal(found, rows).await? else {
                whole = false;
                continue;
            };
            if together.len() + writes.len() > WRITES_MAX {
                let (removed, all) = self.remove(std::mem::take(&mut together), std::mem::take(&mut contacts)).await?;
                forgotten.contacts += removed;
                whole &= all;
            }
            together.extend(writes);
            contacts += 1;
        }
        let (removed, all) = self.remove(together, contacts).await?;
        forgotten.contacts += removed;
        if !(whole && all) {
            // One was written meanwhile, and others stayed with it.
            forgotten.next = after.copied();
        }
        Ok(forgotten)
    }

    /// The moment of a contact's last event, and the keys of what stands under it in its tenant's scope.
    async fn under(&self, contact: &Contact) -> Result<(Moment, Vec<Vec<u8>>), StoreFault> {
        let id = contact.id.to_bytes();
        let turns = self.keys_of(&self.range(Table::Turn, &id)).await?;
        let at = keys::tenant(&self.id, Table::Turn, &id).len();
        let last_turn = turns.last().and_then(|key| key.get(at..)?.first_chunk::<8>().copied()).map(Moment::from_be_bytes);
        let last_event = last_turn.unwrap_or(contact.started).max(contact.ended.unwrap_or(contact.started));
        let mut rows = turns;
        rows.extend(self.keys_of(&self.range(Table::Retry, &id)).await?);
        rows.extend(self.keys_of(&self.range(Table::State, &contact_part(&contact.id))).await?);
        Ok((last_event, rows))
    }

    async fn keys_of(&self, range: &Range) -> Result<Vec<Vec<u8>>, StoreFault> {
        let page = self.shared.rows.scan(&range.from, &range.to, usize::MAX, false).await?;
        Ok(page.into_iter().map(|(key, _)| key).collect())
    }

    /// What removes a contact; none where it was written meanwhile. Where that is more than one batch takes, what stands under it goes
    /// here and now, and never from under one that an event has written since.
    async fn removal(&self, found: &Found<Contact>, mut rows: Vec<Vec<u8>>) -> Result<Option<Vec<Write>>, StoreFault> {
        let delete = |key: Vec<u8>| Write::Delete { key, expect: Expect::Anything };
        let key = keys::tenant(&self.id, Contact::TABLE, &Contact::key_part(&found.row.id));
        while rows.len() > WRITES_MAX / 2 {
            let mut writes: Vec<Write> = rows.split_off(rows.len() - WRITES_MAX / 2).into_iter().map(delete).collect();
            writes.push(Write::Check { key: key.clone(), expect: Expect::Revision(found.revision) });
            match self.shared.rows.commit(Batch { writes }).await {
                Ok(()) => {}
                Err(CommitError::Conflict { .. }) => return Ok(None),
                Err(error) => return Err(fault_of(error)),
            }
        }
        let contact = &found.row;
        let customer = contact.arrival.customer.address.raw.as_str();
        rows.push(seen_key(&self.id, &self.shared.keyring.of(&self.id).await?.key, customer, &contact.id));
        rows.push(home_key(&contact.id));
        rows.push(keys::platform(Table::Live, &contact.id.to_bytes()));
        let mut writes: Vec<Write> = rows.into_iter().map(delete).collect();
        writes.extend(self.call_removal(contact).await?);
        writes.push(Write::Delete { key, expect: Expect::Revision(found.revision) });
        Ok(Some(writes))
    }

    /// A provider may have given the id of an old call to a newer one; that one's row stays.
    async fn call_removal(&self, contact: &Contact) -> Result<Option<Write>, StoreFault> {
        let named = &contact.arrival.provider_contact;
        let key = call_key(instance::of(&self.shared).await?, &contact.connection, named);
        let Some(kept) = self.shared.rows.get(&key).await? else { return Ok(None) };
        let is_its: bool = serde_json::from_slice::<CallRow>(&kept.value).is_ok_and(|CallRow(_, id, _)| id == contact.id);
        Ok(is_its.then_some(Write::Delete { key, expect: Expect::Revision(kept.revision) }))
    }

    /// How many went, and whether that is all: none do where one of them was written meanwhile.
    async fn remove(&self, writes: Vec<Write>, contacts: u64) -> Result<(u64, bool), StoreFault> {
        if writes.is_empty() {
            return Ok((0, true));
        }
        match Arc::clone(&self.shared.rows).commit(Batch { writes }).await {
            Ok(()) => Ok((contacts, true)),
            Err(CommitError::Conflict { .. }) => Ok((0, false)),
            Err(error) => Err(fault_of(error)),
        }
    }
}
