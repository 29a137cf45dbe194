//! Keeps contacts in brief: many in one row, each with the one entry of its trail.
//!
//! The pipeline writes them where overload turns away more than can be kept one by one: what a contact costs is its rows. They are found
//! like any other, by `contacts find` and by their ids; what they lack is an index by the provider's id, because nothing that comes
//! later belongs to them. A row is found by time: its key is the first id in it, and the others arrived within [`SPAN_MS`] of that one.
//!
//! It must not hold what is not over.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::ports::rows::{BATCH_WRITES_MAX, Batch, Expect, Kept, Write};
use jackfield_domain::trail::Brief;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::TenantStore;
use crate::change::{Sealing, Step, Steps, in_plain};
use crate::contact::{ContactPage, ContactQuery, PAGE_MAX};
use crate::fault::{StoreFault, fault_of};
use crate::keys::{self, Range, Table};
use crate::platform::PlatformStore;
use crate::rows::Found;
use crate::tenant::{misfit, unreadable};

/// Most contacts of a row: some kilobytes, packed.
pub const BRIEF_MAX: usize = 25;
/// Between the arrivals of the first and the last of a row, at most.
const SPAN_MS: Moment = 1_000;
/// Of zstd: the fastest, which finds what is alike as well as any.
const LEVEL: i32 = 1;
/// Of a row that is opened: far more than is written.
const OPENED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Rows that are read at a time.
const STEP: usize = 4;
/// Rows that a page of a search opens: as many contacts as it opens of those that are kept one by one.
const ROWS_MAX: usize = 200;
/// Rows of all tenants that one moment can have; an id that is not among them is nobody's.
const HOMES_MAX: usize = 4_096;

/// What one row holds: at least one, in order of arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Briefs(Vec<Brief>);

