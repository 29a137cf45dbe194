//! Lays a row into sled: its revision before its value, and a large value in pieces.
//!
//! Pieces, because sled writes whole leaves of up to twenty rows, and a leaf above 128 KiB goes into a file of its own that sled
//! neither syncs nor removes in step with its log: such a row would not survive a power cut. With at most 4 KiB in one place no
//! leaf comes near. A piece is named by the revision that wrote it and never changes, so a reader that finds one missing knows that
//! the row was written anew, and reads again.
//!
//! It must not decide anything: what is written is what the guard made of batches, in the order of the journal.

use ::sled::{Batch, Db, IVec};
use bytes::Bytes;
use jackfield_domain::ports::rows::{Kept, RowsFault};

use crate::keys;

/// Largest piece: twenty of them with their keys are below sled's 128 KiB.
const PIECE_BYTES_MAX: usize = 4 * 1024;
/// A row's first entry.
const ROW: u8 = b'r';
/// A piece of a row.
const PIECE: u8 = b'p';
/// The last revision that was given.
const REVISION: &[u8] = b"m";
/// The last generation of the journal that is settled.
const GENERATION: &[u8] = b"g";
/// A writer can overtake a reader of a large row this often before something else must be wrong.
const OVERTAKEN_MAX: usize = 10_000;

pub(super) fn fault(error: &::sled::Error) -> RowsFault {
    RowsFault { why: format!("sled: {error}") }
}

fn damaged(key: &[u8], why: &str) -> RowsFault {
    RowsFault { why: format!("{} is damaged: {why}", keys::in_words(key)) }
}

fn row_entry(key: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(key.len() + 1);
    entry.push(ROW);
    entry.extend_from_slice(key);
    entry
}

fn piece_entry(revision: u64, at: u16) -> Vec<u8> {
    let mut entry = vec![PIECE];
    entry.extend_from_slice(&revision.to_be_bytes());
    entry.extend_from_slice(&at.to_be_bytes());
    entry
}

/// Revision, number of pieces, and the value where it is whole.
fn parse<'a>(key: &[u8], entry: &'a [u8]) -> Result<(u64, u16, &'a [u8]), RowsFault> {
    let (revision, rest) = entry.split_first_chunk::<8>().ok_or_else(|| damaged(key, "it is cut short"))?;
    let (pieces, value) = rest.split_first_chunk::<2>().ok_or_else(|| damaged(key, "it is cut short"))?;
    Ok((u64::from_be_bytes(*revision), u16::from_be_bytes(*pieces), value))
}

/// One row.
pub(super) fn get(db: &Db, key: &[u8]) -> Result<Option<Kept>, RowsFault> {
    let entry = row_entry(key);
    for _ in 0..OVERTAKEN_MAX {
        let Some(found) = db.get(&entry).map_err(|e| fault(&e))? else { return Ok(None) };
        if let Some(kept) = whole(db, key, &found)? {
            return Ok(Some(kept));
        }
    }
    Err(damaged(key, "pieces are missing"))
}

/// The row, or none where it was written anew between its first entry and its pieces.
fn whole(db: &Db, key: &[u8], entry: &IVec) -> Result<Option<Kept>, RowsFault> {
    let (revision, pieces, value) = parse(key, entry)?;
    if pieces == 0 {
        return Ok(Some(Kept { value: Bytes::copy_from_slice(value), revision }));
    }
    let mut value = Vec::with_capacity(usize::from(pieces) * PIECE_BYTES_MAX);
    for at in 0..pieces {
        match db.get(piece_entry(revision, at)).map_err(|e| fault(&e))? {
            Some(piece) => value.extend_from_slice(&piece),
            None => return Ok(None),
        }
    }
    Ok(Some(Kept { value: Bytes::from(value), revision }))
}

