//! Asks ten times of what the server can do, and looks at what is still done and how fast the rest is turned to the fallback.
//!
//! The long form is a soak, the short one a promise. What the server can do is measured first, in the same run and by the same plugin:
//! a ratio says something of the server, an absolute number only of the machine.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::artifacts;
use crate::line::Line;
use crate::load::{Figures, Verdict, closed_loop, open_loop};
use crate::platform::Tenancy;
use crate::process::Process;

/// Tenants that ask too much, all alike.
const TENANTS: u64 = 4;
/// Callers at once while the peak is measured: enough to keep every worker busy, too few to be turned away.
const CALLERS: u64 = 6;
/// Fuel of one call: some milliseconds of a core, so that guests and not the generator are what is scarce.
const CALL_FUEL: u64 = 200_000_000;

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Answers of plugins in a second, at best.
    pub peak: f64,
    /// How many times of it were asked.
    pub times: f64,
    /// What came of that.
    pub asked: Figures,
    /// Resident memory before and at the end, in bytes.
    pub resident_bytes: [u64; 2],
}

impl Report {
    /// Answers of plugins under overload, of the peak.
    pub fn kept(&self) -> f64 {
        self.asked.goodput() / self.peak.max(1e-9)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |part| Figures::per_mille(&self.asked.fallback, part).as_secs_f64() * 1e3;
        let [before, after] = self.resident_bytes.map(|bytes| bytes >> 20);
        writeln!(f, "peak: {:.0} answers of plugins in a second; then {:.0} times of it were asked:", self.peak, self.times)?;
        writeln!(f, "  {}", self.asked)?;
        writeln!(f, "  goodput  {:.0} in a second, {:.1} % of the peak", self.asked.goodput(), self.kept() * 100.0)?;
        writeln!(f, "  fallback p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms after the call was due", ms(500), ms(990), ms(999))?;
        write!(f, "  resident {before} MiB before, {after} MiB at the end")
    }
}

/// Measures the peak for a while, then asks `times` of it for as long.
pub async fn run(times: f64, lasting: Duration) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    let line = operator.connect_twilio("twilio").await?;
    for number in 0..TENANTS {
        let tenancy = Tenancy {
            tenant: &format!("eager-{number}"),
            number: &number_of(number),
            component: artifacts::guest("works-hard")?,
            settings: json!({ "fuel": CALL_FUEL }),
            queues: &["front-desk"],
            plan: "maximum",
        };
        operator.onboard("twilio", tenancy).await?;
        let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": "front-desk"}}], "reason": "default"});
        let routes = json!([{"channel": "voice", "open": open}]);
        operator.ok(http::Method::PUT, &format!("/v1/tenants/eager-{number}/routes"), routes).await?;
    }
    let call = move |number: u64| call(line.clone(), number % TENANTS);
    closed_loop(CALLERS, Duration::from_secs(1), call.clone()).await?;
    let peak = closed_loop(CALLERS, lasting, call.clone()).await?.goodput();
    let before = process.resident_bytes()?;
    let asked = open_loop(peak * times, lasting, call).await?;
    Ok(Report { peak, times, asked, resident_bytes: [before, process.resident_bytes()?] })
}

async fn call(line: Line, tenant: u64) -> Verdict {
    match line.call("+14155550100", &number_of(tenant)).arrive().await {
        Ok(heard) if heard.twiml.first("Say").is_some_and(|say| say.text.contains("hard work")) => Verdict::Plugin,
        Ok(heard) if heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")) => Verdict::Fallback,
        Ok(heard) => Verdict::Lost(format!("status {}: {}", heard.status, String::from_utf8_lossy(&heard.body))),
        Err(error) => Verdict::Lost(error.to_string()),
    }
}

fn number_of(tenant: u64) -> String {
    format!("+1800{:07}", 6_000_000 + tenant)
}
