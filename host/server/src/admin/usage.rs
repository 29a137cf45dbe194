//! Answers for usage: what ran and what it cost, by the tenant's local day, flow and release.
//!
//! The route lays it open for the days that were asked for. The sums are the store's, added in the same batch as the contact that
//! they count, so nothing is computed here and nothing can disagree with the trail.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::hours::local_date;
use jiff::civil::Date;
use serde_json::json;

use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// A year and some: what fits into one answer.
const DAYS_MAX: i32 = 400;

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["from", "to"])?;
    let today = local_date(&inside.tenant.zone, app.clock.now());
    let from = day("from", query.get("from").copied().unwrap_or(&today))?;
    let to = day("to", query.get("to").copied().unwrap_or(&today))?;
    let days = from.until(to).map(|span| span.get_days()).unwrap_or(i32::MAX);
    if !(0..DAYS_MAX).contains(&days) {
        return Err(Problem::at(Code::Invalid, "to", format!("to is from 0 to {} days after from", DAYS_MAX - 1)));
    }
    let rows = inside.store.usage(&from.to_string(), &to.to_string()).await.map_err(unread)?;
    reply::plain(json!({ "items": rows, "from": from, "to": to, "zone": inside.tenant.zone }))
}

fn day(at: &str, text: &str) -> Result<Date, Problem> {
    let given: String = text.chars().take(40).collect();
    text.parse().map_err(|_| Problem::at(Code::Invalid, at, format!("{given:?} is no day; write 2026-11-20")))
}
