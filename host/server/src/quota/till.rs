//! Holds the leases: what the ledger has granted and nobody has used yet, in memory.
//!
//! [`super::spending`] takes from it under one short lock and goes to the ledger where it has not enough. All accounts of a spend are
//! looked at before any of them is touched, so a spend counts at every level or at none. It knows of each account how it stands in
//! the ledger, so what is left for text, and that nothing is left, is known without a question.
//!
//! It must not wait for anything, and it never holds more than the ledger has granted.

use std::collections::HashMap;

use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::quota::ledger::{Account, Balance, Changed, Entry, Move, Pace, lease};
use jackfield_domain::quota::meter::{Meter, Period};
use jackfield_domain::quota::shortage::{Scarce, Shortage};
use jackfield_domain::quota::window::{Window, named_until};

use super::levels::Due;

/// Which account of any window.
pub(super) type Place = (TenantId, Meter, Period);

/// What is held of one account, in its present window.
#[derive(Debug)]
struct Lease {
    window: Window,
    /// In which the window is named.
    zone: String,
    /// The window keeps its name from then.
    named_at: Moment,
    /// Until then.
    named_until: Moment,
    /// As the ledger stands; none before it was read.
    balance: Option<Balance>,
    /// Granted and not used.
    available: u64,
    leased_at: Moment,
    last_lease: u64,
    spent: u64,
}

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Till {
    leases: HashMap<Place, Lease>,
    /// What windows that are over left, on its way back.
    left_over: HashMap<Account, u64>,
    /// Nothing is spent any more; what comes back is gone.
    closed: bool,
}

/// What a spend meets.
#[derive(Debug, PartialEq)]
pub(super) enum Taking {
    /// It is taken: so much, from each of these.
    Taken { amount: u64, accounts: Vec<Account> },
    /// These must be read first.
    Unread(Vec<Account>),
    /// These need a grant first.
    Short(Vec<Entry>),
    /// A limit stands in the way, of the account at that place of the list.
    Barred { at: usize, shortage: Shortage },
    /// The server is ending.
    Closed,
}

/// How much is wanted, by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub(super) most: u64,
    pub(super) least: u64,
    pub(super) voice: bool,
}

fn place(account: &Account) -> Place {
    (account.tenant.clone(), account.meter, account.window.period)
}

impl Lease {
    fn new(due: &Due<'_>, now: Moment) -> Self {
        let named_until = named_until(now);
        let (window, zone) = (due.account(now).window, due.zone.to_owned());
        Self { window, zone, named_at: now, named_until, balance: None, available: 0, leased_at: now, last_lease: 0, spent: 0 }
    }

    /// What counts against the limit: what others were granted, and what was used here.
    fn used(&self, balance: Balance) -> u64 {
        balance.used().saturating_sub(self.available)
    }
}

