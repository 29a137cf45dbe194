//! What a guest can measure and find tells it nothing of others.

use std::collections::BTreeSet;

use jackfield_tests::corpus::{self, Guest, Planted, corpus};
use jackfield_tests::line::Line;
use jackfield_tests::platform::Platform;
use serde_json::Value;

/// Those guests, on a platform of their own.
async fn planted(platform: &Platform, guests: &[Guest]) -> (Line, Vec<Planted>) {
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let sins = corpus().into_iter().filter(|sin| guests.contains(&sin.guest)).collect();
    (line, corpus::plant(&platform.operator, "twilio", sins).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_made_of_host_calls_shows_the_same_however_busy_the_host_is() {
    let platform = Platform::start().await.unwrap();
    let (line, planted) = planted(&platform, &[Guest::Crate("tells-time"), Guest::Crate("loops")]).await;
    let of = |name: &str| planted.iter().find(|planted| planted.sin.name == name).unwrap();
    let (clock, busy) = (of("tells-time"), of("loops"));
    let mut told = BTreeSet::new();
    for round in 0..8 {
        // Every second time others keep the guests' threads busy meanwhile.
        let others: Vec<_> = (0..round % 2 * 4)
            .map(|_| {
                let (busy, line) = (busy.clone(), line.clone());
                tokio::spawn(async move { busy.ring(&line).await })
            })
            .collect();
        let account = clock.commit(&platform.operator, &line).await.unwrap();
        assert_eq!(clock.judge(&account), Ok(()));
        told.insert(account.reason().to_owned());
        for other in others {
            other.await.unwrap().unwrap();
        }
    }
    assert_eq!(told.len(), 1, "a guest can tell its runs apart: {told:#?}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_one_tenants_plugin_leaves_is_found_by_no_other() {
    let platform = Platform::start().await.unwrap();
    let guests = [
        Guest::Crate("leaves-a-secret"),
        Guest::Text("canary-tables", "leaves"),
        Guest::Crate("looks-for-secrets"),
        Guest::Text("canary-tables", "looks"),
    ];
    let (line, planted) = planted(&platform, &guests).await;
    assert_eq!(planted.len(), guests.len());
    for _ in 0..10 {
        for planted in &planted {
            let account = planted.commit(&platform.operator, &line).await.unwrap();
            assert_eq!(planted.judge(&account), Ok(()));
        }
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_describes_itself_by_lot_says_the_same_whoever_asks() {
    let mut told = BTreeSet::new();
    for _ in 0..2 {
        let platform = Platform::start().await.unwrap();
        let (_, planted) = planted(&platform, &[Guest::Text("schemas", "by-lot")]).await;
        let path = format!("/v1/tenants/{}/plugins/logic/versions", planted[0].tenant);
        let versions = platform.operator.api.get(&path, &[]).await.unwrap().body;
        let schema = versions.pointer("/items/0/metadata/settings_schema").and_then(Value::as_str).map(str::to_owned);
        told.insert(schema.unwrap_or_else(|| panic!("{versions}")));
        platform.stop().await;
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told.contains("{\"title\":\"?\"}"), "nothing was drawn");
}
