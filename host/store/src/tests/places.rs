//! Promises that every noun stands in its own place: under its tenant, sealed where it must be, found and listed as asked.
//!
//! The admin API and the pipeline rely on them. Over memory, because the backends' own suite says that sled is no different.

use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::flow::settings::SettingsRevision;
use jackfield_domain::tenant::directory::{Closure, Queue, QueueStatus};
use jackfield_domain::usage::{Purpose, Tally};
use serde_json::json;

use super::*;
use crate::{CommitError, Counter, QueueStatusRow, Retry, RetryId, RoutesRow, SettingsRow, in_words};

fn queue(name: &str) -> Queue {
    Queue { name: id(name), label: name.to_owned(), language: None, hours: None, provider_ids: Default::default() }
}

#[tokio::test]
async fn rows_are_listed_by_name_and_a_stale_write_conflicts_by_name() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for name in ["sales", "billing", "sales-2"] {
        scope.change().put(&queue(name), Expect::Absent).commit().await.unwrap();
    }
    let names = |found: Vec<crate::Found<Queue>>| found.into_iter().map(|found| found.row.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(scope.list(None, 10).await.unwrap()), ["billing", "sales", "sales-2"]);
    assert_eq!(names(scope.list(Some(&id("billing")), 1).await.unwrap()), ["sales"]);

    let found = scope.get::<Queue>(&id("sales")).await.unwrap().unwrap();
    let mut changed = found.row.clone();
    changed.label = "Sales".to_owned();
    scope.change().put(&changed, Expect::Revision(found.revision)).commit().await.unwrap();
    let late = scope.change().delete::<Queue>(&id("sales"), Expect::Revision(found.revision)).commit().await;
    let Err(CommitError::Conflict { key }) = late else { panic!("{late:?}") };
    assert_eq!(in_words(&key), "queue sales");
    assert_eq!(scope.get::<Queue>(&id("sales")).await.unwrap().unwrap().row, changed);
}

#[tokio::test]
async fn what_one_tenant_has_another_does_not() {
    let store = store().await;
    settle_in(&store).await;
    let (acme, bolt) = (store.tenant(&id("acme")), store.tenant(&id("bolt")));
    acme.change().put(&queue("sales"), Expect::Absent).commit().await.unwrap();
    assert_eq!(bolt.get::<Queue>(&id("sales")).await.unwrap(), None);
    assert!(bolt.list::<Queue>(None, 9).await.unwrap().is_empty());
    assert_ne!(acme.salt_key().await.unwrap(), bolt.salt_key().await.unwrap());
    assert_eq!(acme.salt_key().await.unwrap(), acme.salt_key().await.unwrap());
    assert_ne!(acme.keyed_digest("a", b"x").await.unwrap(), bolt.keyed_digest("a", b"x").await.unwrap());
    assert_ne!(acme.keyed_digest("a", b"x").await.unwrap(), acme.keyed_digest("b", b"x").await.unwrap());
}

#[tokio::test]
async fn the_newest_settings_of_a_level_are_found_and_flows_have_their_own() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let row = |level: &str, revision, value| SettingsRow {
        level: (!level.is_empty()).then(|| id(level)),
        settings: SettingsRevision { revision, value: json!({ "is": value }), written: 1, by: "operator".to_owned() },
    };
    for row in [row("", 1, "old"), row("", 300, "new"), row("main", 2, "flow"), row("main-2", 9, "other")] {
        scope.change().put(&row, Expect::Absent).commit().await.unwrap();
    }
    let is = |found: Option<crate::Found<SettingsRow>>| found.unwrap().row.settings.value["is"].clone();
    assert_eq!(is(scope.settings(&None).await.unwrap()), "new");
    assert_eq!(is(scope.settings(&Some(id("main"))).await.unwrap()), "flow");
    assert_eq!(scope.settings(&Some(id("none"))).await.unwrap(), None);
    assert_eq!(is(scope.get(&(None, 1)).await.unwrap()), "old");

    let routes = RoutesRow { level: Some(id("main")), routes: DefaultRoutes::default() };
    scope.change().put(&routes, Expect::Absent).commit().await.unwrap();
    assert_eq!(scope.get::<RoutesRow>(&routes.level).await.unwrap().unwrap().row, routes);
    assert_eq!(scope.get::<RoutesRow>(&None).await.unwrap(), None);
}

#[tokio::test]
async fn closures_and_queue_statuses_are_where_they_are_looked_for() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let closure = Closure { reason: "fire".to_owned(), by: "ada".to_owned(), since: 1, until: None, bypass: true };
    let status = QueueStatus { waiting: 1, staffed: 2, oldest_ms: 3, reported: 4 };
    let row = QueueStatusRow { queue: id("sales"), status: status.clone() };
    scope.change().put(&closure, Expect::Absent).put(&row, Expect::Anything).commit().await.unwrap();
    assert_eq!(scope.get::<Closure>(&()).await.unwrap().unwrap().row, closure);
    assert_eq!(scope.queue_statuses().await.unwrap(), [("sales".to_owned(), status.clone())]);
    assert_eq!(scope.queue_status(&id("sales")).await.unwrap().unwrap().row, status);
}

