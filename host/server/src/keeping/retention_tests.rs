//! Promises about how long contacts stay: no longer and no more than the plan says, and never less than their events need.

use std::sync::atomic::Ordering;

use jackfield_domain::contact::{Contact, Phase};
use jackfield_domain::trail::Brief;
use jackfield_store::{Briefs, Expect};
use serde_json::json;

use super::*;
use crate::admin::tests::Api;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

fn contact(tenant: &str, at: Moment, phase: Phase) -> Contact {
    let endpoint = json!({ "raw": "+18005550199", "e164": "+18005550199" });
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    let contact: Contact = serde_json::from_value(json!({
        "id": ContactId::new(at, random), "tenant": tenant, "flow": "main", "connection": "line", "provider": "twilio",
        "address": "voice:number:+18005551234", "channel": "voice", "release": 1, "plan": "standard", "language": "en",
        "arrival": {
            "provider_contact": hex::encode(random), "parent": null, "direction": "inbound", "entry": endpoint, "forwarded_from": null,
            "customer": { "address": endpoint, "name": null, "anonymous": false, "attestation": null }, "headers": [], "extras": [],
        },
        "started": at, "ended": null, "end_cause": null, "phase": "running", "turn": 0, "asked_turns": 0, "idle_turns": 0,
        "attributes": {}, "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0,
    }))
    .unwrap();
    Contact { phase, ..contact }
}

async fn keep(api: &Api, tenant: &str, contacts: u64, at: Moment, phase: Phase) {
    let scope = api.app.store.tenant(&tenant.parse().unwrap());
    for nth in 0..contacts {
        let contact = contact(tenant, at + nth, phase);
        scope.change().put(&contact, Expect::Absent).platform(|rows| rows.home(&contact, None)).commit().await.unwrap();
        api.app.keeping.began(&contact.tenant);
    }
}

async fn kept(api: &Api, tenant: &str) -> u64 {
    api.app.store.tenant(&tenant.parse().unwrap()).contacts_kept().await.unwrap()
}

fn stop() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

#[tokio::test]
async fn a_tenant_keeps_its_newest_contacts_and_others_keep_theirs() {
    let api = Api::keeping(Retention { days: 400, contacts_max: 200 }).await;
    let now = api.app.clock.now();
    keep(&api, "acme", 500, now - DAY_MS, Phase::Ended).await;
    keep(&api, "other", 150, now - 2 * DAY_MS, Phase::Ended).await;
    let (_sender, stopped) = stop();
    cut(&api.app, &stopped).await;
    assert_eq!((kept(&api, "acme").await, kept(&api, "other").await), (200, 150));
    assert_eq!(api.app.keeping.figures(), (350, 300));
    let oldest = api.app.store.tenant(&"acme".parse().unwrap()).list::<Contact>(None, 1).await.unwrap();
    assert_eq!(oldest[0].row.started, now - DAY_MS + 300, "the oldest go first");
}

#[tokio::test]
async fn one_more_each_time_takes_the_oldest_each_time() {
    let api = Api::keeping(Retention { days: 400, contacts_max: 100 }).await;
    let began = api.app.clock.now() - DAY_MS;
    keep(&api, "acme", 100, began, Phase::Ended).await;
    let (_sender, stopped) = stop();
    for nth in 0..130 {
        keep(&api, "acme", 1, began + 1_000 + nth, Phase::Ended).await;
        cut(&api.app, &stopped).await;
        let oldest = api.app.store.tenant(&"acme".parse().unwrap()).list::<Contact>(None, 1).await.unwrap();
        let expected = if nth < 99 { began + nth + 1 } else { began + 1_000 + nth - 99 };
        assert_eq!((kept(&api, "acme").await, oldest[0].row.started), (100, expected), "after one more {nth} times");
    }
}

