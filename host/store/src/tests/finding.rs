//! Promises that contacts are found by what people know of them, and that their trails are whole.
//!
//! `contacts find` and `explain` rely on them.

use super::*;
use crate::{ContactQuery, PAGE_MAX, SCAN_ROWS_MAX, TenantStore};

async fn keep(scope: &TenantStore, contact: &Contact) {
    let change = scope.change().put(contact, Expect::Absent).platform(|rows| rows.home(contact, None));
    change.seen(&contact.arrival.customer.address.raw, &contact.id).await.unwrap().commit().await.unwrap();
}

async fn found(scope: &TenantStore, query: ContactQuery) -> Vec<u64> {
    let page = scope.find_contacts(&ContactQuery { limit: 50, ..query }).await.unwrap();
    page.contacts.into_iter().map(|found| found.row.started).collect()
}

#[tokio::test]
async fn contacts_are_found_newest_first_by_whatever_is_known_of_them() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for nth in 1..=6_u8 {
        let mut contact = contact("acme", u64::from(nth) * 1_000, nth);
        if nth == 2 {
            contact.flow = id("night");
            contact.queues = vec!["sales".to_owned()];
            contact.release = None;
        }
        if nth == 3 {
            contact.arrival.customer.address.e164 = Some("+491701234567".to_owned());
            contact.failures = vec!["fuel-exceeded".to_owned()];
            contact.address = id("sms:number:+18005551234");
        }
        keep(&scope, &contact).await;
    }
    keep(&store.tenant(&id("bolt")), &contact("bolt", 2_500, 9)).await;

    let query = ContactQuery::default;
    assert_eq!(found(&scope, query()).await, [6_000, 5_000, 4_000, 3_000, 2_000, 1_000]);
    assert_eq!(found(&scope, ContactQuery { from: Some(2_000), to: Some(4_000), ..query() }).await, [3_000, 2_000]);
    assert_eq!(found(&scope, ContactQuery { address: Some("sms:number:+18005551234".to_owned()), ..query() }).await, [3_000]);
    assert_eq!(found(&scope, ContactQuery { address: Some("+18005551234".to_owned()), ..query() }).await.len(), 6);
    assert_eq!(found(&scope, ContactQuery { caller: Some("+491701234567".to_owned()), ..query() }).await, [3_000]);
    assert_eq!(found(&scope, ContactQuery { caller_suffix: Some("34567".to_owned()), ..query() }).await, [3_000]);
    assert_eq!(found(&scope, ContactQuery { call_id: Some("CA4000-4".to_owned()), ..query() }).await, [4_000]);
    assert_eq!(found(&scope, ContactQuery { queue: Some("sales".to_owned()), ..query() }).await, [2_000]);
    assert_eq!(found(&scope, ContactQuery { failure: Some("fuel-exceeded".to_owned()), ..query() }).await, [3_000]);
    assert_eq!(found(&scope, ContactQuery { flow: Some(id("night")), ..query() }).await, [2_000]);
    assert_eq!(found(&scope, ContactQuery { release: Some(1), ..query() }).await.len(), 5);
    assert!(found(&scope, ContactQuery { queue: Some("sales".to_owned()), release: Some(1), ..query() }).await.is_empty());
}

