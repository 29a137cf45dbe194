//! Promises that plugin state counts everybody, forgets in time and knows its size.
//!
//! The capability `state` relies on them; what it promises to plugins stands in `wit/v1/state.wit`.

use jackfield_domain::capability::{Scope, StateChange, StateWrite};
use jackfield_domain::ports::state::StateSpace;
use tokio::task::JoinSet;

use super::*;
use crate::CommitError;

const NOW: u64 = 5_000;

fn space(owner: &str, contact: &Contact) -> StateSpace {
    StateSpace { tenant: id("acme"), owner: id(owner), plugin: id("ivr"), contact: contact.id }
}

fn write(scope: Scope, key: &str, change: StateChange) -> StateWrite {
    StateWrite { scope, key: key.to_owned(), change, only_if: None }
}

fn set(value: &str) -> StateChange {
    StateChange::Set { value: value.into(), until: None }
}

async fn commit(store: &Store, space: &StateSpace, writes: &[StateWrite]) -> Result<(), CommitError> {
    store.tenant(&space.tenant).change().state(space, writes, NOW).commit().await
}

async fn value(store: &Store, space: &StateSpace, scope: Scope, key: &str) -> Option<String> {
    let entry = store.state().get(space, scope, key, NOW).await.unwrap();
    entry.map(|entry| String::from_utf8(entry.value).unwrap())
}

