//! Keeps groups one behind the other in a file, so that they are on the disk long before sled has them.
//!
//! A group is written where the one before it ended and synced before the next, so of all records only the last can be torn: [`read`]
//! ends there. The file never shrinks; a generation begins at its start and writes over one that is settled, and whatever is older
//! behind it is known by its number. A record that is unreadable with another behind it that is not settled was not torn but damaged.
//!
//! It must not know what sled holds: up to which generation it is settled is for `opening` to say.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use jackfield_domain::ports::rows::Kept;

use super::committer::Syncing;
use crate::backend::guard::Changes;

/// What every record begins with; the digit is the format's.
const MARK: [u8; 4] = *b"jfj1";
/// Mark, checksum of all that follows, generation, number within it, last revision, bytes of the rows.
const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 8;
/// Where what is summed begins.
const SUMMED_FROM: usize = 8;
/// What a row takes in memory beside its bytes, while it is ahead: its place among the others, and what its value is counted by.
pub(super) const ROW_WEIGHT: u64 = 256;
/// In a record's number: where the number of records of the generation before begins. Zero there says nothing.
const BEFORE_SHIFT: u32 = 32;
/// Generations that may be unsettled at a time: one for each file.
const UNSETTLED_MAX: u64 = 2;
/// A row that was removed.
const GONE: u8 = 0;
/// A row that was put.
const PUT: u8 = 1;

/// A file that a generation is being written to.
pub(super) struct Journal {
    file: File,
    syncing: Box<dyn Syncing>,
    generation: u64,
    /// Records of the generation before it, where that may not be settled yet.
    before: u64,
    number: u64,
    end: u64,
    rows: u64,
}

impl Journal {
    /// Over a file of which nothing counts any more.
    pub(super) fn new(file: File, syncing: Box<dyn Syncing>) -> Self {
        Self { file, syncing, generation: 0, before: 0, number: 0, end: 0, rows: 0 }
    }

    /// Begins a generation, over whatever is there. `before`: records of the generation before it, 0 where that is settled.
    pub(super) fn begin(&mut self, generation: u64, before: u64) {
        (self.generation, self.before, self.number, self.end, self.rows) = (generation, before, 0, 0, 0);
    }

    /// The generation that is being written.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Records of it.
    pub(super) fn records(&self) -> u64 {
        self.number
    }

    /// What it takes in memory while it is ahead of sled.
    pub(super) fn weight(&self) -> u64 {
        self.end + self.rows * ROW_WEIGHT
    }

    /// Writes a group and returns when the disk has it.
    pub(super) fn append(&mut self, changes: &Changes, revision: u64) -> io::Result<()> {
        let record = record(self.generation, self.before << BEFORE_SHIFT | self.number, revision, changes)?;
        self.file.write_all_at(&record, self.end)?;
        self.syncing.sync()?;
        self.number += 1;
        self.end += record.len() as u64;
        self.rows += changes.len() as u64;
        Ok(())
    }
}

/// What a file holds of its generation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub generation: u64,
    /// How many records that are.
    pub records: u64,
    /// How many the generation before had, where it says so.
    pub before: Option<u64>,
    /// The last that was given.
    pub revision: u64,
    /// What all its groups come to.
    pub changes: Changes,
}

/// Reads a file; none where it holds no whole record of a generation after the last one that is settled. An error says what is damaged.
pub(super) fn read(bytes: &[u8], settled: u64) -> Result<Option<Found>, String> {
    let mut found: Option<Found> = None;
    let mut at = 0;
    while let Some(record) = Record::at(bytes, at, |generation| generation > settled) {
        let begun = || Found { generation: record.generation, records: 0, before: record.before(), revision: 0, changes: Changes::new() };
        let expected = found.as_ref().map_or((record.generation, 0), |found| (found.generation, found.records));
        if (record.generation, record.place()) != expected {
            return Err(format!("record {} of generation {} stands in the place of {}", record.place(), record.generation, expected.1));
        }
        let found = found.get_or_insert_with(begun);
        rows(record.rows, &mut found.changes)
            .ok_or_else(|| format!("record {} of generation {} is malformed", record.place(), record.generation))?;
        found.revision = record.revision;
        found.records += 1;
        at += HEAD_BYTES + record.rows.len();
    }
    // No other generation can be there unsettled; whatever bytes a tenant's row has, they are not summed for it.
    let may_be = |generation: u64| match &found {
        Some(found) => generation == found.generation,
        None => (settled + 1..=settled + UNSETTLED_MAX).contains(&generation),
    };
    if marks(bytes, at).any(|from| Record::at(bytes, from, may_be).is_some()) {
        let number = found.map_or(0, |found| found.records);
        return Err(format!("record {number} is damaged, and there are others behind it"));
    }
    Ok(found)
}

