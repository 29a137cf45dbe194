//! Spends for one event: what its tenant and everyone above it may use, and why it was barred.
//!
//! The pipeline makes one [`EventQuota`] for each event, however often the event runs again: a contact, a message and a turn of the
//! rate are spent once, fuel with every attempt. Capabilities have it as the domain's [`Spending`]. Only what is live spends.
//!
//! Nothing in here fails: where the ledger does, nothing may be used, and the event is barred like one over its quota.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::ContactId;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::permits::{Permit, Permits as _, Wanting};
use jackfield_domain::ports::spending::{Reserved, Spending};
use jackfield_domain::quota::Barred;
use jackfield_domain::quota::live::{LiveContact, over_at};
use jackfield_domain::quota::meter::Meter;
use jackfield_domain::quota::shortage::{Scarce, Shortage};
use jackfield_domain::tenant::address::Channel;

use super::Quotas;
use super::levels::Levels;
use super::spending::Unspent;
use super::till::Want;

/// With less fuel than that an attempt is not begun: it is about what the smallest plugin needs, and an attempt that can only run dry
/// would burn the rest of the quota and look like the plugin's failure.
pub const FUEL_FLOOR: u64 = 1_000_000;

/// What the event has spent so far.
#[derive(Debug, Default)]
struct Spent {
    rate: bool,
    contact: bool,
    message: bool,
    /// Taken for a contact that is not yet kept.
    permit: Option<ContactId>,
    shortage: Option<Shortage>,
}

/// The quotas that an event meets.
pub struct EventQuota {
    quotas: Arc<Quotas>,
    levels: Arc<Levels>,
    voice: bool,
    exempt: bool,
    spent: Mutex<Spent>,
}

