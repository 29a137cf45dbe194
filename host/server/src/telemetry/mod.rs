//! Tells people and machines what happens: the log to standard error, traces to a collector.
//!
//! `serve` starts it once and ends it last. Neither is ever waited for: both have bounded queues, and what is dropped is counted.
//! A line stands inside the spans of the event that it is about - connection, tenant, contact, invocation - so that it need not repeat
//! them; the steps of an event are spans too, of a lower level, which nobody pays for where no trace is taken.
//!
//! Secrets never reach it, because the types that hold them do not print; customers' numbers do not, because no span and no line is
//! given one.

mod lines;
pub mod spans;
pub mod tail;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::lines::Lines;
use self::spans::Outlet;
use crate::config::telemetry::Telemetry;

/// What is logged where nobody says.
const FILTER: &str = "info";

/// What was dropped because nobody took it in time.
#[derive(Debug, Default)]
pub struct Drops {
    lines: AtomicU64,
    spans: AtomicU64,
}

/// The same, as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines of the log.
    pub lines: u64,
    /// Spans of traces.
    pub spans: u64,
}

impl Drops {
    fn line(&self) {
        self.lines.fetch_add(1, Ordering::Relaxed);
    }

    fn spans(&self, count: u64) {
        self.spans.fetch_add(count, Ordering::Relaxed);
    }

    /// Since the start.
    pub fn counted(&self) -> Dropped {
        Dropped { lines: self.lines.load(Ordering::Relaxed), spans: self.spans.load(Ordering::Relaxed) }
    }
}

/// The log and the traces of this process.
pub struct Telling {
    drops: Arc<Drops>,
    lines: Lines,
    outlet: Option<Outlet>,
}

/// Starts both. A filter that cannot be read is reported and replaced.
pub fn start(filter: Option<&str>, json: bool, config: &Telemetry) -> anyhow::Result<Telling> {
    let drops = Arc::new(Drops::default());
    let chosen = EnvFilter::try_new(filter.unwrap_or(FILTER));
    let unreadable = chosen.as_ref().err().map(ToString::to_string);
    let chosen = chosen.unwrap_or_else(|_| EnvFilter::new(FILTER));
    let lines = Lines::to_standard_error(Arc::clone(&drops))?;
    let log = tracing_subscriber::fmt::layer().with_writer(lines.clone()).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let log = if json { log.json().boxed() } else { log.compact().with_target(false).boxed() };
    let outlet = config.traces.as_ref().map(|traces| Outlet::open(traces, &drops)).transpose()?;
    let traced = outlet.as_ref().map(|outlet| {
        tracing_opentelemetry::layer()
            .with_tracer(outlet.tracer())
            // Where in our source a span was made, on which thread and how long it was looked at is our own affair.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_context_activation(false)
            .with_filter(filter_fn(is_ours))
    });
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(log.with_filter(chosen)).with(traced).try_init();
    if let Some(why) = unreadable {
        tracing::warn!(why, "JACKFIELD_LOG cannot be read; logging at info");
    }
    Ok(Telling { drops, lines, outlet })
}

/// Spans of ours: other crates' say what their authors wished, and lines belong to the log.
fn is_ours(about: &Metadata<'_>) -> bool {
    about.is_span() && about.target().starts_with("jackfield")
}

impl Telling {
    /// What was dropped.
    pub fn drops(&self) -> Arc<Drops> {
        Arc::clone(&self.drops)
    }

    /// Ends in order: what was said is on its way, or nobody takes it.
    pub async fn finish(self) {
        if let Some(outlet) = &self.outlet {
            outlet.finish().await;
        }
        self.lines.finish();
    }
}
