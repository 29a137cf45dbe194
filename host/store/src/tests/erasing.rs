//! Promises that an erased tenant is gone: its key first, then its rows, whatever crashes in between.
//!
//! They look at rows and files below the typed store, because what is left there is what counts.

use std::path::Path;

use jackfield_domain::ports::rows::{Batch, Write};
use jackfield_domain::tenant::token::{Reach, Token};

use super::*;
use crate::seal::{Keyring, tombstone};
use crate::{CommitError, StoreFault};

fn token(reach: Reach) -> Token {
    let half = if reach == Reach::Platform { "0".repeat(16) } else { "1".repeat(16) };
    Token { id: half, digest: String::new(), label: String::new(), reach, created: 1, expires: None, revoked: None }
}

async fn fill(store: &Store) -> Contact {
    settle_in(store).await;
    let here = contact("acme", 1_000, 1);
    let change = store.tenant(&id("acme")).change().put(&here, Expect::Absent).turn(&turn(&here, 1, SECRET));
    change.platform(|rows| rows.home(&here, None)).commit().await.unwrap();
    let tokens = store.platform().change().token(&token(Reach::Platform), Expect::Absent);
    tokens.token(&token(Reach::Tenant(id("acme"))), Expect::Absent).commit().await.unwrap();
    here
}

async fn nothing_is_left(store: &Store, gone: &Contact) {
    let platform = store.platform();
    assert_eq!(platform.tenant(&id("acme")).await.unwrap(), None);
    assert_eq!(platform.connection(&id("acme-line")).await.unwrap(), None);
    assert_eq!(platform.binding(&id("+18005551001")).await.unwrap(), None);
    assert_eq!(platform.token(&"1".repeat(16)).await.unwrap(), None);
    assert_eq!(platform.contact_home(&gone.id).await.unwrap(), None);
    assert_eq!(platform.call(&gone.connection, &gone.arrival.provider_contact).await.unwrap(), None);
    let all = crate::keys::all_of(&id("acme"));
    assert!(store.shared.rows.scan(&all.from, &all.to, 1, false).await.unwrap().is_empty());
    // And all of the other tenant's is.
    assert!(platform.tenant(&id("bolt")).await.unwrap().is_some());
    assert_eq!(platform.connection(&id("bolt-line")).await.unwrap().unwrap().row, connection("bolt-line", "bolt"));
    assert!(platform.binding(&id("+18005552001")).await.unwrap().is_some());
    assert!(platform.token(&"0".repeat(16)).await.unwrap().is_some());
    assert!(store.tenant(&id("bolt")).get::<Person>(&id("ada")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_erased_tenant_leaves_nothing_and_its_neighbour_everything() {
    let store = store().await;
    let gone = fill(&store).await;
    store.platform().erase(&id("acme")).await.unwrap();
    nothing_is_left(&store, &gone).await;
    assert!(matches!(store.platform().erase(&id("acme")).await, Err(CommitError::Conflict { .. })));
    assert_eq!(store.platform().children(&id("platform"), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn erasing_destroys_the_key_so_that_a_copy_of_its_rows_opens_no_more() {
    let store = store().await;
    fill(&store).await;
    let scope = store.tenant(&id("acme"));
    let all = crate::keys::all_of(&id("acme"));
    let backup = store.shared.rows.scan(&all.from, &all.to, usize::MAX, false).await.unwrap();
    store.platform().erase(&id("acme")).await.unwrap();
    // Somebody brings the rows back, as a restored backup would.
    let writes = backup.into_iter().map(|(key, kept)| Write::Put { key, value: kept.value, expect: Expect::Anything }).collect();
    store.shared.rows.commit(Batch { writes }).await.unwrap();
    assert!(matches!(scope.get::<Person>(&id("ada")).await, Err(StoreFault::Erased(_))));
    // Even the same name made anew does not open them.
    store.platform().change().tenant(&tenant("acme", None), Expect::Absent).commit().await.unwrap();
    assert!(matches!(scope.get::<Person>(&id("ada")).await, Err(StoreFault::Unreadable { .. })));
}

#[tokio::test]
async fn a_write_that_was_under_way_leaves_nothing_behind_an_erased_tenant() {
    let store = store().await;
    fill(&store).await;
    let under_way = store.tenant(&id("acme")).change().put(&contact("acme", 2_000, 2), Expect::Absent);
    store.platform().erase(&id("acme")).await.unwrap();
    assert!(matches!(under_way.commit().await, Err(CommitError::Conflict { .. })));
    let all = crate::keys::all_of(&id("acme"));
    assert!(store.shared.rows.scan(&all.from, &all.to, 1, false).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_erasure_that_a_crash_cut_short_is_finished_when_the_store_opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), master()).await.unwrap();
    let gone = fill(&store).await;
    // The first batch of an erasure, and then the crash.
    let name = id::<TenantId>("acme");
    let row = crate::keys::platform(crate::Table::Tenant, b"acme");
    let writes = vec![
        Write::Put { key: Keyring::row_of(&name), value: tombstone(false), expect: Expect::Anything },
        Write::Delete { key: row, expect: Expect::Anything },
    ];
    store.shared.rows.commit(Batch { writes }).await.unwrap();
    let early = store.platform().change().tenant(&tenant("acme", None), Expect::Absent).commit().await;
    assert!(early.is_err(), "a name was given away before its old rows were gone");
    store.close().await;
    let store = Store::open(dir.path(), master()).await.unwrap();
    nothing_is_left(&store, &gone).await;
}

fn is_in_files(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_in_files(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

#[tokio::test]
async fn no_file_of_the_store_holds_a_secret_or_a_customer_before_or_after() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), master()).await.unwrap();
    fill(&store).await;
    for text in [SECRET, CALLER, "CA1000-1"] {
        assert!(!is_in_files(dir.path(), text), "{text} lies open on the disk");
    }
    assert!(is_in_files(dir.path(), "bolt"), "the search would have found something");
    store.platform().erase(&id("acme")).await.unwrap();
    store.close().await;
}
