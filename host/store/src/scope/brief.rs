//! Keeps contacts in brief: many in one row, each with the one entry of its trail.
//!
//! The pipeline writes them where overload turns away more than can be kept one by one: what a contact costs is its rows. They are found
//! like any other, by `contacts find` and by their ids. A row is found by time: its key is the first id in it and how many it holds, and
//! the others arrived within [`SPAN_MS`] of that one. There is no index by the provider's id; whoever asks for one looks through what is
//! packed.
//!
//! It must not hold what is not over.

use std::collections::BTreeSet;
use std::io::Read as _;

use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::ports::rows::{BATCH_WRITES_MAX, Batch, Expect, Kept, Write};
use jackfield_domain::trail::Brief;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::TenantStore;
use crate::change::{Sealing, Step, Steps};
use crate::contact::{ContactPage, ContactQuery, PAGE_MAX};
use crate::fault::{StoreFault, fault_of};
use crate::keys::{self, Range, Table};
use crate::platform::PlatformStore;
use crate::rows::Found;
use crate::tenant::{misfit, unreadable};

/// Most contacts of a row: some kilobytes, packed.
pub const BRIEF_MAX: usize = 25;
/// Between the arrivals of the first and the last of a row, at most: a little more than what is written together.
const SPAN_MS: Moment = 250;
/// Of zstd: the fastest, which finds what is alike as well as any.
const LEVEL: i32 = 1;
/// What a contact in brief takes before it is packed. A buffer that grows leaves copies behind that nobody wipes.
const BRIEF_BYTES: usize = 4 * 1024;
/// Of a row that is opened: far more than is written.
const OPENED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Rows that are read at a time.
const STEP: usize = 4;
/// Rows whose keys are read at a time.
const KEYS_STEP: usize = 200;
/// Rows that a page of a search opens: as many contacts as it opens of those that are kept one by one.
const ROWS_MAX: usize = 200;
/// Contacts that one page of a search by the provider's id looks through: half a second of a core, a whole one where each has a row of its own.
const LOOKED_THROUGH_MAX: usize = 100_000;
/// Rows of all tenants that one moment can have; an id that is not among them is nobody's.
const HOMES_MAX: usize = 1_024;

/// What one row holds: at least one, in order of arrival.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Briefs(Vec<Brief>);

impl Briefs {
    /// As few rows as they fit into, each with what came along with its contacts.
    pub fn rows_of<With>(mut all: Vec<(Brief, With)>) -> Vec<(Self, Vec<With>)> {
        all.sort_by_key(|(brief, _)| brief.contact.id);
        let mut rows: Vec<(Self, Vec<With>)> = Vec::new();
        for (brief, with) in all {
            let at = brief.contact.id.arrived_ms();
            match rows.last_mut() {
                Some((row, more)) if row.0.len() < BRIEF_MAX && at.saturating_sub(row.first().arrived_ms()) < SPAN_MS => {
                    row.0.push(brief);
                    more.push(with);
                }
                _ => rows.push((Self(vec![brief]), vec![with])),
            }
        }
        rows
    }

    /// By which it is found.
    pub fn first(&self) -> ContactId {
        self.0.first().map_or_else(|| ContactId::first_at(0), |brief| brief.contact.id)
    }

    /// Its contacts.
    pub fn all(&self) -> &[Brief] {
        &self.0
    }

    fn packed(&self) -> std::io::Result<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(self.0.len() * BRIEF_BYTES));
        serde_json::to_writer(&mut *plain, self)?;
        zstd::bulk::compress(&plain, LEVEL).map(Zeroizing::new)
    }
}

/// A row begins with this; how many it holds follows.
fn key_of(tenant: &TenantId, first: &ContactId) -> Vec<u8> {
    keys::tenant(tenant, Table::Brief, &first.to_bytes())
}

fn home_key(first: &[u8]) -> Vec<u8> {
    keys::platform(Table::BriefHome, first)
}

/// How many contacts a row holds, by its key.
fn held_by(key: &[u8]) -> u64 {
    key.last().map_or(0, |count| u64::from(*count))
}

