//! Answers for what is captured: a tenant's rules beside those of its plan.
//!
//! They hold for the next event. What was captured before stays as long as the plan keeps it; erasing the tenant makes it unreadable.

use std::collections::BTreeSet;

use http::StatusCode;
use jackfield_domain::capture::{CaptureRules, FLAGGED_MAX};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::e164;

use super::super::door::body::Body;
use super::super::door::guard::Inside;
use super::super::door::problem::{Problem, uncommitted, unread};
use super::super::door::reply::{self, Answer};

/// The longest E.164 number has fifteen digits; providers' own names of customers are longer.
const CUSTOMER_BYTES_MAX: usize = 128;

pub(crate) async fn show(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    match inside.store.get::<CaptureRules>(&()).await.map_err(unread)? {
        Some(found) => reply::row(StatusCode::OK, &found.row, found.revision),
        None => reply::row(StatusCode::OK, &CaptureRules::default(), 0),
    }
}

pub(crate) async fn set(inside: Inside, Body(rules): Body<CaptureRules>) -> Answer {
    inside.asked.no_query()?;
    let rules = checked(rules)?;
    let found = inside.store.get::<CaptureRules>(&()).await.map_err(unread)?;
    let expect = inside.asked.expect(found.as_ref())?;
    inside.store.change().put(&rules, expect).commit().await.map_err(uncommitted)?;
    let found = inside.store.get::<CaptureRules>(&()).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    tracing::info!(tenant = %inside.tenant.id, by = %inside.asked.principal.label, off = rules.off, "capture rules were set");
    reply::row(StatusCode::OK, &found.row, found.revision)
}

fn checked(rules: CaptureRules) -> Result<CaptureRules, Problem> {
    if rules.percent.is_some_and(|percent| percent > 100) {
        return Err(Problem::at(Code::Invalid, "percent", "percent takes 0 to 100"));
    }
    if rules.flagged.len() > FLAGGED_MAX {
        let detail = format!("{} customers are flagged; at most {FLAGGED_MAX}", rules.flagged.len());
        return Err(Problem::at(Code::LimitReached, "flagged", detail));
    }
    let mut flagged = BTreeSet::new();
    for (at, customer) in rules.flagged.iter().enumerate() {
        if customer.is_empty() || customer.len() > CUSTOMER_BYTES_MAX || customer.chars().any(char::is_control) {
            let detail = format!("a customer is 1 to {CUSTOMER_BYTES_MAX} bytes, for example +14155550100");
            return Err(Problem::at(Code::Invalid, &format!("flagged[{at}]"), detail));
        }
        flagged.insert(e164(customer).unwrap_or_else(|| customer.clone()));
    }
    Ok(CaptureRules { flagged: flagged.into_iter().collect(), ..rules })
}
