//! Finds contacts and keeps their trails.
//!
//! `contacts find`, `explain` and the capability `customer` read here. Contacts are sealed, so a search opens one after the other,
//! newest first, and looks; ids sort by arrival, so a span of time is a range of keys. A call by its provider's id is asked for in the index
//! that events use. A page opens a bounded number of rows and says
//! where it stopped, because a search that finds nothing must not read a year in one request.
//!
//! A turn may be larger than a row, so it is cut into pieces that are sealed one by one and say whether another follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::{ConnectionId, ContactId, FlowName, TenantId};
use jackfield_domain::ports::rows::{Expect, VALUE_BYTES_MAX};
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::trail::Turn;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::TenantStore;
use crate::change::{Sealing, Step, Steps, in_plain};
use crate::fault::StoreFault;
use crate::keys::{self, Range, Table};
use crate::platform::PlatformStore;
use crate::rows::Found;
use crate::seal::{DataKey, SEAL_BYTES};
use crate::tenant::{misfit, unreadable};

/// Most contacts that one page opens: some tens of milliseconds of one core.
pub const SCAN_ROWS_MAX: usize = 5_000;
/// How many are read at a time: a millisecond of a core, and then others have their turn.
const SCAN_STEP: usize = 50;
/// Most contacts of one page.
pub const PAGE_MAX: usize = 200;
/// Addresses and connections of a tenant that are looked at to find a call by its id; where there are more, it may be found by looking at
/// contacts.
const CONNECTIONS_ASKED_MAX: usize = 1_000;
/// What fits into one piece of a turn, beside the seal and the byte that says whether another follows.
const PIECE_BYTES: usize = VALUE_BYTES_MAX - SEAL_BYTES - 1;
/// A call that was turned away comes again within that long, if at all.
const RETRIED_MS: Moment = 15 * 60 * 1000;
const LAST: u8 = 0;
const MORE: u8 = 1;

/// What is looked for. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactQuery {
    /// Arrived then or later.
    pub from: Option<Moment>,
    /// Arrived before.
    pub to: Option<Moment>,
    /// What was dialled: `voice:number:+1800...`, or the value alone.
    pub address: Option<String>,
    /// Who called, in E.164 or as the provider wrote it.
    pub caller: Option<String>,
    /// The last digits of who called.
    pub caller_suffix: Option<String>,
    /// The provider's id of the contact.
    pub call_id: Option<String>,
    /// A queue that it reached, by name.
    pub queue: Option<String>,
    /// The release it began with.
    pub release: Option<ReleaseNumber>,
    /// The code of a failure that it met.
    pub failure: Option<String>,
    /// The flow that it is in.
    pub flow: Option<FlowName>,
    /// At most this many; [`PAGE_MAX`] at most.
    pub limit: usize,
    /// Where the page before stopped.
    pub cursor: Option<ContactId>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactPage {
    /// Newest first.
    pub contacts: Vec<Found<Contact>>,
    /// Where to go on; none where nothing is left.
    pub next: Option<ContactId>,
    /// How many contacts were looked at.
    pub scanned: usize,
}

impl ContactQuery {
    pub(crate) fn holds(&self, contact: &Contact) -> bool {
        let customer = &contact.arrival.customer.address;
        let is = |wanted: &Option<String>, found: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(found);
        is(&self.address, &|wanted| contact.address.value() == wanted || contact.address.to_string() == wanted)
            && is(&self.caller, &|wanted| customer.e164.as_deref() == Some(wanted) || customer.raw == wanted)
            && is(&self.caller_suffix, &|wanted| customer.e164.as_deref().unwrap_or(&customer.raw).ends_with(wanted))
            && is(&self.call_id, &|wanted| contact.arrival.provider_contact == wanted)
            && is(&self.queue, &|wanted| contact.queues.iter().any(|queue| queue == wanted))
            && is(&self.failure, &|wanted| contact.failures.iter().any(|code| code == wanted))
            && self.release.is_none_or(|wanted| contact.release == Some(wanted))
            && self.flow.as_ref().is_none_or(|wanted| contact.flow == *wanted)
            // Ids are made from the arrival, but the bound is on the moment itself.
            && self.from.is_none_or(|from| contact.id.arrived_ms() >= from)
            && self.to.is_none_or(|to| contact.id.arrived_ms() < to)
    }
}

