//! Cuts the power, on paper, and looks what is left: only what was synced survives, of every other page one half or the other.
//!
//! A test of this crate runs the short form, `cargo xtask soak power-cut` the long one. It drives the real threads over a real folder
//! and watches the syncs of its files, the journal's and sled's; a cut takes what the folder held at the last sync and what it holds now, and makes of both a folder that a
//! disk could have kept. That folder must open, and must hold everything that was acknowledged, whole. A kill of the process would
//! prove little: the system's cache survives it.
//!
//! The negative control does the same with sled's own flush and no sync of ours. It must lose: a test that cannot fail proves nothing.
//! It exists only in tests and behind the feature `power-cut`, which the server never turns on.

mod disk;
mod workload;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

use self::disk::Image;
use self::workload::{Progress, Workload};
use super::sled::{Sizes, Sled, Syncing};
use crate::fault::StoreFault;
use jackfield_domain::ports::rows::Rows as _;

/// Cuts after which a folder is left and a new one begun: recovery upon recovery is tested, and so is a young database.
const CHAIN_MAX: u32 = 8;
/// Batches before a cut, at most: some hundred groups, several segments of sled's log.
const BATCHES_MAX: u32 = 400;
/// So small that between two cuts the journal's files take turns, and much is settled, many times.
const SIZES: Sizes = Sizes { complete_bytes: 48 * 1024, wait_bytes: 192 * 1024 };
/// Of the negative control, for each ten cuts.
const CONTROLS_PER_TEN: u32 = 3;

/// What came of cuts under one way of syncing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often the power was cut.
    pub cuts: u32,
    /// Batches that were acknowledged before a cut.
    pub acknowledged: u64,
    /// Cuts after which the database did not open.
    pub unopenable: u32,
    /// Cuts after which something acknowledged was gone.
    pub lost: u32,
    /// Cuts after which a batch was there in part, or something that was never written.
    pub torn: u32,
}

/// What came of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// With our own sync, as in production.
    pub ours: Tally,
    /// With writes and sled's flush alone.
    pub control: Tally,
    /// Where the random numbers began.
    pub seed: u64,
}

/// The test did not show what it must.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Something acknowledged was lost, or a database did not open.
    #[error("a power cut did harm:\n{0}")]
    Harmed(Report),
    /// The negative control came through unharmed, so the test would not have noticed anything.
    #[error("the negative control lost nothing, so this run proves nothing:\n{0}")]
    Toothless(Report),
    /// The test itself could not run.
    #[error("the power-cut test could not run: {0}")]
    Unable(String),
}

impl Tally {
    fn is_unharmed(&self) -> bool {
        self.unopenable + self.lost + self.torn == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, acknowledged, unopenable, lost, torn } = self;
        write!(f, "{cuts} cuts, {acknowledged} batches acknowledged: {unopenable} did not open, {lost} lost something, {torn} torn")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "power cuts, seed {}", self.seed)?;
        writeln!(f, "  our own sync:       {}", self.ours)?;
        write!(f, "  sled's flush alone: {} (it must fail)", self.control)
    }
}

/// Cuts the power so often, and of the negative control three times for every ten. Fails where anything was lost, and where the
/// control lost nothing.
pub fn run(cuts: u32, seed: u64) -> Result<Report, Broken> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Broken::Unable(e.to_string()))?;
    let controls = (cuts.saturating_mul(CONTROLS_PER_TEN) / 10).max(CONTROLS_PER_TEN);
    let report = runtime.block_on(async {
        let ours = many(cuts, seed, Way::Ours).await?;
        let control = many(controls, seed, Way::SledAlone).await?;
        Ok::<_, Broken>(Report { ours, control, seed })
    })?;
    match (report.ours.is_unharmed(), report.control.is_unharmed()) {
        (false, _) => Err(Broken::Harmed(report)),
        (true, true) => Err(Broken::Toothless(report)),
        (true, false) => Ok(report),
    }
}

/// How a group comes to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Ours,
    SledAlone,
}

/// Syncs as production does, and keeps what the disk holds for certain from then on.
struct Watched {
    name: String,
    file: File,
    durable: Arc<Mutex<Image>>,
}

