//! Writes down behind its reply (step 9) what overload turned away.
//!
//! Such an event gets a default route, which is known at once; a disk that is slow in just that moment would hold up the answer for
//! nothing. So its reply leaves first, and what it leaves - trail, usage, reply for a retry - is committed with all others of the same
//! tenth of a second: they share a sync, and under overload that is what gives the time to the plugins. Until then the event holds its
//! contact's turn, so the contact's next event and a retry of this one find what was written. A crash within that time loses the
//! record of it, never the answer; decision 24 says why that is kept apart from what is acknowledged.
//!
//! How many may be behind is bounded. Past the bound a reply waits for its commit, as every other does. Where many are turned away at
//! once, most of them are kept in brief (`brief`) and not here.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jackfield_domain::quota::Barred;
use jackfield_providers::provider::Reply;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::parse::Parsed;
use super::settle::Settled;
use super::visit::Visit;
use super::{brief, commit, render, tell};
use crate::app::App;
use crate::metrics::step::{Step, timed, timed_now};

/// Most events behind their replies: some megabytes, and a second's worth where a core does nothing else.
const BEHIND_MAX: u32 = 1_024;
/// Records between two looks at what else there is to do: a fraction of a millisecond.
const PAUSE_AFTER: usize = 4;
/// What is committed together.
///
/// The longer, the less each of them costs: a group has its price whatever is in it, and the code that writes records must be brought
/// to the processor again after every guest. Longer than a customer needs to hear a word would make the next event wait for its turn.
const TOGETHER: Duration = Duration::from_millis(100);
/// So many do not wait for the end of it: applying more in one go takes the processors for longer than an answer may take.
const TOGETHER_MAX: usize = 32;

/// The events whose reply has left and whose record has not been written.
#[derive(Clone)]
pub struct Behind {
    places: Arc<Semaphore>,
    since: Instant,
    /// What is written at the end of this span of time.
    waiting: Arc<Mutex<Vec<Writing>>>,
}

pub(super) type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Default for Behind {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(BEHIND_MAX as usize)), since: Instant::now(), waiting: Arc::default() }
    }
}

impl Behind {
    /// Waits until everything is written; for the end of the process.
    pub async fn written(&self) {
        // Nobody closes it, so this cannot fail.
        let _ = self.places.acquire_many(BEHIND_MAX).await;
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Takes it along with all others of the same span of time. One task does them all: a task, a timer and a wake for each of them cost
    /// more than what they write.
    fn add(&self, writing: Writing) {
        let mut waiting = self.waiting();
        waiting.push(writing);
        match waiting.len() {
            1 => {
                let behind = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(behind.till_next()).await;
                    let together = std::mem::take(&mut *behind.waiting());
                    write_together(together, PAUSE_AFTER).await;
                });
            }
            TOGETHER_MAX => drop(tokio::spawn(write_together(std::mem::take(&mut *waiting), PAUSE_AFTER))),
            _ => {}
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Writing>> {
        // A list is whole at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that come within the same span of time wait for the same moment.
    pub(super) fn till_next(&self) -> Duration {
        let span = TOGETHER.as_micros();
        let into = self.since.elapsed().as_micros() % span;
        Duration::from_micros(u64::try_from(span - into).unwrap_or_default())
    }

    /// The number of this span of time.
    pub(super) fn span(&self) -> u128 {
        self.since.elapsed().as_micros() / TOGETHER.as_micros()
    }
}

/// One that panics must not take those with it that are written together with it.
pub(super) fn guarded(writing: impl Future<Output = ()> + Send + 'static) -> Writing {
    Box::pin(AssertUnwindSafe(writing).catch_unwind().map(|written| {
        if written.is_err() {
            tracing::error!("writing the record of events that overload turned away panicked");
        }
    }))
}

pub(super) async fn write_together(together: Vec<Writing>, pause_after: usize) {
    let mut running = FuturesUnordered::new();
    for (at, writing) in together.into_iter().enumerate() {
        running.push(writing);
        // Each makes its batch when it is first looked at. Many in a row would keep others from their answers.
        let _ = futures_util::poll!(running.next());
        if at % pause_after == 0 {
            tokio::task::yield_now().await;
        }
    }
    while running.next().await.is_some() {}
}

/// A place behind the reply, for an event that overload turned away.
pub(super) fn place(app: &App, settled: &Settled) -> Option<OwnedSemaphorePermit> {
    let is_turned_away = settled.barred == Some(Barred::Overloaded) && settled.attempts.is_empty();
    is_turned_away.then(|| app.behind.place()).flatten()
}

/// Answers it: with a default route, and in that moment. What it `held` is let go once its record is written.
pub(super) async fn answer<Held: Send + 'static>(
    app: &Arc<App>,
    place: OwnedSemaphorePermit,
    mut visit: Visit,
    mut settled: Settled,
    parsed: Parsed,
    held: Held,
) -> Reply {
    let (reply, is_brief) = timed_now(&app.metrics, Step::Render, || match brief::answer(app, &visit, &settled, &parsed) {
        Some(reply) => (reply, true),
        None => (render::render(&visit, &settled, &parsed), false),
    });
    if is_brief {
        brief::keep(app, place, &mut visit, &settled, &reply, &parsed);
        return reply;
    }
    tell::tell(app, &visit, &mut settled, &parsed);
    write(app, place, Record { visit, settled, reply: reply.clone(), parsed, held }).await;
    reply
}

/// What the record is made of, and what the event holds until it is written.
struct Record<Held> {
    visit: Visit,
    settled: Settled,
    reply: Reply,
    parsed: Parsed,
    held: Held,
}

/// Writes it soon, whether or not anybody still waits.
async fn write<Held: Send + 'static>(app: &Arc<App>, place: OwnedSemaphorePermit, record: Record<Held>) {
    // A first event has its turn by the provider's name of the contact. What comes next may name it by ours, which nobody knew before
    // this reply: that turn is free, and must be held too.
    let named = app.order.wait(&record.visit.contact.id.to_string(), Duration::ZERO).await;
    let writer = Arc::clone(app);
    let writing = async move {
        written(&writer, record).await;
        drop((named, place));
    };
    app.behind.add(guarded(writing.instrument(tracing::Span::current())));
}

