//! Answers for quotas: set from above, shown with what was used, and the notices that they leave.
//!
//! What a tenant may use is decided above it, so its own tokens see its quota and cannot set it. A quota may be wider than the one
//! above: nesting enforces the least, and `effective` says which that is. The zone of its windows is the tenant's when it is set and
//! stays, so that nobody gets a second window by moving a clock.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::capability::Tokens;
use jackfield_domain::contact::Moment;
use jackfield_domain::contact::event::{Event, Extension};
use jackfield_domain::id::{ContactId, TenantId};
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::ledger::Notice;
use jackfield_domain::quota::meter::{Meter, Quota, QuotaRow};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::hours::local_date;
use jackfield_domain::tenant::token::Reach;
use jackfield_domain::trail::{Times, Turn};
use jackfield_domain::usage::{self, Entry, Purpose};
use jackfield_store::{Change, Counter, Retry, RetryId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::door::body::Body;
use super::door::guard::{self, Inside};
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use crate::app::App;
use crate::quota::EventQuota;
use crate::quota::view::OVERSHOOT;

/// What a provider's own name of a report may take: a UUID, with room.
const REPORT_ID_BYTES_MAX: usize = 128;
/// Providers' names of models have at most sixty characters.
const MODEL_BYTES_MAX: usize = 128;
/// Most tokens of one report, as for plugins: far from overflowing a sum.
const TOKENS_MAX: u64 = 1 << 40;
/// What a report of tokens is called in the trail.
const REPORTED: &str = "tokens-reported";

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = inside.store.get::<QuotaRow>(&()).await.map_err(unread)?;
    match found {
        Some(found) => reply::row(StatusCode::OK, &found.row, found.revision),
        None => {
            let none = QuotaRow { quota: Quota::unlimited(), zone: inside.tenant.zone, set: app.clock.now(), by: String::new() };
            reply::row(StatusCode::OK, &none, 0)
        }
    }
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(quota): Body<Quota>) -> Answer {
    inside.asked.no_query()?;
    inside.asked.principal.demand_above(&inside.tenant, "the quota")?;
    quota.check()?;
    let found = inside.store.get::<QuotaRow>(&()).await.map_err(unread)?;
    let expect = inside.asked.expect(found.as_ref())?;
    let row = QuotaRow { quota, zone: inside.tenant.zone.clone(), set: app.clock.now(), by: inside.asked.principal.label.clone() };
    inside.store.change().put(&row, expect).commit().await.map_err(uncommitted)?;
    let found = inside.store.get::<QuotaRow>(&()).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    tracing::info!(tenant = %inside.tenant.id, by = %row.by, "a quota was set");
    reply::row(StatusCode::OK, &found.row, found.revision)
}

pub(crate) async fn effective(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let reach = inside.asked.principal.reach.clone();
    let path = inside.tenant.ancestors.clone();
    let reaches = |level: &TenantId| match &reach {
        Reach::Platform => true,
        // Of the levels of a path those are reached that stand at or below the token's own.
        Reach::Tenant(own) => *own == *level || !path.contains(level) || below(&path, own, level),
    };
    let view = app.quotas.effective(&app.store, &inside.tenant, reaches).await.map_err(unread)?;
    reply::plain(view)
}

/// True where a level stands below another on the way from the platform down.
fn below(path: &[TenantId], above: &TenantId, level: &TenantId) -> bool {
    let at = |wanted: &TenantId| path.iter().position(|id| id == wanted);
    matches!((at(above), at(level)), (Some(above), Some(level)) if level > above)
}

pub(crate) async fn notices(inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let after = query.get("after").map(|text| cursor(text)).transpose()?;
    let rows = inside.store.list::<Notice>(after.as_ref(), limit).await.map_err(unread)?;
    reply::page(&rows, limit, |notice| format!("{}-{}", notice.at, notice.name()))
}

fn cursor(text: &str) -> Result<(Moment, String), Problem> {
    let parts = text.split_once('-').and_then(|(at, name)| Some((at.parse().ok()?, name.to_owned())));
    parts.ok_or_else(|| Problem::at(Code::Invalid, "after", "after takes what a page before gave as next"))
}

