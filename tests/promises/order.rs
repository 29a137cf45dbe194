//! A provider that repeats itself runs nothing twice, and two events of one contact go one after the other.

use jackfield_tests::platform::Platform;

use super::answers::{ACME, CALLER, acme};

async fn invocations(platform: &Platform) -> u64 {
    platform.operator.counted("acme", "invocations").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_webhook_runs_once_counts_once_and_gets_the_same_bytes() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let first = call.arrive().await.unwrap();
    for _ in 0..3 {
        assert_eq!(call.arrive().await.unwrap().body, first.body);
    }
    let chosen = call.press(&first.twiml, "1").await.unwrap();
    assert_eq!(call.press(&first.twiml, "1").await.unwrap().body, chosen.body);
    assert_eq!(invocations(&platform).await, 2);
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    assert_eq!(contact["turns"].as_array().map(Vec::len), Some(2));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_webhooks_in_flight_run_once() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    for _ in 0..10 {
        let call = line.call(CALLER, ACME);
        let before = invocations(&platform).await;
        let (a, b, c, d) = tokio::join!(call.arrive(), call.arrive(), call.arrive(), call.arrive());
        let bodies = [a.unwrap().body, b.unwrap().body, c.unwrap().body, d.unwrap().body];
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        assert_eq!(invocations(&platform).await, before + 1);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_events_of_one_contact_at_once_run_in_order() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    let (one, two) = tokio::join!(call.press(&menu.twiml, "1"), call.press(&menu.twiml, "2"));
    assert_eq!((one.unwrap().status, two.unwrap().status), (200, 200));
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    let mut turns: Vec<u64> = contact["turns"].as_array().unwrap().iter().map(|turn| turn["turn"].as_u64().unwrap()).collect();
    // The trail is in the order of arrival, and which of two that arrive at once goes first is nobody's promise.
    turns.sort_unstable();
    assert_eq!(turns, [1, 2, 3], "each event has a turn of its own");
    platform.stop().await;
}
