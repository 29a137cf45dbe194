//! Promises that a contact which is forgotten leaves nothing, and that nothing else goes with it.
//!
//! Retention relies on them: whatever a contact once wrote under its id must be found by it again.

use jackfield_domain::capability::{Scope, StateChange, StateWrite};
use jackfield_domain::ports::state::StateSpace;

use super::*;
use crate::{CommitError, FORGET_STEP, Retry, RetryId, TenantStore};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

async fn all_rows(store: &Store) -> Rows {
    let page = store.shared.rows.scan(&[0], &[0xff], usize::MAX, false).await.unwrap();
    page.into_iter().map(|(key, kept)| (key, kept.value.to_vec())).collect()
}

/// Writes all that a contact can have: its indexes, two turns of which one is in pieces, replies, state and that it is live.
async fn live_through(scope: &TenantStore, contact: &Contact) {
    let space = StateSpace { tenant: scope.id().clone(), owner: id("other"), plugin: id("ivr"), contact: contact.id };
    let kept = |key: &str| StateWrite {
        scope: Scope::Contact,
        key: key.to_owned(),
        only_if: None,
        change: StateChange::Set { value: b"kept".to_vec(), until: None },
    };
    let retry = |turn| Retry {
        id: RetryId { connection: contact.connection.clone(), contact: contact.id, turn, event: format!("event-{turn}") },
        status: 200,
        content_type: String::new(),
        body: Vec::new(),
        headers: Vec::new(),
        answered: contact.started,
    };
    let live = jackfield_domain::quota::live::LiveContact { contact: contact.id, tenant: scope.id().clone(), until: 1 };
    let change = scope.change().put(contact, Expect::Absent).platform(|rows| rows.home(contact, None).live(&live));
    let change = change.put(&retry(0), Expect::Absent).put(&retry(1), Expect::Absent).state(&space, &[kept("a"), kept("b")], 1);
    let change = change.turn(&turn(contact, 1, "short")).turn(&turn(contact, 2, &"x".repeat(1_500_000)));
    change.seen(&contact.arrival.customer.address.raw, &contact.id).await.unwrap().commit().await.unwrap();
}

fn nth(at: u64, nth: u8) -> Contact {
    Contact { phase: Phase::Ended, ..contact("acme", at, nth) }
}

#[tokio::test]
async fn a_contact_that_is_forgotten_leaves_no_row() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    live_through(&scope, &nth(2_000, 2)).await;
    live_through(&store.tenant(&id("bolt")), &contact("bolt", 1_000, 9)).await;
    let before = all_rows(&store).await;
    live_through(&scope, &nth(1_000, 1)).await;
    assert_eq!(scope.contacts_kept().await.unwrap(), 2);
    let forgotten = scope.forget_oldest(None, 1, |_, _| true).await.unwrap();
    assert_eq!((forgotten.contacts, scope.contacts_kept().await.unwrap()), (1, 1));
    assert!(all_rows(&store).await == before, "it left something, or took something along");
}

#[tokio::test]
async fn the_oldest_go_first_and_what_may_not_go_is_passed_over() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for at in 0..60 {
        scope.change().put(&nth(1_000 + u64::from(at), at), Expect::Absent).commit().await.unwrap();
    }
    let stays = ContactId::new(1_000, [0; 10]);
    let first = scope.forget_oldest(None, 3, |contact, _| contact.id != stays).await.unwrap();
    let left = scope.list::<Contact>(None, 2).await.unwrap();
    assert_eq!(first.contacts, 3);
    assert_eq!(left.iter().map(|found| found.row.started).collect::<Vec<_>>(), [1_000, 1_004]);
    // A whole step of what stays does not end the search.
    let vain = scope.forget_oldest(None, 9, |_, _| false).await.unwrap();
    assert_eq!(vain.contacts, 0);
    let beyond = scope.forget_oldest(vain.next.as_ref(), 9, |_, _| true).await.unwrap();
    assert_eq!(beyond.contacts as usize, 57 - FORGET_STEP);
    assert_eq!(scope.forget_oldest(beyond.next.as_ref(), 9, |_, _| true).await.unwrap().next, None);
}

#[tokio::test]
async fn the_last_event_is_the_newest_turn() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let here = nth(1_000, 1);
    let later = Turn { at: 9_000, ..turn(&here, 1, "later") };
    scope.change().put(&here, Expect::Absent).turn(&turn(&here, 1, "first")).turn(&later).commit().await.unwrap();
    let asked = std::sync::Mutex::new(Vec::new());
    scope
        .forget_oldest(None, 1, |_, last| {
            asked.lock().unwrap().push(last);
            false
        })
        .await
        .unwrap();
    assert_eq!(*asked.lock().unwrap(), [9_000]);
}

#[tokio::test]
async fn one_that_has_more_than_a_batch_takes_goes_whole() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let long = nth(1_000, 1);
    live_through(&scope, &long).await;
    for sequence in 10..1_200 {
        scope.change().turn(&turn(&long, sequence, "more")).commit().await.unwrap();
    }
    assert_eq!(scope.forget_oldest(None, 1, |_, _| true).await.unwrap().contacts, 1);
    let left: Vec<String> = all_rows(&store).await.iter().map(|(key, _)| crate::in_words(key)).collect();
    assert_eq!(left, ["data key acme", "store record instance"]);
}

#[tokio::test]
async fn one_that_was_written_meanwhile_stays() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let here = nth(1_000, 1);
    live_through(&scope, &here).await;
    let found = scope.contact(&here.id).await.unwrap().unwrap();
    let write = || scope.change().put(&here, Expect::Revision(found.revision)).commit();
    let (writing, forgotten) = {
        let wrote = std::sync::Mutex::new(None);
        let forgotten = scope
            .forget_oldest(None, 1, |_, _| {
                // What an event writes between the look and the removal.
                *wrote.lock().unwrap() = futures_now(write());
                true
            })
            .await
            .unwrap();
        (wrote.into_inner().unwrap(), forgotten)
    };
    assert_eq!((writing, forgotten.contacts), (Some(true), 0));
    assert!(scope.contact(&here.id).await.unwrap().is_some());
}

/// The memory backend never waits.
fn futures_now(change: impl Future<Output = Result<(), CommitError>>) -> Option<bool> {
    match std::pin::pin!(change).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(done) => Some(done.is_ok()),
        std::task::Poll::Pending => None,
    }
}
