//! Spends a quota of three levels of tenants from many callers while the server is killed, again and again, and counts from outside.
//!
//! The short form is a promise, the long one a soak. A spend is a call: let in, its caller hears the plugin's menu; barred, the default
//! route. What callers heard is the outside counter, and it must never pass a limit of any level. What the ledger granted and nobody
//! heard of was forfeited by a kill, or let in with an answer that the kill took; both are bounded by what was out on lease and in flight.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use http::Method;
use jackfield_domain::ports::Clock as _;
use jackfield_domain::tenant::hours::local_date;
use jackfield_server::clock::SystemClock;
use serde_json::{Value, json};

use crate::artifacts;
use crate::line::Line;
use crate::platform::{ACCOUNT, AUTH_TOKEN, Operator, PUBLIC_URL};
use crate::process::Process;

/// Callers at once.
const CALLERS: u64 = 64;
/// A lease is at most this part of what is left, as the host promises.
const LEASE_PART: u64 = 4;
/// Between two looks at how many calls were made.
const LOOK: Duration = Duration::from_millis(2);
/// What overload turned away is written down behind its reply, within 100 ms and a commit. No wider than that needs:
/// over-quota answers look the same to a caller, and each that is taken for a lost record loosens the bound on what kills forfeit.
const UNWRITTEN_MAX: Duration = Duration::from_millis(140);
/// The tenants that are called, with their numbers.
const CALLED: [(&str, &str); 2] = [("acme-sales", "+18005550101"), ("acme-service", "+18005550102")];
/// All levels, with the percent of all calls that each lets in: together more than the one above them, and that less than there are.
const LEVELS: [(&str, u64); 4] = [("platform", 50), ("acme", 45), ("acme-sales", 30), ("acme-service", 25)];

/// What was found.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Calls.
    pub calls: u64,
    /// Kills.
    pub kills: u32,
    /// Let in, as callers heard it.
    pub let_in: u64,
    /// Without an answer: the kills took it.
    pub unanswered: u64,
    /// Answered by a default route so shortly before a kill that their record may be gone.
    pub unwritten: u64,
    /// Let in by the quota and then answered by a default route, because the guests had no room.
    pub shed: u64,
    /// Each level: its name, its limit, what the ledger granted, and what callers of it heard.
    pub levels: Vec<(String, u64, u64, u64)>,
    /// Most that one kill forfeited at one level, its unanswered calls among it.
    pub forfeited_most: u64,
    /// What all kills forfeited at the level where it is most.
    pub forfeited: u64,
    /// Thresholds that were told, of all levels.
    pub notices: usize,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, kills, let_in, unanswered, unwritten, shed, forfeited_most, forfeited, notices, took, .. } = self;
        writeln!(f, "{calls} spends by {CALLERS} callers over 3 levels with {kills} kill -9, in {} s", took.as_secs())?;
        writeln!(
            f,
            "let in {let_in}, without an answer {unanswered}, turned away just before a kill {unwritten}, shed after they were let in \
             {shed}; {notices} thresholds told once"
        )?;
        for (level, limit, granted, heard) in &self.levels {
            writeln!(f, "  {level:<14} limit {limit:>7}  granted {granted:>7}  let in {heard:>7}")?;
        }
        write!(
            f,
            "forfeited by all kills at most {forfeited} at one level, by one kill at most {forfeited_most} (unanswered calls included)"
        )
    }
}

/// What callers of one tenant heard.
#[derive(Debug, Default)]
struct Heard {
    let_in: AtomicU64,
    unanswered: AtomicU64,
    /// Answered by a default route just before a kill: where overload was why, its record may be gone.
    unwritten: AtomicU64,
}

#[derive(Debug, Default)]
struct Outside {
    calls: AtomicU64,
    heard: [Heard; 2],
}

/// Where the ledger and the outside stand between two kills, by level.
#[derive(Debug, Clone, Default)]
struct Stand {
    granted: Vec<u64>,
    let_in: Vec<u64>,
    lost: Vec<u64>,
}

/// Makes that many calls with that many kills, on a fresh folder.
pub async fn run(calls: u64, kills: u32) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let data = tempfile::tempdir()?;
    let data = data.path().join("data");
    let outside = Arc::new(Outside::default());
    let mut report = Report { calls, kills, ..Report::default() };
    let mut token = None;
    let mut before: Option<Stand> = None;
    let mut forfeited = vec![0; LEVELS.len()];
    for round in 0..=kills {
        let process = Process::start(&data)?;
        let operator = process.operator(token.as_deref())?;
        if token.is_none() {
            token = Some(operator.token.clone());
            prepare(&operator, calls).await?;
        }
        let now = stand(&operator, &outside).await?;
        if let Some(before) = &before {
            compare(before, &now, calls, &mut forfeited, &mut report).with_context(|| format!("after kill {round}"))?;
        }
        before = Some(now);
        // Each round ends at a random moment of its share of the calls; the last one makes them all.
        let until =
            if round == kills { calls } else { calls * (u64::from(round) * 1_000 + random() % 1_000) / (u64::from(kills + 1) * 1_000) };
        call(process, &operator, &outside, until, round == kills).await?;
    }
    let process = Process::start(&data)?;
    let operator = process.operator(token.as_deref())?;
    let last = stand(&operator, &outside).await?;
    if let Some(before) = &before {
        compare(before, &last, calls, &mut forfeited, &mut report).context("at the end")?;
    }
    finish(&operator, &outside, &last, &forfeited, &mut report).await?;
    report.took = begun.elapsed();
    Ok(report)
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness every kill comes at the beginning of its share, which is still a kill.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn limit_of(percent: u64, calls: u64) -> u64 {
    calls * percent / 100
}

