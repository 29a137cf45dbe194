//! Adds up what the trail of every contact says, and compares it with what usage counts.
//!
//! The promises about metering and the crash runs use it. The sum is told here a second time, from the trail alone and in another way
//! than the host's own, so that the two cannot be wrong together.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use jackfield_domain::capability::Tokens;
use jackfield_domain::contact::after::HANDED_OVER_NOTE;
use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::event::Event;
use jackfield_domain::ports::Clock as _;
use jackfield_domain::trail::{AttemptRecord, Turn};
use jackfield_server::clock::SystemClock;
use serde_json::Value;

use crate::platform::Operator;

/// Flow and release, and what was counted there.
pub type Sums = BTreeMap<(String, Option<u32>), BTreeMap<String, u64>>;

const DAY_MS: u64 = 86_400_000;

/// Fails where usage and trail differ in any field of any row; gives the sums of all rows together.
pub async fn agree(operator: &Operator, tenant: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let (trail, usage) = (of_trail(operator, tenant).await?, of_usage(operator, tenant).await?);
    let mut together = BTreeMap::new();
    for place in trail.keys().chain(usage.keys()) {
        let none = BTreeMap::new();
        let (told, counted) = (trail.get(place).unwrap_or(&none), usage.get(place).unwrap_or(&none));
        let (told, counted) = (bounded(told, counted), bounded(counted, counted));
        for name in told.keys().chain(counted.keys()) {
            let of = |sums: &BTreeMap<String, u64>| sums.get(name).copied().unwrap_or(0);
            ensure!(of(&told) == of(&counted), "{place:?} {name}: the trail says {}, usage {}", of(&told), of(&counted));
        }
    }
    for (name, number) in usage.values().flatten() {
        *together.entry(name.clone()).or_insert(0) += number;
    }
    Ok(together)
}

/// Where a row had more names than it may have, its families are compared as wholes.
fn bounded(sums: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut whole = BTreeMap::new();
    for (name, number) in sums {
        let family = name.split_once('/').map(|(family, _)| format!("{family}/other"));
        let name = family.filter(|family| counted.contains_key(family)).unwrap_or_else(|| name.clone());
        *whole.entry(name).or_insert(0) += number;
    }
    whole
}

/// What the trail of every contact adds up to.
pub async fn of_trail(operator: &Operator, tenant: &str) -> anyhow::Result<Sums> {
    let mut sums = Sums::new();
    let mut cursor = String::new();
    loop {
        let mut query = vec![("limit", "200"), ("from", "2000-01-01T00:00:00Z")];
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let page = operator.api.get(&format!("/v1/tenants/{tenant}/contacts"), &query).await?.body;
        for contact in page.get("items").and_then(Value::as_array).context("contacts have items")? {
            let id = contact.get("id").and_then(Value::as_str).context("a contact has an id")?;
            let shown = operator.api.get(&format!("/v1/tenants/{tenant}/contacts/{id}"), &[]).await?.body;
            let turns = shown.get("turns").cloned().context("a contact has turns")?;
            add_contact(&mut sums, &serde_json::from_value::<Vec<Turn>>(turns)?);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => return Ok(sums),
        }
    }
}

fn add_contact(sums: &mut Sums, turns: &[Turn]) {
    let (mut has_begun, mut has_ended) = (false, false);
    for turn in turns {
        let mut event: Vec<(String, u64)> = Vec::new();
        if let Some(by) = turn.answered_by {
            event.push(("events".to_owned(), 1));
            event.push(("contacts_begun".to_owned(), u64::from(!has_begun)));
            has_begun = true;
            let ends = turn.notes.iter().any(|note| note == HANDED_OVER_NOTE);
            has_ended |= ends;
            event.push(("contacts_ended".to_owned(), u64::from(ends)));
            event.push(("messages_in".to_owned(), u64::from(matches!(turn.event, Event::Message(_)))));
            let sent =
                turn.decision.iter().flat_map(|decision| &decision.actions).filter(|action| matches!(action, Action::SendMessage(_)));
            event.push(("messages_out".to_owned(), sent.count() as u64));
            match turn.barred {
                Some(barred) => event.push((format!("barred_{}", barred.code()), 1)),
                None if turn.attempts.is_empty() => event.push(("host_steps".to_owned(), 1)),
                None => {}
            }
            if turn.barred.is_some() || !turn.attempts.is_empty() {
                event.push((format!("answered_by_{}", by.as_str()), 1));
            }
        } else if turn.attempts.is_empty() {
            event.push(("reports".to_owned(), 1));
            let ends = matches!(turn.event, Event::Ended(_)) && !has_ended;
            has_ended |= ends;
            event.push(("contacts_ended".to_owned(), u64::from(ends)));
        }
        add(sums, turn, turn.release, event);
        for tokens in &turn.reported {
            add(sums, turn, turn.release, spent(tokens));
        }
        turn.attempts.iter().for_each(|attempt| add_attempt(sums, turn, attempt));
        for lost in &turn.lost {
            add(sums, turn, Some(lost.release), vec![("invocations_lost".to_owned(), 1)]);
            add_attempt(sums, turn, lost);
        }
    }
}

