//! Answers for what plugins write: to whoever follows it as it happens.
//!
//! A follower asks again and again with where it was; a request waits some seconds for something to tell. That needs no connection of
//! its own kind, and a server that ends has nobody to throw out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use jackfield_domain::id::{ContactId, FlowName};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_store::ContactQuery;
use serde_json::json;

use super::super::contacts::{searched, story};
use super::super::door::guard::Inside;
use super::super::door::problem::Problem;
use super::super::door::reply::{self, Answer};
use crate::app::App;
use crate::telemetry::tail::{Wanted, lines_of};

/// Shorter than the drain at the server's end, and than what proxies allow a silent answer.
const WAIT_MAX_S: u64 = 10;
/// Contacts whose trails one request reads.
const PAST_MAX: usize = 50;

pub(crate) async fn follow(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = inside.asked.query(&["after", "flow", "contact", "wait", "past"])?;
    let number = |name: &'static str| {
        let number = query.get(name).map(|text| text.parse::<u64>()).transpose();
        number.map_err(|_| Problem::at(Code::Invalid, name, format!("{name} takes a number")))
    };
    let contact = query.get("contact").map(|text| text.parse::<ContactId>()).transpose().map_err(Refusal::from)?;
    let flow = query.get("flow").map(|text| text.parse::<FlowName>()).transpose().map_err(Refusal::from)?;
    if let Some(contacts) = number("past")? {
        return past(&app, &inside, contact, flow, contacts).await;
    }
    let wait = Duration::from_secs(number("wait")?.unwrap_or(WAIT_MAX_S).min(WAIT_MAX_S));
    let news = app.tail.follow(&inside.tenant.id, &Wanted { contact, flow }, number("after")?, wait).await;
    reply::plain(json!({ "items": news.lines, "next": news.next, "lost": news.lost }))
}

/// What one contact left, or the newest ones; the oldest first.
async fn past(app: &App, inside: &Inside, contact: Option<ContactId>, flow: Option<FlowName>, contacts: u64) -> Answer {
    let ids = match contact {
        Some(contact) => vec![contact],
        None => {
            let limit = usize::try_from(contacts).unwrap_or(PAST_MAX).min(PAST_MAX);
            let page = searched(app, &inside.store, &ContactQuery { flow: flow.clone(), limit, ..ContactQuery::default() }).await?;
            page.contacts.iter().rev().map(|found| found.row.id).collect()
        }
    };
    let mut lines = Vec::new();
    for id in ids {
        let turns = story(app, &inside.store, id).await?.map(|(_, turns)| turns).unwrap_or_default();
        lines.extend(turns.iter().filter(|turn| flow.as_ref().is_none_or(|flow| turn.flow == *flow)).flat_map(lines_of));
    }
    reply::plain(json!({ "items": lines, "next": null, "lost": 0 }))
}
