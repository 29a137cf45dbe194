//! Holds the rows that are in the journal and not yet in sled, for readers, and for `settler`, which takes them there.
//!
//! What is here covers what sled holds under the same key. A row is added when the disk has it and not before, so whoever reads never
//! sees what a power cut could still take back; and it goes when sled has it on the disk, so it is always in one of both.
//!
//! Bounded by the journal: what is ahead is what the two files hold.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jackfield_domain::ports::rows::{Kept, Page, RowsFault};

use crate::backend::guard::Changes;

/// Rows that are looked through or let go under one lock: readers and the committer wait that long.
const AT_ONCE: usize = 256;

/// A row, or that there is none, and the generation that says so.
struct Entry {
    generation: u64,
    kept: Option<Kept>,
}

/// A row of a range; none where it was removed.
pub(super) type Covering = (Vec<u8>, Option<Kept>);

/// The rows.
#[derive(Default)]
pub(super) struct Ahead {
    entries: RwLock<BTreeMap<Vec<u8>, Entry>>,
}

impl Ahead {
    fn entries(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<u8>, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a group that is on the disk: all of it at once.
    pub(super) fn add(&self, generation: u64, changes: Changes) {
        let mut entries = self.entries_mut();
        for (key, kept) in changes {
            entries.insert(key, Entry { generation, kept });
        }
    }

    /// A row, or that it was removed; none where only sled knows.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Kept>> {
        self.entries().get(key).map(|entry| entry.kept.clone())
    }

    /// The first of a range: as many rows as asked for, and what was removed between them. What comes after those is on no page of so
    /// many rows.
    pub(super) fn range(&self, from: &[u8], to: &[u8], limit: usize, newest_first: bool) -> Vec<Covering> {
        let entries = self.entries();
        let mut range = entries.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let (mut found, mut rows) = (Vec::new(), 0);
        while rows < limit {
            let Some((key, entry)) = (if newest_first { range.next_back() } else { range.next() }) else { break };
            rows += usize::from(entry.kept.is_some());
            found.push((key.clone(), entry.kept.clone()));
        }
        found
    }

    /// What a generation says last. What a later one says of the same key is in that one's journal, and need not be settled twice.
    pub(super) fn of(&self, generation: u64) -> Vec<Covering> {
        let (mut found, mut from) = (Vec::new(), Bound::Unbounded);
        loop {
            let entries = self.entries();
            let mut last = None;
            for (key, entry) in entries.range::<[u8], _>((from.as_ref().map(Vec::as_slice), Bound::Unbounded)).take(AT_ONCE) {
                if entry.generation == generation {
                    found.push((key.clone(), entry.kept.clone()));
                }
                last = Some(key);
            }
            // What comes meanwhile is of a later generation, and takes rows from this one, whose values are then nobody's any more.
            let Some(last) = last.cloned() else { return found };
            drop(entries);
            from = Bound::Excluded(last);
        }
    }

    /// Sled has these of that generation on the disk.
    pub(super) fn let_go(&self, generation: u64, settled: &[Covering]) {
        for some in settled.chunks(AT_ONCE) {
            let mut entries = self.entries_mut();
            for (key, _) in some {
                if entries.get(key).is_some_and(|entry| entry.generation == generation) {
                    entries.remove(key);
                }
            }
        }
    }
}

/// A page of what is ahead and what is settled, each in order.
pub(super) fn merged(
    ahead: Vec<Covering>,
    settled: impl Iterator<Item = Result<(Vec<u8>, Kept), RowsFault>>,
    limit: usize,
    newest_first: bool,
) -> Result<Page, RowsFault> {
    let (mut ahead, mut settled) = (ahead.into_iter().peekable(), settled.peekable());
    let mut page = Page::new();
    while page.len() < limit {
        let first = match (ahead.peek(), settled.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
            (Some((ahead, _)), Some(Ok((settled, _)))) if newest_first => settled.cmp(ahead),
            (Some((ahead, _)), Some(Ok((settled, _)))) => ahead.cmp(settled),
        };
        if first == Ordering::Greater {
            page.extend(settled.next().transpose()?);
            continue;
        }
        if first == Ordering::Equal {
            settled.next();
        }
        if let Some((key, Some(kept))) = ahead.next() {
            page.push((key, kept));
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn kept(revision: u64) -> Kept {
        Kept { value: Bytes::new(), revision }
    }

    fn row(key: u8, revision: u64) -> (Vec<u8>, Kept) {
        (vec![key], kept(revision))
    }

    #[test]
    fn a_settled_row_goes_unless_it_was_written_again() {
        let ahead = Ahead::default();
        ahead.add(1, Changes::from([(b"a".to_vec(), Some(kept(1))), (b"b".to_vec(), None)]));
        ahead.add(2, Changes::from([(b"a".to_vec(), Some(kept(2)))]));
        let first = ahead.of(1);
        assert_eq!(first, [(b"b".to_vec(), None)]);
        ahead.add(2, Changes::from([(b"b".to_vec(), Some(kept(3)))]));
        ahead.let_go(1, &first);
        assert_eq!((ahead.get(b"a"), ahead.get(b"b"), ahead.get(b"c")), (Some(Some(kept(2))), Some(Some(kept(3))), None));
        ahead.let_go(2, &ahead.of(2));
        assert_eq!(ahead.get(b"a"), None);
    }

    #[test]
    fn a_fault_of_what_is_settled_is_not_passed_over() {
        let faulty = || [Ok(row(1, 1)), Err(RowsFault { why: "gone".to_owned() })].into_iter();
        assert!(merged(vec![(vec![9], Some(kept(9)))], faulty(), 3, false).is_err());
        assert_eq!(merged(Vec::new(), faulty(), 1, false).unwrap(), [row(1, 1)]);
    }

    proptest! {
        #[test]
        fn a_page_is_what_one_map_of_both_would_give(
            settled in prop::collection::btree_map(0_u8..30, Just(1_u64), 0..20),
            changed in prop::collection::btree_map(0_u8..30, prop::option::of(Just(2_u64)), 0..20),
            limit in 0_usize..12,
            newest_first: bool,
        ) {
            let mut all = settled.clone();
            for (key, revision) in &changed {
                match revision {
                    Some(revision) => drop(all.insert(*key, *revision)),
                    None => drop(all.remove(key)),
                }
            }
            let turned = |mut rows: Vec<(Vec<u8>, Kept)>| {
                if newest_first {
                    rows.reverse();
                }
                rows
            };
            let rows = |map: &BTreeMap<u8, u64>| turned(map.iter().map(|(key, revision)| row(*key, *revision)).collect());
            let ahead = Ahead::default();
            ahead.add(1, changed.iter().map(|(key, revision)| (vec![*key], revision.map(kept))).collect());
            let page = merged(ahead.range(&[0], &[30], limit, newest_first), rows(&settled).into_iter().map(Ok), limit, newest_first);
            let wanted: Page = rows(&all).into_iter().take(limit).collect();
            prop_assert_eq!(page.unwrap(), wanted);
        }
    }
}
