//! Says what a disk may hold after a power cut: of each page that changed since the last sync, the old or the new.
//!
//! The cut takes an [`Image`] of what was synced and one of what the folder holds, and makes a third of both. Pages of 4 KiB, because
//! that is what the system writes back. A file that grew may have any length in between; a file that is new may be missing, one that
//! was removed may still be there: none of that was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// What the system writes back at a time.
const PAGE_BYTES: usize = 4_096;

/// A folder's files by their paths within it.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    folder: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Image {
    /// What a folder holds now.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut image = Self { folder: folder.to_owned(), files: BTreeMap::new() };
        image.add(Path::new(""))?;
        Ok(image)
    }

    fn add(&mut self, below: &Path) -> io::Result<()> {
        for entry in fs::read_dir(self.folder.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.add(&path)?;
            } else {
                let bytes = fs::read(entry.path())?;
                self.files.insert(path, bytes);
            }
        }
        Ok(())
    }

    /// The same folder, now.
    pub(super) fn read_all(&self) -> io::Result<Self> {
        Self::of(&self.folder)
    }

    /// One file, now.
    pub(super) fn read_one(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name))
    }

    /// That file was synced, with that in it.
    pub(super) fn holds(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(PathBuf::from(name), bytes);
    }

    /// What a disk may hold that was sure of `self` and was being written towards `now`.
    pub(super) fn cut(&self, now: &Self, random: &mut ChaCha8Rng) -> Self {
        let paths: BTreeSet<&PathBuf> = self.files.keys().chain(now.files.keys()).collect();
        let mut files = BTreeMap::new();
        for path in paths {
            match (self.files.get(path), now.files.get(path)) {
                (Some(old), Some(new)) => drop(files.insert(path.clone(), mix(old, new, random))),
                (Some(old), None) if coin(random) => drop(files.insert(path.clone(), old.clone())),
                (None, Some(new)) if coin(random) => drop(files.insert(path.clone(), mix(&[], new, random))),
                _ => {}
            }
        }
        Self { folder: self.folder.clone(), files }
    }

    /// Writes it into an empty folder.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            if let Some(above) = path.parent() {
                fs::create_dir_all(above)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn coin(random: &mut ChaCha8Rng) -> bool {
    random.next_u32() & 1 == 0
}

fn mix(old: &[u8], new: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let (shorter, longer) = (old.len().min(new.len()), old.len().max(new.len()));
    let between = u64::try_from(longer - shorter).unwrap_or(0) + 1;
    let length = match random.next_u32() % 3 {
        0 => old.len(),
        1 => new.len(),
        _ => shorter + usize::try_from(random.next_u64() % between).unwrap_or(0),
    };
    let mut mixed = Vec::with_capacity(length + PAGE_BYTES);
    while mixed.len() < length {
        let page = mixed.len()..mixed.len() + PAGE_BYTES;
        let (before, after) = (part(old, page.clone()), part(new, page));
        let kept = if before == after || coin(random) { after } else { before };
        let filled = mixed.len() + PAGE_BYTES;
        mixed.extend_from_slice(kept);
        mixed.resize(filled, 0);
    }
    mixed.truncate(length);
    mixed
}

fn part(bytes: &[u8], page: std::ops::Range<usize>) -> &[u8] {
    bytes.get(page.start.min(bytes.len())..page.end.min(bytes.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn every_page_is_the_old_one_or_the_new_one_and_what_was_synced_stays() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let old = vec![1; 40 * PAGE_BYTES];
        let mut new = vec![2; 60 * PAGE_BYTES];
        new[..PAGE_BYTES].fill(1);
        let (mut olds, mut news) = (0, 0);
        for _ in 0..20 {
            let mixed = mix(&old, &new, &mut random);
            assert!((old.len()..=new.len()).contains(&mixed.len()));
            assert!(mixed[..PAGE_BYTES].iter().all(|byte| *byte == 1), "a page that did not change was lost");
            for page in mixed[PAGE_BYTES..40 * PAGE_BYTES].chunks(PAGE_BYTES) {
                assert!(page.iter().all(|byte| byte == &page[0]));
                olds += usize::from(page[0] == 1);
                news += usize::from(page[0] == 2);
            }
        }
        assert!(olds > 200 && news > 200, "{olds} {news}");
        assert_eq!(mix(&old, &old, &mut random), old);
    }
}
