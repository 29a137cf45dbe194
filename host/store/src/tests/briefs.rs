//! Promises that contacts in brief are found like others, in their places, and go when their time has come.

use jackfield_domain::trail::Brief;

use super::*;
use crate::{BRIEF_MAX, Briefs, ContactQuery, SCAN_ROWS_MAX, TenantStore};

fn brief(tenant: &str, at: u64, nth: u8) -> Brief {
    let contact = Contact { phase: Phase::Ended, ..contact(tenant, at, nth) };
    Brief { turn: turn(&contact, 1, SECRET), contact }
}

async fn keep(scope: &TenantStore, briefs: Vec<Brief>) -> usize {
    let rows = rows_of(briefs);
    for row in &rows {
        scope.change().briefs(row).commit().await.unwrap();
    }
    rows.len()
}

fn rows_of(briefs: Vec<Brief>) -> Vec<Briefs> {
    Briefs::rows_of(briefs.into_iter().map(|brief| (brief, ())).collect()).into_iter().map(|(row, _)| row).collect()
}

/// All pages, one after the other.
async fn all(scope: &TenantStore, query: ContactQuery) -> Vec<ContactId> {
    let (mut query, mut found) = (query, Vec::new());
    for _ in 0..10_000 {
        let page = scope.find_contacts(&query).await.unwrap();
        assert!(page.contacts.len() <= query.limit);
        found.extend(page.contacts.into_iter().map(|found| found.row.id));
        match page.next {
            Some(next) => assert!(query.cursor.replace(next).is_none_or(|before| next < before), "the search stands still"),
            None => return found,
        }
    }
    panic!("the search does not end")
}

#[test]
fn a_row_holds_a_bounded_number_of_contacts_that_arrived_within_a_moment() {
    let rows = rows_of((0..60).rev().map(|nth| brief("acme", 1_000, nth)).collect());
    assert_eq!(rows.iter().map(|row| row.all().len()).collect::<Vec<_>>(), [BRIEF_MAX, BRIEF_MAX, 10]);
    assert!(rows.iter().flat_map(|row| row.all()).is_sorted_by_key(|brief| brief.contact.id));
    let apart = rows_of(vec![brief("acme", 9_000, 1), brief("acme", 8_000, 2), brief("acme", 8_249, 3)]);
    assert_eq!(apart.iter().map(Briefs::first).map(ContactId::arrived_ms).collect::<Vec<_>>(), [8_000, 9_000]);
    assert!(rows_of(Vec::new()).is_empty());
}

#[tokio::test]
async fn a_contact_in_brief_is_found_by_its_id_and_its_tenant_by_it() {
    let store = store().await;
    let (acme, bolt) = (store.tenant(&id("acme")), store.tenant(&id("bolt")));
    // Rows of one tenant that overlap, and a neighbour's between them.
    for nth in 0..40_u8 {
        let at = 5_000 + u64::from(nth) * 17;
        keep(&acme, vec![brief("acme", at, nth), brief("acme", at + 240, nth + 100)]).await;
        keep(&bolt, vec![brief("bolt", at + 1, nth)]).await;
    }
    let wanted = brief("acme", 5_000 + 17 * 3 + 240, 103);
    assert_eq!(acme.brief(&wanted.contact.id).await.unwrap().map(|found| found.row), Some(wanted.clone()));
    assert_eq!(bolt.brief(&wanted.contact.id).await.unwrap(), None);
    let homes = store.platform().brief_homes(&wanted.contact.id).await.unwrap();
    assert_eq!(homes.into_iter().collect::<Vec<_>>(), [id("acme"), id("bolt")]);
    assert_eq!(acme.brief(&brief("acme", 5_005, 250).contact.id).await.unwrap(), None, "nobody's");
    assert!(store.platform().brief_homes(&brief("acme", 1_000, 1).contact.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_search_gives_whole_contacts_and_those_in_brief_in_one_order() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let mut expected = Vec::new();
    for second in 0..14_u64 {
        let whole = contact("acme", 10_000 + second * 1_000 + 500, 1);
        expected.push(whole.id);
        scope.change().put(&whole, Expect::Absent).commit().await.unwrap();
        // Some seconds with many, in rows that overlap; some with none.
        for group in 0..(second % 5) * 3 {
            let briefs: Vec<Brief> =
                (0..9).map(|nth| brief("acme", 10_000 + second * 1_000 + group * 60 + u64::from(nth) * 25, nth)).collect();
            expected.extend(briefs.iter().map(|brief| brief.contact.id));
            keep(&scope, briefs).await;
        }
    }
    expected.sort_by(|one, other| other.cmp(one));
    expected.dedup();
    for limit in [7, 200] {
        assert_eq!(all(&scope, ContactQuery { limit, ..ContactQuery::default() }).await, expected, "{limit} at a time");
    }
    let (from, to) = (Some(14_250), Some(19_700));
    let between: Vec<ContactId> = expected.iter().copied().filter(|id| (14_250..19_700).contains(&id.arrived_ms())).collect();
    assert_eq!(all(&scope, ContactQuery { from, to, limit: 50, ..ContactQuery::default() }).await, between);
    let named = |call_id: &str| ContactQuery { call_id: Some(call_id.to_owned()), limit: 50, ..ContactQuery::default() };
    for (call_id, at) in [("CA18000-0", 18_000), ("CA11500-1", 11_500), ("CA18025-1", 18_025)] {
        assert_eq!(all(&scope, named(call_id)).await.iter().map(|id| id.arrived_ms()).collect::<Vec<_>>(), [at], "{call_id}");
    }
    assert!(all(&scope, named("CA18000")).await.is_empty());
}

#[tokio::test]
async fn many_rows_in_one_moment_are_searched_to_their_end() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    // More rows than a page opens, so near one another that most may reach behind others, and then some that are far away.
    for nth in 0..450_u64 {
        keep(&scope, vec![brief("acme", 50_000 + nth, 1)]).await;
    }
    for second in 1..=250 {
        keep(&scope, vec![brief("acme", 60_000 + second * 1_000, 1)]).await;
    }
    let nobodys = || ContactQuery { queue: Some("nobody's".to_owned()), limit: 9, ..ContactQuery::default() };
    assert_eq!(all(&scope, ContactQuery { limit: 200, ..ContactQuery::default() }).await.len(), 700);
    assert!(all(&scope, nobodys()).await.is_empty());
    let first = scope.find_contacts(&nobodys()).await.unwrap();
    assert!(first.next.is_some() && first.scanned < 300, "{} in one go", first.scanned);
}

#[tokio::test]
async fn a_call_that_was_turned_away_and_came_again_is_found_twice_and_one_page_follows_another() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    store.platform().change().bind(&binding("voice:number:+18005551234", "acme")).commit().await.unwrap();
    let mut ids = Vec::new();
    for second in 0..5_u64 {
        let mut of_call = brief("acme", 20_000 + second * 1_000, 1);
        of_call.contact.arrival.provider_contact = "CA-again".to_owned();
        ids.push(of_call.contact.id);
        keep(&scope, vec![of_call, brief("acme", 20_100 + second * 1_000, 2)]).await;
    }
    let asked = |limit| ContactQuery { call_id: Some("CA-again".to_owned()), limit, ..ContactQuery::default() };
    ids.reverse();
    assert_eq!((all(&scope, asked(2)).await, all(&scope, asked(200)).await), (ids.clone(), ids.clone()));
    let mut again = contact("acme", 60_000, 1);
    again.arrival.provider_contact = "CA-again".to_owned();
    scope.change().put(&again, Expect::Absent).platform(|rows| rows.home(&again, None)).commit().await.unwrap();
    ids.insert(0, again.id);
    assert_eq!(all(&scope, asked(200)).await, ids);
}

