//! Captures many invocations of a plugin that uses every capability, and runs them all again: on the same server, after a restart, on a
//! copy of the data elsewhere, and against a release with a planted change.
//!
//! The long form is a soak, the short one a promise. A replay that differs from what it repeats is worth nothing as evidence, so what is
//! looked for is a single difference; and a comparison that finds more or fewer changes than were made is worth nothing either.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use http::Method;
use jackfield_domain::capture::{Class, Tallied};
use serde_json::{Value, json};

use crate::artifacts;
use crate::line::Line;
use crate::platform::{Operator, Tenancy};
use crate::process::Process;

const NUMBER: &str = "+18005550177";
/// Calls at once while they are captured: few enough that the plugin answers all.
const AT_ONCE: usize = 4;

/// What came of replaying all of them once.
#[derive(Debug, Clone)]
pub struct Round {
    /// Where.
    pub name: &'static str,
    /// The counts of all pages together.
    pub tallied: Tallied,
    /// How long it took.
    pub took: std::time::Duration,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Calls that the plugin answered.
    pub captured: u64,
    /// Changes that were planted in the candidate.
    pub planted: u64,
    /// Every time that all of them were replayed: the same release three times, then the candidate.
    pub rounds: Vec<Round>,
    /// What all captures take on the disk, in bytes.
    pub bytes: u64,
}

impl Report {
    /// What must hold: nothing differs but what was planted.
    pub fn hold(&self) -> anyhow::Result<()> {
        for Round { name, tallied, .. } in &self.rounds {
            ensure!(tallied.replayed == self.captured, "{name}: {} of {} were replayed", tallied.replayed, self.captured);
            ensure!(tallied.not_replayed.is_empty(), "{name}: {:?}", tallied.not_replayed);
            let planted = if *name == CANDIDATE { self.planted } else { 0 };
            let count = |class| tallied.classes.get(&class).copied().unwrap_or_default();
            ensure!(tallied.different == planted, "{name}: {} decide differently, not {planted}", tallied.different);
            ensure!(count(Class::Decision) == planted, "{name}: {:?}", tallied.classes);
            ensure!(count(Class::Identical) == self.captured - planted, "{name}: {:?}", tallied.classes);
            if *name != CANDIDATE {
                ensure!(sorted(&tallied.fuel_before) == sorted(&tallied.fuel_now), "{name}: fuel differs");
            }
        }
        Ok(())
    }
}

fn sorted(fuels: &[u64]) -> Vec<u64> {
    let mut fuels = fuels.to_vec();
    fuels.sort_unstable();
    fuels
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} invocations of a plugin that uses every capability were captured, {} bytes each on the disk:",
            self.captured,
            self.bytes / self.captured.max(1)
        )?;
        for Round { name, tallied, took } in &self.rounds {
            let classes: Vec<String> = tallied.classes.iter().map(|(class, count)| format!("{count} {}", class.as_str())).collect();
            let rate = tallied.replayed as f64 / took.as_secs_f64().max(1e-9);
            writeln!(f, "  {name:32} {} replayed: {}; {rate:.0} in a second", tallied.replayed, classes.join(", "))?;
        }
        write!(f, "  {} changes were planted in the candidate", self.planted)
    }
}

const CANDIDATE: &str = "a candidate with planted changes";

/// Captures so many calls, with as many changes planted in the candidate; at most ten thousand, because callers differ in four digits, and
/// at most ninety-nine changes.
pub async fn run(calls: u32, planted: u32) -> anyhow::Result<Report> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let process = Process::start(&data)?;
    let operator = process.operator(None)?;
    let token = process.operator_token.clone().context("the first start tells the token")?;
    let line = onboard(&operator, planted).await?;
    call_all(&line, calls).await?;
    let captured = operator.counted("echo", "invocations").await?;
    let mut rounds = vec![replay("the same server", &operator, None).await?, replay(CANDIDATE, &operator, Some(2)).await?];
    process.tell_to_end()?;
    process.ended(std::time::Duration::from_secs(60)).await?;

    let copied = home.path().join("copied");
    copy(&data, &copied)?;
    for (name, at) in [("after a restart", &data), ("on a copy elsewhere", &copied)] {
        let process = Process::start(at)?;
        rounds.push(replay(name, &process.operator(Some(&token))?, None).await?);
        process.tell_to_end()?;
        process.ended(std::time::Duration::from_secs(60)).await?;
    }
    let bytes = size(&data.join("store/captures"))?;
    Ok(Report { captured, planted: u64::from(planted), rounds, bytes })
}

async fn onboard(operator: &Operator, planted: u32) -> anyhow::Result<Line> {
    let line = operator.connect_twilio("twilio").await?;
    // Settings of the same length, because the plugin tells how long they are.
    let settings = |planted: u32| json!({"queue": "sales", "planted": format!("{planted:02}")});
    let tenancy = Tenancy {
        tenant: "echo",
        number: NUMBER,
        component: artifacts::guest("echo")?,
        settings: settings(0),
        queues: &["sales"],
        plan: "large",
    };
    operator.onboard("twilio", tenancy).await?;
    operator.ok(Method::PUT, "/v1/tenants/echo/flows/main/settings", settings(planted)).await?;
    let release = json!({"plugin": "logic", "version": 1, "note": "with planted changes"});
    let release = operator.ok(Method::POST, "/v1/tenants/echo/flows/main/releases", release).await?;
    ensure!(release.get("number") == Some(&json!(2)), "the candidate is release {release}");
    Ok(line)
}

async fn call_all(line: &Line, calls: u32) -> anyhow::Result<()> {
    let mut answers = futures_util::stream::iter(0..calls)
        .map(|number| async move {
            let heard = line.call(&format!("+1415555{number:04}"), NUMBER).arrive().await?;
            ensure!(heard.twiml.said().starts_with("echo: arrived"), "call {number} was answered by another: {}", heard.twiml.said());
            Ok(())
        })
        .buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

/// Replays all that was captured, page by page.
async fn replay(name: &'static str, operator: &Operator, release: Option<u32>) -> anyhow::Result<Round> {
    let begun = std::time::Instant::now();
    let (mut tallied, mut cursor) = (Tallied::default(), Value::Null);
    loop {
        let window = json!({"from": 0, "to": 9_999_999_999_999_u64, "release": release, "cursor": cursor});
        let page = operator.ok(Method::POST, "/v1/tenants/echo/flows/main/replay", window).await?;
        tallied.merge(serde_json::from_value(page.get("tallied").cloned().unwrap_or_default())?);
        cursor = page.get("next").cloned().unwrap_or_default();
        if cursor.is_null() {
            return Ok(Round { name, tallied, took: begun.elapsed() });
        }
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn size(of: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(of)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
