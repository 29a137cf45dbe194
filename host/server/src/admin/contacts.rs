//! Answers for contacts: find one by what somebody remembers of it, and give all that explains it.
//!
//! A contact is the tenant's own data and is shown whole to whoever reaches the tenant; what was sensitive was masked before it was
//! kept. Times may be local ones of the tenant. A caller's number in another spelling is still the same number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::id::{ContactId, FlowName};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::address::{Address, e164};
use jackfield_domain::trail::Turn;
use jackfield_store::{ContactPage, ContactQuery, Found, StoreFault, TenantStore};
use serde_json::json;

use super::door::guard::{self, Asked, Inside};
use super::door::moment;
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// A whole number has at most fifteen digits.
const SUFFIX_DIGITS_MAX: usize = 15;

const PARAMETERS: [&str; 12] =
    ["from", "to", "address", "caller", "caller_suffix", "call_id", "queue", "release", "failure", "flow", "limit", "cursor"];

pub(crate) async fn find(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let query = read(&inside.asked.query(&PARAMETERS)?, &inside.tenant.zone)?;
    let page = searched(&app, &inside.store, &query).await?;
    let items: Vec<_> = page.contacts.iter().map(|found| &found.row).collect();
    let next = page.next.map(|next| next.to_string());
    reply::plain(json!({ "items": items, "next": next, "scanned": page.scanned }))
}

/// Looks behind calls: a page opens thousands of rows, and on the threads that answer calls each search took a core from them.
pub(crate) async fn searched(app: &App, store: &TenantStore, query: &ContactQuery) -> Result<ContactPage, Problem> {
    let (store, query) = (store.clone(), query.clone());
    behind(app, async move { store.find_contacts(&query).await }).await
}

/// A contact with its trail, whole or in brief. What is packed is unpacked behind calls as well.
pub(crate) async fn story(app: &App, store: &TenantStore, id: ContactId) -> Result<Option<(Found<Contact>, Vec<Turn>)>, Problem> {
    if let Some(found) = store.contact(&id).await.map_err(unread)? {
        return Ok(Some((found, store.turns(&id).await.map_err(unread)?)));
    }
    let store = store.clone();
    let brief = behind(app, async move {
        match store.brief(&id).await {
            // Its rows are going just now.
            Err(StoreFault::Erased(_)) => Ok(None),
            brief => brief,
        }
    });
    Ok(brief.await?.map(|Found { row, revision }| (Found { row: row.contact, revision }, vec![row.turn])))
}

async fn behind<T: Send + 'static>(app: &App, work: impl Future<Output = Result<T, StoreFault>> + Send + 'static) -> Result<T, Problem> {
    // It is never closed.
    let place = Arc::clone(&app.searches).acquire_owned().await.map_err(|closed| Problem::Broke(closed.to_string()))?;
    let working = app.runtime.spawn_behind(move || {
        let _place = place;
        tokio::runtime::Handle::current().block_on(work)
    });
    working.await.map_err(|ended| Problem::Broke(format!("the search ended: {ended}")))?.map_err(unread)
}

/// The question that a query's parameters ask.
fn read(given: &BTreeMap<&str, &str>, zone: &str) -> Result<ContactQuery, Problem> {
    let text = |name: &str| given.get(name).map(|text| (*text).to_owned());
    let moment =
        |name: &str| -> Result<Option<Moment>, Problem> { Ok(given.get(name).map(|text| moment::parse(name, text, zone)).transpose()?) };
    let suffix = text("caller_suffix");
    if suffix
        .as_deref()
        .is_some_and(|digits| !(1..=SUFFIX_DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()))
    {
        let detail = format!("caller_suffix takes 1 to {SUFFIX_DIGITS_MAX} digits, the last ones of the number");
        return Err(Problem::at(Code::Invalid, "caller_suffix", detail));
    }
    let release = given.get("release").map(|text| text.parse()).transpose();
    // The store bounds a page further: it opens every contact that it looks at.
    let limit = guard::limit(given.get("limit").copied())?;
    let query = ContactQuery {
        from: moment("from")?,
        to: moment("to")?,
        address: text("address").map(|text| text.parse::<Address>().map_or(text, |address| address.to_string())),
        caller: text("caller").map(|text| e164(&text).unwrap_or(text)),
        caller_suffix: suffix,
        call_id: text("call_id"),
        queue: text("queue"),
        release: release.map_err(|_| Problem::at(Code::Invalid, "release", "release takes a number"))?,
        failure: text("failure"),
        flow: given.get("flow").map(|text| text.parse::<FlowName>()).transpose().map_err(Refusal::from)?,
        limit,
        cursor: given.get("cursor").map(|text| text.parse::<ContactId>()).transpose().map_err(Refusal::from)?,
    };
    match (query.from, query.to) {
        (Some(from), Some(to)) if from >= to => Err(Problem::at(Code::Invalid, "to", "to lies before from")),
        _ => Ok(query),
    }
}

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    whole(&app, &inside.store, inside.asked.part("contact")?, &inside.tenant.zone).await
}

/// The same where only the contact is known; whose it is must be reached like anything else.
pub(crate) async fn show_anywhere(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let id: ContactId = asked.part("contact")?;
    let none = || Problem::not_found("contact", &id);
    let platform = app.store.platform();
    // Of one in brief only the moment is indexed: whoever had some then is asked, as far as the one who asks reaches.
    let homes = match platform.contact_home(&id).await.map_err(unread)? {
        Some(home) => BTreeSet::from([home]),
        None => platform.brief_homes(&id).await.map_err(unread)?,
    };
    for home in homes {
        match asked.principal.tenant(&app, &home).await {
            Ok(tenant) => match whole(&app, &app.store.tenant(&home), id, &tenant.row.zone).await {
                Err(Problem::Refused(_)) => {}
                answer => return answer,
            },
            Err(Problem::Refused(_)) => {}
            Err(broke) => return Err(broke),
        }
    }
    Err(none())
}

async fn whole(app: &App, store: &TenantStore, id: ContactId, zone: &str) -> Answer {
    let found = story(app, store, id).await?;
    let (found, turns) = found.ok_or_else(|| Problem::not_found("contact", &id))?;
    reply::plain(json!({ "contact": found.row, "turns": turns, "zone": zone, "revision": found.revision }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pairs: &[(&str, &str)]) -> Result<ContactQuery, Problem> {
        read(&pairs.iter().copied().collect(), "Europe/Berlin")
    }

    #[test]
    fn what_somebody_remembers_becomes_a_question() {
        let query =
            ask(&[("from", "2026-11-20T17:00"), ("to", "2026-11-20T16:10:00Z"), ("address", "+18005551234"), ("caller_suffix", "0100")]);
        let query = query.unwrap();
        assert_eq!(query.to.unwrap() - query.from.unwrap(), 600_000);
        assert_eq!(query.address.as_deref(), Some("voice:number:+18005551234"));
        assert_eq!(query.caller_suffix.as_deref(), Some("0100"));
    }

    #[test]
    fn a_question_that_cannot_be_meant_is_refused_by_name() {
        for (name, value) in
            [("from", "teatime"), ("caller_suffix", "01x"), ("limit", "0"), ("limit", "9999"), ("release", "a"), ("cursor", "a")]
        {
            match ask(&[(name, value)]) {
                Err(Problem::Refused(refusal)) => assert!(refusal.at.is_some(), "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(ask(&[("from", "2026-11-20"), ("to", "2026-11-19")]).is_err());
    }
}
