//! Promises about what one event spends: once, however often it runs, and text only as far as voice keeps nothing for itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_domain::ports::Clock;
use jackfield_domain::ports::ledger::{Ledger, LedgerError};
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::quota::ledger::{Account, Balance, Changed, Entry};
use jackfield_domain::quota::meter::{PeriodLimits, Quota, QuotaRow};
use jackfield_store::{MasterKey, Store};
use serde_json::json;

use super::*;
use crate::quota::Level;

/// 2026-11-20T12:00:00Z.
const NOON: Moment = 1_795_176_000_000;

struct Standing(AtomicU64);

impl Clock for Standing {
    fn now(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }
}

fn contact(nth: u8, channel: Channel) -> Contact {
    let endpoint = json!({ "raw": "+18005550199", "e164": "+18005550199" });
    serde_json::from_value(json!({
        "id": ContactId::new(NOON, [nth; 10]), "tenant": "acme", "flow": "main", "connection": "line", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": channel, "release": 1, "plan": "standard", "language": "en",
        "arrival": {
            "provider_contact": "x", "parent": null, "direction": "inbound", "entry": endpoint, "forwarded_from": null,
            "customer": { "address": endpoint, "name": null, "anonymous": false, "attestation": null }, "headers": [], "extras": [],
        },
        "started": NOON, "ended": null, "end_cause": null, "phase": "running", "turn": 0, "asked_turns": 0, "idle_turns": 0,
        "attributes": {}, "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0,
    }))
    .unwrap()
}

struct Desk {
    quotas: Arc<Quotas>,
    levels: Arc<Levels>,
}

impl Desk {
    async fn new(quota: Quota) -> Self {
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let row = QuotaRow { quota, zone: "UTC".to_owned(), set: 0, by: String::new() };
        let levels = Arc::new(Levels(vec![Level { tenant: "acme".parse().unwrap(), row: Some(row) }]));
        Self { quotas: Quotas::new(store.ledger(), Arc::new(Standing(AtomicU64::new(NOON)))), levels }
    }

    /// What counts against the day's limit of a meter.
    fn used(&self, meter: Meter) -> u64 {
        let dues = self.levels.dues(meter);
        let (_, held) = self.quotas.spender.till().show(&dues[0], NOON);
        held.map_or(0, |(balance, leased)| balance.used() - leased)
    }

    fn event(&self, channel: Channel) -> Arc<EventQuota> {
        EventQuota::new(Arc::clone(&self.quotas), Arc::clone(&self.levels), channel, false)
    }

    /// A first event of a contact that is kept afterwards.
    async fn arrive(&self, nth: u8, channel: Channel) -> Result<(), Barred> {
        let event = self.event(channel);
        let let_in = event.let_in(&contact(nth, channel), u64::from(channel != Channel::Voice), NOON).await;
        event.kept();
        let_in
    }
}

fn limited(meter: Meter, day: u64, voice_share_percent: u8) -> Quota {
    let meters = BTreeMap::from([(meter, PeriodLimits { day: Some(day), ..PeriodLimits::default() })]);
    Quota { meters, voice_share_percent: Some(voice_share_percent), ..Quota::unlimited() }
}

#[tokio::test]
async fn text_leaves_the_share_of_voice_in_contacts_permits_and_fuel_and_not_in_messages() {
    let desk = Desk::new(limited(Meter::Contacts, 10, 40)).await;
    for nth in 0..6 {
        assert_eq!(desk.arrive(nth, Channel::Sms).await, Ok(()));
    }
    let event = desk.event(Channel::Sms);
    assert_eq!(event.let_in(&contact(50, Channel::Sms), 1, NOON).await, Err(Barred::QuotaExceeded));
    assert!(event.shortage().is_some_and(|shortage| shortage.kept_for_voice));
    for nth in 100..104 {
        assert_eq!(desk.arrive(nth, Channel::Voice).await, Ok(()));
    }
    assert_eq!(desk.arrive(104, Channel::Voice).await, Err(Barred::QuotaExceeded));

    let desk = Desk::new(Quota { concurrency: Some(2), voice_share_percent: Some(50), ..Quota::unlimited() }).await;
    assert_eq!(desk.arrive(0, Channel::Sms).await, Ok(()));
    assert_eq!(desk.arrive(1, Channel::Sms).await, Err(Barred::ConcurrencyExceeded));
    assert_eq!(desk.arrive(2, Channel::Voice).await, Ok(()));

    let desk = Desk::new(limited(Meter::Fuel, 100, 25)).await;
    let reserved = desk.event(Channel::Sms).reserve(Meter::Fuel, 90, 10).await.unwrap();
    assert_eq!(reserved.amount(), 75, "an attempt gets what is left for its channel");

    let desk = Desk::new(limited(Meter::Messages, 2, 90)).await;
    assert_eq!((desk.arrive(0, Channel::Sms).await, desk.arrive(1, Channel::Sms).await), (Ok(()), Ok(())));
    assert_eq!(desk.arrive(2, Channel::Sms).await, Err(Barred::QuotaExceeded));
}