#[tokio::test]
async fn what_is_not_over_stays_however_many_there_are_and_hides_nothing_behind_it() {
    let api = Api::keeping(Retention { days: 400, contacts_max: 10 }).await;
    let now = api.app.clock.now();
    keep(&api, "acme", 120, now - 60 * MINUTE_MS, Phase::Running).await;
    keep(&api, "acme", 30, now - 10 * MINUTE_MS, Phase::Ended).await;
    keep(&api, "acme", 5, now - MINUTE_MS, Phase::Ended).await;
    let (_sender, stopped) = stop();
    cut(&api.app, &stopped).await;
    assert_eq!(kept(&api, "acme").await, 125, "of those that are over, the provider may still ask for the last five");
    // The calls that nobody ended are over by themselves.
    api.clock.0.fetch_add(4 * 60 * MINUTE_MS, Ordering::Relaxed);
    cut(&api.app, &stopped).await;
    assert_eq!(kept(&api, "acme").await, 10);
}

#[tokio::test]
async fn what_is_older_than_the_plan_keeps_goes_and_the_rest_is_counted() {
    let api = Api::keeping(Retention { days: 20, contacts_max: 1_000 }).await;
    let now = api.app.clock.now();
    keep(&api, "acme", 130, now - 21 * DAY_MS, Phase::Ended).await;
    keep(&api, "acme", 7, now - 19 * DAY_MS, Phase::Ended).await;
    keep(&api, "other", 3, now - 25 * DAY_MS, Phase::Ended).await;
    // As after a start, when nothing was counted yet.
    api.app.keeping.tenants().clear();
    let (_sender, stopped) = stop();
    round(&api.app, &stopped).await.unwrap();
    assert_eq!((kept(&api, "acme").await, kept(&api, "other").await), (7, 0));
    assert_eq!(api.app.keeping.figures(), (7, 133));
}

/// One row of one contact, as many as are asked for.
async fn keep_in_brief(api: &Api, tenant: &str, rows: u64, at: Moment) {
    let scope = api.app.store.tenant(&tenant.parse().unwrap());
    for nth in 0..rows {
        let contact = contact(tenant, at + nth, Phase::Ended);
        let turn = serde_json::from_value(json!({
            "contact": contact.id, "at": at, "sequence": 1, "turn": 1, "event": { "kind": "arrived" }, "rule": "", "flow": "main", "release": null,
            "arm": null, "verified_with": "", "barred": "overloaded", "attempts": [], "decision": null, "reason": "",
            "answered_by": "tenant_default", "notes": [], "directory_revision": 0, "reply": null,
            "times": { "admitted_us": 0, "invoked_us": 0, "rendered_us": 0, "deadline_us": 0 },
        }))
        .unwrap();
        for (row, _) in Briefs::rows_of(vec![(Brief { contact, turn }, ())]) {
            scope.change().briefs(&row).commit().await.unwrap();
            api.app.keeping.began_in_brief(scope.id(), 1);
        }
    }
}

async fn briefs(api: &Api, tenant: &str) -> u64 {
    api.app.store.tenant(&tenant.parse().unwrap()).briefs_kept().await.unwrap()
}

#[tokio::test]
async fn of_what_is_kept_in_brief_the_oldest_goes_too() {
    let api = Api::keeping(Retention { days: 20, contacts_max: 4 }).await;
    let now = api.app.clock.now();
    keep_in_brief(&api, "acme", 9, now - MINUTE_MS).await;
    keep_in_brief(&api, "other", 4, now - MINUTE_MS).await;
    let (_sender, stopped) = stop();
    cut(&api.app, &stopped).await;
    assert_eq!((briefs(&api, "acme").await, briefs(&api, "other").await), (4, 4), "as many as are kept whole");

    keep_in_brief(&api, "acme", 3, now - 21 * DAY_MS).await;
    api.app.keeping.tenants().clear();
    round(&api.app, &stopped).await.unwrap();
    assert_eq!((briefs(&api, "acme").await, api.app.keeping.kept(&"acme".parse().unwrap()).briefs), (4, 4));
    keep_in_brief(&api, "acme", 1, now).await;
    cut(&api.app, &stopped).await;
    assert_eq!(briefs(&api, "acme").await, 4);
}

#[tokio::test]
async fn it_ends_with_the_server() {
    let api = Api::new().await;
    let (sender, stopped) = stop();
    let tending = tokio::spawn(tend(Arc::clone(&api.app), stopped));
    sender.send_replace(true);
    tokio::time::timeout(Duration::from_secs(5), tending).await.expect("it goes on").unwrap().unwrap();
}