async fn prepare(operator: &Operator, calls: u64) -> anyhow::Result<()> {
    operator.connect_twilio("twilio").await?;
    for (tenant, parent) in [("acme", "platform"), ("acme-sales", "acme"), ("acme-service", "acme")] {
        let body = json!({"id": tenant, "label": tenant, "parent": parent, "zone": "UTC"});
        operator.ok(Method::POST, "/v1/tenants", body).await?;
    }
    for (tenant, number) in CALLED {
        let at = format!("/v1/tenants/{tenant}");
        for queue in ["sales", "technical-support", "billing", "general-support", "front-desk"] {
            operator.ok(Method::PUT, &format!("{at}/queues/{queue}"), json!({"label": queue})).await?;
        }
        let open = json!({"actions": [{"do": "enqueue", "with": {"tag": "default", "queue": "front-desk"}}], "reason": "over quota"});
        operator.ok(Method::PUT, &format!("{at}/routes"), json!([{"channel": "voice", "open": open}])).await?;
        operator.ok(Method::POST, &format!("{at}/flows"), json!({"name": "main", "label": "Main line"})).await?;
        operator.release(tenant, "main", "logic", artifacts::plugin("acme-ivr")?).await?;
        let body = json!({"address": number, "connection": "twilio", "flow": "main"});
        operator.ok(Method::POST, &format!("{at}/addresses"), body).await?;
    }
    for (level, percent) in LEVELS {
        // A month, so that a run across midnight is one window.
        let body = json!({"meters": {"contacts": {"month": limit_of(percent, calls)}}});
        operator.ok(Method::PUT, &format!("/v1/tenants/{level}/quotas"), body).await?;
    }
    Ok(())
}

/// Calls until so many were made, then kills the process in the middle of it, or ends it where it was the last.
async fn call(process: Process, operator: &Operator, outside: &Arc<Outside>, until: u64, last: bool) -> anyhow::Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let mut work = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let line = Line::new(&operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN)?;
        let (outside, over) = (outside.clone(), over.clone());
        work.spawn(async move {
            let at = usize::try_from(caller).unwrap_or(0) % CALLED.len();
            let (Some((_, number)), Some(heard)) = (CALLED.get(at), outside.heard.get(at)) else { return };
            let mut turned_away: Vec<Instant> = Vec::new();
            while !over.load(Ordering::Relaxed) && (!last || outside.calls.fetch_add(1, Ordering::Relaxed) < until) {
                if !last {
                    outside.calls.fetch_add(1, Ordering::Relaxed);
                }
                match line.call("+14155550100", number).arrive().await {
                    Ok(answer) if answer.twiml.first("Gather").is_some() => drop(heard.let_in.fetch_add(1, Ordering::Relaxed)),
                    Ok(_) => turned_away.push(Instant::now()),
                    Err(_) => {
                        let unwritten = turned_away.iter().filter(|answered| answered.elapsed() < UNWRITTEN_MAX).count();
                        heard.unwritten.fetch_add(unwritten as u64, Ordering::Relaxed);
                        heard.unanswered.fetch_add(1, Ordering::Relaxed);
                        // The process is gone: what comes after this call never reaches it.
                        break;
                    }
                }
            }
        });
    }
    while !last && outside.calls.load(Ordering::Relaxed) < until {
        tokio::time::sleep(LOOK).await;
    }
    if last {
        while work.join_next().await.is_some() {}
    }
    tokio::task::spawn_blocking(move || process.kill()).await??;
    over.store(true, Ordering::Relaxed);
    while work.join_next().await.is_some() {}
    Ok(())
}

