//! Keeps loaded versions, and lets the longest unused go when they take too much.
//!
//! The runtime asks it on every call. Loading is done once however many calls wait for it, and goes on when the call that
//! began it gives up, so that the next call finds it done. Thousands of plugins are routable because only what is used is
//! mapped; what is let go is loaded again in well under a millisecond, or compiled again if the disk lost it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::Digest;
use tokio::sync::OnceCell;

use crate::load::prepared::Prepared;

/// A version on one engine.
pub(crate) type Key = (Digest, SlotClass);

/// How long a version that could not be loaded is left alone: trying costs a compiler's run at worst, and whatever is mended
/// by hand can wait that long.
pub(crate) const LEFT_ALONE: Duration = Duration::from_secs(30);

/// A place for one version, filled by whoever needs it first.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) cell: OnceCell<Arc<Prepared>>,
    used: AtomicU64,
    failed: Mutex<Option<(Instant, String)>>,
}

impl Place {
    /// Why it could not be loaded, where that was only just now.
    pub(crate) fn failed(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(at, _)| at.elapsed() < LEFT_ALONE).map(|(_, why)| why.clone())
    }

    /// Remembers that it could not be loaded.
    pub(crate) fn fail(&self, why: String) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), why));
    }
}

/// What may be loaded at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) artifacts: usize,
    pub(crate) bytes: u64,
}

/// Loaded versions.
pub(crate) struct Shelf {
    places: Mutex<HashMap<Key, Arc<Place>>>,
    /// Counts uses, so that the order of last use is known without a clock.
    uses: AtomicU64,
    room: Room,
}

impl Shelf {
    pub(crate) fn new(room: Room) -> Self {
        Self { places: Mutex::new(HashMap::new()), uses: AtomicU64::new(0), room }
    }

    /// The place of a version, empty where it is not loaded.
    pub(crate) fn place(&self, key: Key) -> Arc<Place> {
        let place = Arc::clone(self.lock().entry(key).or_default());
        place.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        place
    }

    /// Puts a version there that was loaded by other means.
    pub(crate) fn put(&self, key: Key, prepared: Arc<Prepared>) {
        // Where somebody else was faster, theirs is as good.
        let _same = self.place(key).cell.set(prepared);
        self.make_room();
    }

    /// Lets go of what was not used longest, until the rest has room. What runs keeps its version until it ends.
    pub(crate) fn make_room(&self) {
        let mut places = self.lock();
        // What is neither loaded, nor being loaded, nor left alone, is nothing to remember.
        places.retain(|_, place| place.cell.get().is_some() || Arc::strong_count(place) > 1 || place.failed().is_some());
        let mut loaded: Vec<(u64, Key, u64)> = places
            .iter()
            .filter_map(|(key, place)| place.cell.get().map(|prepared| (place.used.load(Ordering::Relaxed), *key, prepared.bytes)))
            .collect();
        loaded.sort_unstable_by_key(|(used, ..)| *used);
        let mut bytes: u64 = loaded.iter().map(|(.., bytes)| bytes).sum();
        let mut count = loaded.len();
        // The newest always stays, however large: it is what somebody waits for.
        for (_, key, size) in loaded.iter().take(loaded.len().saturating_sub(1)) {
            if bytes <= self.room.bytes && count <= self.room.artifacts {
                break;
            }
            places.remove(key);
            bytes = bytes.saturating_sub(*size);
            count -= 1;
        }
    }

    /// Lets go of a version on both engines.
    pub(crate) fn remove(&self, digest: &Digest) {
        self.lock().retain(|(of, _), _| of != digest);
    }

    /// Lets a version be tried again at once that could not be loaded.
    pub(crate) fn forget_failure(&self, digest: &Digest) {
        for (_, place) in self.lock().iter().filter(|((of, _), _)| of == digest) {
            *place.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Loaded versions and their bytes.
    pub(crate) fn count(&self) -> (usize, u64) {
        let places = self.lock();
        let loaded = places.values().filter_map(|place| place.cell.get());
        loaded.fold((0, 0), |(count, bytes), prepared| (count + 1, bytes + prepared.bytes))
    }

    pub(crate) fn room(&self) -> Room {
        self.room
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Place>>> {
        // Nothing panics while it is held.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
