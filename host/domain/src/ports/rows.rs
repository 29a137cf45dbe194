//! Asks a database for very little: ordered keys, small values with revisions, and batches that are all or nothing and durable.
//!
//! The store builds everything else on it, once, so that a backend is one small file and one conformance suite holds for all.
//! Guards are part of the batch, because a check before a write is a race.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::BoxFuture;

/// Largest value: what the widest decision of the largest plan takes, with room. A backend may keep it in pieces.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// Longest key. sled keeps a tree page above 128 KiB in a file of its own, which it never syncs; a page names up to 320 keys.
pub const KEY_BYTES_MAX: usize = 384;
/// Most writes of one batch.
pub const BATCH_WRITES_MAX: usize = 1_000;

/// Most names of one family among the numbers of one key. A plugin chooses such names, such as those of AI models; a row that takes
/// all of them would grow with every event and be written anew with each.
pub const FAMILY_NAMES_MAX: usize = 50;

/// A value and how often it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The value.
    pub value: Bytes,
    /// Changes with every write of this key, never to one that it had.
    pub revision: u64,
}

/// What must be there for a batch to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Anything,
    /// Nothing.
    Absent,
    /// The value of that revision.
    Revision(u64),
}

/// One part of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a value.
    Put {
        /// Where.
        key: Vec<u8>,
        /// What.
        value: Bytes,
        /// If.
        expect: Expect,
    },
    /// Removes a value; nothing happens where none is.
    Delete {
        /// Where.
        key: Vec<u8>,
        /// If.
        expect: Expect,
    },
    /// Adds to named numbers, kept as a JSON object; from 0. Adds of one key never conflict. What stands before a name's first
    /// slash is its family: once a key has [`FAMILY_NAMES_MAX`] names of one, a further one is added to `family/other`.
    Add {
        /// Where.
        key: Vec<u8>,
        /// What.
        by: BTreeMap<String, i64>,
    },
    /// Raises named numbers of an [`Write::Add`]'s key to at least these; from 0. It never conflicts either.
    Raise {
        /// Where.
        key: Vec<u8>,
        /// What they come to at least.
        to: BTreeMap<String, i64>,
    },
    /// Changes nothing, and refuses the batch where the expectation fails.
    Check {
        /// Where.
        key: Vec<u8>,
        /// What must be there.
        expect: Expect,
    },
}

/// Writes that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// In order; a later one sees what an earlier one wrote.
    pub writes: Vec<Write>,
}

/// The database failed, or what it holds is not readable. It is never retried: a failed sync says nothing about earlier ones.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store failed: {why}")]
pub struct RowsFault {
    /// For the operator's log.
    pub why: String,
}

/// Why a batch did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// An expectation failed. Nothing was written.
    #[error("somebody else wrote it meanwhile")]
    Conflict {
        /// Where.
        key: Vec<u8>,
    },
    /// A value, a key or the batch is too large. Nothing was written.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The outcome is unknown; the backend acknowledges nothing from now on.
    #[error(transparent)]
    Fault(#[from] RowsFault),
}

/// A page of keys with their values.
pub type Page = Vec<(Vec<u8>, Kept)>;

/// An ordered, durable map. Every method may be called from many tasks at once.
pub trait Rows: Send + Sync {
    /// Reads one value.
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Kept>, RowsFault>>;

    /// Keys from `from` (inclusive) to `to` (exclusive), at most `limit`, in order, or from the end where `newest_first`.
    fn scan<'a>(&'a self, from: &'a [u8], to: &'a [u8], limit: usize, newest_first: bool) -> BoxFuture<'a, Result<Page, RowsFault>>;

    /// Commits a batch. When it returns Ok, neither a crash nor a power cut loses it.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Whether it still acknowledges.
    fn health(&self) -> Result<(), RowsFault>;

    /// Finishes what was begun and lets go of files. Later commits fail.
    fn close(&self) -> BoxFuture<'_, Result<(), RowsFault>>;
}
