//! Collects traces: the smallest server that takes OTLP over HTTP and keeps what came.
//!
//! The promises about traces start one in their own process and name it to a server. It reads the protobuf with the official
//! definitions, so that what is promised is what any collector would see.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Longer than a batch waits, by far: nobody is waited for that long who works.
const PATIENCE: Duration = Duration::from_secs(20);

/// A collector that listens.
#[derive(Debug)]
pub struct Collector {
    /// Its address, as a configuration names it.
    pub endpoint: String,
    kept: Arc<Mutex<Vec<Span>>>,
    came: watch::Receiver<usize>,
}

impl Collector {
    /// On a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (tell, came) = watch::channel(0);
        let keep = Arc::clone(&kept);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (keep, tell) = (Arc::clone(&keep), tell.clone());
                tokio::spawn(async move { serve(socket, &keep, &tell).await });
            }
        });
        Ok(Self { endpoint, kept, came })
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a trace is complete by some measure, and gives its spans.
    pub async fn trace(&self, id: &str, is_whole: impl Fn(&[Span]) -> bool) -> anyhow::Result<Vec<Span>> {
        let mut came = self.came.clone();
        let id = hex::decode(id)?;
        let of_it = || self.spans().into_iter().filter(|span| span.trace_id == id).collect::<Vec<_>>();
        let whole = async {
            loop {
                came.mark_unchanged();
                let spans = of_it();
                if is_whole(&spans) || came.changed().await.is_err() {
                    return spans;
                }
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.with_context(|| {
            let names: Vec<String> = of_it().into_iter().map(|span| span.name).collect();
            format!("the trace never became whole; it has {names:?}")
        })
    }
}

async fn serve(mut socket: TcpStream, keep: &Mutex<Vec<Span>>, tell: &watch::Sender<usize>) -> anyhow::Result<()> {
    let mut read = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if socket.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(read.get(..head_end).unwrap_or_default()).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).context("a request says its length")?;
        let end = head_end + length.trim().parse::<usize>()?;
        while read.len() < end {
            socket.read_buf(&mut read).await?;
        }
        let request = ExportTraceServiceRequest::decode(read.get(head_end..end).unwrap_or_default())?;
        let spans = request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
        keep.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        tell.send_modify(|batches| *batches += 1);
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").await?;
        read.drain(..end);
    }
}

/// A text attribute of a span.
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        AnyValue::StringValue(text) => Some(text.clone()),
        AnyValue::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
