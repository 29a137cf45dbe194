//! Opens a data directory with care: on a disk that keeps its promises, alone, and with everything on it synced first.
//!
//! What sled finds on opening becomes the ground on which later writes stand, and it writes a snapshot of it. After a mere crash
//! that ground may still be in the system's cache only; so it is synced before sled looks, and again after sled has written its own
//! files, which it does not always sync. And after a sync that failed the cache may hold what the disk does not, and nobody is told a
//! second time; so the cache is let go before anything is read. An unfinished snapshot is removed: sled would take it for the newest. Then what a kill left in the
//! journal is settled, and the journal begins anew.
//!
//! sled may panic over a damaged file; that becomes a fault that says what to do. It must not repair anything.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::sled::{Config, Db};
use jackfield_domain::ports::rows::RowsFault;

use super::committer::{FileSync, Syncing};
use super::journal::{self, Found, Journal};
use super::layout::{self, Reached};
use super::settler::Settled;
use crate::fault::StoreFault;

/// Folder of the database within the data directory.
pub(super) const FOLDER: &str = "rows";
/// Sled's file.
const DATABASE: &str = "rows/db";
/// Folder of the journal.
const JOURNAL_FOLDER: &str = "journal";
/// Its files.
const JOURNALS: [&str; 2] = ["journal/0", "journal/1"];
/// Held by the process that has the directory open.
const LOCK: &str = "lock";
/// sled's cache of pages. Rows are small and the working set is the running contacts: what grows beyond is read again.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Only the owner: keys and contacts are sealed, but names of tenants and numbers that were dialled are not.
const FOLDER_MODE: u32 = 0o700;

/// Filesystems whose sync does not mean what ours relies on, by the magic number that statfs(2) tells, and why.
const REFUSED: [(u32, &str, &str); 9] = [
    (0x6969, "NFS", NETWORK),
    (0x517b, "SMB", NETWORK),
    (0xff53_4d42, "CIFS", NETWORK),
    (0xfe53_4d42, "SMB", NETWORK),
    (0x00c3_6400, "Ceph", NETWORK),
    (0x5346_414f, "AFS", NETWORK),
    (0x0102_1997, "9p", NETWORK),
    (0x0bd0_0bd0, "Lustre", NETWORK),
    (0x9123_683e, "btrfs", "it copies on write, and sled's file of small writes in place degrades on it"),
];
/// What to do about a folder that is damaged.
const ADVICE: &str = "restore the directory from a backup, or import the last export into an empty one; keep this directory for inspection";
const NETWORK: &str = "it is a network mount, whose locks and syncs are not dependable";

/// What opening gives.
pub(super) struct Parts {
    pub settled: Settled,
    /// The one that is written to, and the other.
    pub journals: [Journal; 2],
    pub revision: u64,
    pub lock: File,
    /// Our own handle of sled's file, to see when it is let go.
    pub file: File,
}

/// Opens the directory, or makes it. `syncing` gives what brings a file to the disk, by its path within the directory; it is asked when
/// everything that is there is on the disk.
pub(super) fn open(dir: &Path, mut syncing: impl FnMut(&str, File) -> Box<dyn Syncing>) -> Result<Parts, StoreFault> {
    let unusable = |why: String| StoreFault::Open { dir: dir.to_owned(), why };
    let io_failed = |what: &str, e: &io::Error| unusable(format!("{what}: {e}"));
    let (folder, journal_folder) = (dir.join(FOLDER), dir.join(JOURNAL_FOLDER));
    for folder in [&folder, &journal_folder] {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(|e| io_failed("it cannot be made", &e))?;
    }
    if let Some(refused) = refused_filesystem(&folder).map_err(|e| io_failed("its filesystem cannot be asked", &e))? {
        return Err(unusable(refused));
    }
    let lock = lock(dir).map_err(|why| {
        unusable(why.unwrap_or_else(|| "another jackfield uses it; stop that one, or choose another directory".to_owned()))
    })?;
    prepare(&folder).and_then(|()| sync_all(&journal_folder)).map_err(|e| io_failed("its files cannot be synced before opening", &e))?;
    let db = open_database(&folder).map_err(unusable)?;
    // The snapshot that sled has just renamed, before what sled did to its file because of it.
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|e| io_failed("its files cannot be synced", &e))?;
    let file = || OpenOptions::new().write(true).open(dir.join(DATABASE)).map_err(|e| io_failed("sled's file cannot be opened", &e));
    let mut settled = Settled { db, syncing: Box::new(FileSync(file()?)) };
    let reached = catch_unwind(AssertUnwindSafe(|| settle(dir, &mut settled)))
        .unwrap_or_else(|_| Err(format!("the database is damaged (sled panicked over it); {ADVICE}")))
        .map_err(unusable)?;
    let emptied = JOURNALS.map(|name| File::create(dir.join(name)).map_err(|e| io_failed("its journal cannot be written", &e)));
    for folder in [&folder, &journal_folder] {
        sync_all(folder).and_then(|()| sync_above(folder)).map_err(|e| io_failed("its files cannot be synced", &e))?;
    }
    settled.syncing = syncing(DATABASE, file()?);
    let [first, second] = emptied;
    let mut journal = |name: &str, file: File| {
        let own = file.try_clone().map_err(|e| io_failed("its journal cannot be written", &e))?;
        Ok::<_, StoreFault>(Journal::new(file, syncing(name, own)))
    };
    let [first_name, second_name] = JOURNALS;
    let mut journals = [journal(first_name, first?)?, journal(second_name, second?)?];
    if let Some(first) = journals.first_mut() {
        first.begin(reached.generation + 1, 0);
    }
    Ok(Parts { settled, journals, revision: reached.revision, lock, file: file()? })
}