#[tokio::test]
async fn an_event_that_runs_again_spends_once_and_one_that_is_not_kept_gives_its_permit_back() {
    let quota = Quota { concurrency: Some(1), ..limited(Meter::Contacts, 10, 0) };
    let desk = Desk::new(quota).await;
    let event = desk.event(Channel::Voice);
    for nth in 0..3 {
        // Each run makes another contact, until one of them is kept.
        assert_eq!(event.let_in(&contact(nth, Channel::Voice), 0, NOON).await, Ok(()));
        assert!(event.live_row(&contact(nth, Channel::Voice), NOON).is_some());
    }
    assert_eq!(desk.arrive(9, Channel::Voice).await, Err(Barred::ConcurrencyExceeded));
    drop(event);
    assert_eq!(desk.arrive(9, Channel::Voice).await, Ok(()), "the one that was not kept is not live");
    let dues = desk.levels.dues(Meter::Contacts);
    let (_, held) = desk.quotas.spender.till().show(&dues[0], NOON);
    let (balance, leased) = held.unwrap();
    assert_eq!(balance.used() - leased, 2, "three runs were one contact");
    assert_eq!(desk.arrive(9, Channel::Voice).await, Ok(()), "its next event holds the permit and counts nothing");
}

#[tokio::test]
async fn nothing_is_spent_once_the_server_ends() {
    let desk = Desk::new(limited(Meter::Contacts, 10, 0)).await;
    let event = desk.event(Channel::Voice);
    let reserved = event.reserve(Meter::Contacts, 5, 1).await.unwrap();
    desk.quotas.end().await;
    event.settle(reserved, 0);
    assert_eq!(event.spend(Meter::Contacts, 1).await, Err(Barred::QuotaExceeded));
}

#[tokio::test]
async fn what_an_exempt_event_reserves_beyond_the_limit_and_does_not_use_counts_for_nobody() {
    let desk = Desk::new(limited(Meter::Fuel, 100, 0)).await;
    assert_eq!(desk.event(Channel::Voice).spend(Meter::Fuel, 100).await, Ok(()));
    let exempt = EventQuota::new(Arc::clone(&desk.quotas), Arc::clone(&desk.levels), Channel::Voice, true);
    let reserved = exempt.reserve(Meter::Fuel, 50, 10).await.unwrap();
    assert_eq!((reserved.amount(), desk.used(Meter::Fuel)), (50, 150));
    exempt.settle(reserved, 3);
    assert_eq!(desk.used(Meter::Fuel), 103);
    assert!(desk.event(Channel::Voice).reserve(Meter::Fuel, 50, 1).await.is_err(), "and nobody else gets what it gave back");
}

/// A ledger that takes its time, as a disk does.
struct Late(Arc<dyn Ledger>);

impl Ledger for Late {
    fn read<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Balance, RowsFault>> {
        self.0.read(account)
    }

    fn commit(&self, entries: Vec<Entry>, at: Moment) -> BoxFuture<'_, Result<Vec<Changed>, LedgerError>> {
        Box::pin(async move {
            let committed = self.0.commit(entries, at).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            committed
        })
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_while_the_ledger_grants_forfeits_nothing() {
    let desk = Desk::new(limited(Meter::EgressBytes, 100, 0)).await;
    let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
    let quotas = Quotas::new(Arc::new(Late(store.ledger())), Arc::new(Standing(AtomicU64::new(NOON))));
    let desk = Desk { quotas, ..desk };
    let event = desk.event(Channel::Voice);
    let reserving = event.reserve(Meter::EgressBytes, 60, 60);
    assert!(tokio::time::timeout(Duration::from_millis(10), reserving).await.is_err(), "the grant takes longer");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(desk.used(Meter::EgressBytes), 0);
    let reserved = event.reserve(Meter::EgressBytes, 100, 100).await;
    assert_eq!(reserved.map(|reserved| reserved.amount()), Ok(100), "all of the day is there");
}

#[tokio::test]
async fn an_erased_tenant_holds_no_lease_and_no_permit() {
    let quota = Quota { concurrency: Some(1), ..limited(Meter::Contacts, 10, 0) };
    let desk = Desk::new(quota).await;
    assert_eq!(desk.arrive(1, Channel::Voice).await, Ok(()));
    assert_eq!(desk.arrive(2, Channel::Voice).await, Err(Barred::ConcurrencyExceeded));
    assert!(desk.quotas.figures().accounts > 0);
    desk.quotas.forget_tenant(&"acme".parse().unwrap());
    assert_eq!(desk.quotas.figures().accounts, 0);
    assert_eq!(desk.arrive(2, Channel::Voice).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_stands_at_the_gate_and_finds_less_than_it_needs_is_barred_and_holds_nobody_up() {
    let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
    let desk = Desk::new(limited(Meter::Fuel, 55, 0)).await;
    let quotas = Quotas::new(Arc::new(Late(store.ledger())), Arc::new(Standing(AtomicU64::new(NOON))));
    let desk = Desk { quotas, ..desk };
    let (one, other) = (desk.event(Channel::Voice), desk.event(Channel::Voice));
    // Both see room for fifty; the first at the gate takes it and leaves five.
    let both = async { tokio::join!(one.reserve(Meter::Fuel, 50, 10), other.reserve(Meter::Fuel, 50, 10)) };
    let (first, second) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it waits for the gate that it holds");
    assert_eq!(first.map(|reserved| reserved.amount()), Ok(50));
    assert_eq!(second.map(|reserved| reserved.amount()), Err(Barred::QuotaExceeded));
    let later = tokio::time::timeout(Duration::from_secs(60), desk.event(Channel::Voice).reserve(Meter::Fuel, 50, 10)).await;
    assert!(later.expect("the gate is open").is_err());
}