/// Rows of a range, in order.
pub(super) fn scan(db: &Db, from: &[u8], to: &[u8], newest_first: bool) -> impl Iterator<Item = Result<(Vec<u8>, Kept), RowsFault>> {
    let mut entries = db.range(row_entry(from)..row_entry(to));
    std::iter::from_fn(move || {
        loop {
            let next = if newest_first { entries.next_back() } else { entries.next() };
            let found = next?.map_err(|e| fault(&e)).and_then(|(entry, found)| {
                let key = entry.strip_prefix(&[ROW]).unwrap_or_default().to_vec();
                let kept = match whole(db, &key, &found)? {
                    Some(kept) => Some(kept),
                    None => get(db, &key)?,
                };
                Ok(kept.map(|kept| (key, kept)))
            });
            if let Some(found) = found.transpose() {
                return Some(found);
            }
        }
    })
}

/// How far what is settled reaches.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reached {
    /// The last revision that was given.
    pub revision: u64,
    /// The last generation of the journal.
    pub generation: u64,
}

/// How far what is here reaches.
pub(super) fn reached(db: &Db) -> Result<Reached, RowsFault> {
    let number = |entry: &[u8]| match db.get(entry).map_err(|e| fault(&e))? {
        None => Ok(0),
        Some(found) => {
            let bytes: [u8; 8] = (&*found).try_into().map_err(|_| RowsFault { why: "what it says of its end is damaged".to_owned() })?;
            Ok(u64::from_be_bytes(bytes))
        }
    };
    Ok(Reached { revision: number(REVISION)?, generation: number(GENERATION)? })
}

/// Says that what is here reaches so far. The generation last: without it what is in the journal counts.
pub(super) fn reach(db: &Db, reached: Reached) -> Result<(), RowsFault> {
    let Reached { revision, generation } = reached;
    for (entry, number) in [(REVISION, revision), (GENERATION, generation)] {
        db.insert(entry, &number.to_be_bytes()).map_err(|e| fault(&e))?;
    }
    Ok(())
}

/// Writes one row, or removes it.
///
/// Each on its own: while sled applies a batch, nobody else can read. What a power cut leaves of several is in the journal. A row that has
/// pieces, or had some, is a batch, so that neither a reader nor a cut finds half of it.
pub(super) fn write(db: &Db, key: &[u8], kept: Option<&Kept>) -> Result<(), RowsFault> {
    let entry = row_entry(key);
    let old = db.get(&entry).map_err(|e| fault(&e))?;
    let (old_revision, old_pieces) = match &old {
        Some(old) => parse(key, old).map(|(revision, pieces, _)| (revision, pieces))?,
        None => (0, 0),
    };
    let pieces = kept.map_or(0, |kept| if kept.value.len() <= PIECE_BYTES_MAX { 0 } else { kept.value.len().div_ceil(PIECE_BYTES_MAX) });
    let pieces = u16::try_from(pieces).map_err(|_| damaged(key, "it has too many pieces"))?;
    if old_pieces == 0 && pieces == 0 {
        match kept {
            Some(kept) => db.insert(entry, first(kept, 0)).map(drop),
            None if old.is_some() => db.remove(entry).map(drop),
            // It came and went within a generation, as what stands only while a call is live often does.
            None => Ok(()),
        }
        .map_err(|e| fault(&e))?;
        return Ok(());
    }
    let mut batch = Batch::default();
    (0..old_pieces).for_each(|at| batch.remove(piece_entry(old_revision, at)));
    match kept {
        Some(kept) => {
            if pieces > 0 {
                (0..pieces)
                    .zip(kept.value.chunks(PIECE_BYTES_MAX))
                    .for_each(|(at, piece)| batch.insert(piece_entry(kept.revision, at), piece));
            }
            batch.insert(entry, first(kept, pieces));
        }
        None => batch.remove(entry),
    }
    db.apply_batch(batch).map_err(|e| fault(&e))
}

/// A row's first entry: with its value, where that has no pieces.
fn first(kept: &Kept, pieces: u16) -> Vec<u8> {
    let value: &[u8] = if pieces == 0 { &kept.value } else { &[] };
    [&kept.revision.to_be_bytes()[..], &pieces.to_be_bytes()[..], value].concat()
}
