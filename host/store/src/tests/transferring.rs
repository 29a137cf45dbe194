//! Promises that an export is the store, whole, and that no damaged or foreign one is taken for it.
//!
//! `jackfield export` and `import` rely on them.

use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::keys::everything;

/// All rows but their revisions.
async fn rows_of(store: &Store) -> Vec<(Vec<u8>, Bytes)> {
    let all = everything();
    let page = store.shared.rows.scan(&all.from, &all.to, usize::MAX, false).await.unwrap();
    page.into_iter().map(|(key, kept)| (key, kept.value)).collect()
}

async fn filled() -> (Store, Contact, Vec<u8>) {
    let store = store().await;
    settle_in(&store).await;
    let here = contact("acme", 1_000, 1);
    let component: Vec<u8> = (0..2_500_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    store.blobs().put(component.clone().into()).await.unwrap();
    let change = store.tenant(&id("acme")).change().put(&here, Expect::Absent).turn(&turn(&here, 1, SECRET));
    change.version(&version("acme", 1, &component)).platform(|rows| rows.home(&here, None)).commit().await.unwrap();
    for nth in 0..300_u32 {
        let scope = store.tenant(&id("bolt"));
        scope.change().put(&contact("bolt", 5_000 + u64::from(nth), 1), Expect::Absent).commit().await.unwrap();
    }
    (store, here, component)
}

#[tokio::test]
async fn an_export_imported_is_the_same_store() {
    let (from, here, component) = filled().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("export");
    let written = from.export(&file).await.unwrap();
    assert_eq!((written.rows as usize, written.blobs), (rows_of(&from).await.len() - 1, 1));
    assert!(from.export(&file).await.is_err(), "an export was written over");
    let text = std::fs::read(&file).unwrap();
    assert!(!text.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));

    let place = dir.path().join("data");
    let to = Store::open(&place, master()).await.unwrap();
    assert_eq!(to.import(&file).await.unwrap(), written);
    to.close().await;
    let to = Store::open(&place, master()).await.unwrap();
    assert_eq!(rows_of(&to).await, rows_of(&from).await);
    let scope = to.tenant(&id("acme"));
    assert_eq!(scope.contact(&here.id).await.unwrap().unwrap().row, here);
    assert_eq!(scope.turns(&here.id).await.unwrap()[0].reason, SECRET);
    assert_eq!(to.platform().connection(&id("acme-line")).await.unwrap().unwrap().row, connection("acme-line", "acme"));
    assert_eq!(to.platform().call(&here.connection, "CA1000-1").await.unwrap(), Some((id("acme"), here.id)));
    assert_eq!(to.blobs().get(&Digest::of(&component)).await.unwrap(), Some(component.into()));
    let again = to.import(&file).await.unwrap_err().to_string();
    assert!(again.contains("not empty"), "{again}");
}

#[tokio::test]
async fn an_export_needs_the_master_key_it_was_written_under() {
    let (from, ..) = filled().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("export");
    from.export(&file).await.unwrap();
    let to = Store::memory(MasterKey::from_bytes([9; 32])).await;
    let why = to.import(&file).await.unwrap_err().to_string();
    assert!(why.contains("master key"), "{why}");
    assert!(rows_of(&to).await.is_empty(), "something was written");
}

async fn refused(file: &Path, bytes: &[u8]) -> String {
    std::fs::write(file, bytes).unwrap();
    store().await.import(file).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_damaged_export_is_refused_wherever_the_damage_is() {
    let (from, ..) = filled().await;
    let dir = tempfile::tempdir().unwrap();
    let (file, bad) = (dir.path().join("export"), dir.path().join("bad"));
    from.export(&file).await.unwrap();
    let good = std::fs::read(&file).unwrap();
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let without =
        |gone: usize| lines.iter().enumerate().filter(|(at, _)| *at != gone).flat_map(|(_, line)| line.to_vec()).collect::<Vec<u8>>();
    for gone in [0, 1, lines.len() / 2, lines.len() - 2, lines.len() - 1] {
        let why = refused(&bad, &without(gone)).await;
        assert!(why.contains("cannot be taken"), "without line {gone}: {why}");
    }
    let mut swapped = good.clone();
    let at = good.len() - 400_000;
    swapped[at] = if good[at] == b'A' { b'B' } else { b'A' };
    assert!(refused(&bad, &swapped).await.contains("damaged"));
    assert!(refused(&bad, &good[..good.len() / 2]).await.contains("ends before its foot"));
    assert!(refused(&bad, b"").await.contains("line 1"));
    assert!(refused(&bad, b"{\"nonsense\":1}\n").await.contains("line 1"));
}

#[tokio::test]
async fn a_store_in_which_an_import_was_cut_short_does_not_open() {
    let (from, ..) = filled().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("export");
    from.export(&file).await.unwrap();
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() - 300_000]).unwrap();
    let place = dir.path().join("data");
    let to = Store::open(&place, master()).await.unwrap();
    assert!(to.import(&file).await.is_err());
    to.close().await;
    let why = Store::open(&place, master()).await.unwrap_err().to_string();
    assert!(why.contains("cut short"), "{why}");
}
