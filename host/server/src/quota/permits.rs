//! Counts the contacts that are live, of this process: a map behind the domain's port.
//!
//! The quotas of an event ask for a permit; [`Live::rebuild`] counts the rows of the store again at start. Every level counts, limited
//! or not, so that a limit that is set later is right at once. A contact whose end nobody reports is over after its own lifetime.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::contact::Moment;
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::permits::{NoRoom, Permit, Permits, Wanting};
use jackfield_store::{Store, StoreFault};

/// Contacts that one process counts: about 200 bytes each, a hundred megabytes at worst. More than that are let in only where they
/// are exempt; the platform is named as the level that has no room.
const LIVE_MAX: usize = 500_000;
/// Rows read at a time at start.
const PAGE: usize = 1_000;

#[derive(Debug)]
struct Held {
    levels: Arc<[TenantId]>,
    until: Moment,
}

#[derive(Debug, Default)]
struct Counts {
    contacts: HashMap<ContactId, Held>,
    levels: HashMap<TenantId, u64>,
    ending: BTreeSet<(Moment, ContactId)>,
}

/// The live contacts of this process.
#[derive(Debug, Default)]
pub(super) struct Live {
    counts: Mutex<Counts>,
}

impl Counts {
    fn add(&mut self, contact: ContactId, levels: Arc<[TenantId]>, until: Moment) {
        for level in levels.iter() {
            *self.levels.entry(level.clone()).or_default() += 1;
        }
        self.ending.insert((until, contact));
        self.contacts.insert(contact, Held { levels, until });
    }

    fn remove(&mut self, contact: &ContactId) {
        let Some(held) = self.contacts.remove(contact) else { return };
        self.ending.remove(&(held.until, *contact));
        for level in held.levels.iter() {
            if let Some(count) = self.levels.get_mut(level) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.levels.remove(level);
                }
            }
        }
    }

    fn drop_ended(&mut self, now: Moment) {
        while let Some((until, contact)) = self.ending.first().copied().filter(|(until, _)| *until <= now) {
            self.ending.remove(&(until, contact));
            self.remove(&contact);
        }
    }

    fn acquire(&mut self, wanting: Wanting, now: Moment) -> Result<Permit, NoRoom> {
        self.drop_ended(now);
        let Wanting { contact, levels, until, exempt } = wanting;
        if let Some(held) = self.contacts.get_mut(&contact) {
            self.ending.remove(&(held.until, contact));
            held.until = until;
            self.ending.insert((until, contact));
            return Ok(Permit::Held);
        }
        for (level, limit) in &levels {
            let live = self.levels.get(level).copied().unwrap_or(0);
            if let Some(limit) = limit.filter(|limit| !exempt && live >= *limit) {
                return Err(NoRoom { level: level.clone(), limit });
            }
        }
        if self.contacts.len() >= LIVE_MAX && !exempt {
            return Err(NoRoom { level: TenantId::platform(), limit: LIVE_MAX as u64 });
        }
        self.add(contact, levels.into_iter().map(|(level, _)| level).collect(), until);
        Ok(Permit::New)
    }
}

impl Live {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the contacts again that were live before the process ended, and removes the rows of those that are over.
    pub(super) async fn rebuild(&self, store: &Store, now: Moment) -> Result<(), StoreFault> {
        let platform = store.platform();
        let mut paths: HashMap<TenantId, Arc<[TenantId]>> = HashMap::new();
        let mut after = None;
        loop {
            let page = platform.live_contacts(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.contact);
            let mut over = platform.change();
            for live in &page {
                if live.until <= now {
                    over = over.over(&live.contact);
                    continue;
                }
                let path = match paths.get(&live.tenant) {
                    Some(path) => Arc::clone(path),
                    None => {
                        let found = platform.tenant(&live.tenant).await?;
                        let above = found.map(|found| found.row.ancestors).unwrap_or_default();
                        let path: Arc<[TenantId]> = std::iter::once(live.tenant.clone()).chain(above).collect();
                        paths.insert(live.tenant.clone(), Arc::clone(&path));
                        path
                    }
                };
                self.counts().add(live.contact, path, live.until);
            }
            over.commit().await.map_err(crate::pipeline::unwritten)?;
        }
    }