#[tokio::test]
async fn a_call_is_looked_up_by_its_id_and_a_conversation_is_searched_for() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    store.platform().change().connect(&connection("line", "platform"), Expect::Absent).commit().await.unwrap();
    store.platform().change().bind(&binding("voice:number:+18005551234", "acme")).commit().await.unwrap();
    for nth in 1..=6_u8 {
        let mut contact = contact("acme", u64::from(nth) * 1_000, nth);
        if nth == 2 {
            contact.channel = Channel::Sms;
        }
        keep(&scope, &contact).await;
    }
    keep(&store.tenant(&id("bolt")), &contact("bolt", 2_500, 9)).await;
    let asked = |call_id: &str| ContactQuery { call_id: Some(call_id.to_owned()), limit: 50, ..ContactQuery::default() };
    for (call_id, found, scanned) in [("CA1000-1", 1, 1), ("CA2000-2", 1, 6), ("CA2500-9", 0, 6), ("CA9999-9", 0, 6)] {
        let page = scope.find_contacts(&asked(call_id)).await.unwrap();
        assert_eq!((page.contacts.len(), page.scanned, page.next), (found, scanned, None), "{call_id}");
    }
    let elsewhere = ContactQuery { queue: Some("nobody's".to_owned()), ..asked("CA1000-1") };
    assert!(scope.find_contacts(&elsewhere).await.unwrap().contacts.is_empty(), "everything that is given must hold");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for nth in 0..25_u8 {
        scope.change().put(&contact("acme", 1_000 + u64::from(nth / 3), nth), Expect::Absent).commit().await.unwrap();
    }
    let mut all = Vec::new();
    let mut query = ContactQuery { limit: 7, ..ContactQuery::default() };
    loop {
        let page = scope.find_contacts(&query).await.unwrap();
        assert!(page.contacts.len() <= 7 && page.scanned <= SCAN_ROWS_MAX);
        all.extend(page.contacts.into_iter().map(|found| found.row.id));
        query.cursor = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 25);
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]));
    let page = scope.find_contacts(&ContactQuery { limit: usize::MAX, ..ContactQuery::default() }).await.unwrap();
    assert_eq!((page.contacts.len(), page.next), (25.min(PAGE_MAX), None));
}

#[tokio::test]
async fn a_long_search_lets_others_have_their_turn() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for nth in 0..400_u64 {
        scope.change().put(&contact("acme", 1_000 + nth, 1), Expect::Absent).commit().await.unwrap();
    }
    let turns = std::rc::Rc::new(std::cell::Cell::new(0));
    let local = tokio::task::LocalSet::new();
    let counting = std::rc::Rc::clone(&turns);
    local.spawn_local(async move {
        loop {
            counting.set(counting.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    let page = local
        .run_until(scope.find_contacts(&ContactQuery { queue: Some("nobody's".to_owned()), ..ContactQuery::default() }))
        .await
        .unwrap();
    assert_eq!((page.scanned, page.contacts.len()), (400, 0));
    assert!(turns.get() >= 7, "{} turns", turns.get());
}

#[tokio::test]
async fn a_contact_is_found_by_its_providers_id_and_lives_with_one_tenant() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let here = contact("acme", 1_000, 1);
    keep(&scope, &here).await;
    let platform = store.platform();
    assert_eq!(platform.call(&here.connection, "CA1000-1").await.unwrap(), Some((id("acme"), here.id)));
    assert_eq!(platform.call(&id("other"), "CA1000-1").await.unwrap(), None);
    assert_eq!(platform.contact_home(&here.id).await.unwrap(), Some(id("acme")));
    let mut again = contact("acme", 2_000, 2);
    again.arrival.provider_contact.clone_from(&here.arrival.provider_contact);
    let twice = scope.change().put(&again, Expect::Absent).platform(|rows| rows.home(&again, None)).commit().await;
    assert!(twice.is_err(), "one call began two contacts");
    assert_eq!(scope.contact(&again.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_customer_was_last_here_at_the_contact_before() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let contacts: Vec<Contact> = (1..=3).map(|nth| contact("acme", u64::from(nth) * 1_000, nth)).collect();
    for contact in &contacts {
        keep(&scope, contact).await;
    }
    assert_eq!(scope.last_seen(CALLER, &contacts[0].id).await.unwrap(), None);
    assert_eq!(scope.last_seen(CALLER, &contacts[2].id).await.unwrap(), Some(2_000));
    assert_eq!(scope.last_seen("+1", &contacts[2].id).await.unwrap(), None);
    assert_eq!(store.tenant(&id("bolt")).last_seen(CALLER, &contacts[2].id).await.unwrap(), None);
}

#[tokio::test]
async fn a_trail_is_read_in_order_however_long_a_turn_is() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let (here, other) = (contact("acme", 1_000, 1), contact("acme", 1_000, 2));
    let turns: Vec<Turn> = (1..=12).map(|nth| turn(&here, nth, &"x".repeat(if nth == 5 { 1_500_000 } else { 10 }))).collect();
    for turn in turns.iter().rev() {
        scope.change().turn(turn).commit().await.unwrap();
    }
    scope.change().turn(&turn(&other, 1, "another contact's")).commit().await.unwrap();
    assert_eq!(scope.turns(&here.id).await.unwrap(), turns);
    assert!(scope.change().turn(&turns[4]).commit().await.is_err(), "a trail was written over");
}
