//! Spends: from the leases in memory where they reach, else after a grant of the ledger.
//!
//! The quotas of an event end here. Where an account has run out, its gate lets one at a time go to the ledger and the others find what
//! that one brought; gates are taken in order, so that two spends over the same levels cannot wait for each other. A grant is
//! durable before any of it is used, and one whose outcome is unknown is not used at all.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::contact::Moment;
use jackfield_domain::ports::ledger::{Ledger, LedgerError};
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::quota::ledger::{Account, Balance, Changed, Entry, Move};
use jackfield_domain::quota::shortage::Shortage;
use tokio::sync::OwnedMutexGuard;

use super::levels::Due;
use super::till::{Place, Taking, Till, Want};

/// How often a spend goes to the ledger because somebody else took what it had fetched. Each time that somebody's spend was done.
const ROUNDS_MAX: usize = 1_000;
/// Gates that are kept although nobody waits at them.
const GATES_MAX: usize = 10_000;
/// Accounts that go back in one batch: three writes each at most, and a batch has a thousand.
const RETURNED_AT_ONCE: usize = 200;

/// Why nothing was spent.
#[derive(Debug)]
pub(super) enum Unspent {
    /// A limit.
    Short(Shortage),
    /// The ledger failed, or the server ends: nothing may be used that is not known to be granted.
    Fault(RowsFault),
}

/// The leases of this process, and the ledger behind them.
pub(super) struct Spender {
    ledger: Arc<dyn Ledger>,
    till: Arc<Mutex<Till>>,
    gates: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>,
    grants: AtomicU64,
}

/// The gates that a spend holds.
type Gates = Vec<OwnedMutexGuard<()>>;