    /// Removes the rows of contacts that are over although nobody reported it.
    pub(super) async fn sweep(&self, store: &Store, now: Moment) -> Result<(), StoreFault> {
        let platform = store.platform();
        let mut after = None;
        loop {
            let page = platform.live_contacts(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.contact);
            let over: Vec<_> = page.iter().filter(|live| live.until <= now).collect();
            // A conversation that goes on meanwhile writes its row again.
            if !over.is_empty() {
                let change = over.into_iter().fold(platform.change(), |change, live| change.over(&live.contact));
                change.commit().await.map_err(crate::pipeline::unwritten)?;
            }
        }
    }

    /// Gives a permit back at once.
    pub(super) fn end(&self, contact: &ContactId) {
        self.counts().remove(contact);
    }

    /// Gives back the permits of a tenant that was erased: nobody will report that its contacts are over.
    pub(super) fn forget_tenant(&self, tenant: &TenantId) {
        let mut counts = self.counts();
        let its = |held: &Held| held.levels.first() == Some(tenant);
        let contacts: Vec<ContactId> = counts.contacts.iter().filter(|(_, held)| its(held)).map(|(contact, _)| *contact).collect();
        contacts.iter().for_each(|contact| counts.remove(contact));
    }

    /// True where the contact holds a permit.
    pub(super) fn holds(&self, contact: &ContactId) -> bool {
        self.counts().contacts.contains_key(contact)
    }
}

impl Permits for Live {
    fn acquire(&self, wanting: Wanting, now: Moment) -> BoxFuture<'_, Result<Permit, NoRoom>> {
        Box::pin(async move { self.counts().acquire(wanting, now) })
    }

    fn release(&self, contact: ContactId) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.end(&contact) })
    }

    fn live<'a>(&'a self, level: &'a TenantId, now: Moment) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let mut counts = self.counts();
            counts.drop_ended(now);
            counts.levels.get(level).copied().unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(nth: u64) -> ContactId {
        ContactId::new(nth, [0; 10])
    }

    fn wanting(nth: u64, levels: &[(&str, Option<u64>)], until: Moment) -> Wanting {
        let levels = levels.iter().map(|(level, limit)| (level.parse().unwrap(), *limit)).collect();
        Wanting { contact: contact(nth), levels, until, exempt: false }
    }

    #[tokio::test]
    async fn no_level_has_more_live_contacts_than_its_limit_and_an_end_makes_room() {
        let live = Live::default();
        let sales = [("sales", Some(5)), ("acme", Some(3))];
        let brand = [("brand", None), ("acme", Some(3))];
        for nth in 0..2 {
            assert_eq!(live.acquire(wanting(nth, &sales, 100), 0).await, Ok(Permit::New));
        }
        assert_eq!(live.acquire(wanting(2, &brand, 100), 0).await, Ok(Permit::New));
        let none = live.acquire(wanting(3, &brand, 100), 0).await.unwrap_err();
        assert_eq!((none.level.as_str(), none.limit), ("acme", 3));
        assert_eq!(live.acquire(wanting(0, &sales, 100), 0).await, Ok(Permit::Held));
        live.release(contact(0)).await;
        live.release(contact(0)).await;
        assert_eq!(live.acquire(wanting(3, &brand, 100), 0).await, Ok(Permit::New));
        let exempt = Wanting { exempt: true, ..wanting(4, &brand, 100) };
        assert_eq!(live.acquire(exempt, 0).await, Ok(Permit::New));
        assert_eq!(live.live(&"acme".parse().unwrap(), 0).await, 4, "what is exempt is counted");
    }

    #[tokio::test]
    async fn a_contact_whose_end_nobody_reports_is_over_after_its_own_life() {
        let live = Live::default();
        let acme = [("acme", Some(1))];
        live.acquire(wanting(0, &acme, 100), 0).await.unwrap();
        assert!(live.acquire(wanting(1, &acme, 200), 99).await.is_err());
        assert_eq!(live.acquire(wanting(0, &acme, 150), 99).await, Ok(Permit::Held), "a message keeps it alive");
        assert!(live.acquire(wanting(1, &acme, 200), 149).await.is_err());
        assert_eq!(live.acquire(wanting(1, &acme, 200), 150).await, Ok(Permit::New));
        assert!(!live.holds(&contact(0)) && live.holds(&contact(1)));
    }
}