/// Tokens that a provider counted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// The provider's own name of the report: the same again counts once.
    id: String,
    model: String,
    input: u64,
    output: u64,
}

impl Report {
    fn check(&self) -> Result<(), Problem> {
        let text = |at: &str, text: &str, bytes_max: usize| {
            if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
                return Err(Problem::at(Code::Invalid, at, format!("{at} is 1 to {bytes_max} bytes without control characters")));
            }
            Ok(())
        };
        text("id", &self.id, REPORT_ID_BYTES_MAX)?;
        text("model", &self.model, MODEL_BYTES_MAX)?;
        for (at, tokens) in [("input", self.input), ("output", self.output)] {
            if tokens > TOKENS_MAX {
                return Err(Problem::at(Code::Invalid, at, format!("at most {TOKENS_MAX} tokens at once")));
            }
        }
        Ok(())
    }
}

/// Counts AI tokens that were spent for a contact outside: in its trail, in usage, and against the quotas of all levels.
pub(crate) async fn report_tokens(State(app): State<Arc<App>>, inside: Inside, Body(report): Body<Report>) -> Answer {
    inside.asked.no_query()?;
    report.check()?;
    let id: ContactId = inside.asked.part("contact")?;
    let contact = inside.store.contact(&id).await.map_err(unread)?.ok_or_else(|| Problem::not_found("contact", &id))?.row;
    let tokens = report.input.saturating_add(report.output);
    let answer = json!({ "contact": id, "counted": tokens, "overshoot": OVERSHOOT });
    let event = inside.store.keyed_digest("tokens", report.id.as_bytes()).await.map_err(unread)?;
    let kept = Retry {
        id: RetryId { connection: contact.connection.clone(), contact: id, turn: 0, event: format!("tokens-{event}") },
        status: StatusCode::CREATED.as_u16(),
        content_type: "application/json".to_owned(),
        body: answer.to_string().into_bytes(),
        headers: Vec::new(),
        answered: app.clock.now(),
    };
    if inside.store.get::<Retry>(&kept.id).await.map_err(unread)?.is_some() {
        return reply::plain(answer);
    }
    // Before the report is kept: a crash between the two counts it once more when it is repeated, and never less.
    let Some(around) = app.known.of(&inside.tenant.id).await.map_err(unread)? else { return Err(Problem::stale()) };
    let quota = EventQuota::new(Arc::clone(&app.quotas), Arc::clone(&around.levels), contact.channel, contact.priority);
    quota.owe(Meter::AiTokens, tokens).await;
    let turn = Turn {
        contact: id,
        at: app.clock.now(),
        sequence: app.next_sequence(),
        turn: contact.turn,
        event: Event::Other(Extension { kind: REPORTED.to_owned(), data: "{}".to_owned() }),
        rule: format!("reported by {}", inside.asked.principal.label),
        flow: contact.flow.clone(),
        release: contact.release,
        arm: None,
        verified_with: String::new(),
        barred: None,
        shortage: None,
        attempts: Vec::new(),
        lost: Vec::new(),
        reported: vec![Tokens { model: report.model, input: report.input, output: report.output }],
        decision: None,
        reason: String::new(),
        answered_by: None,
        notes: Vec::new(),
        directory_revision: 0,
        reply: None,
        times: Times::default(),
        trace: None,
    };
    let change = inside.store.change().put(&kept, Expect::Absent).turn(&turn);
    match count(change, &turn, &inside.tenant.zone).commit().await {
        // The same report, a moment before.
        Ok(()) | Err(CommitError::Conflict { .. }) => reply::made(answer),
        Err(error) => Err(uncommitted(error)),
    }
}

fn count(change: Change, turn: &Turn, zone: &str) -> Change {
    let day = local_date(zone, turn.at);
    usage::of(turn, Entry::Reported { ended: false }).into_iter().fold(change, |change, (release, tally)| {
        change.tally(&Counter::Usage { day: day.clone(), flow: turn.flow.clone(), release, purpose: Purpose::Live }, tally)
    })
}