fn open(till: &Mutex<Till>) -> MutexGuard<'_, Till> {
    // What is in there is whole at every step.
    till.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spender {
    pub(super) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, till: Arc::default(), gates: Mutex::default(), grants: AtomicU64::new(0) }
    }

    pub(super) fn till(&self) -> MutexGuard<'_, Till> {
        open(&self.till)
    }

    /// Asks the ledger and puts what it granted into the till, behind the gates. On a task of its own: a grant is durable whether or not
    /// anybody still waits for it, and a plugin whose request ran out of time just then would have the whole of it forfeited.
    async fn ask(&self, entries: Vec<Entry>, gates: Gates, now: Moment) -> (Result<(), LedgerError>, Gates) {
        let (ledger, till) = (Arc::clone(&self.ledger), Arc::clone(&self.till));
        let asking = tokio::spawn(async move {
            let told = ledger.commit(entries.clone(), now).await.map(|changed| {
                tell(&entries, &changed);
                open(&till).granted(&entries, &changed, now);
            });
            (told, gates)
        });
        asking.await.unwrap_or_else(|ended| {
            let why = format!("asking the ledger ended: {ended}");
            (Err(LedgerError::Fault(RowsFault { why })), Gates::new())
        })
    }

    /// Takes as much as there is, within what is wanted, from every account.
    pub(super) async fn take(&self, dues: &[Due<'_>], want: Want, now: Moment) -> Result<(u64, Vec<Account>), Unspent> {
        if dues.is_empty() {
            return Ok((want.most, Vec::new()));
        }
        for _ in 0..ROUNDS_MAX {
            let taking = self.till().take(dues, want, now);
            let short = match taking {
                Taking::Short(short) => short,
                other => match self.without_grant(other, dues, now).await? {
                    Some(taken) => return Ok(taken),
                    None => continue,
                },
            };
            let gates = self.gates(short.iter().map(|entry| &entry.account)).await;
            // Whoever stood at the gate before may have brought enough.
            let taking = self.till().take(dues, want, now);
            let asked = match taking {
                Taking::Short(asked) if covers(&short, &asked) => asked,
                Taking::Short(_) => continue,
                other => {
                    // Whoever is barred tells so at a gate, which may be one of these.
                    drop(gates);
                    match self.without_grant(other, dues, now).await? {
                        Some(taken) => return Ok(taken),
                        None => continue,
                    }
                }
            };
            let (told, _gates) = self.ask(asked, gates, now).await;
            match told {
                Ok(()) => {
                    self.grants.fetch_add(1, Ordering::Relaxed);
                    if let Taking::Taken { amount, accounts } = self.till().take(dues, want, now) {
                        return Ok((amount, accounts));
                    }
                }
                Err(LedgerError::Short { account, balance }) => self.till().refused(&account, balance),
                Err(LedgerError::Fault(fault)) => return Err(Unspent::Fault(fault)),
            }
        }
        Err(Unspent::Fault(RowsFault { why: "a quota was spent by too many at once".to_owned() }))
    }

    /// What needs no grant: done, to be tried again (none), or barred. Whoever asks holds no gate.
    async fn without_grant(&self, taking: Taking, dues: &[Due<'_>], now: Moment) -> Result<Option<(u64, Vec<Account>)>, Unspent> {
        match taking {
            Taking::Taken { amount, accounts } => Ok(Some((amount, accounts))),
            Taking::Short(_) => Ok(None),
            Taking::Unread(accounts) => {
                for account in accounts {
                    let balance = self.ledger.read(&account).await.map_err(Unspent::Fault)?;
                    self.till().read(&account, balance);
                }
                Ok(None)
            }
            Taking::Barred { at, shortage } => {
                if let Some(due) = dues.get(at).filter(|_| !shortage.kept_for_voice) {
                    self.tell_used_up(due, now).await;
                }
                Err(Unspent::Short(shortage))
            }
            Taking::Closed => Err(Unspent::Fault(RowsFault { why: "the server is ending".to_owned() })),
        }
    }

    /// The first refusal in a window is told to its level.
    async fn tell_used_up(&self, due: &Due<'_>, now: Moment) {
        if self.till().told_used_up(due, now) {
            return;
        }
        let entry = Entry { account: due.account(now), limit: due.limit, change: Move::UsedUp };
        let gates = self.gates([&entry.account].into_iter()).await;
        if self.till().told_used_up(due, now) {
            return;
        }
        if let (Err(error), _gates) = self.ask(vec![entry], gates, now).await {
            tracing::warn!(tenant = %due.tenant, %error, "that a quota is used up could not be noted");
        }
    }

    /// Counts what no limit bars: what was used already, or is exempt. Where there is enough it is taken like anything else. Gives back where
    /// it was counted: what turns out not to have been used can be given back there.
    pub(super) async fn count(&self, dues: &[Due<'_>], amount: u64, now: Moment) -> Result<Vec<Account>, RowsFault> {
        let want = Want { most: amount, least: amount, voice: true };
        match self.take(dues, want, now).await {
            Ok((_, accounts)) => return Ok(accounts),
            Err(Unspent::Fault(fault)) => return Err(fault),
            Err(Unspent::Short(_)) => {}
        }
        let accounts: Vec<Account> = dues.iter().map(|due| due.account(now)).collect();
        let gates = self.gates(accounts.iter()).await;
        let entries = self.till().overdraw(dues, amount, now);
        if entries.is_empty() {
            return Ok(accounts);
        }
        match self.ask(entries, gates, now).await {
            (Ok(()), _gates) => Ok(accounts),
            (Err(LedgerError::Fault(fault)), _gates) => Err(fault),
            (Err(short @ LedgerError::Short { .. }), _gates) => Err(RowsFault { why: short.to_string() }),
        }
    }

    /// Whoever holds these gates goes to the ledger alone.
    async fn gates(&self, accounts: impl Iterator<Item = &Account>) -> Gates {
        let ordered: BTreeMap<Place, ()> =
            accounts.map(|account| ((account.tenant.clone(), account.meter, account.window.period), ())).collect();
        let gates: Vec<_> = {
            let mut all = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() > GATES_MAX {
                all.retain(|_, gate| Arc::strong_count(gate) > 1);
            }
            ordered.into_keys().map(|place| Arc::clone(all.entry(place).or_default())).collect()
        };
        let mut held = Vec::with_capacity(gates.len());
        for gate in gates {
            held.push(gate.lock_owned().await);
        }
        held
    }

    /// Gives back to the ledger what is over, or everything and for good.
    pub(super) async fn give_back(&self, everything: bool, now: Moment) {
        let back = self.till().take_back(everything, now);
        for part in back.chunks(RETURNED_AT_ONCE) {
            let entry = |(account, amount): &(Account, u64)| Entry { account: account.clone(), limit: 0, change: Move::Return(*amount) };
            if let Err(error) = self.ledger.commit(part.iter().map(entry).collect(), now).await {
                // Its outcome is unknown. It is forfeited: no limit is ever passed for it.
                tracing::warn!(%error, accounts = part.len(), "what was not used of quotas was not given back");
            }
        }
    }

    /// How an account stands that nobody spent from here.
    pub(super) async fn read(&self, account: &Account) -> Result<Balance, RowsFault> {
        self.ledger.read(account).await
    }

    /// How often the ledger granted.
    pub(super) fn grants(&self) -> u64 {
        self.grants.load(Ordering::Relaxed)
    }
}

/// True where whoever holds the gates of these accounts may ask for those.
fn covers(gated: &[Entry], asked: &[Entry]) -> bool {
    asked.iter().all(|entry| gated.iter().any(|gate| gate.account == entry.account))
}

/// The log hears of thresholds, once, where they are crossed.
fn tell(entries: &[Entry], changed: &[Changed]) {
    for (entry, changed) in entries.iter().zip(changed) {
        let Account { tenant, meter, window } = &entry.account;
        for percent in &changed.crossed {
            let (meter, limit) = (meter.as_str(), entry.limit);
            tracing::warn!(%tenant, meter, window = window.name, percent, limit, "a quota reached a threshold");
        }
    }
}