#[tokio::test]
async fn the_same_bytes_are_the_same_version_and_one_number_is_given_once() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    scope.change().version(&version("acme", 1, b"one")).commit().await.unwrap();
    scope.change().version(&version("acme", 2, b"two")).commit().await.unwrap();
    let found = scope.version_of(&id("ivr"), &Digest::of(b"two")).await.unwrap().unwrap();
    assert_eq!(found.row.number, 2);
    assert!(scope.version_of(&id("ivr"), &Digest::of(b"three")).await.unwrap().is_none());
    assert!(scope.change().version(&version("acme", 3, b"two")).commit().await.is_err(), "the same bytes got two numbers");
    assert!(scope.change().version(&version("acme", 2, b"other")).commit().await.is_err(), "one number got two components");
}

#[tokio::test]
async fn an_address_belongs_to_one_tenant_and_is_listed_with_it() {
    let store = store().await;
    settle_in(&store).await;
    let platform = store.platform();
    let theirs = binding("+18005551001", "bolt");
    assert!(matches!(platform.change().bind(&theirs).commit().await, Err(CommitError::Conflict { .. })));
    assert_eq!(platform.binding(&theirs.address).await.unwrap().unwrap().row.tenant, id("acme"));
    assert_eq!(platform.bindings_of(&id("bolt"), 9).await.unwrap(), [binding("+18005552001", "bolt")]);

    let ours = platform.binding(&theirs.address).await.unwrap().unwrap();
    let shared = async || platform.binding_shared(&theirs.address).await.unwrap().map(|found| found.row.tenant.clone());
    assert_eq!((shared().await, shared().await), (Some(id("acme")), Some(id("acme"))));
    platform.change().unbind(&ours.row, Expect::Revision(ours.revision)).bind(&theirs).commit().await.unwrap();
    assert!(platform.bindings_of(&id("acme"), 9).await.unwrap().is_empty());
    assert_eq!(platform.bindings_of(&id("bolt"), 9).await.unwrap().len(), 2);
    assert_eq!(shared().await, Some(id("bolt")), "what was read before is not what is now");
    let now = platform.binding(&theirs.address).await.unwrap().unwrap();
    platform.change().unbind(&now.row, Expect::Revision(now.revision)).commit().await.unwrap();
    assert_eq!(shared().await, None);
}