impl TenantStore {
    /// A contact.
    pub async fn contact(&self, id: &ContactId) -> Result<Option<Found<Contact>>, StoreFault> {
        self.get(id).await
    }

    /// A contact's trail, in order.
    pub async fn turns(&self, id: &ContactId) -> Result<Vec<Turn>, StoreFault> {
        let range = self.range(Table::Turn, &id.to_bytes());
        let page = self.shared.rows.scan(&range.from, &range.to, usize::MAX, false).await?;
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.shared.keyring.of(&self.id).await?;
        let mut turns = Vec::new();
        let mut whole = Zeroizing::new(Vec::new());
        for (key, kept) in page {
            let piece = held.key.open(&key, &kept.value)?;
            let Some((mark, text)) = piece.split_first() else { return Err(unreadable(&key, "it is empty")) };
            whole.extend_from_slice(text);
            if *mark == LAST {
                turns.push(serde_json::from_slice(&whole).map_err(|error| unreadable(&key, &misfit(&error)))?);
                whole.clear();
            }
        }
        Ok(turns)
    }

    /// A page of contacts that fit, those in brief in their places.
    pub async fn find_contacts(&self, query: &ContactQuery) -> Result<ContactPage, StoreFault> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        if let Some(call_id) = query.call_id.as_deref().filter(|_| query.cursor.is_none())
            && let Some(calls) = self.calls_of_that_id(call_id).await?
        {
            return self.with_what_it_retried(query, calls).await;
        }
        let mut page = self.find_briefs(query).await?;
        if query.call_id.is_some() {
            // Only calls are kept in brief, and no two of them are one; else it may be a conversation's.
            let scanned = page.scanned;
            if page.contacts.is_empty() {
                page = self.find_whole(query).await?;
                page.scanned += scanned;
            }
            return Ok(page);
        }
        // What is older than where one of the two stops is of the next page: the other may have something newer.
        let from = page.next.map(ContactId::arrived_ms).max(query.from);
        let whole = self.find_whole(&ContactQuery { from, ..query.clone() }).await?;
        page.scanned += whole.scanned;
        page.next = page.next.max(whole.next);
        page.contacts.extend(whole.contacts);
        page.contacts.retain(|found| page.next.is_none_or(|next| found.row.id >= next));
        page.contacts.sort_by_key(|found| std::cmp::Reverse(found.row.id));
        if page.contacts.len() > limit {
            page.contacts.truncate(limit);
            page.next = page.contacts.last().map(|found| found.row.id);
        }
        Ok(page)
    }

    /// Calls that were found by the index, and what is kept in brief of the same call: where it was turned away at first and came again.
    async fn with_what_it_retried(&self, query: &ContactQuery, calls: Vec<Found<Contact>>) -> Result<ContactPage, StoreFault> {
        let mut page = ContactPage { contacts: Vec::new(), next: None, scanned: calls.len() };
        for found in calls {
            let began = found.row.started;
            let from = query.from.max(Some(began.saturating_sub(RETRIED_MS)));
            let before =
                self.find_briefs(&ContactQuery { from, to: Some(query.to.map_or(began, |to| to.min(began))), ..query.clone() }).await?;
            page.scanned += before.scanned;
            page.contacts.extend(before.contacts);
            page.contacts.extend(query.holds(&found.row).then_some(found));
        }
        page.contacts.sort_by_key(|found| std::cmp::Reverse(found.row.id));
        Ok(page)
    }

    /// Those that are kept one by one.
    async fn find_whole(&self, query: &ContactQuery) -> Result<ContactPage, StoreFault> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let mut range = self.arrivals(query);
        let mut page = ContactPage { contacts: Vec::new(), next: None, scanned: 0 };
        loop {
            let step = self.read_range::<Contact>(&range, SCAN_STEP, true).await?;
            let was_last = step.len() < SCAN_STEP;
            for found in step {
                page.scanned += 1;
                let id = found.row.id;
                if query.holds(&found.row) {
                    page.contacts.push(found);
                }
                range = range.before(self.contact_key(&id));
                if page.contacts.len() >= limit || page.scanned >= SCAN_ROWS_MAX {
                    page.next = Some(id);
                    return Ok(page);
                }
            }
            if was_last {
                return Ok(page);
            }
            tokio::task::yield_now().await;
        }
    }

    /// The calls that a provider's id means on the connections that the tenant has, or that its addresses go through, by the index that
    /// events use. None where it says nothing, or not all: the id of a conversation is that of all its contacts.
    async fn calls_of_that_id(&self, call_id: &str) -> Result<Option<Vec<Found<Contact>>>, StoreFault> {
        let platform = PlatformStore { shared: Arc::clone(&self.shared) };
        let bindings = platform.bindings_of(&self.id, CONNECTIONS_ASKED_MAX).await?;
        let own = platform.connections_of(&self.id, CONNECTIONS_ASKED_MAX).await?;
        let connections: BTreeSet<ConnectionId> =
            bindings.into_iter().map(|binding| binding.connection).chain(own.into_iter().map(|found| found.row.id)).collect();
        let mut calls = Vec::new();
        for connection in &connections {
            let Some((tenant, contact)) = platform.call(connection, call_id).await? else { continue };
            if tenant != self.id {
                continue;
            }
            match self.contact(&contact).await? {
                Some(found) if found.row.channel == Channel::Voice && platform.call_before(connection, call_id).await?.is_none() => {
                    calls.push(found);
                }
                _ => return Ok(None),
            }
        }
        Ok((!calls.is_empty()).then_some(calls))
    }

    /// When a customer was last here before a contact.
    pub async fn last_seen(&self, customer: &str, before: &ContactId) -> Result<Option<Moment>, StoreFault> {
        let held = self.shared.keyring.of(&self.id).await?;
        let range = self.range(Table::Seen, &*held.key.digest("seen", customer.as_bytes()));
        let whole = range.from.len();
        let range = range.before(seen_key(&self.id, &held.key, customer, before));
        let Some((key, _)) = self.shared.rows.scan(&range.from, &range.to, 1, true).await?.pop() else { return Ok(None) };
        let id: Option<[u8; 16]> = key.get(whole..).and_then(|id| id.try_into().ok());
        id.map(|id| Some(ContactId::from_bytes(id).arrived_ms())).ok_or_else(|| unreadable(&key, "its key has another shape"))
    }

    fn contact_key(&self, id: &ContactId) -> Vec<u8> {
        keys::tenant(&self.id, Table::Contact, &id.to_bytes())
    }

    /// The keys of contacts that may fit by their arrival.
    fn arrivals(&self, query: &ContactQuery) -> Range {
        let mut range = self.range(Table::Contact, &[]);
        if let Some(from) = query.from {
            range.from = self.contact_key(&ContactId::first_at(from));
        }
        if let Some(to) = query.to {
            range = range.before(self.contact_key(&ContactId::first_at(to)));
        }
        match &query.cursor {
            Some(cursor) => range.before(self.contact_key(cursor)),
            None => range,
        }
    }
}