/// How the ledger stands after a start, when nothing is out on lease, and what callers have heard.
async fn stand(operator: &Operator, outside: &Outside) -> anyhow::Result<Stand> {
    let mut stand = Stand::default();
    let mut shed = Vec::new();
    let (from, to) = days();
    for (tenant, _) in CALLED {
        let usage = operator.api.get(&format!("/v1/tenants/{tenant}/usage"), &[("from", &from), ("to", &to)]).await?.body;
        let rows = usage.get("items").and_then(Value::as_array).context("usage has items")?;
        // What was let in and then found no place, or no time on a busy machine, was answered by a default route.
        let of = |row: &Value, name: &str| row.get("counts").and_then(|counts| counts.get(name)).and_then(Value::as_u64).unwrap_or(0);
        shed.push(rows.iter().map(|row| of(row, "barred_overloaded") + of(row, "failures")).sum::<u64>());
    }
    for (level, _) in LEVELS {
        let shown = operator.ok(Method::GET, &format!("/v1/tenants/{level}/quotas/effective"), Value::Null).await?;
        let own = shown.pointer("/meters/0/levels/0").with_context(|| format!("{level} shows no level of its own: {shown}"))?;
        ensure!(own.get("level").and_then(Value::as_str) == Some(level), "{level} shows {own}");
        stand.granted.push(own.get("granted").and_then(Value::as_u64).context("a level says what was granted")?);
        let sum = |of: &dyn Fn(usize) -> u64| match CALLED.iter().position(|(tenant, _)| *tenant == level) {
            Some(at) => of(at),
            None => of(0) + of(1),
        };
        let heard = |at: usize, of: &dyn Fn(&Heard) -> u64| outside.heard.get(at).map_or(0, of);
        stand.let_in.push(sum(&|at| heard(at, &|heard| heard.let_in.load(Ordering::Relaxed))));
        let unsure = |heard: &Heard| heard.unanswered.load(Ordering::Relaxed) + heard.unwritten.load(Ordering::Relaxed);
        let lost = |at: usize| heard(at, &unsure) + shed.get(at).copied().unwrap_or(0);
        stand.lost.push(sum(&lost));
    }
    Ok(stand)
}

/// Wide enough for every run.
fn days() -> (String, String) {
    const DAY_MS: u64 = 86_400_000;
    let now = SystemClock.now();
    let day = |moment| local_date("UTC", moment);
    (day(now.saturating_sub(DAY_MS)), day(now.saturating_add(DAY_MS)))
}

/// What one process did at each level: it granted at least what it let in, and forfeited at most a lease and what was in flight.
fn compare(before: &Stand, now: &Stand, calls: u64, forfeited: &mut [u64], report: &mut Report) -> anyhow::Result<()> {
    for (at, (level, percent)) in LEVELS.into_iter().enumerate() {
        let of = |list: &Vec<u64>| list.get(at).copied().unwrap_or(0);
        let limit = limit_of(percent, calls);
        let granted = of(&now.granted) - of(&before.granted);
        let let_in = of(&now.let_in) - of(&before.let_in);
        let lost = of(&now.lost) - of(&before.lost);
        ensure!(of(&now.granted) <= limit, "{level}: granted {} of {limit}", of(&now.granted));
        ensure!(let_in <= granted, "{level}: let in {let_in} and granted {granted}");
        let gone = granted - let_in;
        let lease_max = 1.max((limit - of(&before.granted)) / LEASE_PART);
        ensure!(gone <= lost + lease_max, "{level}: {gone} are gone, but {lost} were in flight or shed and a lease is at most {lease_max}");
        if let Some(sum) = forfeited.get_mut(at) {
            *sum += gone;
        }
        report.forfeited_most = report.forfeited_most.max(gone);
    }
    Ok(())
}

async fn finish(operator: &Operator, outside: &Outside, last: &Stand, forfeited: &[u64], report: &mut Report) -> anyhow::Result<()> {
    for heard in &outside.heard {
        report.let_in += heard.let_in.load(Ordering::Relaxed);
        report.unanswered += heard.unanswered.load(Ordering::Relaxed);
        report.unwritten += heard.unwritten.load(Ordering::Relaxed);
    }
    report.shed = last.lost.first().copied().unwrap_or(0).saturating_sub(report.unanswered + report.unwritten);
    report.forfeited = forfeited.iter().copied().max().unwrap_or(0);
    for (at, (level, percent)) in LEVELS.into_iter().enumerate() {
        let limit = limit_of(percent, report.calls);
        let of = |list: &Vec<u64>| list.get(at).copied().unwrap_or(0);
        ensure!(of(&last.let_in) <= limit, "{level}: callers heard of {} contacts, and {limit} is the limit", of(&last.let_in));
        report.levels.push((level.to_owned(), limit, of(&last.granted), of(&last.let_in)));
        let notices = operator.ok(Method::GET, &format!("/v1/tenants/{level}/notices"), Value::Null).await?;
        let notices = notices.get("items").and_then(Value::as_array).context("notices have items")?;
        let mut told: Vec<String> = notices
            .iter()
            .map(|notice| {
                format!("{} {}", notice.pointer("/window/name").unwrap_or(&Value::Null), notice.get("percent").unwrap_or(&Value::Null))
            })
            .collect();
        told.sort();
        let count = told.len();
        told.dedup();
        ensure!(told.len() == count, "{level} was told twice: {notices:?}");
        report.notices += count;
    }
    Ok(())
}
