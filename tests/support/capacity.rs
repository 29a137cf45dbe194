//! Fills a platform with many tenants, each with a plugin of its own, and looks at memory and at loading.
//!
//! The short form is a promise, the long one a soak. Plugins differ in a custom section alone: another digest, another artifact, another
//! mapping, and nothing that a cache could share.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::json;

use crate::artifacts;
use crate::line::Line;
use crate::platform::{ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Tenancy};
use crate::process::Process;

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Tenants, each with a plugin.
    pub tenants: u32,
    /// Resident memory after every number was called, in bytes.
    pub resident_bytes: u64,
    /// From start to ready with all of them.
    pub start: Duration,
    /// Median of the first call after a start: the plugin is loaded for it.
    pub first_call: Duration,
    /// Median of the second call.
    pub second_call: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tenants with {} different plugins, every number called:", self.tenants, self.tenants)?;
        writeln!(f, "  resident                {} MiB", self.resident_bytes >> 20)?;
        writeln!(f, "  start to ready          {} ms", self.start.as_millis())?;
        writeln!(f, "  call, plugin not loaded {:.2} ms (median)", self.first_call.as_secs_f64() * 1e3)?;
        writeln!(f, "  call, plugin loaded     {:.2} ms (median)", self.second_call.as_secs_f64() * 1e3)?;
        write!(f, "  so loading it again     {:.2} ms", self.first_call.saturating_sub(self.second_call).as_secs_f64() * 1e3)
    }
}

/// Fills a platform, starts it again and calls every number twice.
pub async fn run(tenants: u32) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    operator.connect_twilio("twilio").await?;
    let component = artifacts::plugin("acme-ivr")?;
    for number in 0..tenants {
        let tenancy = Tenancy {
            tenant: &format!("tenant-{number}"),
            number: &number_of(number),
            component: marked(&component, number),
            settings: json!({}),
            queues: &["sales", "technical-support", "billing", "general-support"],
            plan: "standard",
        };
        operator.onboard("twilio", tenancy).await?;
    }
    process.kill()?;

    let begun = Instant::now();
    let process = Process::start(&data.path().join("data"))?;
    let start = begun.elapsed();
    let line = Line::new(&process.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN)?;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for number in 0..tenants {
        first.push(timed_call(&line, number).await?);
        second.push(timed_call(&line, number).await?);
    }
    Ok(Report { tenants, resident_bytes: process.resident_bytes()?, start, first_call: median(first), second_call: median(second) })
}

async fn timed_call(line: &Line, number: u32) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let heard = line.call("+14155550100", &number_of(number)).arrive().await?;
    ensure!(heard.twiml.first("Gather").is_some(), "tenant {number} answered {}", String::from_utf8_lossy(&heard.body));
    Ok(begun.elapsed())
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn number_of(number: u32) -> String {
    format!("+1800{:07}", 5_000_000 + number)
}

/// The component with a custom section of its own at the end.
pub fn marked(component: &Bytes, mark: u32) -> Bytes {
    const NAME: &[u8] = b"mark";
    let mark = mark.to_le_bytes();
    let mut bytes = BytesMut::from(component.as_ref());
    bytes.put_u8(0);
    bytes.put_u8(u8::try_from(1 + NAME.len() + mark.len()).unwrap_or_default());
    bytes.put_u8(u8::try_from(NAME.len()).unwrap_or_default());
    bytes.put_slice(NAME);
    bytes.put_slice(&mark);
    bytes.freeze()
}
