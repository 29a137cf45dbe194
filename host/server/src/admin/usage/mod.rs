//! Answers for usage: what ran and what it cost, by the tenant's local day, flow, release and purpose.
//!
//! The route lays it open for the days that were asked for, of the tenant alone or of everyone below it as well, as JSON or as CSV.
//! The counts are the store's, joined in the same batch as the contact that they count, so nothing is computed here but totals, and
//! nothing can disagree with the trail. What does not fit into one answer is refused with what to ask instead, because half of a bill
//! looks like all of it.

mod csv;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use http::{HeaderMap, HeaderValue, header};
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::hours::local_date;
use jackfield_domain::usage::{Counts, Purpose, columns, total};
use jackfield_store::UsageRow;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use super::door::guard::Inside;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// A year and some: what fits into one answer.
const DAYS_MAX: i32 = 400;
/// Rows of one answer: some fifty megabytes of JSON at worst.
const ROWS_MAX: usize = 20_000;
/// Tenants of one answer, each of which is read by itself.
const TENANTS_MAX: usize = 1_000;

/// A row with whose it is.
#[derive(Debug, Clone, Serialize)]
struct Row {
    tenant: TenantId,
    #[serde(flatten)]
    row: UsageRow,
}

/// What is asked for.
struct Wanted {
    from: Date,
    to: Date,
    flow: Option<FlowName>,
    /// None is any; none of none is where no plugin answered.
    release: Option<Option<ReleaseNumber>>,
    purpose: Option<Purpose>,
    is_subtree: bool,
    is_csv: bool,
}

pub(crate) async fn show(State(app): State<Arc<App>>, headers: HeaderMap, inside: Inside) -> Answer {
    let wanted = wanted(&app, &inside, &headers)?;
    let tenants = if wanted.is_subtree { subtree(&app, &inside.tenant.id).await? } else { vec![inside.tenant.id.clone()] };
    let mut rows: Vec<Row> = Vec::new();
    for tenant in tenants {
        let scope = app.store.tenant(&tenant);
        let read = scope.usage(&wanted.from.to_string(), &wanted.to.to_string(), ROWS_MAX + 1).await.map_err(unread)?;
        if read.len() > ROWS_MAX {
            return Err(too_much());
        }
        rows.extend(read.into_iter().filter(|row| wanted.holds(row)).map(|row| Row { tenant: tenant.clone(), row }));
        if rows.len() > ROWS_MAX {
            return Err(too_much());
        }
    }
    let totals = total(rows.iter().map(|row| &row.row.counts));
    if wanted.is_csv {
        return Ok(as_csv(&rows, &totals));
    }
    let Wanted { from, to, .. } = wanted;
    reply::plain(json!({ "items": rows, "totals": totals, "from": from, "to": to, "zone": inside.tenant.zone }))
}

fn too_much() -> Problem {
    Problem::at(Code::Invalid, "from", format!("more than {ROWS_MAX} rows; ask for fewer days, one flow or one tenant"))
}

fn wanted(app: &App, inside: &Inside, headers: &HeaderMap) -> Result<Wanted, Problem> {
    let query = inside.asked.query(&["from", "to", "flow", "release", "purpose", "subtree", "format"])?;
    let given = |name: &str| query.get(name).copied();
    let today = local_date(&inside.tenant.zone, app.clock.now());
    let from = day("from", given("from").unwrap_or(&today))?;
    let to = day("to", given("to").unwrap_or(&today))?;
    let days = from.until(to).map(|span| span.get_days()).unwrap_or(i32::MAX);
    if !(0..DAYS_MAX).contains(&days) {
        return Err(Problem::at(Code::Invalid, "to", format!("to is from 0 to {} days after from", DAYS_MAX - 1)));
    }
    let asks_for_csv =
        || headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/csv"));
    Ok(Wanted {
        from,
        to,
        flow: given("flow").map(str::parse::<FlowName>).transpose().map_err(Refusal::from)?,
        release: given("release").map(release).transpose()?,
        purpose: given("purpose").map(purpose).transpose()?,
        is_subtree: match given("subtree") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::at(Code::Invalid, "subtree", "subtree is true or false")),
        },
        is_csv: match given("format") {
            None => asks_for_csv(),
            Some("csv") => true,
            Some("json") => false,
            Some(_) => return Err(Problem::at(Code::Invalid, "format", "format is json or csv")),
        },
    })
}

impl Wanted {
    fn holds(&self, row: &UsageRow) -> bool {
        self.flow.as_ref().is_none_or(|flow| *flow == row.flow)
            && self.release.is_none_or(|release| release == row.release)
            && self.purpose.is_none_or(|purpose| purpose == row.purpose)
    }
}

fn day(at: &str, text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::at(Code::Invalid, at, format!("{:?} is no day; write 2026-11-20", cut(text))))
}

fn release(text: &str) -> Result<Option<ReleaseNumber>, Problem> {
    match (text, text.parse::<ReleaseNumber>()) {
        ("none", _) => Ok(None),
        (_, Ok(number)) if number > 0 => Ok(Some(number)),
        _ => Err(Problem::at(Code::Invalid, "release", format!("{:?} is no release; write its number, or none", cut(text)))),
    }
}

fn purpose(text: &str) -> Result<Purpose, Problem> {
    text.parse().map_err(|()| {
        let all: Vec<&str> = Purpose::ALL.into_iter().map(Purpose::as_str).collect();
        Problem::at(Code::Invalid, "purpose", format!("{:?} is no purpose; there are {}", cut(text), all.join(", ")))
    })
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A tenant and everyone below it, the nearest first.
async fn subtree(app: &App, top: &TenantId) -> Result<Vec<TenantId>, Problem> {
    let mut all = vec![top.clone()];
    let mut open = VecDeque::from([top.clone()]);
    while let Some(above) = open.pop_front() {
        for child in app.store.platform().children(&above, TENANTS_MAX + 1).await.map_err(unread)? {
            all.push(child.row.id.clone());
            open.push_back(child.row.id);
        }
        if all.len() > TENANTS_MAX {
            return Err(Problem::at(Code::Invalid, "subtree", format!("more than {TENANTS_MAX} tenants; ask further below")));
        }
    }
    Ok(all)
}

fn as_csv(rows: &[Row], totals: &Counts) -> axum::response::Response {
    let names = columns(rows.iter().map(|row| &row.row.counts).chain([totals]));
    let number = |counts: &Counts, name: &String| counts.get(name).copied().unwrap_or(0).to_string();
    let mut text = String::new();
    csv::line(&mut text, ["tenant", "day", "flow", "release", "purpose"].into_iter().chain(names.iter().map(String::as_str)));
    for Row { tenant, row } in rows {
        let release = row.release.map(|release| release.to_string()).unwrap_or_default();
        let place = [tenant.to_string(), row.day.clone(), row.flow.to_string(), release, row.purpose.as_str().to_owned()];
        csv::line(&mut text, place.into_iter().chain(names.iter().map(|name| number(&row.counts, name))));
    }
    let blank = ["total", "", "", "", ""].map(str::to_owned);
    csv::line(&mut text, blank.into_iter().chain(names.iter().map(|name| number(totals, name))));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"usage.csv\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, text).into_response()
}