/// The rows that may hold an id; `key` makes one of a row's first.
fn about(id: &ContactId, key: impl Fn(&ContactId) -> Vec<u8>) -> Range {
    let mut to = key(id);
    to.push(u8::MAX);
    Range { from: key(&ContactId::first_at(id.arrived_ms().saturating_sub(SPAN_MS))), to }
}

/// Puts a row, packed: its contacts are much alike, and sealed they would not pack any more.
pub(crate) fn put(steps: &mut Steps, tenant: &TenantId, row: &Briefs) {
    let first = row.first();
    let mut key = key_of(tenant, &first);
    key.push(u8::try_from(row.0.len()).unwrap_or(u8::MAX));
    match row.packed() {
        Ok(plain) => {
            let sealing = Sealing::Of(tenant.clone());
            steps.push(Step::Put { key, plain, sealing, expect: Expect::Absent, owner_in_front: false });
            steps.put(home_key(&first.to_bytes()), tenant, Sealing::None, Expect::Anything);
        }
        Err(error) => steps.refuse(&key, &error),
    }
}

/// A row as it was read.
struct Opened {
    first: ContactId,
    /// By its key, whether or not it was unpacked.
    count: usize,
    contacts: Vec<Brief>,
    revision: u64,
}

impl TenantStore {
    /// A contact that is kept in brief.
    pub async fn brief(&self, id: &ContactId) -> Result<Option<Found<Brief>>, StoreFault> {
        let mut range = about(id, |first| key_of(&self.id, first));
        // Nearly always it is in the newest that begins before it.
        while let Some(Opened { contacts, revision, .. }) = self.newest_briefs(&mut range, 1, None).await?.pop() {
            if let Some(row) = contacts.into_iter().find(|brief| brief.contact.id == *id) {
                return Ok(Some(Found { row, revision }));
            }
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    /// How many contacts are kept in brief. Reads all of their rows, and opens none.
    pub async fn briefs_kept(&self) -> Result<u64, StoreFault> {
        let mut range = self.range(Table::Brief, &[]);
        let mut kept = 0;
        loop {
            let page = self.shared.rows.scan(&range.from, &range.to, KEYS_STEP, false).await?;
            let Some((last, _)) = page.last() else { return Ok(kept) };
            range = range.after(last);
            kept += page.iter().map(|(key, _)| held_by(key)).sum::<u64>();
        }
    }

    /// Removes some of the oldest rows, of those whose contacts arrived before `before`, until `most` contacts are gone or nearly so. Says
    /// how many are; none where nothing more may go.
    pub async fn forget_briefs(&self, most: u64, before: Moment) -> Result<u64, StoreFault> {
        let end = key_of(&self.id, &ContactId::first_at(before.saturating_sub(SPAN_MS)));
        let range = self.range(Table::Brief, &[]).before(end);
        let page = self.shared.rows.scan(&range.from, &range.to, KEYS_STEP.min(BATCH_WRITES_MAX / 2), false).await?;
        let at = keys::tenant(&self.id, Table::Brief, &[]).len();
        let mut removed = 0;
        let mut writes = Vec::new();
        for (key, _) in page {
            if removed >= most {
                break;
            }
            removed += held_by(&key);
            let first = key.get(at..).and_then(|part| part.split_last());
            writes.extend(first.map(|(_, first)| Write::Delete { key: home_key(first), expect: Expect::Anything }));
            writes.push(Write::Delete { key, expect: Expect::Anything });
        }
        if !writes.is_empty() {
            self.shared.rows.commit(Batch { writes }).await.map_err(fault_of)?;
        }
        Ok(removed)
    }

    /// A page of those that fit: newest first, with where it stopped. Where a provider's id is asked for it looks through many more, because
    /// hardly any fits, and what does not hold the id need not be read.
    pub(crate) async fn find_briefs(&self, query: &ContactQuery) -> Result<ContactPage, StoreFault> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let wanted = query.call_id.as_ref().and_then(|call_id| serde_json::to_string(call_id).ok());
        let (mut range, end) = self.brief_range(query);
        let mut page = ContactPage { contacts: Vec::new(), next: None, scanned: 0 };
        let (mut rows, mut looked_through, mut newest) = (0, 0, None);
        loop {
            let step = self.newest_briefs(&mut range, STEP, wanted.as_deref()).await?;
            let was_last = step.len() < STEP;
            for Opened { first, count, contacts, revision } in step {
                (rows, looked_through, page.scanned) = (rows + 1, looked_through + count, page.scanned + contacts.len());
                let fits = |contact: &Contact| query.holds(contact) && end.is_none_or(|end| contact.id < end);
                let fitting = contacts.into_iter().map(|brief| brief.contact).filter(fits);
                page.contacts.extend(fitting.map(|row| Found { row, revision }));
                // Rows that were not read begin before this one, and reach so far behind its beginning.
                let reached = ContactId::first_at(first.arrived_ms().saturating_add(SPAN_MS));
                let is_full = page.contacts.iter().filter(|found| found.row.id >= reached).count() >= limit;
                // The next page reads again what lies between: one that gave nothing must be further on than that.
                let moves = newest.get_or_insert(first).arrived_ms() >= first.arrived_ms().saturating_add(2 * SPAN_MS);
                let is_long = if wanted.is_some() { looked_through >= LOOKED_THROUGH_MAX } else { rows >= ROWS_MAX };
                if is_full || (is_long && moves) {
                    page.contacts.retain(|found| found.row.id >= reached);
                    page.next = Some(reached);
                    return Ok(page);
                }
            }
            if was_last {
                return Ok(page);
            }
            tokio::task::yield_now().await;
        }
    }

    /// The newest rows of a range, which then ends before them. One without the wanted text gives no contacts.
    async fn newest_briefs(&self, range: &mut Range, most: usize, wanted: Option<&str>) -> Result<Vec<Opened>, StoreFault> {
        let page = self.shared.rows.scan(&range.from, &range.to, most, true).await?;
        let Some((oldest, _)) = page.last() else { return Ok(Vec::new()) };
        range.to.clone_from(oldest);
        let held = self.shared.keyring.of(&self.id).await?;
        let at = keys::tenant(&self.id, Table::Brief, &[]).len();
        let open = |(key, kept): (Vec<u8>, Kept)| {
            let first = key.get(at..).and_then(|part| part.first_chunk::<16>()).map(|id| ContactId::from_bytes(*id));
            let first = first.ok_or_else(|| unreadable(&key, "its key has another shape"))?;
            let packed = held.key.open(&key, &kept.value)?;
            let mut plain = Zeroizing::new(Vec::with_capacity(BRIEF_MAX * BRIEF_BYTES));
            let unpacking = zstd::Decoder::new(packed.as_slice()).and_then(|packed| packed.take(OPENED_BYTES_MAX).read_to_end(&mut plain));
            unpacking.map_err(|error| unreadable(&key, &error.to_string()))?;
            let is_wanted = wanted.is_none_or(|wanted| plain.windows(wanted.len()).any(|part| part == wanted.as_bytes()));
            let contacts = match is_wanted {
                true => serde_json::from_slice(&plain).map_err(|error| unreadable(&key, &misfit(&error)))?,
                false => Vec::new(),
            };
            Ok(Opened { first, count: usize::try_from(held_by(&key)).unwrap_or(0), contacts, revision: kept.revision })
        };
        page.into_iter().map(open).collect()
    }

    /// The rows that may hold what a query asks for, and the id before which it asks.
    fn brief_range(&self, query: &ContactQuery) -> (Range, Option<ContactId>) {
        let end = query.cursor.into_iter().chain(query.to.map(ContactId::first_at)).min();
        let mut range = self.range(Table::Brief, &[]);
        if let Some(from) = query.from {
            range.from = key_of(&self.id, &ContactId::first_at(from.saturating_sub(SPAN_MS)));
        }
        match end {
            Some(end) => (range.before(key_of(&self.id, &end)), Some(end)),
            None => (range, None),
        }
    }
}

impl PlatformStore {
    /// Whose contact in brief an id may be: who has some of that moment.
    pub async fn brief_homes(&self, id: &ContactId) -> Result<BTreeSet<TenantId>, StoreFault> {
        let range = about(id, |first| home_key(&first.to_bytes()));
        let homes = self.shared.rows.scan(&range.from, &range.to, HOMES_MAX, true).await?;
        Ok(homes.iter().filter_map(|(_, kept)| serde_json::from_slice(&kept.value).ok()).collect())
    }
}
