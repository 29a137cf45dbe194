//! Holds the ledger's rule to a plain model of it, and its corners to sentences.

use proptest::prelude::*;

use super::*;
use crate::quota::meter::Period;

fn entry(limit: u64, change: Move) -> Entry {
    let window = Window { period: Period::Day, name: "2026-11-21".to_owned() };
    Entry { account: Account { tenant: "acme".parse().unwrap(), meter: Meter::Contacts, window }, limit, change }
}

fn grant(least: u64, wanted: u64) -> Move {
    Move::Grant { least, wanted }
}

#[test]
fn a_grant_never_passes_the_limit_and_refuses_what_it_cannot_give() {
    let changed = entry(10, grant(1, 100)).apply(Balance { granted: 4, ..Balance::default() }).unwrap();
    assert_eq!((changed.granted, changed.balance.granted), (6, 10));
    assert_eq!(entry(10, grant(1, 1)).apply(changed.balance), Err(changed.balance));
    let over = Balance { granted: 8, over: 5, noticed: 0 };
    assert_eq!(entry(10, grant(1, 1)).apply(over), Err(over), "what was counted beyond the limit leaves nothing to grant");
    assert_eq!(entry(0, grant(1, 1)).apply(Balance::default()), Err(Balance::default()));
}

#[test]
fn what_is_counted_afterwards_is_never_refused_and_stands_apart_beyond_the_limit() {
    let changed = entry(10, Move::Count(7)).apply(Balance { granted: 6, ..Balance::default() }).unwrap();
    assert_eq!(changed.balance, Balance { granted: 10, over: 3, noticed: 100 });
}

#[test]
fn each_threshold_is_told_once_even_where_leases_come_back() {
    let first = entry(10, grant(8, 8)).apply(Balance::default()).unwrap();
    assert_eq!(first.crossed, [80]);
    let back = entry(10, Move::Return(8)).apply(first.balance).unwrap();
    assert_eq!((back.balance.granted, back.crossed.as_slice()), (0, &[][..]));
    let again = entry(10, grant(9, 9)).apply(back.balance).unwrap();
    assert_eq!(again.crossed, [0_u8; 0]);
    let last = entry(10, grant(1, 1)).apply(again.balance).unwrap();
    assert_eq!(last.crossed, [100]);
    assert_eq!(entry(10, Move::UsedUp).apply(last.balance).unwrap().crossed, [0_u8; 0]);
    assert_eq!(entry(10, grant(10, 10)).apply(Balance::default()).unwrap().crossed, [80, 100]);
    assert_eq!(entry(10, Move::UsedUp).apply(Balance::default()).unwrap().crossed, [100]);
}

#[test]
fn a_lease_follows_the_use_and_is_one_near_the_end() {
    let pace = |spent, elapsed_ms, last| Pace { spent, elapsed_ms, last };
    assert_eq!(lease(1, pace(0, 0, 0), 1_000), 1, "the first is what is needed");
    assert_eq!(lease(1, pace(1, 1, 1), 1_000), 2, "two at once are no thousand a second");
    assert_eq!(lease(1, pace(64, 500, 64), 100_000), 32);
    assert_eq!(lease(1, pace(64, 60_000, 64), 100_000), 1, "who uses little holds little");
    assert_eq!(lease(1, pace(1_000, 100, 1_000), 400), 100, "a quarter of what is left");
    assert_eq!(lease(1, pace(1_000, 100, 1_000), 3), 1);
    assert_eq!(lease(50, pace(0, 1, 50), 60), 50, "what is needed is asked for, whatever is left");
}

proptest! {
    #[test]
    fn whatever_happens_no_more_is_granted_than_the_limit(
        limit in 0_u64..200,
        moves in prop::collection::vec((0_u8..4, 0_u64..60, 0_u64..120), 1..60),
    ) {
        let mut balance = Balance::default();
        let (mut out, mut counted, mut told) = (0_u64, 0_u64, Vec::new());
        for (kind, least, wanted) in moves {
            let change = match kind {
                0 => Move::Grant { least, wanted },
                1 => Move::Count(least),
                2 => Move::Return(least.min(out)),
                _ => Move::UsedUp,
            };
            match entry(limit, change.clone()).apply(balance) {
                Ok(changed) => {
                    out += changed.granted;
                    match change {
                        Move::Grant { .. } => prop_assert!(changed.granted >= least),
                        Move::Count(amount) => counted += amount,
                        Move::Return(amount) => out -= amount,
                        Move::UsedUp => {}
                    }
                    told.extend(changed.crossed.clone());
                    balance = changed.balance;
                }
                Err(same) => {
                    prop_assert_eq!(same, balance);
                    prop_assert!(balance.left(limit) < least);
                }
            }
            prop_assert!(balance.granted <= limit);
            prop_assert_eq!(balance.used(), out + counted);
        }
        let once: std::collections::BTreeSet<u8> = told.iter().copied().collect();
        prop_assert_eq!(once.len(), told.len());
    }

    #[test]
    fn a_lease_is_at_least_what_is_needed_and_at_most_a_part_of_what_is_left(
        least in 1_u64..1_000, spent in 0..u64::MAX, elapsed_ms in 0_u64..100_000, last in 0_u64..u64::MAX, left in 0..u64::MAX,
    ) {
        let lease = lease(least, Pace { spent, elapsed_ms, last }, left);
        prop_assert!(lease >= least);
        prop_assert!(lease <= least.max(left / LEASE_PART));
    }
}