fn add_attempt(sums: &mut Sums, turn: &Turn, attempt: &AttemptRecord) {
    let used = &attempt.used;
    let mut more = vec![
        ("invocations".to_owned(), 1),
        ("fuel".to_owned(), used.fuel),
        ("wall_us".to_owned(), used.wall_us),
        ("host_us".to_owned(), used.host_us),
        ("guest_us".to_owned(), used.wall_us - used.host_us),
        ("host_calls".to_owned(), u64::from(used.host_calls)),
        ("http_calls".to_owned(), u64::from(used.http_calls)),
        ("http_sent_bytes".to_owned(), used.http_sent_bytes),
        ("http_received_bytes".to_owned(), used.http_received_bytes),
        ("input_bytes".to_owned(), used.input_bytes),
        ("output_bytes".to_owned(), used.output_bytes),
        ("log_bytes".to_owned(), used.log_bytes),
        ("stored_bytes".to_owned(), used.stored_bytes),
    ];
    if let Some(failure) = &attempt.failure {
        more.extend([("failures".to_owned(), 1), (format!("failed_{}", failure.code()), 1)]);
    }
    for (goal, _) in &attempt.outcomes {
        more.extend([("outcomes".to_owned(), 1), (format!("outcome/{goal}"), 1)]);
    }
    attempt.tokens.iter().for_each(|tokens| more.extend(spent(tokens)));
    add(sums, turn, Some(attempt.release), more);
    let place = sums.entry((turn.flow.to_string(), Some(attempt.release))).or_default();
    let peak = place.entry("memory_bytes_peak".to_owned()).or_insert(0);
    *peak = (*peak).max(used.memory_bytes);
}

fn spent(tokens: &Tokens) -> Vec<(String, u64)> {
    vec![
        ("tokens_input".to_owned(), tokens.input),
        ("tokens_output".to_owned(), tokens.output),
        (format!("tokens_input/{}", tokens.model), tokens.input),
        (format!("tokens_output/{}", tokens.model), tokens.output),
    ]
}

fn add(sums: &mut Sums, turn: &Turn, release: Option<u32>, more: Vec<(String, u64)>) {
    let place = sums.entry((turn.flow.to_string(), release)).or_default();
    for (name, number) in more {
        *place.entry(name).or_insert(0) += number;
    }
}

/// Yesterday and tomorrow in the zone of test tenants: a test may run across midnight.
pub fn around_today() -> (String, String) {
    let now = SystemClock.now();
    let day = |moment| jackfield_domain::tenant::hours::local_date("America/New_York", moment);
    (day(now - DAY_MS), day(now + DAY_MS))
}

/// What usage counts.
pub async fn of_usage(operator: &Operator, tenant: &str) -> anyhow::Result<Sums> {
    let (from, to) = around_today();
    let query = [("from", from.as_str()), ("to", to.as_str()), ("purpose", "live")];
    let usage = operator.api.get(&format!("/v1/tenants/{tenant}/usage"), &query).await?.body;
    let mut sums = Sums::new();
    for row in usage.get("items").and_then(Value::as_array).context("usage has items")? {
        let flow = row.get("flow").and_then(Value::as_str).context("a row has a flow")?.to_owned();
        let release = row.get("release").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let place = sums.entry((flow, release)).or_default();
        for (name, number) in row.get("counts").and_then(Value::as_object).context("a row has counts")? {
            let (joined, number) = (place.entry(name.clone()).or_insert(0), number.as_u64().context("a count is a number")?);
            *joined = if name.ends_with("_peak") { (*joined).max(number) } else { *joined + number };
        }
    }
    Ok(sums)
}