impl Syncing for Watched {
    fn sync(&mut self) -> io::Result<()> {
        // A cut waits here, so that what it takes for unsynced is not synced while it looks.
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let now = durable.read_one(&self.name)?;
        self.file.sync_data()?;
        durable.holds(&self.name, now);
        Ok(())
    }
}

/// The negative control: the journal is written and sled has flushed, and that is all.
struct SledAlone;

impl Syncing for SledAlone {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn many(cuts: u32, seed: u64, way: Way) -> Result<Tally, Broken> {
    let unable = |e: io::Error| Broken::Unable(e.to_string());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut dir = tempfile::tempdir().map_err(unable)?;
    let mut progress = Progress::begin(random.next_u64());
    for cut in 1..=cuts {
        tally.cuts += 1;
        let (left, acknowledged) = one(&dir, &progress, way, &mut random).await?;
        tally.acknowledged += acknowledged.batches() - progress.batches();
        let mut goes_on = cut % CHAIN_MAX != 0;
        match open(left.path(), None).await {
            Err(_) => {
                tally.unopenable += 1;
                goes_on = false;
            }
            Ok(rows) => {
                let found = workload::inspect(&rows, &acknowledged).await;
                tally.lost += u32::from(matches!(found, Err(workload::Harm::Lost)));
                tally.torn += u32::from(matches!(found, Err(workload::Harm::Torn)));
                match found {
                    Ok(found) => progress = found,
                    Err(_) => goes_on = false,
                }
                let _ = rows.close().await;
            }
        }
        if goes_on {
            dir = left;
        } else {
            dir = tempfile::tempdir().map_err(unable)?;
            progress = Progress::begin(random.next_u64());
        }
    }
    Ok(tally)
}

/// Works on a folder until a random moment, cuts, and gives what is left and what had been acknowledged by then.
async fn one(dir: &TempDir, from: &Progress, way: Way, random: &mut ChaCha8Rng) -> Result<(TempDir, Progress), Broken> {
    let unable = |e: io::Error| Broken::Unable(e.to_string());
    let durable: Arc<Mutex<Image>> = Arc::default();
    let rows = Arc::new(open(dir.path(), Some((way, Arc::clone(&durable)))).await.map_err(|e| Broken::Unable(e.to_string()))?);
    let workload = Workload::start(Arc::clone(&rows), from.clone());
    workload.reach(u64::from(5 + random.next_u32() % BATCHES_MAX)).await;
    // First what was acknowledged, then the disk: what is acknowledged in between is more than is asked for.
    let acknowledged = workload.acknowledged();
    let left = tempfile::tempdir().map_err(unable)?;
    {
        let durable = durable.lock().unwrap_or_else(PoisonError::into_inner);
        let now = durable.read_all().map_err(unable)?;
        durable.cut(&now, random).write(left.path()).map_err(unable)?;
    }
    workload.stop().await;
    let _ = rows.close().await;
    Ok((left, acknowledged))
}

async fn open(dir: &Path, watched: Option<(Way, Arc<Mutex<Image>>)>) -> Result<Sled, StoreFault> {
    let place = dir.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        let Some((way, durable)) = watched else { return Sled::open(&place) };
        Sled::open_with(&place, SIZES, |name, file| {
            // Opening ends with a sync of everything, so what is there now is there for good.
            if let Ok(image) = Image::of(&place) {
                *durable.lock().unwrap_or_else(PoisonError::into_inner) = image;
            }
            match way {
                Way::Ours => Box::new(Watched { name: name.to_owned(), file, durable: Arc::clone(&durable) }),
                Way::SledAlone => Box::new(SledAlone),
            }
        })
    });
    opening.await.unwrap_or_else(|e| Err(StoreFault::Transfer(e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_power_cut_loses_what_was_acknowledged_and_without_our_sync_one_does() {
        let report = run(10, 7).unwrap();
        assert_eq!((report.ours.cuts, report.control.cuts), (10, 3));
        assert!(report.ours.acknowledged > 100, "{report}");
        println!("{report}");
    }
}