/// Where it stands that a customer had a contact.
pub(crate) fn seen_key(tenant: &TenantId, key: &DataKey, customer: &str, contact: &ContactId) -> Vec<u8> {
    let mut part = key.digest("seen", customer.as_bytes()).to_vec();
    part.extend_from_slice(&contact.to_bytes());
    keys::tenant(tenant, Table::Seen, &part)
}

/// Puts a turn, in as many pieces as it takes.
pub(crate) fn put_turn(steps: &mut Steps, tenant: &TenantId, turn: &Turn) {
    let mut part = turn.contact.to_bytes().to_vec();
    part.extend_from_slice(&turn.at.to_be_bytes());
    part.extend_from_slice(&turn.sequence.to_be_bytes());
    let text = match in_plain(turn) {
        Ok(text) => text,
        Err(error) => return steps.refuse(&keys::tenant(tenant, Table::Turn, &part), &error),
    };
    let pieces = text.chunks(PIECE_BYTES);
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.enumerate() {
        let mut key = keys::tenant(tenant, Table::Turn, &part);
        key.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes());
        let mut plain = Zeroizing::new(Vec::with_capacity(piece.len() + 1));
        plain.push(if at == last { LAST } else { MORE });
        plain.extend_from_slice(piece);
        let sealing = Sealing::Of(tenant.clone());
        steps.push(Step::Put { key, plain, sealing, expect: Expect::Absent, owner_in_front: false });
    }
}
