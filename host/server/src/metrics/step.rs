//! Names the steps of an event, and takes their time: as a span of its trace and as an observation of its histogram.
//!
//! The pipeline runs its steps through [`timed`]. Names are a closed list, because every one of them is a dozen series.

use std::time::Instant;

use tracing::{Instrument as _, Span, debug_span};

use super::Metrics;

/// What an event waits for or goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The body, complete and bounded.
    Receive,
    /// Whose event it is.
    Resolve,
    /// Signature and content.
    Parse,
    /// The contact's turn: another of its events comes first.
    Turn,
    /// Contact, tenant, flow, directory.
    Load,
    /// The pass.
    Admit,
    /// The releases.
    Assign,
    /// All attempts.
    Invoke,
    /// A place on a guest thread, the artifact's loading included.
    Place,
    /// The guest itself.
    Guest,
    /// The decision.
    Settle,
    /// The reply.
    Render,
    /// The batch, until it is durable.
    Commit,
    /// What is reported and expects no answer, until it is durable.
    Report,
    /// All of it: from the complete request to the reply.
    Whole,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Receive,
        Self::Resolve,
        Self::Parse,
        Self::Turn,
        Self::Load,
        Self::Admit,
        Self::Assign,
        Self::Invoke,
        Self::Place,
        Self::Guest,
        Self::Settle,
        Self::Render,
        Self::Commit,
        Self::Report,
        Self::Whole,
    ];

    /// As metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Resolve => "resolve",
            Self::Parse => "parse",
            Self::Turn => "turn",
            Self::Load => "load",
            Self::Admit => "admit",
            Self::Assign => "assign",
            Self::Invoke => "invoke",
            Self::Place => "place",
            Self::Guest => "guest",
            Self::Settle => "settle",
            Self::Render => "render",
            Self::Commit => "commit",
            Self::Report => "report",
            Self::Whole => "whole",
        }
    }

    /// A span for the trace; nothing where nobody traces. The kit wants each name where the span is made.
    fn span(self) -> Span {
        match self {
            Self::Receive => debug_span!("receive"),
            Self::Resolve => debug_span!("resolve"),
            Self::Parse => debug_span!("parse"),
            Self::Turn => debug_span!("turn"),
            Self::Load => debug_span!("load"),
            Self::Admit => debug_span!("admit"),
            Self::Assign => debug_span!("assign"),
            Self::Invoke => debug_span!("invoke"),
            Self::Settle => debug_span!("settle"),
            Self::Render => debug_span!("render"),
            Self::Commit => debug_span!("commit"),
            Self::Report => debug_span!("report"),
            // The runtime makes the spans of the first two, and the webhook that of the whole.
            Self::Place | Self::Guest | Self::Whole => Span::none(),
        }
    }
}

/// Does a step and takes its time.
pub(crate) async fn timed<T>(metrics: &Metrics, step: Step, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.instrument(step.span()).await;
    metrics.took(step, begun.elapsed());
    done
}

/// The same for a step that waits for nothing.
pub(crate) fn timed_now<T>(metrics: &Metrics, step: Step, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = step.span().in_scope(work);
    metrics.took(step, begun.elapsed());
    done
}