impl EventQuota {
    /// For an event on that channel; exempt where its address is marked as one that no quota bars.
    pub fn new(quotas: Arc<Quotas>, levels: Arc<Levels>, channel: Channel, exempt: bool) -> Arc<Self> {
        Arc::new(Self { quotas, levels, voice: channel == Channel::Voice, exempt, spent: Mutex::default() })
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it was barred last, for the trail.
    pub fn shortage(&self) -> Option<Shortage> {
        self.spent().shortage.clone()
    }

    /// Lets the event in: its turn of the rate, nothing used up that is only counted afterwards, a permit for its contact, and, where
    /// the contact becomes live with it, a contact. `messages` are those that came with it.
    pub async fn let_in(&self, contact: &Contact, messages: u64, now: Moment) -> Result<(), Barred> {
        self.spent().shortage = None;
        self.rate(now)?;
        self.nothing_owed(now).await?;
        self.permit(contact, now).await?;
        if messages > 0 && !self.spent().message {
            self.spend(Meter::Messages, messages).await?;
            self.spent().message = true;
        }
        Ok(())
    }

    fn rate(&self, now: Moment) -> Result<(), Barred> {
        let mut spent = self.spent();
        if spent.rate {
            return Ok(());
        }
        match self.quotas.rates.take(&self.levels, self.voice, self.exempt, now) {
            Ok(()) => spent.rate = true,
            Err(shortage) => {
                spent.shortage = Some(shortage);
                return Err(Barred::RateExceeded);
            }
        }
        Ok(())
    }

    /// AI tokens are counted after they were spent; an event that might spend more waits until there are some.
    async fn nothing_owed(&self, now: Moment) -> Result<(), Barred> {
        let dues = self.levels.dues(Meter::AiTokens);
        if dues.is_empty() || self.exempt {
            return Ok(());
        }
        let taken = self.quotas.spender.take(&dues, Want { most: 1, least: 1, voice: self.voice }, now).await;
        let (amount, accounts) = taken.map_err(|unspent| self.barred(unspent))?;
        self.quotas.spender.till().give_back(&accounts, amount);
        Ok(())
    }

    /// A contact that becomes live takes a permit and counts as a contact; one that is live already does neither.
    async fn permit(&self, contact: &Contact, now: Moment) -> Result<(), Barred> {
        // An event that runs again may find another contact than the one that it would have made.
        let stale = { self.spent().permit.filter(|held| *held != contact.id) };
        if let Some(stale) = stale {
            self.quotas.live.end(&stale);
            self.spent().permit = None;
        }
        let limit = |row: &jackfield_domain::quota::meter::QuotaRow| {
            row.quota.concurrency.map(|limit| if self.voice { limit } else { row.quota.text_limit(limit) })
        };
        let wanting = Wanting {
            contact: contact.id,
            levels: self.levels.0.iter().map(|level| (level.tenant.clone(), level.row.as_ref().and_then(limit))).collect(),
            until: over_at(contact.channel, contact.started, now),
            exempt: self.exempt,
        };
        match self.quotas.live.acquire(wanting, now).await {
            Ok(Permit::Held) => return Ok(()),
            Ok(Permit::New) => self.spent().permit = Some(contact.id),
            Err(none) => {
                let shortage =
                    Shortage { level: none.level, of: Scarce::Concurrency, window: None, limit: none.limit, kept_for_voice: false };
                self.spent().shortage = Some(shortage);
                return Err(Barred::ConcurrencyExceeded);
            }
        }
        if self.spent().contact {
            return Ok(());
        }
        match self.spend(Meter::Contacts, 1).await {
            Ok(()) => {
                self.spent().contact = true;
                Ok(())
            }
            Err(barred) => {
                self.quotas.live.end(&contact.id);
                self.spent().permit = None;
                Err(barred)
            }
        }
    }

    /// The row to be kept with the contact where the event made it live, or keeps a conversation alive.
    pub fn live_row(&self, contact: &Contact, now: Moment) -> Option<LiveContact> {
        let is_new = self.spent().permit == Some(contact.id);
        let until = over_at(contact.channel, contact.started, now);
        (is_new || (!self.voice && self.quotas.live.holds(&contact.id))).then(|| LiveContact {
            contact: contact.id,
            tenant: contact.tenant.clone(),
            until,
        })
    }

    /// The contact is kept: its permit is its own from now on.
    pub fn kept(&self) {
        self.spent().permit = None;
    }

    /// The contact is over: its permit is free.
    pub fn over(&self, contact: &ContactId) {
        self.quotas.live.end(contact);
    }

    /// Counts what was used already, whatever is left: AI tokens.
    pub async fn owe(&self, meter: Meter, amount: u64) {
        if amount == 0 {
            return;
        }
        let dues = self.levels.dues(meter);
        if let Err(fault) = self.quotas.spender.count(&dues, amount, self.quotas.clock.now()).await {
            tracing::error!(meter = meter.as_str(), amount, %fault, "what was used could not be counted");
        }
    }

    fn barred(&self, unspent: Unspent) -> Barred {
        match unspent {
            Unspent::Short(shortage) => self.spent().shortage = Some(shortage),
            Unspent::Fault(fault) => tracing::error!(%fault, "a quota could not be asked; nothing is spent"),
        }
        Barred::QuotaExceeded
    }

    async fn take(&self, meter: Meter, most: u64, least: u64) -> Result<Reserved, Barred> {
        let dues = self.levels.dues(meter);
        let now = self.quotas.clock.now();
        match self.quotas.spender.take(&dues, Want { most, least, voice: self.voice || self.exempt }, now).await {
            Ok((amount, accounts)) => Ok(Reserved::new(meter, amount, accounts)),
            Err(Unspent::Short(_)) if self.exempt => {
                // Exempt by rule, and counted all the same.
                match self.quotas.spender.count(&dues, most, now).await {
                    Ok(accounts) => Ok(Reserved::new(meter, most, accounts)),
                    Err(fault) => Err(self.barred(Unspent::Fault(fault))),
                }
            }
            Err(unspent) => Err(self.barred(unspent)),
        }
    }
}

impl Spending for EventQuota {
    fn spend(&self, meter: Meter, amount: u64) -> BoxFuture<'_, Result<(), Barred>> {
        Box::pin(async move {
            if amount == 0 {
                return Ok(());
            }
            // Taken for good: nothing of it comes back.
            self.take(meter, amount, amount).await.map(drop)
        })
    }

    fn reserve(&self, meter: Meter, most: u64, least: u64) -> BoxFuture<'_, Result<Reserved, Barred>> {
        Box::pin(self.take(meter, most, least.max(1)))
    }

    fn settle(&self, reserved: Reserved, used: u64) {
        let rest = reserved.amount().saturating_sub(used);
        self.quotas.spender.till().give_back(reserved.accounts(), rest);
    }
}

impl Drop for EventQuota {
    /// An event that kept nothing gives the permit of its contact back.
    fn drop(&mut self) {
        if let Some(contact) = self.spent().permit.take() {
            self.quotas.live.end(&contact);
        }
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
