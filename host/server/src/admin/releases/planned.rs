//! Answers for what a flow is to run later, for a while, or for some callers alone: its calendar, and its test callers.
//!
//! A plan is checked like an activation when it is made, and again by nobody: a release never changes, and an address that is bound later is
//! checked against what is planned as well. Making a release live by hand, or rolling back, ends what is planned for just now. Times without an offset are the tenant's; one that a clock change skips is refused, because nobody can mean it.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::flow::TEST_CALLERS_MAX;
use jackfield_domain::flow::planned::Planned;
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::AliasName;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::e164;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::door::body::Body;
use super::super::door::guard::Inside;
use super::super::door::moment;
use super::super::door::problem::{Problem, uncommitted};
use super::super::door::reply::{self, Answer};
use super::super::{flows, history};
use super::{check_release, promote};
use crate::app::App;

/// As in the capture rules: the longest number, or a provider's own name of a customer.
const CUSTOMER_BYTES_MAX: usize = 128;

/// What is to route, and when.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    release: ReleaseNumber,
    at: String,
    #[serde(default)]
    until: Option<String>,
    /// It may do more than what is live now, and that is meant.
    #[serde(default)]
    approve: bool,
}

/// Which release a test caller gets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tested {
    alias: AliasName,
}

pub(crate) async fn list(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let mut flow = flows::named(&inside).await?.row;
    let now = app.clock.now();
    flow.settle(now);
    reply::plain(json!({ "items": flow.planned, "live": flow.live(), "routes_now": flow.live_at(now), "next": null }))
}

pub(crate) async fn plan(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewPlan>) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let was = found.row.clone();
    let mut flow = found.row;
    let zone = &inside.tenant.zone;
    let from = moment::exact("at", &new.at, zone)?;
    let until = new.until.as_deref().map(|until| moment::exact("until", until, zone)).transpose()?;
    let mut notes = check_release(&app, &inside, &flow, new.release, &AliasName::live()).await?;
    notes.extend(promote(&app, &inside, &flow, new.release, new.approve).await?);
    let now = app.clock.now();
    let planned = Planned { id: 0, release: new.release, from, until, set: now, by: inside.asked.principal.label.clone() };
    let id = flow.plan(planned, now)?;
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    tracing::info!(tenant = %inside.tenant.id, flow = %flow.name, release = new.release, from, until, "a release was planned");
    let planned = flow.planned.iter().find(|planned| planned.id == id).ok_or_else(Problem::stale)?;
    reply::made(json!({ "planned": planned, "notes": notes }))
}

pub(crate) async fn drop_plan(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let text = inside.asked.raw_part("number");
    let id: u32 = text.parse().map_err(|_| Problem::at(Code::Invalid, "number", "a plan is named by its number"))?;
    let was = found.row.clone();
    let mut flow = found.row;
    flow.settle(app.clock.now());
    let before = flow.planned.len();
    flow.planned.retain(|planned| planned.id != id);
    if flow.planned.len() == before {
        return Err(Problem::not_found("plan", &id));
    }
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    reply::plain(json!({ "removed": id }))
}

pub(crate) async fn test_callers(inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row;
    let items: Vec<_> = flow.test_callers.iter().map(|(caller, alias)| json!({ "caller": caller, "alias": alias })).collect();
    reply::plain(json!({ "items": items, "next": null }))
}

pub(crate) async fn add_test_caller(State(app): State<Arc<App>>, inside: Inside, Body(Tested { alias }): Body<Tested>) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let was = found.row.clone();
    let mut flow = found.row;
    if !flow.aliases.contains_key(&alias) {
        let detail = format!("flow {} has no alias {alias}; point it at a release first", flow.name);
        return Err(Problem::at(Code::NotFound, "alias", detail));
    }
    let caller = caller(&inside)?;
    flow.test_callers.insert(caller.clone(), alias.clone());
    if flow.test_callers.len() > TEST_CALLERS_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a flow has at most {TEST_CALLERS_MAX} test callers")));
    }
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    reply::plain(json!({ "caller": caller, "alias": alias }))
}

pub(crate) async fn drop_test_caller(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = flows::named(&inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let was = found.row.clone();
    let mut flow = found.row;
    let caller = caller(&inside)?;
    if flow.test_callers.remove(&caller).is_none() {
        return Err(Problem::not_found("test caller", &caller));
    }
    history::noted_flow(&app, &inside, &was, &flow, expect).await?.commit().await.map_err(uncommitted)?;
    reply::plain(json!({ "removed": caller }))
}

/// The customer that the path names, in E.164 where it is a number.
fn caller(inside: &Inside) -> Result<String, Problem> {
    let text = inside.asked.raw_part("caller");
    if text.is_empty() || text.len() > CUSTOMER_BYTES_MAX || text.chars().any(char::is_control) {
        let detail = format!("a caller is 1 to {CUSTOMER_BYTES_MAX} bytes, for example +14155550100");
        return Err(Problem::at(Code::Invalid, "caller", detail));
    }
    Ok(e164(text).unwrap_or_else(|| text.to_owned()))
}