async fn written<Held>(app: &App, record: Record<Held>) {
    let Record { mut visit, settled, reply, parsed, held } = record;
    let committed = timed(&app.metrics, Step::Commit, commit::commit(app, &mut visit, &settled, &reply, &parsed)).await;
    let outcome = match committed {
        // The reply has left, so there is nothing to run again: the trail takes it, and the contact stays as somebody else wrote it. Where
        // there is no contact yet, nobody would ever find it.
        Ok(commit::Outcome::Conflict) if visit.revision.is_some() => {
            commit::note(app, &visit, &settled, &reply, &parsed).await.map_err(commit::unwritten)
        }
        Ok(commit::Outcome::Conflict) => {
            app.metrics.unkept(Barred::Overloaded);
            Ok(())
        }
        Ok(commit::Outcome::Committed) => Ok(()),
        Err(fault) => Err(fault),
    };
    drop(held);
    if let Err(fault) = outcome {
        tracing::error!(%fault, "the record of an event that overload turned away could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_what_is_behind_and_no_more_than_the_bound_is() {
        let behind = Behind::default();
        let mut places: Vec<_> = std::iter::from_fn(|| behind.place()).collect();
        assert_eq!(places.len(), BEHIND_MAX as usize);
        let last = places.pop();
        drop(places);
        let end = tokio::spawn({
            let behind = behind.clone();
            async move { behind.written().await }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!end.is_finished(), "one record is not written yet");
        drop(last);
        end.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_together_is_written_together_and_many_do_not_wait_for_the_end_of_the_span() {
        let behind = Behind::default();
        let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let add = |count: usize| {
            for _ in 0..count {
                let written = Arc::clone(&written);
                behind.add(Box::pin(async move {
                    tokio::task::yield_now().await;
                    written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }));
            }
        };
        let now = || written.load(std::sync::atomic::Ordering::Relaxed);
        add(TOGETHER_MAX - 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(now(), 0, "they wait for one another");
        add(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(now(), TOGETHER_MAX);
        add(3);
        tokio::time::sleep(TOGETHER * 2).await;
        assert_eq!((now(), behind.waiting().len()), (TOGETHER_MAX + 3, 0));
    }

    #[test]
    fn nobody_waits_longer_than_what_is_committed_together_and_not_for_nothing() {
        let behind = Behind::default();
        for _ in 0..1_000 {
            let till = behind.till_next();
            assert!(till > Duration::ZERO && till <= TOGETHER, "{till:?}");
        }
    }
}
