//! Tries what every call will need, before the server says that it is ready: random numbers, the clock, the disk, and both engines.
//!
//! `serve` runs it at every start and `jackfield check` without a server. What fails ends the start with a sentence that says what and
//! what to do, instead of failing the first caller. It must be quick: a start is often a restart in a hurry.

pub mod check;

use std::time::{Duration, Instant};

use jackfield_domain::contact::Moment;
use jackfield_runtime::Runtime;
use jackfield_store::Store;
use serde::Serialize;

/// 2026-01-01T00:00:00Z: this version did not exist earlier, so a clock that says so is wrong.
const CLOCK_LEAST: Moment = 1_767_225_600_000;
/// 2100-01-01T00:00:00Z.
const CLOCK_MOST: Moment = 4_102_444_800_000;
/// Clocks are set back by seconds, and by an hour where somebody got a zone wrong. More means that the machine forgot the time, and
/// contacts and quotas of today would be written into the past.
const BACK_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// A disk that takes longer for one row fails every call.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// What was tried and works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Which: "random", "clock", "store", "plugins".
    pub what: &'static str,
    /// A few words.
    pub detail: String,
    /// How long it took.
    pub took_ms: u64,
}

/// What does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the self-test of {what} failed: {why}; {advice}")]
pub struct Failed {
    /// Which.
    pub what: &'static str,
    /// A sentence.
    pub why: String,
    /// What to do.
    pub advice: &'static str,
}

/// Tries everything; the first failure ends it.
pub async fn run(store: &Store, runtime: &Runtime, now: Moment) -> Result<Vec<Passed>, Failed> {
    let random = timed("random", || entropy().map(|()| "the machine gives random numbers".to_owned()))?;
    let began = Instant::now();
    let before = probe(store, now).await?;
    let stored = Passed { what: "store", detail: "a row was written, synced and read".to_owned(), took_ms: millis(began) };
    let clock = timed("clock", || clock(now, before).map(|()| "it is set".to_owned()))?;
    let began = Instant::now();
    let tested = runtime.self_test().await.map_err(|fault| Failed {
        what: "plugins",
        why: fault.to_string(),
        advice: "look whether the system forbids executable memory (MemoryDenyWriteExecute must be off) or child processes",
    })?;
    let how = if tested.compiled { "compiled" } else { "loaded" };
    let detail = format!("a component was {how} and ran on both engines");
    Ok(vec![random, stored, clock, Passed { what: "plugins", detail, took_ms: millis(began) }])
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn timed(what: &'static str, work: impl FnOnce() -> Result<String, Failed>) -> Result<Passed, Failed> {
    let began = Instant::now();
    work().map(|detail| Passed { what, detail, took_ms: millis(began) })
}

fn entropy() -> Result<(), Failed> {
    let failed = |why: String| Failed { what: "random", why, advice: "keys could be guessed; mend the machine's source of randomness" };
    let mut two = [[0_u8; 32]; 2];
    for bytes in &mut two {
        getrandom::fill(bytes).map_err(|error| failed(error.to_string()))?;
    }
    if two[0] == two[1] || two.contains(&[0; 32]) {
        return Err(failed("the machine gives the same bytes again".to_owned()));
    }
    Ok(())
}

async fn probe(store: &Store, now: Moment) -> Result<Option<Moment>, Failed> {
    let failed = |why: String| Failed { what: "store", why, advice: "look at the disk's health, space and permissions" };
    match tokio::time::timeout(STORE_PATIENCE, store.probe(now)).await {
        Ok(Ok(before)) => Ok(before),
        Ok(Err(fault)) => Err(failed(fault.to_string())),
        Err(_) => Err(failed(format!("one row was not on the disk after {} s", STORE_PATIENCE.as_secs()))),
    }
}

fn clock(now: Moment, before: Option<Moment>) -> Result<(), Failed> {
    let failed = |why: String| Failed { what: "clock", why, advice: "set the clock, for example by letting an NTP client run first" };
    if !(CLOCK_LEAST..CLOCK_MOST).contains(&now) {
        return Err(failed(format!("it is {now} ms since 1970, which cannot be")));
    }
    if let Some(before) = before.filter(|before| now.saturating_add(BACK_MS_MAX) < *before) {
        return Err(failed(format!("it went back by {} hours since the store was last written", (before - now) / 3_600_000)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_is_named_and_one_that_was_corrected_is_taken() {
        let noon = 1_795_176_000_000;
        assert!(clock(noon, None).is_ok() && clock(noon, Some(noon + 3_600_000)).is_ok());
        assert!(clock(0, None).unwrap_err().to_string().contains("clock"));
        assert!(clock(CLOCK_MOST, None).is_err());
        let back = clock(noon, Some(noon + 49 * 3_600_000)).unwrap_err();
        assert!(back.why.contains("49 hours"), "{back}");
    }
}