impl Briefs {
    /// As few rows as they fit into.
    pub fn rows_of(mut all: Vec<Brief>) -> Vec<Self> {
        all.sort_by_key(|brief| brief.contact.id);
        let mut rows: Vec<Self> = Vec::new();
        for brief in all {
            let at = brief.contact.id.arrived_ms();
            match rows.last_mut() {
                Some(row) if row.0.len() < BRIEF_MAX && at.saturating_sub(row.first().arrived_ms()) < SPAN_MS => row.0.push(brief),
                _ => rows.push(Self(vec![brief])),
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
}

fn key_of(tenant: &TenantId, first: &ContactId) -> Vec<u8> {
    keys::tenant(tenant, Table::Brief, &first.to_bytes())
}

fn home_key(first: &ContactId) -> Vec<u8> {
    keys::platform(Table::BriefHome, &first.to_bytes())
}

/// The keys of the rows that may hold an id; `key` makes one of a row's first.
fn about(id: &ContactId, key: impl Fn(&ContactId) -> Vec<u8>) -> Range {
    let mut to = key(id);
    to.push(0);
    Range { from: key(&ContactId::first_at(id.arrived_ms().saturating_sub(SPAN_MS))), to }
}

/// Puts a row, packed: its contacts are much alike, and sealed they would not pack any more.
pub(crate) fn put(steps: &mut Steps, tenant: &TenantId, row: &Briefs) {
    let first = row.first();
    let key = key_of(tenant, &first);
    let packed = in_plain(row).map_err(|error| error.to_string()).and_then(|plain| {
        let packed = zstd::bulk::compress(&plain, LEVEL).map_err(|error| error.to_string());
        packed.map(Zeroizing::new)
    });
    match packed {
        Ok(plain) => {
            let sealing = Sealing::Of(tenant.clone());
            steps.push(Step::Put { key, plain, sealing, expect: Expect::Absent, owner_in_front: false });
            steps.put(home_key(&first), tenant, Sealing::None, Expect::Anything);
        }
        Err(error) => steps.refuse(&key, &error),
    }
}

impl TenantStore {
    /// A contact that is kept in brief.
    pub async fn brief(&self, id: &ContactId) -> Result<Option<Brief>, StoreFault> {
        let mut range = about(id, |first| self.brief_key(first));
        loop {
            let step = self.newest_briefs(&range).await?;
            let was_last = step.len() < STEP;
            for found in step {
                range = range.before(self.brief_key(&found.row.first()));
                if let Some(brief) = found.row.0.into_iter().find(|brief| brief.contact.id == *id) {
                    return Ok(Some(brief));
                }
            }
            if was_last {
                return Ok(None);
            }
            tokio::task::yield_now().await;
        }
    }

    /// How many rows of contacts in brief are kept. Reads all of their keys.
    pub async fn briefs_kept(&self) -> Result<u64, StoreFault> {
        let range = self.brief_range(None, None);
        Ok(self.shared.rows.scan(&range.from, &range.to, usize::MAX, false).await?.len() as u64)
    }

    /// Removes at most `most` rows, the oldest, of those whose contacts arrived before `before`. Says how many.
    pub async fn forget_briefs(&self, most: usize, before: Moment) -> Result<u64, StoreFault> {
        let range = self.brief_range(None, Some(&ContactId::first_at(before.saturating_sub(SPAN_MS))));
        let page = self.shared.rows.scan(&range.from, &range.to, most.min(BATCH_WRITES_MAX / 2), false).await?;
        let at = self.brief_range(None, None).from.len();
        let removed = page.len() as u64;
        let mut writes = Vec::with_capacity(page.len() * 2);
        for (key, _) in page {
            let home = key.get(at..).map(|part| keys::platform(Table::BriefHome, part));
            writes.extend(home.map(|key| Write::Delete { key, expect: Expect::Anything }));
            writes.push(Write::Delete { key, expect: Expect::Anything });
        }
        if !writes.is_empty() {
            self.shared.rows.commit(Batch { writes }).await.map_err(fault_of)?;
        }
        Ok(removed)
    }

    /// Puts those that fit into a page of a search, in their places.
    pub(crate) async fn join_briefs(&self, query: &ContactQuery, page: &mut ContactPage) -> Result<(), StoreFault> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let end = query.cursor.or_else(|| query.to.map(ContactId::first_at));
        let begin = page.next.or_else(|| query.from.map(ContactId::first_at)).unwrap_or_else(|| ContactId::first_at(0));
        let (mut found, scanned, reached) = self.briefs_between(query, &begin, end.as_ref(), limit).await?;
        page.scanned += scanned;
        // What is older than where one of the two stopped is of the next page: the other may have something newer.
        page.next = page.next.max(reached);
        let all = &mut page.contacts;
        all.append(&mut found);
        all.retain(|found| page.next.is_none_or(|next| found.row.id >= next));
        all.sort_by_key(|found| std::cmp::Reverse(found.row.id));
        if all.len() > limit {
            all.truncate(limit);
            page.next = all.last().map(|found| found.row.id);
        }
        Ok(())
    }

    /// Those that fit, how many were looked at, and from which id on all were, where not all.
    async fn briefs_between(
        &self,
        query: &ContactQuery,
        begin: &ContactId,
        end: Option<&ContactId>,
        limit: usize,
    ) -> Result<(Vec<Found<Contact>>, usize, Option<ContactId>), StoreFault> {
        let from = ContactId::first_at(begin.arrived_ms().saturating_sub(SPAN_MS));
        let mut range = self.brief_range(Some(&from), end);
        let (mut found, mut newest): (Vec<Found<Contact>>, Option<ContactId>) = (Vec::new(), None);
        let (mut scanned, mut rows) = (0, 0);
        loop {
            let step = self.newest_briefs(&range).await?;
            let was_last = step.len() < STEP;
            for Found { row, revision } in step {
                let first = row.first();
                range = range.before(self.brief_key(&first));
                (rows, scanned) = (rows + 1, scanned + row.0.len());
                let of_page = row
                    .0
                    .into_iter()
                    .map(|brief| brief.contact)
                    .filter(|contact| contact.id >= *begin && end.is_none_or(|end| contact.id < *end) && query.holds(contact));
                found.extend(of_page.map(|row| Found { row, revision }));
                // Rows that were not read begin before this one, and reach so far behind its beginning.
                let reached = ContactId::first_at(first.arrived_ms().saturating_add(SPAN_MS));
                let newer = found.iter().filter(|found| found.row.id >= reached).count();
                let is_full = newer >= limit;
                // The next page reads again what lies between: one that gave nothing must be further on than that.
                let moves = newest.get_or_insert(first).arrived_ms() >= first.arrived_ms().saturating_add(2 * SPAN_MS);
                if is_full || (rows >= ROWS_MAX && moves) {
                    return Ok((found, scanned, Some(reached)));
                }
            }
            if was_last {
                return Ok((found, scanned, None));
            }
            tokio::task::yield_now().await;
        }
    }

    /// The newest [`STEP`] rows of a range.
    async fn newest_briefs(&self, range: &Range) -> Result<Vec<Found<Briefs>>, StoreFault> {
        let page = self.shared.rows.scan(&range.from, &range.to, STEP, true).await?;
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.shared.keyring.of(&self.id).await?;
        let open = |(key, kept): (Vec<u8>, Kept)| {
            let packed = held.key.open(&key, &kept.value)?;
            let mut plain = Zeroizing::new(Vec::new());
            let unpacking = zstd::Decoder::new(packed.as_slice()).and_then(|packed| packed.take(OPENED_BYTES_MAX).read_to_end(&mut plain));
            unpacking.map_err(|error| unreadable(&key, &error.to_string()))?;
            let row = serde_json::from_slice(&plain).map_err(|error| unreadable(&key, &misfit(&error)))?;
            Ok(Found { row, revision: kept.revision })
        };
        page.into_iter().map(open).collect()
    }

    fn brief_key(&self, first: &ContactId) -> Vec<u8> {
        key_of(&self.id, first)
    }

    fn brief_range(&self, from: Option<&ContactId>, to: Option<&ContactId>) -> Range {
        let mut range = self.range(Table::Brief, &[]);
        if let Some(from) = from {
            range.from = self.brief_key(from);
        }
        match to {
            Some(to) => range.before(self.brief_key(to)),
            None => range,
        }
    }
}

impl PlatformStore {
    /// Whose contact in brief an id is.
    pub async fn brief_home(&self, id: &ContactId) -> Result<Option<TenantId>, StoreFault> {
        let range = about(id, home_key);
        let homes = self.shared.rows.scan(&range.from, &range.to, HOMES_MAX, true).await?;
        let tenants: BTreeSet<TenantId> = homes.iter().filter_map(|(_, kept)| serde_json::from_slice(&kept.value).ok()).collect();
        for tenant in tenants {
            let scope = TenantStore { shared: Arc::clone(&self.shared), id: tenant };
            if scope.brief(id).await?.is_some() {
                return Ok(Some(scope.id));
            }
        }
        Ok(None)
    }
}
