//! Strangers who hold sockets, say nothing or say too much cost the server little and everybody else nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jackfield_server::clock::SystemClock;
use jackfield_server::config::Config;
use jackfield_tests::platform::Platform;
use jackfield_tests::stranger::{Stranger, frame, get, preface, request};

use super::answers::{ACME, CALLER, acme};

/// Another address of this machine than the one that good clients come from.
const ELSEWHERE: &str = "127.0.0.9";

async fn platform(change: impl FnOnce(&mut Config)) -> Platform {
    Platform::start_with(Arc::new(SystemClock), change).await.unwrap()
}

async fn from_elsewhere(platform: &Platform) -> Stranger {
    let from: IpAddr = ELSEWHERE.parse().unwrap();
    Stranger::connect_as(&platform.operator.hooks_url, Some(from), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stranger_cannot_hold_all_sockets() {
    let platform = platform(|config| {
        config.listeners.hooks.connections_max = 12;
        config.listeners.hooks.per_peer_max = 4;
        config.listeners.hooks.trusted_proxies.clear();
    })
    .await;
    let line = acme(&platform).await;
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(from_elsewhere(&platform).await);
    }
    assert!(line.call(CALLER, ACME).arrive().await.unwrap().twiml.first("Gather").is_some());
    let doors = platform.server.app.health.doors();
    assert!(doors[0].turned_away >= 26 && doors[0].connections <= 4 + 4, "{doors:?}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_places_are_taken_whoever_waits_for_nothing_makes_room() {
    let platform = platform(|config| {
        config.listeners.hooks.connections_max = 6;
        config.listeners.hooks.per_peer_max = 6;
    })
    .await;
    let line = acme(&platform).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(from_elsewhere(&platform).await);
    }
    for _ in 0..3 {
        assert!(line.call(CALLER, ACME).arrive().await.unwrap().twiml.first("Gather").is_some());
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_and_a_connection_that_is_never_used_are_closed() {
    let platform = platform(|config| {
        config.listeners.hooks.header = Duration::from_millis(200);
        config.listeners.hooks.idle = Duration::from_millis(200);
    })
    .await;
    let url = &platform.operator.hooks_url;
    let mut slow = Stranger::connect(url).await.unwrap();
    slow.send(b"POST /hooks/twilio/voice HTTP/1.1\r\nhost: he").await.unwrap();
    assert_eq!(slow.until_closed().await.unwrap(), b"");
    let mut silent = Stranger::connect(url).await.unwrap();
    assert_eq!(silent.until_closed().await.unwrap(), b"");
    // One that was used is told politely: it ends without an error after its answer.
    let mut used = Stranger::connect(url).await.unwrap();
    let (head, _) = request("GET", "/nothing", &[], "");
    used.send(head.as_bytes()).await.unwrap();
    assert!(used.answer().await.unwrap().starts_with("HTTP/1.1 404"));
    assert_eq!(used.until_closed().await.unwrap(), b"");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_larger_than_any_provider_sends_is_refused() {
    let platform = platform(|_| {}).await;
    let mut loud = Stranger::connect(&platform.operator.hooks_url).await.unwrap();
    let (head, _) = request("GET", "/hooks/twilio/voice", &[("x-much", &"x".repeat(200_000))], "");
    // The server may close while the rest is on its way.
    let _ = loud.send(head.as_bytes()).await;
    let answer = String::from_utf8_lossy(&loud.until_closed().await.unwrap()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_streams_that_are_taken_back_ends_its_own_connection_and_no_other() {
    let platform = platform(|_| {}).await;
    let line = acme(&platform).await;
    let mut flood = Stranger::connect(&platform.operator.hooks_url).await.unwrap();
    flood.send(&preface()).await.unwrap();
    let mut closed = false;
    for batch in 0..200_u32 {
        let mut bytes = Vec::new();
        for at in 0..100_u32 {
            let stream = 2 * (batch * 100 + at) + 1;
            bytes.extend(get(stream));
            bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
        }
        if flood.send(&bytes).await.is_err() {
            closed = true;
            break;
        }
    }
    let last = flood.until_closed().await.unwrap();
    assert!(closed || !last.is_empty(), "20,000 streams were taken back and nothing came of it");
    // GOAWAY (7) with ENHANCE_YOUR_CALM (11) where it could still be read.
    let goaway = last.windows(9).any(|head| head[3] == 7);
    assert!(closed || goaway, "{last:?}");
    assert!(line.call(CALLER, ACME).arrive().await.unwrap().twiml.first("Gather").is_some());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_empty_frames_ends_its_connection() {
    let platform = platform(|config| config.listeners.hooks.request_bytes_max = 64 * 1024).await;
    let mut flood = Stranger::connect(&platform.operator.hooks_url).await.unwrap();
    flood.send(&preface()).await.unwrap();
    // A POST whose body never ends: `:method POST`, `:scheme http`, `:path /hooks/twilio/voice`.
    let mut head = vec![0x83, 0x86, 0x04, 19];
    head.extend(b"/hooks/twilio/voice");
    flood.send(&frame(1, 0x4, 1, &head)).await.unwrap();
    let empty = frame(0, 0, 1, &[]).repeat(1_000);
    for _ in 0..100 {
        // What the system takes for it says nothing; that the connection ends does.
        if flood.send(&empty).await.is_err() {
            break;
        }
    }
    // An idle connection would be kept for longer than is waited for here.
    flood.until_closed().await.unwrap();
    platform.stop().await;
}