impl Till {
    /// Takes what is wanted from every account, or says what stands in the way.
    pub(super) fn take(&mut self, dues: &[Due<'_>], want: Want, now: Moment) -> Taking {
        if self.closed {
            return Taking::Closed;
        }
        let mut unread = Vec::new();
        let mut least_room = (u64::MAX, 0);
        for (at, due) in dues.iter().enumerate() {
            let lease = self.lease(due, now);
            match lease.balance {
                None => unread.push(Account { tenant: due.tenant.clone(), meter: due.meter, window: lease.window.clone() }),
                Some(balance) => {
                    let room = due.limit_of(want.voice).saturating_sub(lease.used(balance));
                    if room < least_room.0 {
                        least_room = (room, at);
                    }
                }
            }
        }
        if !unread.is_empty() {
            return Taking::Unread(unread);
        }
        let amount = want.most.min(least_room.0);
        if amount < want.least {
            return self.barred(dues, least_room.1, want, now);
        }
        let short = self.short(dues, amount, now);
        if !short.is_empty() {
            return Taking::Short(short);
        }
        let mut accounts = Vec::with_capacity(dues.len());
        for due in dues {
            let lease = self.lease(due, now);
            lease.available = lease.available.saturating_sub(amount);
            lease.spent = lease.spent.saturating_add(amount);
            accounts.push(Account { tenant: due.tenant.clone(), meter: due.meter, window: lease.window.clone() });
        }
        Taking::Taken { amount, accounts }
    }

    fn barred(&mut self, dues: &[Due<'_>], at: usize, want: Want, now: Moment) -> Taking {
        let Some(due) = dues.get(at) else { return Taking::Closed };
        let lease = self.lease(due, now);
        let used = lease.balance.map_or(0, |balance| lease.used(balance));
        let kept_for_voice = !want.voice && used.saturating_add(want.least) <= due.limit;
        let window = Some(lease.window.clone());
        let limit = due.limit;
        Taking::Barred { at, shortage: Shortage { level: due.tenant.clone(), of: Scarce::Meter(due.meter), window, limit, kept_for_voice } }
    }

    /// What must be granted before so much can be taken.
    fn short(&mut self, dues: &[Due<'_>], amount: u64, now: Moment) -> Vec<Entry> {
        let mut short = Vec::new();
        for due in dues {
            let held = self.lease(due, now);
            let least = amount.saturating_sub(held.available);
            if least == 0 {
                continue;
            }
            let left = held.balance.unwrap_or_default().left(due.limit);
            let pace = Pace { spent: held.spent, elapsed_ms: now.saturating_sub(held.leased_at), last: held.last_lease };
            let account = Account { tenant: due.tenant.clone(), meter: due.meter, window: held.window.clone() };
            short.push(Entry { account, limit: due.limit, change: Move::Grant { least, wanted: lease(least, pace, left) } });
        }
        short
    }

    /// The lease of an account in the window of now. Where the window is another, the old one's rest goes back.
    fn lease(&mut self, due: &Due<'_>, now: Moment) -> &mut Lease {
        let at = (due.tenant.clone(), due.meter, due.period);
        let lease = self.leases.entry(at).or_insert_with(|| Lease::new(due, now));
        if now < lease.named_at || now >= lease.named_until || lease.zone != due.zone {
            if due.account(now).window == lease.window {
                due.zone.clone_into(&mut lease.zone);
                lease.named_at = lease.named_at.min(now);
                lease.named_until = named_until(now);
            } else {
                let old = std::mem::replace(lease, Lease::new(due, now));
                if old.available > 0 {
                    let account = Account { tenant: due.tenant.clone(), meter: due.meter, window: old.window };
                    *self.left_over.entry(account).or_default() += old.available;
                }
            }
        }
        lease
    }

    /// How an account stands, as the ledger said. A lease that was read meanwhile knows better.
    pub(super) fn read(&mut self, account: &Account, balance: Balance) {
        if let Some(lease) = of(&mut self.leases, account) {
            lease.balance.get_or_insert(balance);
        }
    }

    /// The ledger refused: somebody else was granted what is missing.
    pub(super) fn refused(&mut self, account: &Account, balance: Balance) {
        if let Some(lease) = of(&mut self.leases, account) {
            lease.balance = Some(balance);
        }
    }

    /// Takes in what was granted.
    pub(super) fn granted(&mut self, entries: &[Entry], changed: &[Changed], now: Moment) {
        for (entry, changed) in entries.iter().zip(changed) {
            match of(&mut self.leases, &entry.account) {
                Some(lease) if !self.closed => {
                    lease.balance = Some(changed.balance);
                    lease.available = lease.available.saturating_add(changed.granted);
                    if changed.granted > 0 {
                        (lease.leased_at, lease.last_lease, lease.spent) = (now, changed.granted, 0);
                    }
                }
                // The window ended while the ledger wrote, or the server ends.
                _ if changed.granted > 0 => *self.left_over.entry(entry.account.clone()).or_default() += changed.granted,
                _ => {}
            }
        }
    }

    /// What was taken and not used can be taken again, in the window that it came from.
    pub(super) fn give_back(&mut self, accounts: &[Account], amount: u64) {
        if self.closed || amount == 0 {
            return;
        }
        for account in accounts {
            match of(&mut self.leases, account) {
                Some(lease) => {
                    lease.available = lease.available.saturating_add(amount);
                    lease.spent = lease.spent.saturating_sub(amount);
                }
                None => *self.left_over.entry(account.clone()).or_default() += amount,
            }
        }
    }

    /// What must be counted in the ledger although there is not enough: what is held goes first.
    pub(super) fn overdraw(&mut self, dues: &[Due<'_>], amount: u64, now: Moment) -> Vec<Entry> {
        let mut entries = Vec::new();
        for due in dues {
            let lease = self.lease(due, now);
            let held = lease.available.min(amount);
            lease.available -= held;
            lease.spent = lease.spent.saturating_add(amount);
            let account = Account { tenant: due.tenant.clone(), meter: due.meter, window: lease.window.clone() };
            if amount > held {
                entries.push(Entry { account, limit: due.limit, change: Move::Count(amount - held) });
            }
        }
        entries
    }

    /// True where the level was told that nothing is left, as far as it is known here.
    pub(super) fn told_used_up(&mut self, due: &Due<'_>, now: Moment) -> bool {
        self.lease(due, now).balance.is_some_and(|balance| balance.noticed >= 100)
    }

    /// How an account stands and what is held of it; none before it was read.
    pub(super) fn show(&mut self, due: &Due<'_>, now: Moment) -> (Window, Option<(Balance, u64)>) {
        let lease = self.lease(due, now);
        (lease.window.clone(), lease.balance.map(|balance| (balance, lease.available)))
    }

    /// Takes out what goes back to the ledger: of windows that are over, and at the very end everything.
    pub(super) fn take_back(&mut self, everything: bool, now: Moment) -> Vec<(Account, u64)> {
        self.closed |= everything;
        let is_over =
            |lease: &Lease| everything || (now >= lease.named_until && Window::at(lease.window.period, &lease.zone, now) != lease.window);
        for ((tenant, meter, _), lease) in self.leases.extract_if(|_, lease| is_over(lease)) {
            if lease.available > 0 {
                *self.left_over.entry(Account { tenant, meter, window: lease.window }).or_default() += lease.available;
            }
        }
        self.left_over.drain().collect()
    }

    /// Forgets accounts that hold nothing and were not looked at since that moment, so that memory follows use.
    pub(super) fn forget_idle(&mut self, before: Moment) {
        self.leases.retain(|_, lease| lease.available > 0 || lease.named_until >= before);
    }

    /// Forgets what a tenant holds, because it was erased: the ledger has no accounts of it, and what went back together with it would be
    /// refused as well.
    pub(super) fn forget_tenant(&mut self, tenant: &TenantId) {
        self.leases.retain(|(of, ..), _| of != tenant);
        self.left_over.retain(|account, _| account.tenant != *tenant);
    }

    /// Accounts in memory, and what they hold together.
    pub(super) fn held(&self) -> (usize, u64) {
        (self.leases.len(), self.leases.values().fold(0, |sum, lease| sum.saturating_add(lease.available)))
    }
}

/// The lease of an account, as long as its window is the present one.
fn of<'a>(leases: &'a mut HashMap<Place, Lease>, account: &Account) -> Option<&'a mut Lease> {
    leases.get_mut(&place(account)).filter(|lease| lease.window == account.window)
}