#[tokio::test]
async fn a_connection_is_sealed_with_its_owners_key_and_listed_with_its_owner() {
    let store = store().await;
    settle_in(&store).await;
    let platform = store.platform();
    let found = platform.connection(&id("acme-line")).await.unwrap().unwrap();
    assert_eq!(found.row, connection("acme-line", "acme"));
    assert_eq!(platform.connections_of(&id("acme"), 9).await.unwrap(), std::slice::from_ref(&found));
    platform.change().disconnect(&found.row, Expect::Revision(found.revision)).commit().await.unwrap();
    assert!(platform.connections_of(&id("acme"), 9).await.unwrap().is_empty());
    assert_eq!(platform.connection(&id("acme-line")).await.unwrap(), None);
    assert_eq!(platform.children(&id("platform"), 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_secret_or_personal_lies_open_in_the_rows() {
    let rows: std::sync::Arc<dyn jackfield_domain::ports::rows::Rows> = std::sync::Arc::new(crate::backend::memory::Memory::default());
    let blobs = std::sync::Arc::new(crate::blobs::KeptBlobs::memory());
    let store = Store::over(std::sync::Arc::clone(&rows), blobs, master());
    settle_in(&store).await;
    let scope = store.tenant(&id("acme"));
    let here = contact("acme", 1_000, 1);
    let settings = SettingsRevision { revision: 1, value: json!({ "k": SECRET }), written: 1, by: "operator".to_owned() };
    let retry =
        Retry { id: retry_id(&here), status: 200, content_type: String::new(), body: SECRET.into(), answered: 1, headers: Vec::new() };
    let change = scope.change().put(&here, Expect::Absent).turn(&turn(&here, 1, SECRET)).put(&retry, Expect::Absent);
    let change = change.put(&SettingsRow { level: None, settings }, Expect::Absent).platform(|rows| rows.home(&here, None));
    change.seen(CALLER, &here.id).await.unwrap().commit().await.unwrap();
    let all = crate::keys::everything();
    let page = rows.scan(&all.from, &all.to, usize::MAX, false).await.unwrap();
    assert!(page.len() > 12);
    for (key, kept) in page {
        for text in [SECRET, CALLER, "CA1000-1", &hex::encode([3; 32])] {
            let is_in = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!is_in(&key) && !is_in(&kept.value), "{text} lies open in {}", in_words(&key));
        }
    }
}

fn retry_id(contact: &Contact) -> RetryId {
    RetryId { connection: id("line"), contact: contact.id, turn: 1, event: "e".repeat(64) }
}

#[tokio::test]
async fn a_retry_gets_the_same_bytes_whatever_they_are() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let here = contact("acme", 1, 1);
    for body in [b"<Response/>".to_vec(), vec![0xff, 0, 1], Vec::new(), vec![b'"'; 100_000]] {
        let retry = Retry { id: retry_id(&here), status: 200, content_type: "text/xml".to_owned(), body, answered: 1, headers: Vec::new() };
        scope.change().put(&retry, Expect::Anything).commit().await.unwrap();
        assert_eq!(scope.get::<Retry>(&retry.id).await.unwrap().unwrap().row, retry);
    }
    let taken = Retry { id: retry_id(&here), status: 500, content_type: String::new(), body: Vec::new(), answered: 2, headers: Vec::new() };
    assert!(scope.change().put(&taken, Expect::Absent).commit().await.is_err());
}

#[tokio::test]
async fn counts_of_a_day_and_of_a_release_add_up() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let of = |day: &str, release, purpose| Counter::Usage { day: day.to_owned(), flow: id("main"), release, purpose };
    let day = |day: &str, release| of(day, release, Purpose::Live);
    let record = Counter::Record { flow: id("main"), release: 3 };
    for _ in 0..3 {
        let change = scope.change().count(&day("2026-11-23", Some(3)), &[("contacts", 1), ("fuel", 500)]);
        change.count(&record, &[("invocations", 2), ("failures", 1)]).commit().await.unwrap();
    }
    scope.change().count(&day("2026-11-24", None), &[("contacts", 1)]).commit().await.unwrap();
    scope.change().count(&day("2026-11-25", None), &[("contacts", 1)]).commit().await.unwrap();
    let shadow = Tally { sums: [("fuel".to_owned(), 9)].into(), peaks: [("memory_bytes_peak".to_owned(), 700)].into() };
    scope.change().tally(&of("2026-11-24", Some(3), Purpose::Shadow), shadow.clone()).commit().await.unwrap();
    scope.change().tally(&of("2026-11-24", Some(3), Purpose::Shadow), shadow).commit().await.unwrap();
    let rows = scope.usage("2026-11-23", "2026-11-24", 99).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (rows[2].purpose, rows[2].release, rows[2].counts["fuel"], rows[2].counts["memory_bytes_peak"]),
        (Purpose::Shadow, Some(3), 18, 700)
    );
    assert!(rows[..2].iter().all(|row| row.purpose == Purpose::Live));
    assert_eq!(scope.usage("2026-11-23", "2026-11-24", 2).await.unwrap().len(), 2);
    assert_eq!(
        (rows[0].day.as_str(), rows[0].release, rows[0].counts["contacts"], rows[0].counts["fuel"]),
        ("2026-11-23", Some(3), 3, 1_500)
    );
    assert_eq!((rows[1].day.as_str(), rows[1].release), ("2026-11-24", None));
    let done = scope.record(&id("main"), 3).await.unwrap();
    assert_eq!((done.invocations, done.failures), (6, 3));
    assert_eq!(scope.record(&id("main"), 4).await.unwrap().invocations, 0);
}

#[tokio::test]
async fn a_row_that_is_too_large_is_refused_by_name_and_harms_nothing() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let mut large = queue("sales");
    large.label = "x".repeat(600_000);
    let refused = scope.change().put(&large, Expect::Absent).commit().await;
    assert!(matches!(&refused, Err(CommitError::TooLarge(why)) if why.contains("queue sales")), "{refused:?}");
    store.health().unwrap();
    scope.change().put(&queue("sales"), Expect::Absent).commit().await.unwrap();
}

#[tokio::test]
async fn an_installation_has_one_id_and_secrets_that_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), master()).await.unwrap();
    let platform = store.platform();
    let told = (platform.instance_id().await.unwrap(), platform.pepper().await.unwrap(), platform.node_key().await.unwrap());
    assert_eq!(told.0.len(), 32);
    assert_ne!(told.1, told.2);
    store.close().await;
    let wrong = Store::open(dir.path(), MasterKey::from_bytes([4; 32])).await.unwrap_err();
    assert!(wrong.to_string().contains("master key does not fit"), "{wrong}");
    let store = Store::open(dir.path(), master()).await.unwrap();
    let platform = store.platform();
    assert_eq!(told, (platform.instance_id().await.unwrap(), platform.pepper().await.unwrap(), platform.node_key().await.unwrap()));
}
