//! Decides what a batch does to the rows: whether its expectations hold, what its sums come to, which revisions it gives.
//!
//! Both backends call [`evaluate`] over a view of what is committed, and write what comes out. The rule stands here once and without
//! any input or output, so that it can be tested against a model.
//!
//! It must not write: a batch that fails half-way leaves nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use jackfield_domain::ports::rows::{
    BATCH_WRITES_MAX, Batch, CommitError, Expect, FAMILY_NAMES_MAX, KEY_BYTES_MAX, Kept, RowsFault, VALUE_BYTES_MAX, Write,
};

/// What a batch makes of each key that it touches; none where the row goes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Kept>>;

/// What is committed, as the batch finds it.
pub(crate) trait View {
    /// One row.
    fn get(&self, key: &[u8]) -> Result<Option<Kept>, RowsFault>;
}

/// Evaluates a batch. `revision` is the last one ever given and moves on; where the batch fails it may have moved, which loses
/// nothing, because a revision must only never come back.
pub(crate) fn evaluate(batch: &Batch, view: &dyn View, revision: &mut u64) -> Result<Changes, CommitError> {
    if batch.writes.len() > BATCH_WRITES_MAX {
        return Err(CommitError::TooLarge(format!("{} writes in one batch; at most {BATCH_WRITES_MAX}", batch.writes.len())));
    }
    let mut changes = Changes::new();
    for write in &batch.writes {
        match write {
            // What was there does not matter, and reading it is most of what such a write costs.
            Write::Put { key, value, expect: Expect::Anything } => {
                measured(key)?;
                keep(key, value.clone(), &mut changes, revision)?;
            }
            Write::Put { key, value, expect } => {
                meet(key, *expect, current(key, &changes, view)?)?;
                keep(key, value.clone(), &mut changes, revision)?;
            }
            Write::Delete { key, expect } => {
                let found = current(key, &changes, view)?;
                let is_there = found.is_some();
                meet(key, *expect, found)?;
                if is_there {
                    changes.insert(key.clone(), None);
                }
            }
            Write::Add { key, by } => {
                let sums = number(key, current(key, &changes, view)?, by, |sum, amount| sum.saturating_add(amount))?;
                keep(key, sums, &mut changes, revision)?;
            }
            Write::Raise { key, to } => {
                let sums = number(key, current(key, &changes, view)?, to, i64::max)?;
                keep(key, sums, &mut changes, revision)?;
            }
            Write::Check { key, expect } => meet(key, *expect, current(key, &changes, view)?)?,
        }
    }
    Ok(changes)
}

fn current(key: &[u8], changes: &Changes, view: &dyn View) -> Result<Option<Kept>, CommitError> {
    measured(key)?;
    match changes.get(key) {
        Some(changed) => Ok(changed.clone()),
        None => Ok(view.get(key)?),
    }
}

fn measured(key: &[u8]) -> Result<(), CommitError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(CommitError::TooLarge(format!("a key of {} bytes; 1 to {KEY_BYTES_MAX}", key.len())));
    }
    Ok(())
}

fn meet(key: &[u8], expect: Expect, found: Option<Kept>) -> Result<(), CommitError> {
    let met = match expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none(),
        Expect::Revision(wanted) => found.is_some_and(|kept| kept.revision == wanted),
    };
    if met { Ok(()) } else { Err(CommitError::Conflict { key: key.to_vec() }) }
}

fn keep(key: &[u8], value: Bytes, changes: &mut Changes, revision: &mut u64) -> Result<(), CommitError> {
    if value.len() > VALUE_BYTES_MAX {
        let row = crate::keys::in_words(key);
        return Err(CommitError::TooLarge(format!("{row} takes {} bytes; at most {VALUE_BYTES_MAX}", value.len())));
    }
    *revision = revision.saturating_add(1);
    changes.insert(key.to_vec(), Some(Kept { value, revision: *revision }));
    Ok(())
}

/// Changes named numbers. Sums stay at the ends of the range instead of going round: a count that is too low by one is better than
/// one below zero.
fn number(key: &[u8], found: Option<Kept>, given: &BTreeMap<String, i64>, change: fn(i64, i64) -> i64) -> Result<Bytes, CommitError> {
    let unreadable = |why: String| CommitError::Fault(RowsFault { why: format!("{} is no sum: {why}", crate::keys::in_words(key)) });
    let mut sums = match found {
        Some(kept) => sums_of(&kept.value).map_err(unreadable)?,
        None => BTreeMap::new(),
    };
    for (name, amount) in given {
        let name = admitted(&sums, name).into_owned();
        let sum = sums.entry(name).or_insert(0);
        *sum = change(*sum, *amount);
    }
    serde_json::to_vec(&sums).map(Bytes::from).map_err(|e| unreadable(e.to_string()))
}

/// The name under which a number is kept: its own, or its family's `other` where the key has names enough.
fn admitted<'a>(sums: &BTreeMap<String, i64>, name: &'a str) -> Cow<'a, str> {
    let Some((family, _)) = name.split_once('/') else { return Cow::Borrowed(name) };
    // A zero is what follows a slash: between the two stand all names of the family.
    let (from, to, other) = (format!("{family}/"), format!("{family}0"), format!("{family}/other"));
    let held = sums.range(from..to).filter(|(held, _)| **held != other).count();
    if held < FAMILY_NAMES_MAX || sums.contains_key(name) { Cow::Borrowed(name) } else { Cow::Owned(other) }
}

