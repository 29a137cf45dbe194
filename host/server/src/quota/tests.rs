//! Holds the quotas against a model: random trees of tenants, spends, crashes, clean ends, windows that change.
//!
//! The ledger is the real one over the reference store; a crash is a process that forgets what it held. The model knows only what was
//! let in, what was counted, and what was out on lease when a process ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_domain::quota::ledger::{Account, Notice};
use jackfield_domain::quota::meter::{Meter, Period, PeriodLimits, Quota, QuotaRow};
use jackfield_store::{MasterKey, Store};
use proptest::prelude::*;

use super::levels::{Level, Levels};
use super::spending::{Spender, Unspent};
use super::till::Want;

/// 2026-11-20T12:00:00Z.
const NOON: u64 = 1_795_176_000_000;
/// The platform, a tenant on it, two subtenants, and one of another tenant: from the platform down.
const PATHS: [&[&str]; 4] =
    [&["platform", "acme"], &["platform", "acme", "sales"], &["platform", "acme", "service"], &["platform", "bolt"]];

#[derive(Debug, Clone)]
enum Step {
    Spend { path: usize, amount: u64, voice: bool },
    Reserve { path: usize, most: u64, least: u64, used: u64 },
    Settle,
    Count { path: usize, amount: u64 },
    Wait { minutes: u64 },
    Crash,
    EndInOrder,
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    prop_oneof![
        12 => (path.clone(), 0_u64..8, any::<bool>()).prop_map(|(path, amount, voice)| Step::Spend { path, amount, voice }),
        3 => (path.clone(), 1_u64..20, 1_u64..20, 0_u64..30)
            .prop_map(|(path, most, least, used)| Step::Reserve { path, most, least: least.min(most), used }),
        3 => Just(Step::Settle),
        2 => (path, 1_u64..12).prop_map(|(path, amount)| Step::Count { path, amount }),
        3 => (1_u64..40).prop_map(|minutes| Step::Wait { minutes }),
        1 => Just(Step::Crash),
        1 => Just(Step::EndInOrder),
    ]
}

/// Hour, day and share of voice of each level.
fn limits() -> impl Strategy<Value = BTreeMap<&'static str, (Option<u64>, Option<u64>, u8)>> {
    let one = (prop::option::weighted(0.5, 0_u64..40), prop::option::weighted(0.8, 0_u64..80), 0_u8..60);
    prop::collection::vec(one, 5).prop_map(|limits| ["platform", "acme", "sales", "service", "bolt"].into_iter().zip(limits).collect())
}

fn levels(path: &[&str], limits: &BTreeMap<&str, (Option<u64>, Option<u64>, u8)>) -> Levels {
    let level = |name: &&str| {
        let (hour, day, share) = limits[*name];
        let meters = BTreeMap::from([(Meter::Contacts, PeriodLimits { hour, day, month: None })]);
        let quota = Quota { meters, voice_share_percent: Some(share), ..Quota::unlimited() };
        let zone = if *name == "acme" { "Asia/Kathmandu" } else { "America/New_York" };
        Level { tenant: name.parse().unwrap(), row: Some(QuotaRow { quota, zone: zone.to_owned(), set: 0, by: String::new() }) }
    };
    Levels(path.iter().rev().map(level).collect())
}

/// What the model knows of an account.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    let_in: u64,
    counted: u64,
    forfeited: u64,
}

struct World {
    store: Store,
    spender: Spender,
    limits: BTreeMap<&'static str, (Option<u64>, Option<u64>, u8)>,
    known: BTreeMap<Account, Known>,
    /// What will come back of each reservation, and to where.
    reserved: Vec<(u64, Vec<Account>)>,
    now: u64,
}

impl World {
    fn restart(&mut self) {
        self.spender = Spender::new(self.store.ledger());
    }