#[tokio::test]
async fn state_is_the_contacts_or_the_tenants_and_one_plugins_alone() {
    let store = store().await;
    let (first, second) = (contact("acme", 1, 1), contact("acme", 2, 2));
    let here = space("acme", &first);
    commit(&store, &here, &[write(Scope::Tenant, "k", set("tenant")), write(Scope::Contact, "k", set("contact"))]).await.unwrap();
    let there = space("acme", &second);
    assert_eq!(value(&store, &here, Scope::Contact, "k").await.as_deref(), Some("contact"));
    assert_eq!(value(&store, &there, Scope::Tenant, "k").await.as_deref(), Some("tenant"));
    assert_eq!(value(&store, &there, Scope::Contact, "k").await, None);
    assert_eq!(value(&store, &space("platform", &first), Scope::Tenant, "k").await, None, "the same name of another owner's plugin");
    let elsewhere = StateSpace { tenant: id("bolt"), ..here };
    assert_eq!(value(&store, &elsewhere, Scope::Tenant, "k").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_of_many_contacts_at_once_all_count() {
    let dir = tempfile::tempdir().unwrap();
    for store in [store().await, Store::open(dir.path(), master()).await.unwrap()] {
        let here = contact("acme", 1, 1);
        let mut tasks = JoinSet::new();
        for _ in 0..24 {
            let (store, space) = (store.clone(), space("acme", &here));
            tasks.spawn(async move {
                for _ in 0..5 {
                    let writes = [write(Scope::Tenant, "n", StateChange::Add(2)), write(Scope::Tenant, "m", StateChange::Add(-1))];
                    commit(&store, &space, &writes).await.unwrap();
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let space = space("acme", &here);
        assert_eq!(value(&store, &space, Scope::Tenant, "n").await.as_deref(), Some("240"));
        assert_eq!(value(&store, &space, Scope::Tenant, "m").await.as_deref(), Some("-120"));
    }
}

#[tokio::test]
async fn compare_and_set_writes_only_over_what_was_seen() {
    let store = store().await;
    let space = space("acme", &contact("acme", 1, 1));
    let only_if = |wanted, value: &str| StateWrite { only_if: Some(wanted), ..write(Scope::Tenant, "k", set(value)) };
    commit(&store, &space, &[only_if(None, "first")]).await.unwrap();
    assert!(matches!(commit(&store, &space, &[only_if(None, "again")]).await, Err(CommitError::Conflict { .. })));
    let seen = store.state().get(&space, Scope::Tenant, "k", NOW).await.unwrap().unwrap().revision;
    commit(&store, &space, &[only_if(Some(seen), "second")]).await.unwrap();
    assert!(matches!(commit(&store, &space, &[only_if(Some(seen), "late")]).await, Err(CommitError::Conflict { .. })));
    assert_eq!(value(&store, &space, Scope::Tenant, "k").await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_value_vanishes_at_its_moment_and_its_name_is_free_again() {
    let store = store().await;
    let space = space("acme", &contact("acme", 1, 1));
    let brief = |until| StateChange::Set { value: b"7".to_vec(), until: Some(until) };
    let writes = [write(Scope::Tenant, "gone", brief(NOW)), write(Scope::Tenant, "there", brief(NOW + 1))];
    commit(&store, &space, &writes).await.unwrap();
    assert_eq!(value(&store, &space, Scope::Tenant, "gone").await, None);
    assert_eq!(value(&store, &space, Scope::Tenant, "there").await.as_deref(), Some("7"));
    let listed = store.state().list(&space, Scope::Tenant, "", None, 9, NOW).await.unwrap();
    assert_eq!(listed, (vec!["there".to_owned()], None));
    let fresh = StateWrite { only_if: Some(None), ..write(Scope::Tenant, "gone", StateChange::Add(1)) };
    commit(&store, &space, &[fresh]).await.unwrap();
    assert_eq!(value(&store, &space, Scope::Tenant, "gone").await.as_deref(), Some("1"), "it began from nothing");
}

#[tokio::test]
async fn an_increment_of_what_is_no_number_is_a_conflict_and_writes_nothing() {
    let store = store().await;
    let space = space("acme", &contact("acme", 1, 1));
    commit(&store, &space, &[write(Scope::Tenant, "k", set("text")), write(Scope::Tenant, "max", set(&i64::MAX.to_string()))])
        .await
        .unwrap();
    for key in ["k", "max"] {
        let writes = [write(Scope::Tenant, "other", set("x")), write(Scope::Tenant, key, StateChange::Add(1))];
        assert!(matches!(commit(&store, &space, &writes).await, Err(CommitError::Conflict { .. })));
    }
    assert_eq!(value(&store, &space, Scope::Tenant, "other").await, None);
}

#[tokio::test]
async fn keys_are_listed_in_order_page_by_page() {
    let store = store().await;
    let space = space("acme", &contact("acme", 1, 1));
    let writes: Vec<StateWrite> = ["b", "a", "ab", "abc", "ac", "z"].map(|key| write(Scope::Contact, key, set("x"))).to_vec();
    commit(&store, &space, &writes).await.unwrap();
    let state = store.state();
    let (keys, next) = state.list(&space, Scope::Contact, "a", None, 2, NOW).await.unwrap();
    assert_eq!((keys, next.as_deref()), (vec!["a".to_owned(), "ab".to_owned()], Some("ab")));
    let (keys, next) = state.list(&space, Scope::Contact, "a", next.as_deref(), 2, NOW).await.unwrap();
    assert_eq!((keys, next), (vec!["abc".to_owned(), "ac".to_owned()], None));
}

#[tokio::test]
async fn the_size_of_a_tenants_state_follows_every_write_and_the_sweep() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let mut here = contact("acme", 1, 1);
    scope.change().put(&here, Expect::Absent).commit().await.unwrap();
    let space = space("acme", &here);
    let size = async || store.state().tenant_bytes(&space).await.unwrap();
    let brief = StateChange::Set { value: b"12".to_vec(), until: Some(NOW + 10) };
    let writes =
        [write(Scope::Tenant, "abc", set("12345")), write(Scope::Tenant, "t", brief), write(Scope::Contact, "c", set("xxxxxxxxx"))];
    commit(&store, &space, &writes).await.unwrap();
    assert_eq!(size().await, 3 + 5 + 1 + 2, "a contact's state is not the tenant's");
    commit(&store, &space, &[write(Scope::Tenant, "abc", set("1"))]).await.unwrap();
    assert_eq!(size().await, 3 + 1 + 1 + 2);

    assert_eq!(scope.sweep_state(NOW).await.unwrap(), 0);
    assert_eq!(scope.sweep_state(NOW + 10).await.unwrap(), 1);
    assert_eq!(size().await, 4);
    let found = scope.contact(&here.id).await.unwrap().unwrap();
    here.phase = Phase::Ended;
    scope.change().put(&here, Expect::Revision(found.revision)).commit().await.unwrap();
    assert_eq!(scope.sweep_state(NOW).await.unwrap(), 1);
    assert_eq!(value(&store, &space, Scope::Contact, "c").await, None);
    commit(&store, &space, &[write(Scope::Tenant, "abc", StateChange::Delete)]).await.unwrap();
    assert_eq!(size().await, 0);
}