/// Where records may begin.
fn marks(bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(move |(at, _)| from + at)
}

/// A whole record.
struct Record<'a> {
    generation: u64,
    number: u64,
    revision: u64,
    rows: &'a [u8],
}

impl<'a> Record<'a> {
    /// The one that begins there, if it is whole and of a generation that `is_asked`; that is looked at before anything is summed.
    fn at(bytes: &'a [u8], from: usize, is_asked: impl Fn(u64) -> bool) -> Option<Self> {
        let rest = bytes.get(from..)?;
        let summed = rest.get(SUMMED_FROM..)?;
        let mut reader = Reader(rest);
        let (mark, sum) = (reader.array::<4>()?, u32::from_be_bytes(reader.array()?));
        let [generation, number, revision, length] = [reader.number()?, reader.number()?, reader.number()?, reader.number()?];
        if mark != MARK || !is_asked(generation) {
            return None;
        }
        let rows = reader.take(usize::try_from(length).ok()?)?;
        let is_whole = crc32fast::hash(summed.get(..HEAD_BYTES - SUMMED_FROM + rows.len())?) == sum;
        is_whole.then_some(Self { generation, number, revision, rows })
    }

    /// Its number within its generation.
    fn place(&self) -> u64 {
        self.number & ((1 << BEFORE_SHIFT) - 1)
    }

    /// Records of the generation before.
    fn before(&self) -> Option<u64> {
        Some(self.number >> BEFORE_SHIFT).filter(|before| *before > 0)
    }
}

fn record(generation: u64, number: u64, revision: u64, changes: &Changes) -> io::Result<Vec<u8>> {
    let bytes: usize = changes.iter().map(|(key, kept)| key.len() + kept.as_ref().map_or(0, |kept| kept.value.len()) + 15).sum();
    let mut record = Vec::with_capacity(HEAD_BYTES + bytes);
    record.extend_from_slice(&[0; HEAD_BYTES]);
    for (key, kept) in changes {
        record.extend_from_slice(&length::<u16>(key.len())?.to_be_bytes());
        record.extend_from_slice(key);
        match kept {
            None => record.push(GONE),
            Some(Kept { value, revision }) => {
                record.push(PUT);
                record.extend_from_slice(&revision.to_be_bytes());
                record.extend_from_slice(&length::<u32>(value.len())?.to_be_bytes());
                record.extend_from_slice(value);
            }
        }
    }
    let rows = (record.len() - HEAD_BYTES) as u64;
    let summed = [generation, number, revision, rows].map(u64::to_be_bytes).concat();
    if let Some(head) = record.get_mut(SUMMED_FROM..HEAD_BYTES) {
        head.copy_from_slice(&summed);
    }
    let sum = crc32fast::hash(record.get(SUMMED_FROM..).unwrap_or_default());
    if let Some(head) = record.get_mut(..SUMMED_FROM) {
        head.copy_from_slice(&[MARK, sum.to_be_bytes()].concat());
    }
    Ok(record)
}

/// The guard has measured keys and values, so this does not fail.
fn length<T: TryFrom<usize>>(bytes: usize) -> io::Result<T> {
    T::try_from(bytes).map_err(|_| io::Error::other("a row is longer than the journal can say"))
}