    fn known(&mut self, path: &Levels) -> Vec<(Account, u64, u64)> {
        let dues = path.dues(Meter::Contacts);
        dues.iter().map(|due| (due.account(self.now), due.limit, due.text_limit)).collect()
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Spend { path, amount, voice } => self.take(*path, *amount, *amount, *voice, None).await,
            Step::Reserve { path, most, least, used } => self.take(*path, *most, *least, true, Some(*used)).await,
            Step::Settle => {
                if let Some((rest, accounts)) = self.reserved.pop() {
                    self.spender.till().give_back(&accounts, rest);
                    accounts.into_iter().for_each(|account| self.known.entry(account).or_default().let_in -= rest);
                    self.spender.give_back(false, self.now).await;
                }
                Ok(())
            }
            Step::Count { path, amount } => {
                let levels = levels(PATHS[*path], &self.limits);
                self.spender.count(&levels.dues(Meter::Contacts), *amount, self.now).await.unwrap();
                for (account, _, _) in self.known(&levels) {
                    self.known.entry(account).or_default().counted += amount;
                }
                Ok(())
            }
            Step::Wait { minutes } => {
                self.now += minutes * 60_000;
                self.spender.give_back(false, self.now).await;
                Ok(())
            }
            Step::Crash => {
                for (account, leased) in self.leased() {
                    self.known.entry(account).or_default().forfeited += leased;
                }
                // What was reserved when the process ended stays spent.
                self.reserved.clear();
                self.restart();
                Ok(())
            }
            Step::EndInOrder => {
                self.spender.give_back(true, self.now).await;
                self.reserved.clear();
                self.restart();
                Ok(())
            }
        }
    }

    async fn take(&mut self, path: usize, most: u64, least: u64, voice: bool, used: Option<u64>) -> Result<(), TestCaseError> {
        let levels = levels(PATHS[path], &self.limits);
        let accounts = self.known(&levels);
        let room = |known: &BTreeMap<Account, Known>| {
            accounts
                .iter()
                .map(|(account, limit, text)| {
                    let known = known.get(account).copied().unwrap_or_default();
                    let of = if voice { *limit } else { *text };
                    of.saturating_sub(known.let_in + known.counted + known.forfeited)
                })
                .min()
                .unwrap_or(u64::MAX)
        };
        let room = room(&self.known);
        match self.spender.take(&levels.dues(Meter::Contacts), Want { most, least, voice }, self.now).await {
            Ok((amount, taken)) => {
                prop_assert!(room >= least, "let in although only {room} were left of {least}");
                prop_assert_eq!(amount, most.min(room), "as much as there is, and no more than was wanted");
                self.reserved.extend(used.map(|used| (amount.saturating_sub(used), taken)));
                for (account, _, _) in accounts {
                    self.known.entry(account).or_default().let_in += amount;
                }
            }
            Err(Unspent::Short(shortage)) => prop_assert!(room < least, "barred although {room} were left: {shortage}"),
            Err(Unspent::Fault(fault)) => prop_assert!(false, "{fault}"),
        }
        Ok(())
    }

    /// What is out on lease now, by account.
    fn leased(&mut self) -> Vec<(Account, u64)> {
        let mut leased = BTreeMap::new();
        for path in PATHS {
            let levels = levels(path, &self.limits);
            for due in levels.dues(Meter::Contacts) {
                if let (window, Some((_, held))) = self.spender.till().show(&due, self.now) {
                    leased.insert(Account { tenant: due.tenant.clone(), meter: due.meter, window }, held);
                }
            }
        }
        leased.into_iter().collect()
    }

    async fn check(&mut self) -> Result<(), TestCaseError> {
        let leased: BTreeMap<Account, u64> = self.leased().into_iter().collect();
        for (account, known) in &self.known {
            let (hour, day, _) = self.limits[account.tenant.as_str()];
            let limit = if account.window.period == Period::Hour { hour } else { day }.unwrap();
            let balance = self.store.ledger().read(account).await.unwrap();
            prop_assert!(known.let_in <= limit, "{:?} let in {} of {}", account, known.let_in, limit);
            prop_assert!(balance.granted <= limit, "{:?} granted {} of {}", account, balance.granted, limit);
            let out = leased.get(account).copied().unwrap_or(0);
            prop_assert_eq!(balance.used(), known.let_in + known.counted + known.forfeited + out, "{:?} {:?}", account, known);
        }
        Ok(())
    }

    /// Each threshold at most once for each account, and told where it was passed.
    async fn check_notices(&self) -> Result<(), TestCaseError> {
        let mut told = BTreeSet::new();
        for tenant in self.limits.keys() {
            for found in self.store.tenant(&tenant.parse().unwrap()).list::<Notice>(None, 1_000).await.unwrap() {
                let notice = found.row;
                let account = Account { tenant: notice.level, meter: notice.meter, window: notice.window };
                prop_assert!(told.insert((account, notice.percent)), "a threshold was told twice");
            }
        }
        for (account, known) in &self.known {
            let (hour, day, _) = self.limits[account.tenant.as_str()];
            let limit = if account.window.period == Period::Hour { hour } else { day }.unwrap();
            for percent in [80, 100] {
                let passed = limit > 0 && (known.let_in + known.counted) * 100 >= limit * u64::from(percent);
                // Who was told that nothing is left, because more was asked at once than there was, is not told of 80 % afterwards.
                let heard = told.contains(&(account.clone(), percent)) || told.contains(&(account.clone(), 100));
                prop_assert!(!passed || heard, "{:?} passed {} % and nobody was told", account, percent);
            }
        }
        Ok(())
    }
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn no_level_ever_lets_in_more_than_its_limit_and_a_crash_forfeits_only_what_was_leased(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        in_runtime(async {
            let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
            let spender = Spender::new(store.ledger());
            let mut world = World { store, spender, limits, known: BTreeMap::new(), reserved: Vec::new(), now: NOON };
            for step in &steps {
                world.step(step).await?;
                world.check().await?;
            }
            world.check_notices().await
        })?;
    }
}