/// Settles what was left in the journal, in order; says how far that reaches.
fn settle(dir: &Path, settled: &mut Settled) -> Result<Reached, String> {
    let mut reached = layout::reached(&settled.db).map_err(|RowsFault { why }| why)?;
    let mut left: Vec<Found> = Vec::new();
    for name in JOURNALS {
        let bytes = match fs::read(dir.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("its journal cannot be read: {error}")),
        };
        left.extend(journal::read(&bytes, reached.generation).map_err(|why| format!("{name} is damaged: {why}; {ADVICE}"))?);
    }
    left.sort_by_key(|found| found.generation);
    whole(&left, reached.generation).map_err(|why| format!("its journal is damaged: {why}; {ADVICE}"))?;
    for Found { generation, revision, changes, .. } in left {
        let rows: Vec<_> = changes.into_iter().collect();
        tracing::info!(rows = rows.len(), "what was in the journal is settled");
        settled.take(generation, revision, &rows, |_, _| {}).map_err(|RowsFault { why }| why)?;
        reached = Reached { revision: revision.max(reached.revision), generation };
    }
    Ok(reached)
}

/// What is left must go on where sled ends, and a generation that another one follows was complete.
fn whole(left: &[Found], settled: u64) -> Result<(), String> {
    let mut before: Option<&Found> = None;
    for found in left {
        let expected = before.map_or(settled, |before| before.generation) + 1;
        if found.generation != expected {
            return Err(format!("generation {expected} is missing, and there is {}", found.generation));
        }
        if let (Some(before), Some(records)) = (before, found.before)
            && before.records != records
        {
            return Err(format!("generation {} has {} records of {records}", before.generation, before.records));
        }
        before = Some(found);
    }
    Ok(())
}

fn open_database(folder: &Path) -> Result<Db, String> {
    let config = Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(::sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
            Err("another process holds sled's file; stop that one, or choose another directory".to_owned())
        }
        Ok(Err(::sled::Error::Io(error))) => Err(format!("sled: {error}; check the disk's space and permissions")),
        Ok(Err(error)) => Err(format!("the database is damaged ({error}); {ADVICE}")),
        Err(_) => Err(format!("the database is damaged (sled panicked over it); {ADVICE}")),
    }
}

/// None: somebody else holds it.
fn lock(dir: &Path) -> Result<File, Option<String>> {
    let cannot = |e: io::Error| Some(format!("its lock file cannot be used: {e}"));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK)).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(None),
        Err(fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

fn refused_filesystem(folder: &Path) -> io::Result<Option<String>> {
    let magic = rustix::fs::statfs(folder)?.f_type;
    // The number is signed or not, and wider or not, from one architecture to the next; its low half is what counts.
    let magic = u32::try_from(i128::from(magic) & 0xffff_ffff).unwrap_or_default();
    Ok(refused(magic))
}

fn refused(magic: u32) -> Option<String> {
    let (_, name, why) = REFUSED.into_iter().find(|(number, ..)| *number == magic)?;
    Some(format!("its filesystem is {name}: {why}. Use a local directory on ext4 or XFS"))
}

fn prepare(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    sync_all(folder)
}

/// Syncs every file of a folder and the folders in it, and then the folder itself. What is read afterwards comes from the disk, as far as the kernel
/// does what it is asked for.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            file.sync_all()?;
            // Pages of a sync that failed count as clean, whether or not the disk has them. Where there is no disk there is nothing to let go.
            let _best_effort = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
    File::open(folder)?.sync_all()
}

/// Syncs the folders in which the folder's own name stands.
fn sync_above(folder: &Path) -> io::Result<()> {
    for above in folder.ancestors().skip(1).take(2).filter(|above| !above.as_os_str().is_empty()) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::guard::Changes;

    #[test]
    fn what_is_left_goes_on_where_sled_ends_and_is_whole() {
        let found = |generation, records, before| Found { generation, records, before, revision: 0, changes: Changes::new() };
        assert_eq!(whole(&[], 7), Ok(()));
        assert_eq!(whole(&[found(8, 3, None)], 7), Ok(()));
        assert_eq!(whole(&[found(8, 3, None), found(9, 1, Some(3))], 7), Ok(()));
        // Written before it was said.
        assert_eq!(whole(&[found(8, 3, None), found(9, 1, None)], 7), Ok(()));
        // What it was before is settled, and how long it was is nobody's matter.
        assert_eq!(whole(&[found(8, 3, Some(9))], 7), Ok(()));
        assert!(whole(&[found(8, 2, None), found(9, 1, Some(3))], 7).unwrap_err().contains("generation 8 has 2 records of 3"));
        assert!(whole(&[found(9, 1, Some(3))], 7).unwrap_err().contains("generation 8 is missing"));
        assert!(whole(&[found(50, 1, None)], 0).is_err());
    }

    #[test]
    fn a_network_mount_and_btrfs_are_refused_by_name_and_ext4_is_not() {
        assert!(refused(0x6969).unwrap().contains("NFS"));
        assert!(refused(0xff53_4d42).unwrap().contains("network mount"));
        assert!(refused(0x9123_683e).unwrap().contains("copies on write"));
        assert_eq!(refused(0xef53), None);
        assert_eq!(refused(0x5846_5342), None);
    }
}
