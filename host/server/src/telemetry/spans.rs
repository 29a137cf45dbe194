//! Sends traces away: spans that have ended wait in a bounded queue, and a task of its own hands them to the collector in batches.
//!
//! `telemetry` puts the layer that is made here beside the log. No request waits for it: a span that finds the queue full is dropped
//! and counted, and so is a batch that the collector does not take. The queue is ours and not the kit's, because the kit's does not
//! say what it dropped and runs on a thread without our async runtime.
//!
//! What a span may carry is decided where it is made: names and ids of ours, never a customer's number or what anybody said.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jackfield_egress::TraceClient;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor};
use tokio::sync::{mpsc, oneshot};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Drops;
use crate::config::telemetry::Traces;

/// Spans that may wait: some hundred events with all their steps, at about a kilobyte each.
const QUEUE_SPANS_MAX: usize = 8_192;
/// Spans of one batch.
const BATCH_SPANS_MAX: usize = 512;
/// A batch is sent after this, however small it is.
const BATCH_WAIT: Duration = Duration::from_millis(500);
/// At the end, so long is waited for what is still in the queue.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// The id of the trace that this is in, where it is traced: 32 hexadecimal digits.
pub fn trace_id() -> Option<String> {
    let context = tracing::Span::current().context();
    let span = context.span();
    let within = span.span_context();
    (within.is_valid() && within.is_sampled()).then(|| within.trace_id().to_string())
}

/// Goes on with the trace that a request's headers name. Only for peers that are trusted with it.
pub fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    // It fails where nothing is traced, and then there is nothing to go on with.
    let _ = span.set_parent(parent);
}

enum Job {
    Span(Box<SpanData>),
    /// All spans before it are on their way or lost.
    Tell(oneshot::Sender<()>),
}

/// The way out of this process.
pub(super) struct Outlet {
    queue: mpsc::Sender<Job>,
    // Dropping it ends all spans; it lives as long as the process tells.
    provider: SdkTracerProvider,
}

impl Outlet {
    /// Starts the task that sends. Needs an async runtime.
    pub(super) fn open(traces: &Traces, drops: &Arc<Drops>) -> anyhow::Result<Self> {
        let client = TraceClient::new(traces.endpoint.scheme() == "https")?;
        let mut exporter = SpanExporter::builder().with_http().with_http_client(client).with_endpoint(traces.endpoint.as_str()).build()?;
        // Only what is ours: the kit's own detectors read the environment and the machine.
        let about = [KeyValue::new("service.name", "jackfield"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
        let resource = Resource::builder_empty().with_attributes(about).build();
        exporter.set_resource(&resource);
        let (queue, jobs) = mpsc::channel(QUEUE_SPANS_MAX);
        tokio::spawn(send(jobs, exporter, Arc::clone(drops)));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.ratio))))
            .with_resource(resource)
            .with_span_processor(Ended { queue: queue.clone(), drops: Arc::clone(drops) })
            .build();
        Ok(Self { queue, provider })
    }

    /// What the layer makes spans with.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("jackfield")
    }

    /// Waits a moment for what has ended before.
    pub(super) async fn finish(&self) {
        let (tell, told) = oneshot::channel();
        let all_sent = async {
            if self.queue.send(Job::Tell(tell)).await.is_ok() {
                let _ = told.await;
            }
        };
        // Who does not take it in time does not get it.
        let _ = tokio::time::timeout(END_PATIENCE, all_sent).await;
    }
}

/// Takes spans as they end.
#[derive(Debug)]
struct Ended {
    queue: mpsc::Sender<Job>,
    drops: Arc<Drops>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl SpanProcessor for Ended {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.queue.try_send(Job::Span(Box::new(span))).is_err() {
            self.drops.spans(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends until nobody ends spans any more.
async fn send(mut jobs: mpsc::Receiver<Job>, exporter: SpanExporter, drops: Arc<Drops>) {
    let mut is_taken = true;
    while let Some(first) = jobs.recv().await {
        let (mut spans, mut waiting) = (Vec::new(), Vec::new());
        sort(first, &mut spans, &mut waiting);
        let full = tokio::time::sleep(BATCH_WAIT);
        tokio::pin!(full);
        while spans.len() < BATCH_SPANS_MAX && waiting.is_empty() {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => sort(job, &mut spans, &mut waiting),
                    None => break,
                },
                () = &mut full => break,
            }
        }
        let count = spans.len() as u64;
        if count > 0 {
            let outcome = exporter.export(spans).await;
            // Said when it begins and when it ends, and not for every batch of an hour.
            match (&outcome, is_taken) {
                (Err(error), true) => tracing::warn!(%error, "the collector takes no traces; spans are dropped until it does"),
                (Ok(()), false) => tracing::info!("the collector takes traces again"),
                _ => {}
            }
            is_taken = outcome.is_ok();
            if !is_taken {
                drops.spans(count);
            }
        }
        for waiting in waiting {
            // Whoever waited may have given up.
            let _ = waiting.send(());
        }
    }
}

fn sort(job: Job, spans: &mut Vec<SpanData>, waiting: &mut Vec<oneshot::Sender<()>>) {
    match job {
        Job::Span(span) => spans.push(*span),
        Job::Tell(tell) => waiting.push(tell),
    }
}