#[test]
fn two_processes_over_one_ledger_do_not_pass_a_limit_together() {
    let limits = BTreeMap::from([
        ("platform", (None, Some(300), 0)),
        ("acme", (None, Some(200), 0)),
        ("sales", (None, None, 0)),
        ("service", (None, None, 0)),
        ("bolt", (None, None, 0)),
    ]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let nodes = [Arc::new(Spender::new(store.ledger())), Arc::new(Spender::new(store.ledger()))];
        let let_in = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..32 {
            let (spender, let_in, levels) = (nodes[task % 2].clone(), let_in.clone(), levels(PATHS[0], &limits));
            tasks.spawn(async move {
                for nth in 0..50 {
                    let want = Want { most: 1, least: 1, voice: true };
                    if spender.take(&levels.dues(Meter::Contacts), want, NOON + nth * 100).await.is_ok() {
                        let_in.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let leased: u64 = nodes.iter().map(|node| node.till().held().1).sum();
        let let_in = let_in.load(Ordering::Relaxed);
        assert!(let_in <= 200, "{let_in} of 200");
        assert!(let_in + leased >= 200, "{let_in} were let in, {leased} are leased, and somebody was barred");
    });
}

#[test]
fn sixty_four_tasks_spend_a_limit_to_its_last_unit_and_never_past_it() {
    let limits = BTreeMap::from([
        ("platform", (None, Some(1_500), 0)),
        ("acme", (None, Some(1_000), 0)),
        ("sales", (Some(700), None, 0)),
        ("service", (None, None, 0)),
        ("bolt", (None, Some(5_000), 0)),
    ]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let spender = Arc::new(Spender::new(store.ledger()));
        let counts: Arc<Vec<AtomicU64>> = Arc::new((0..PATHS.len()).map(|_| AtomicU64::new(0)).collect());
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..64 {
            let (spender, counts, levels) = (spender.clone(), counts.clone(), levels(PATHS[task % PATHS.len()], &limits));
            tasks.spawn(async move {
                for nth in 0..100 {
                    let want = Want { most: 1, least: 1, voice: true };
                    match spender.take(&levels.dues(Meter::Contacts), want, NOON + nth).await {
                        Ok(_) => drop(counts[task % PATHS.len()].fetch_add(1, Ordering::Relaxed)),
                        Err(Unspent::Short(_)) => {}
                        Err(Unspent::Fault(fault)) => panic!("{fault}"),
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let of = |at: usize| counts[at].load(Ordering::Relaxed);
        assert_eq!(of(0) + of(1) + of(2) + of(3), 1_500, "6,400 spends meet the platform's limit exactly");
        assert!(of(1) <= 700 && of(0) + of(1) + of(2) <= 1_000, "{counts:?}");
        assert!(spender.grants() < 1_500, "{} grants: nothing was leased", spender.grants());
        spender.give_back(true, NOON).await;
        let account = levels(PATHS[0], &limits).dues(Meter::Contacts)[1].account(NOON);
        assert_eq!((account.tenant.as_str(), store.ledger().read(&account).await.unwrap().granted), ("platform", 1_500));
    });
}