/// Reads what [`Write::Add`] keeps.
pub(crate) fn sums_of(value: &[u8]) -> Result<BTreeMap<String, i64>, String> {
    serde_json::from_slice(value).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<Vec<u8>, Kept>;

    /// The rule told again, in another way: apply to a copy, and give up the copy at the first expectation that fails.
    fn told_again(batch: &Batch, before: &Model, revisions: &Model) -> Option<Model> {
        let mut after = before.clone();
        for write in &batch.writes {
            let (key, expect) = match write {
                Write::Put { key, expect, .. } | Write::Delete { key, expect } | Write::Check { key, expect } => (key, *expect),
                Write::Add { key, .. } | Write::Raise { key, .. } => (key, Expect::Anything),
            };
            let there = after.get(key).map(|kept| kept.revision);
            match expect {
                Expect::Absent if there.is_some() => return None,
                Expect::Revision(wanted) if there != Some(wanted) => return None,
                _ => {}
            }
            let revision = revisions.get(key).map_or(0, |kept| kept.revision);
            match write {
                Write::Put { value, .. } => drop(after.insert(key.clone(), Kept { value: value.clone(), revision })),
                Write::Delete { .. } => drop(after.remove(key)),
                Write::Add { by, .. } => {
                    let mut sums = after.get(key).map_or_else(BTreeMap::new, |kept| sums_of(&kept.value).unwrap());
                    for (name, amount) in by {
                        *sums.entry(name.clone()).or_insert(0) += amount;
                    }
                    after.insert(key.clone(), Kept { value: serde_json::to_vec(&sums).unwrap().into(), revision });
                }
                Write::Raise { to, .. } => {
                    let mut sums = after.get(key).map_or_else(BTreeMap::new, |kept| sums_of(&kept.value).unwrap());
                    for (name, least) in to {
                        let highest = sums.get(name).copied().unwrap_or(0).max(*least);
                        sums.insert(name.clone(), highest);
                    }
                    after.insert(key.clone(), Kept { value: serde_json::to_vec(&sums).unwrap().into(), revision });
                }
                Write::Check { .. } => {}
            }
        }
        Some(after)
    }

    fn expectations() -> impl Strategy<Value = Expect> {
        prop_oneof![4 => Just(Expect::Anything), 2 => Just(Expect::Absent), 3 => (1..24_u64).prop_map(Expect::Revision)]
    }

    fn writes() -> impl Strategy<Value = Write> {
        let key = || (0..4_u8).prop_map(|n| vec![b'k', n]);
        prop_oneof![
            4 => (key(), any::<u8>(), expectations())
                .prop_map(|(key, byte, expect)| Write::Put { key, value: Bytes::copy_from_slice(&[byte]), expect }),
            2 => (key(), expectations()).prop_map(|(key, expect)| Write::Delete { key, expect }),
            2 => (-9..9_i64, 0..2_u8).prop_map(|(by, name)| Write::Add { key: b"sum".to_vec(), by: BTreeMap::from([(name.to_string(), by)]) }),
            1 => (-9..9_i64, 0..2_u8).prop_map(|(to, name)| Write::Raise { key: b"sum".to_vec(), to: BTreeMap::from([(name.to_string(), to)]) }),
            1 => (key(), expectations()).prop_map(|(key, expect)| Write::Check { key, expect }),
        ]
    }

    proptest! {
        #[test]
        fn a_history_of_batches_is_what_a_plain_map_makes_of_it(batches in prop::collection::vec(prop::collection::vec(writes(), 0..5), 1..14)) {
            let (mut rows, mut revision) = (Model::new(), 0);
            for writes in batches {
                let batch = Batch { writes };
                let given_before = revision;
                match evaluate(&batch, &rows, &mut revision) {
                    Ok(changes) => {
                        let mut after = rows.clone();
                        for (key, kept) in &changes {
                            match kept {
                                Some(kept) => {
                                    prop_assert!(given_before < kept.revision && kept.revision <= revision, "a revision came back");
                                    after.insert(key.clone(), kept.clone());
                                }
                                None => drop(after.remove(key)),
                            }
                        }
                        // A revision that a batch gives and expects itself is the one thing that the model cannot foresee.
                        if let Some(expected) = told_again(&batch, &rows, &after) {
                            prop_assert_eq!(&after, &expected);
                        }
                        rows = after;
                    }
                    Err(CommitError::Conflict { .. }) => prop_assert_eq!(told_again(&batch, &rows, &Model::new()), None),
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
        }
    }

    #[test]
    fn a_sum_over_what_is_no_sum_is_a_fault_and_stays_at_the_ends_of_the_range() {
        let mut rows = Model::from([(b"text".to_vec(), Kept { value: Bytes::from("x"), revision: 1 })]);
        let add = |key: &[u8], by| Batch { writes: vec![Write::Add { key: key.to_vec(), by: BTreeMap::from([("n".to_owned(), by)]) }] };
        assert!(matches!(evaluate(&add(b"text", 1), &rows, &mut 1), Err(CommitError::Fault(_))));
        for by in [i64::MAX, i64::MAX, 1] {
            rows.extend(evaluate(&add(b"sum", by), &rows, &mut 2).unwrap().into_iter().filter_map(|(key, kept)| Some((key, kept?))));
        }
        assert_eq!(sums_of(&rows[&b"sum"[..]].value).unwrap()["n"], i64::MAX);
    }
}
