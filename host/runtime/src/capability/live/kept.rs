//! Lays an invocation's own writes over what the store holds, so that they are seen at once and true only with the decision.
//!
//! Every key is read from the store at most once, so that an invocation sees one state of it. For each key at most one write
//! leaves: what the key was set to, that it is gone, or, where it was only ever added to, the sum, so that contacts that add at
//! once all count. A `compare-and-set` leaves its guard against the revision that the store had.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_domain::capability::{Denial, Entry, Scope, StateChange, StateWrite};
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::state::{KeyPage, State, StateSpace};

/// Longest key, as the contract says.
const KEY_BYTES_MAX: usize = 256;
/// Largest value, as the contract says.
const VALUE_BYTES_MAX: usize = 16 * 1024;

pub(super) struct KeptParts {
    pub(super) state: Arc<dyn State>,
    pub(super) space: StateSpace,
    pub(super) now: Moment,
    pub(super) contact_bytes: u64,
    pub(super) contact_bytes_max: u64,
    pub(super) tenant_bytes_max: u64,
}

type Place = (Scope, String);

/// A key that this invocation wrote.
struct Own {
    /// None where it removed it.
    value: Option<Vec<u8>>,
    until: Option<Moment>,
    only_if: Option<Option<u64>>,
    /// What was added, where nothing else was done.
    added: Option<i64>,
    revision: u64,
}

/// What is kept, as one invocation sees it.
pub(super) struct Kept {
    parts: KeptParts,
    stored: BTreeMap<Place, Option<Entry>>,
    own: BTreeMap<Place, Own>,
    /// Places in the order of their first write.
    order: Vec<Place>,
    tenant_bytes: Option<u64>,
    tenant_growth: i64,
    writes: u64,
}

fn check_key(key: &str) -> Result<(), Denial> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) { Err(Denial::BadKey) } else { Ok(()) }
}

fn bytes(key: &str, value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX))
}

impl Kept {
    pub(super) fn new(parts: KeptParts) -> Self {
        Self { parts, stored: BTreeMap::new(), own: BTreeMap::new(), order: Vec::new(), tenant_bytes: None, tenant_growth: 0, writes: 0 }
    }

    pub(super) async fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Entry>, Denial> {
        check_key(key)?;
        self.seen(&(scope, key.to_owned())).await
    }

    pub(super) async fn set(&mut self, scope: Scope, key: &str, value: &[u8], lifetime_ms: Option<u64>) -> Result<(), Denial> {
        check_key(key)?;
        let until = lifetime_ms.map(|lifetime_ms| self.parts.now.saturating_add(lifetime_ms));
        self.write((scope, key.to_owned()), Some(value.to_vec()), until, None).await
    }

    pub(super) async fn delete(&mut self, scope: Scope, key: &str) -> Result<bool, Denial> {
        check_key(key)?;
        let place = (scope, key.to_owned());
        if self.seen(&place).await?.is_none() {
            return Ok(false);
        }
        self.write(place, None, None, None).await?;
        Ok(true)
    }

    pub(super) async fn compare_and_set(&mut self, scope: Scope, key: &str, expected: Option<u64>, value: &[u8]) -> Result<bool, Denial> {
        check_key(key)?;
        let place = (scope, key.to_owned());
        if self.seen(&place).await?.map(|entry| entry.revision) != expected {
            return Ok(false);
        }
        // Where this invocation has written the key before, the comparison is with its own write and the store is not asked.
        let guard = if self.own.contains_key(&place) { None } else { Some(expected) };
        self.write(place, Some(value.to_vec()), None, guard).await?;
        Ok(true)
    }