fn rows(bytes: &[u8], changes: &mut Changes) -> Option<()> {
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        let length = u16::from_be_bytes(reader.array()?);
        let key = reader.take(usize::from(length))?.to_vec();
        let kept = match reader.array()? {
            [GONE] => None,
            [PUT] => {
                let revision = reader.number()?;
                let length = u32::from_be_bytes(reader.array()?);
                let value = Bytes::copy_from_slice(reader.take(usize::try_from(length).ok()?)?);
                Some(Kept { value, revision })
            }
            _ => return None,
        };
        changes.insert(key, kept);
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Unsynced;

    impl Syncing for Unsynced {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn group(key: &str, value: Option<&str>, revision: u64) -> Changes {
        Changes::from([(key.into(), value.map(|value| Kept { value: Bytes::copy_from_slice(value.as_bytes()), revision }))])
    }

    fn written(dir: &tempfile::TempDir, generations: &[(u64, &[Changes])]) -> Vec<u8> {
        let path = dir.path().join("0");
        let file = File::options().create(true).truncate(false).write(true).open(&path).unwrap();
        let mut journal = Journal::new(file, Box::new(Unsynced));
        for (generation, groups) in generations {
            journal.begin(*generation, *generation);
            groups.iter().zip(1..).for_each(|(group, revision)| journal.append(group, revision).unwrap());
        }
        std::fs::read(path).unwrap()
    }

    fn three() -> [Changes; 3] {
        [group("a", Some("one"), 1), group("b", Some("two"), 2), group("a", None, 0)]
    }

    #[test]
    fn groups_are_read_as_what_they_come_to_and_older_ones_behind_them_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = written(&dir, &[(6, &three()), (7, &[group("c", Some("x"), 9)])]);
        let found = read(&bytes, 6).unwrap().unwrap();
        assert_eq!((found.generation, found.revision), (7, 1));
        assert_eq!(found.changes, group("c", Some("x"), 9));
        let bytes = written(&tempfile::tempdir().unwrap(), &[(6, &three())]);
        let mut both = group("b", Some("two"), 2);
        both.extend(group("a", None, 0));
        assert_eq!(read(&bytes, 5), Ok(Some(Found { generation: 6, records: 3, before: Some(6), revision: 3, changes: both })));
        assert_eq!(read(&bytes, 6), Ok(None), "it is settled");
        assert_eq!(read(b"", 0), Ok(None));
    }

    #[test]
    fn what_is_torn_at_the_end_is_not_there_and_what_is_damaged_before_it_is_told() {
        let bytes = written(&tempfile::tempdir().unwrap(), &[(3, &three())]);
        let ends: Vec<usize> = marks(&bytes, 0).chain([bytes.len()]).skip(1).collect();
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
            let found = read(bytes.get(..cut).unwrap(), 2).unwrap();
            assert_eq!(found.map_or(0, |found| found.revision), whole, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            match read(&damaged, 2) {
                // The last could be torn.
                Ok(found) => assert!(at >= ends[1] && found.unwrap().revision == 2, "{at}"),
                Err(why) => assert!(why.contains(if at < ends[0] { "record 0" } else { "record 1" }), "{at}: {why}"),
            }
            assert_eq!(read(&damaged, 3), Ok(None), "what is settled is not asked for");
        }
    }

    #[test]
    fn what_a_generation_takes_in_memory_is_more_than_its_bytes_and_begins_anew_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(File::create(dir.path().join("0")).unwrap(), Box::new(Unsynced));
        journal.begin(1, 0);
        three().iter().for_each(|group| journal.append(group, 1).unwrap());
        assert_eq!((journal.records(), journal.weight()), (3, journal.end + 3 * ROW_WEIGHT));
        journal.begin(2, 3);
        assert_eq!((journal.records(), journal.weight()), (0, 0));
    }

    #[test]
    fn a_row_that_looks_like_a_record_is_neither_taken_for_one_nor_summed() {
        let dir = tempfile::tempdir().unwrap();
        // A whole record of a generation that cannot be there, in a tenant's value.
        let forged = record(1 << 40, 0, 9, &group("x", Some("y"), 9)).unwrap();
        let value = Bytes::from(forged.repeat(3));
        let hostile = Changes::from([(b"k".to_vec(), Some(Kept { value, revision: 2 }))]);
        let bytes = written(&dir, &[(4, &[group("a", Some("one"), 1), hostile])]);
        assert_eq!(read(&bytes, 3).unwrap().unwrap().records, 2);
        // Also where the record around it is torn: it was never acknowledged, and what is within it is no other.
        let torn = bytes.get(..bytes.len() - 1).unwrap();
        assert_eq!(read(torn, 3).unwrap().unwrap().records, 1);
        assert!(Record::at(&bytes, marks(&bytes, 0).nth(2).unwrap(), |_| true).is_some(), "it is whole, so only its generation tells");
    }

    proptest! {
        #[test]
        fn whatever_lies_in_the_file_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), tail in any::<u64>()) {
            let mut record = record(1, 0, 1, &group("key", Some("value"), 1)).unwrap();
            let whole = record.len();
            record.extend_from_slice(&bytes);
            prop_assert_eq!(read(&record, 0).map(|found| found.map(|found| found.revision)), Ok(Some(1)));
            let keep = usize::try_from(tail % whole as u64).unwrap();
            record.truncate(keep);
            record.extend_from_slice(&bytes);
            let _whatever = read(&record, 0);
            let _whatever = rows(&bytes, &mut Changes::new());
        }
    }
}
