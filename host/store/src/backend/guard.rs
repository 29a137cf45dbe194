//! Decides what a batch does to the rows: whether its expectations hold, what its sums come to, which revisions it gives.
//!
//! Both backends call [`evaluate`] over a view of what is committed, and write what comes out. The rule stands here once and without
//! any input or output, so that it can be tested against a model.
//!
//! It must not write: a batch that fails half-way leaves nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use jackfield_domain::ports::rows::{BATCH_WRITES_MAX, Batch, CommitError, Expect, KEY_BYTES_MAX, Kept, RowsFault, VALUE_BYTES_MAX, Write};

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
                let sums = add(key, current(key, &changes, view)?, by)?;
                keep(key, sums, &mut changes, revision)?;
            }
            Write::Check { key, expect } => meet(key, *expect, current(key, &changes, view)?)?,
        }
    }
    Ok(changes)
}

fn current(key: &[u8], changes: &Changes, view: &dyn View) -> Result<Option<Kept>, CommitError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(CommitError::TooLarge(format!("a key of {} bytes; 1 to {KEY_BYTES_MAX}", key.len())));
    }
    match changes.get(key) {
        Some(changed) => Ok(changed.clone()),
        None => Ok(view.get(key)?),
    }
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

/// Sums stay at the ends of the range instead of going round: a count that is too low by one is better than one below zero.
fn add(key: &[u8], found: Option<Kept>, by: &BTreeMap<String, i64>) -> Result<Bytes, CommitError> {
    let unreadable = |why: String| CommitError::Fault(RowsFault { why: format!("{} is no sum: {why}", crate::keys::in_words(key)) });
    let mut sums = match found {
        Some(kept) => sums_of(&kept.value).map_err(unreadable)?,
        None => BTreeMap::new(),
    };
    for (name, amount) in by {
        let sum = sums.entry(name.clone()).or_insert(0);
        *sum = sum.saturating_add(*amount);
    }
    serde_json::to_vec(&sums).map(Bytes::from).map_err(|e| unreadable(e.to_string()))
}

/// Reads what [`Write::Add`] keeps.
pub(crate) fn sums_of(value: &[u8]) -> Result<BTreeMap<String, i64>, String> {
    serde_json::from_slice(value).map_err(|e| e.to_string())
}