    pub(super) async fn increment(&mut self, scope: Scope, key: &str, by: i64) -> Result<i64, Denial> {
        check_key(key)?;
        let place = (scope, key.to_owned());
        let number = match self.seen(&place).await? {
            None => 0,
            Some(entry) => std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse().ok()).ok_or(Denial::NotANumber)?,
        };
        let sum = i64::checked_add(number, by).ok_or(Denial::NotANumber)?;
        let before = self.own.get(&place);
        let added = match before {
            None => Some(by),
            Some(own) => own.added.and_then(|added| added.checked_add(by)),
        };
        // A value that was set, with its lifetime, stays a set value; one that was only added to stays a sum.
        let until = before.and_then(|own| own.until);
        self.write(place.clone(), Some(sum.to_string().into_bytes()), until, None).await?;
        if let Some(own) = self.own.get_mut(&place) {
            own.added = added;
        }
        Ok(sum)
    }

    /// Keys that begin so, after the cursor: the store's, without those removed here, and with those added here.
    pub(super) async fn list(&mut self, scope: Scope, prefix: &str, after: Option<&str>, limit: usize) -> Result<KeyPage, Denial> {
        if prefix.len() > KEY_BYTES_MAX || after.is_some_and(|after| after.len() > KEY_BYTES_MAX) {
            return Err(Denial::BadKey);
        }
        let fits = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let own: Vec<(&str, bool)> = self
            .own
            .iter()
            .filter(|((whose, key), _)| *whose == scope && fits(key))
            .map(|((_, key), own)| (key.as_str(), own.value.is_some()))
            .collect();
        let gone = own.iter().filter(|(_, is_there)| !is_there).count();
        let KeptParts { state, space, now, .. } = &self.parts;
        let page = state.list(space, scope, prefix, after, limit.saturating_add(gone), *now).await;
        let (stored, more) = page.map_err(|_| Denial::Unavailable)?;
        // Beyond the last stored key of an unfinished page nothing can be said yet.
        let end = more.as_ref().and_then(|_| stored.last().cloned());
        let mut keys: Vec<String> = stored.into_iter().filter(|key| !own.iter().any(|(of, is_there)| of == key && !is_there)).collect();
        let added = own.iter().filter(|(key, is_there)| *is_there && end.as_ref().is_none_or(|end| *key <= end.as_str()));
        keys.extend(added.map(|(key, _)| (*key).to_owned()));
        keys.sort_unstable();
        keys.dedup();
        let cut = keys.len() > limit;
        keys.truncate(limit);
        let next = if cut { keys.last().cloned() } else { end };
        Ok((keys, next))
    }

    /// The writes, the bytes of the contact's state afterwards, and what the tenant's grows by.
    pub(super) fn finish(mut self) -> (Vec<StateWrite>, u64, i64) {
        let mut writes = Vec::with_capacity(self.order.len());
        for (scope, key) in self.order {
            let Some(own) = self.own.remove(&(scope, key.clone())) else { continue };
            let change = match (own.added, own.value) {
                (Some(sum), _) => StateChange::Add(sum),
                (None, Some(value)) => StateChange::Set { value, until: own.until },
                (None, None) => StateChange::Delete,
            };
            writes.push(StateWrite { scope, key, change, only_if: own.only_if });
        }
        (writes, self.parts.contact_bytes, self.tenant_growth)
    }

    async fn seen(&mut self, place: &Place) -> Result<Option<Entry>, Denial> {
        if let Some(own) = self.own.get(place) {
            return Ok(own.value.clone().map(|value| Entry { value, revision: own.revision }));
        }
        if let Some(stored) = self.stored.get(place) {
            return Ok(stored.clone());
        }
        let KeptParts { state, space, now, .. } = &self.parts;
        let stored = state.get(space, place.0, &place.1, *now).await.map_err(|_| Denial::Unavailable)?;
        self.stored.insert(place.clone(), stored.clone());
        Ok(stored)
    }

    async fn write(
        &mut self,
        place: Place,
        value: Option<Vec<u8>>,
        until: Option<Moment>,
        guard: Option<Option<u64>>,
    ) -> Result<(), Denial> {
        if value.as_ref().is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            return Err(Denial::TooLarge);
        }
        let before = bytes(&place.1, self.seen(&place).await?.as_ref().map(|entry| entry.value.as_slice()));
        self.make_room(place.0, before, bytes(&place.1, value.as_deref())).await?;
        self.writes += 1;
        // Revisions of writes that are not true yet: from the far end, where no stored one will ever be.
        let revision = u64::MAX - self.writes;
        if !self.own.contains_key(&place) {
            self.order.push(place.clone());
        }
        let only_if = self.own.get(&place).map_or(guard, |own| own.only_if);
        self.own.insert(place, Own { value, until, only_if, added: None, revision });
        Ok(())
    }

    async fn make_room(&mut self, scope: Scope, before: u64, after: u64) -> Result<(), Denial> {
        match scope {
            Scope::Contact => {
                let total = self.parts.contact_bytes.saturating_sub(before).saturating_add(after);
                if after > before && total > self.parts.contact_bytes_max {
                    return Err(Denial::Full);
                }
                self.parts.contact_bytes = total;
            }
            Scope::Tenant => {
                let stored = match self.tenant_bytes {
                    Some(stored) => stored,
                    None => self.parts.state.tenant_bytes(&self.parts.space).await.map_err(|_| Denial::Unavailable)?,
                };
                self.tenant_bytes = Some(stored);
                let growth = self.tenant_growth.saturating_add_unsigned(after).saturating_sub_unsigned(before);
                if after > before && stored.saturating_add_signed(growth) > self.parts.tenant_bytes_max {
                    return Err(Denial::Full);
                }
                self.tenant_growth = growth;
            }
        }
        Ok(())
    }
}
