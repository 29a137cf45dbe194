//! Kills the server under load, again and again, and looks for what it had acknowledged.
//!
//! The short form is a promise, the long one a soak. Acknowledged is what a client was told: a reply to a webhook, a release's number,
//! an alias that was set. What was told must be there after every restart, once; what was not told may be there or not, but whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::artifacts;
use crate::line::Line;
use crate::platform::{ACCOUNT, AUTH_TOKEN, Operator, PUBLIC_URL, Tenancy};
use crate::process::Process;
use crate::tally;

/// Calls at once.
const CALLERS: usize = 8;
/// The tenant's number.
const NUMBER: &str = "+18005550100";

/// What the rounds found.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Kills.
    pub rounds: u32,
    /// Events that were acknowledged.
    pub acknowledged: usize,
    /// Releases that were acknowledged.
    pub releases: usize,
    /// The longest time from start to ready.
    pub slowest_start: Duration,
}

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    /// Call id to the reply's bytes.
    replies: BTreeMap<String, Bytes>,
    releases: Vec<u64>,
    live: Option<u64>,
}

/// Runs that many rounds on a fresh folder.
pub async fn run(rounds: u32) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let mut report = Report { rounds, ..Report::default() };
    let told = Arc::new(Mutex::new(Told::default()));
    let mut token = None;
    for round in 0..rounds {
        let (process, took) = start(&data.path().join("data"))?;
        report.slowest_start = report.slowest_start.max(took);
        let operator = process.operator(token.as_deref())?;
        if token.is_none() {
            token = Some(operator.token.clone());
            prepare(&operator).await?;
        }
        check(&operator, &told).await.with_context(|| format!("after kill {round}"))?;
        load_and_kill(process, &operator, &told, round).await?;
    }
    let (process, _) = start(&data.path().join("data"))?;
    let operator = process.operator(token.as_deref())?;
    check(&operator, &told).await.context("after the last kill")?;
    // Field by field at the end alone, because it reads every contact: what any of the kills broke is still broken then.
    tally::agree(&operator, "acme").await.context("usage is the sum of the trail")?;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    report.acknowledged = told.replies.len();
    report.releases = told.releases.len();
    Ok(report)
}

fn start(data: &Path) -> anyhow::Result<(Process, Duration)> {
    let begun = std::time::Instant::now();
    let process = Process::start(data)?;
    Ok((process, begun.elapsed()))
}

async fn prepare(operator: &Operator) -> anyhow::Result<()> {
    operator.connect_twilio("twilio").await?;
    let tenancy = Tenancy {
        tenant: "acme",
        number: NUMBER,
        component: artifacts::plugin("acme-ivr")?,
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await
}

fn line(operator: &Operator) -> anyhow::Result<Line> {
    Line::new(&operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN)
}

/// Calls and releases until the process is killed in the middle of it. How long is another time each round.
async fn load_and_kill(process: Process, operator: &Operator, told: &Arc<Mutex<Told>>, round: u32) -> anyhow::Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (line, told, over) = (line(operator)?, told.clone(), over.clone());
        work.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let call = line.call("+14155550100", NUMBER);
                // An error is a request that the kill met: nothing was acknowledged. What overload turned away is answered and not
                // acknowledged; the plugin answers with a menu, a default route does not.
                if let Ok(heard) = call.arrive().await
                    && heard.status == 200
                    && heard.twiml.first("Gather").is_some()
                {
                    told.lock().unwrap_or_else(PoisonError::into_inner).replies.insert(call.sid.clone(), heard.body);
                }
            }
        });
    }
    let (api, told_releases, releasing) = (operator.clone(), told.clone(), over.clone());
    work.spawn(async move {
        while !releasing.load(Ordering::Relaxed) {
            let made = api.ok(Method::POST, "/v1/tenants/acme/flows/main/releases", json!({"plugin": "logic", "note": "again"})).await;
            let Some(number) = made.ok().and_then(|release| release.get("number").and_then(Value::as_u64)) else { continue };
            told_releases.lock().unwrap_or_else(PoisonError::into_inner).releases.push(number);
            if api.ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": number})).await.is_ok() {
                told_releases.lock().unwrap_or_else(PoisonError::into_inner).live = Some(number);
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(150 + u64::from(round % 7) * 53)).await;
    tokio::task::spawn_blocking(move || process.kill()).await??;
    over.store(true, Ordering::Relaxed);
    while work.join_next().await.is_some() {}
    Ok(())
}

/// Everything that was told is there, once, and nothing half-written is active.
async fn check(operator: &Operator, told: &Arc<Mutex<Told>>) -> anyhow::Result<()> {
    let (replies, releases, live) = {
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        (told.replies.clone(), told.releases.clone(), told.live)
    };
    let flow = operator.ok(Method::GET, "/v1/tenants/acme/flows/main", Value::Null).await?;
    let active = flow.pointer("/aliases/live").and_then(Value::as_u64).context("the flow has a live release")?;
    // An activation whose answer the kill took may be there too: it is newer.
    ensure!(live.is_none_or(|live| active >= live), "live is {active}, and {live:?} was acknowledged");
    operator
        .ok(Method::GET, &format!("/v1/tenants/acme/flows/main/releases/{active}"), Value::Null)
        .await
        .context("the active release is whole")?;
    for number in releases {
        operator.ok(Method::GET, &format!("/v1/tenants/acme/flows/main/releases/{number}"), Value::Null).await?;
    }
    let line = line(operator)?;
    for (sid, body) in &replies {
        let mut call = line.call("+14155550100", NUMBER);
        call.sid.clone_from(sid);
        let again = call.arrive().await?;
        ensure!(again.body == *body, "call {sid} was answered otherwise before the kill");
    }
    counted_once(operator, &replies).await
}

/// Usage counts every acknowledged event, and as many as there are contacts.
async fn counted_once(operator: &Operator, replies: &BTreeMap<String, Bytes>) -> anyhow::Result<()> {
    let mut contacts = 0_u64;
    let mut cursor = String::new();
    loop {
        let mut query = vec![("limit", "500"), ("from", "2000-01-01T00:00:00Z")];
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let page = operator.api.get("/v1/tenants/acme/contacts", &query).await?.body;
        contacts += page.get("items").and_then(Value::as_array).map_or(0, |items| items.len() as u64);
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let events = operator.counted("acme", "events").await?;
    ensure!(contacts >= replies.len() as u64, "{contacts} contacts, and {} were acknowledged", replies.len());
    ensure!(events == contacts, "usage counts {events} events of {contacts} contacts");
    Ok(())
}
