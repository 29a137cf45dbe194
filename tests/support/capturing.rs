//! Asks what capturing costs: the same calls with all of them captured and with none, in turns, on the same server.
//!
//! A soak. Rounds are short and alternate, so that a machine that is slow for a while is slow for both; what is told is the ratio of the
//! medians of answers in a second, and of the latencies.

use std::fmt;
use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::artifacts;
use crate::line::Line;
use crate::load::{Figures, Verdict, closed_loop};
use crate::platform::Tenancy;
use crate::process::Process;

const NUMBER: &str = "+18005550176";
/// Callers at once: enough to keep the server busy.
const CALLERS: u64 = 4;

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Answers in a second of each round, without and with captures, in the order of rounds.
    pub rates: [Vec<f64>; 2],
    /// The p99 of each round; sorted.
    pub late: [Vec<Duration>; 2],
    /// Captures that were written, and that found no room.
    pub captured: [u64; 2],
}

impl Report {
    /// Throughput with captures, of that without: of each pair of rounds that followed one another, sorted. A machine that is slow for a
    /// while is slow for both of a pair.
    pub fn ratios(&self) -> Vec<f64> {
        let [without, with] = &self.rates;
        let mut ratios: Vec<f64> = with.iter().zip(without).map(|(with, without)| with / without.max(1e-9)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// The one in the middle.
    pub fn ratio(&self) -> f64 {
        part_of(&self.ratios(), 2, 4)
    }
}

fn part_of(sorted: &[f64], parts: usize, of: usize) -> f64 {
    sorted.get((sorted.len() * parts / of).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    part_of(&sorted, 2, 4)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [without, with] = &self.rates;
        let ms = |late: &[Duration]| late.get(late.len() / 2).map_or(0.0, |late| late.as_secs_f64() * 1e3);
        let [kept, dropped] = self.captured;
        writeln!(f, "{} rounds each of a plugin that uses every capability, all of it captured or nothing:", without.len())?;
        writeln!(f, "  without {:.1} answers in a second, p99 {:.2} ms (medians)", median(without), ms(&self.late[0]))?;
        writeln!(
            f,
            "  with    {:.1} answers in a second, p99 {:.2} ms; {kept} captures written, {dropped} dropped",
            median(with),
            ms(&self.late[1])
        )?;
        let ratios = self.ratios();
        let [low, high] = [1, 3].map(|part| part_of(&ratios, part, 4));
        write!(f, "  throughput with over without, pair by pair: {:.3} (median; quarters {low:.3} and {high:.3})", self.ratio())
    }
}

/// Measures so many rounds of each.
pub async fn run(rounds: u32, lasting: Duration) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    let line = operator.connect_twilio("twilio").await?;
    let tenancy = Tenancy {
        tenant: "echo",
        number: NUMBER,
        component: artifacts::guest("echo")?,
        settings: json!({"queue": "sales"}),
        queues: &["sales"],
        plan: "large",
    };
    operator.onboard("twilio", tenancy).await?;
    let call = move |number: u64| call(line.clone(), number);
    closed_loop(CALLERS, Duration::from_secs(2), call.clone()).await?;
    let (mut rates, mut late) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        // Whoever is second finds a store that has grown: each of the two is it as often.
        let pair = if round % 2 == 0 { [(0, true), (1, false)] } else { [(1, false), (0, true)] };
        for (at, off) in pair {
            operator.ok(Method::PUT, "/v1/tenants/echo/captures", json!({ "off": off })).await?;
            let figures = closed_loop(CALLERS, lasting, call.clone()).await?;
            anyhow::ensure!(
                figures.lost.is_empty() && figures.fallback.is_empty(),
                "not all were answered by the plugin: {:?}",
                figures.lost.first()
            );
            if let (Some(rates), Some(late)) = (rates.get_mut(at), late.get_mut(at)) {
                rates.push(figures.goodput());
                late.push(Figures::per_mille(&figures.plugin, 990));
            }
        }
    }
    late.iter_mut().for_each(|late| late.sort_unstable());
    let page = operator.api.get_text("/metrics", &[]).await?;
    let counted = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(&format!("jackfield_{name}_total ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    };
    Ok(Report { rates, late, captured: [counted("captures_kept"), counted("captures_dropped")] })
}

async fn call(line: Line, number: u64) -> Verdict {
    match line.call(&format!("+1415556{:04}", number % 10_000), NUMBER).arrive().await {
        Ok(heard) if heard.twiml.said().starts_with("echo: arrived") => Verdict::Plugin,
        Ok(heard) if heard.status == 200 => Verdict::Fallback,
        Ok(heard) => Verdict::Lost(format!("status {}", heard.status)),
        Err(error) => Verdict::Lost(error.to_string()),
    }
}
