//! Calls at a fixed rate whatever the server does, and says how late the answers came.
//!
//! The soak runs and their short forms use it. The clock starts when a call was due and not when it could be sent: a generator that
//! waits for answers would stop asking just when the server is slow, and measure nothing of it.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// Who answered, as far as a caller can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The tenant's plugin.
    Plugin,
    /// A default route.
    Fallback,
    /// Nobody, or somebody else.
    Lost(String),
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// From when each call was due to its answer, of those that the plugin answered; sorted.
    pub plugin: Vec<Duration>,
    /// The same of those that a default route answered.
    pub fallback: Vec<Duration>,
    /// What was wrong with the rest.
    pub lost: Vec<String>,
    /// From the first call's time to the last answer.
    pub took: Duration,
}

impl Figures {
    /// The latency below which that part of a thousand lies.
    pub fn per_mille(sorted: &[Duration], part: usize) -> Duration {
        sorted.get((sorted.len() * part / 1_000).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// p50, p99 and p99.9 of what the plugin answered.
    pub fn spread(&self) -> [Duration; 3] {
        [500, 990, 999].map(|part| Self::per_mille(&self.plugin, part))
    }

    /// How many had an answer.
    pub fn answered(&self) -> u64 {
        (self.plugin.len() + self.fallback.len()) as u64
    }

    /// Adds what came of another run, which took its own time.
    pub fn join(&mut self, other: Self) {
        self.plugin.extend(other.plugin);
        self.fallback.extend(other.fallback);
        self.lost.extend(other.lost);
        self.took += other.took;
        self.plugin.sort_unstable();
        self.fallback.sort_unstable();
    }

    /// Answers of the plugin in a second.
    pub fn goodput(&self) -> f64 {
        self.plugin.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let [p50, p99, p999] = self.spread();
        let (answered, fallback, lost) = (self.plugin.len(), self.fallback.len(), self.lost.len());
        write!(
            f,
            "{answered} by the plugin, {fallback} by a default route, {lost} lost; p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            ms(p50),
            ms(p99),
            ms(p999)
        )
    }
}

/// Calls so often for so long. `call` gets the number of the call.
pub async fn open_loop<F, W>(per_second: f64, lasting: Duration, call: F) -> anyhow::Result<Figures>
where
    F: Fn(u64) -> W,
    W: Future<Output = Verdict> + Send + 'static,
{
    let begun = Instant::now();
    let calls = (per_second * lasting.as_secs_f64()) as u64;
    let mut answers = JoinSet::new();
    let mut figures = Figures::default();
    for number in 0..calls {
        let due = begun + Duration::from_secs_f64(number as f64 / per_second);
        tokio::time::sleep_until(due.into()).await;
        let answer = call(number);
        answers.spawn(async move { (answer.await, due.elapsed()) });
        while let Some(answer) = answers.try_join_next() {
            figures.add(answer?);
        }
    }
    while let Some(answer) = answers.join_next().await {
        figures.add(answer?);
    }
    figures.took = begun.elapsed();
    figures.plugin.sort_unstable();
    figures.fallback.sort_unstable();
    Ok(figures)
}

/// Calls one after the other in so many tasks, for so long: what the server can do at most.
pub async fn closed_loop<F, W>(tasks: u64, lasting: Duration, call: F) -> anyhow::Result<Figures>
where
    F: Fn(u64) -> W + Clone + Send + 'static,
    W: Future<Output = Verdict> + Send + 'static,
{
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let call = call.clone();
        running.spawn(async move {
            let mut own = Figures::default();
            let mut number = task;
            while begun.elapsed() < lasting {
                let due = Instant::now();
                own.add((call(number).await, due.elapsed()));
                number += tasks;
            }
            own
        });
    }
    let mut figures = Figures::default();
    while let Some(own) = running.join_next().await {
        let own = own?;
        figures.plugin.extend(own.plugin);
        figures.fallback.extend(own.fallback);
        figures.lost.extend(own.lost);
    }
    figures.took = begun.elapsed();
    figures.plugin.sort_unstable();
    figures.fallback.sort_unstable();
    Ok(figures)
}

impl Figures {
    fn add(&mut self, (verdict, late): (Verdict, Duration)) {
        match verdict {
            Verdict::Plugin => self.plugin.push(late),
            Verdict::Fallback => self.fallback.push(late),
            Verdict::Lost(why) => self.lost.push(why),
        }
    }
}