#[tokio::test]
async fn what_is_older_than_where_a_search_stops_is_given_once() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    let mut of_night = brief("acme", 1_000, 1);
    of_night.contact.flow = id("night");
    keep(&scope, vec![of_night.clone()]).await;
    for nth in 0..SCAN_ROWS_MAX as u64 + 9 {
        scope.change().put(&contact("acme", 2_000 + nth, 1), Expect::Absent).commit().await.unwrap();
    }
    let query = ContactQuery { flow: Some(id("night")), limit: 50, ..ContactQuery::default() };
    let first = scope.find_contacts(&query).await.unwrap();
    assert!(first.next.is_some() && first.contacts.is_empty(), "{} before their time", first.contacts.len());
    assert_eq!(all(&scope, query).await, [of_night.contact.id]);
}

#[tokio::test]
async fn rows_go_the_oldest_first_and_leave_nothing() {
    let store = store().await;
    let scope = store.tenant(&id("acme"));
    for second in 1..=9_u64 {
        keep(&scope, vec![brief("acme", second * 10_000, 1), brief("acme", second * 10_000 + 249, 2)]).await;
    }
    keep(&store.tenant(&id("bolt")), vec![brief("bolt", 1_000, 1)]).await;
    assert_eq!(scope.briefs_kept().await.unwrap(), 18);
    assert_eq!(scope.forget_briefs(u64::MAX, 30_200).await.unwrap(), 4, "one whose last contact is younger stays");
    assert_eq!(scope.forget_briefs(5, u64::MAX).await.unwrap(), 6, "rows go as a whole");
    let left = all(&scope, ContactQuery { limit: 50, ..ContactQuery::default() }).await;
    assert_eq!((left.len(), left.last().map(|id| id.arrived_ms())), (8, Some(60_000)));
    assert!(store.platform().brief_homes(&brief("acme", 10_000, 1).contact.id).await.unwrap().is_empty());
    assert_eq!(scope.forget_briefs(u64::MAX, u64::MAX).await.unwrap(), 8);
    let rows = store.shared.rows.scan(&[0], &[0xff], usize::MAX, false).await.unwrap();
    let left = rows.iter().filter(|(key, _)| crate::in_words(key).starts_with("contacts in brief")).count();
    assert_eq!(left, 2, "the neighbour's alone");
}

#[tokio::test]
async fn what_is_kept_in_brief_is_sealed_and_goes_with_its_tenant() {
    let store = store().await;
    settle_in(&store).await;
    let gone = brief("acme", 1_000, 1);
    keep(&store.tenant(&id("acme")), vec![gone.clone()]).await;
    let rows = store.shared.rows.scan(&[0], &[0xff], usize::MAX, false).await.unwrap();
    let of_acme = crate::keys::tenant(&id("acme"), crate::Table::Brief, &[]);
    let (_, kept) = rows.iter().find(|(key, _)| key.starts_with(&of_acme)).unwrap();
    // Packed alone it would hide what is in it from whoever looks for words, and from nobody else.
    for at in 0..kept.value.len() {
        assert!(zstd::decode_all(&kept.value[at..]).is_err(), "it can be unpacked from byte {at} on");
    }
    store.platform().erase(&id("acme")).await.unwrap();
    assert!(store.platform().brief_homes(&gone.contact.id).await.unwrap().is_empty());
    let rows = store.shared.rows.scan(&[0], &[0xff], usize::MAX, false).await.unwrap();
    assert!(!rows.iter().any(|(key, _)| crate::in_words(key).starts_with("contacts in brief")));
}
