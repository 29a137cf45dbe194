//! Promises about size, time and number: whatever a host does, a request ends, and it ends small.

use super::walk::MARGIN;
use super::*;

/// A server that says a beginning and then the same again and again, until nobody reads.
async fn endless(begin: &'static [u8], again: &'static [u8]) -> Server {
    Server::with(
        |mut socket, _, (begin, again): (&'static [u8], &'static [u8])| {
            Box::pin(async move {
                read_request(&mut socket).await;
                let mut alive = socket.write_all(begin).await.is_ok();
                while alive {
                    alive = socket.write_all(again).await.is_ok();
                }
            })
        },
        (begin, again),
    )
    .await
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off_however_it_comes() {
    const KIB: &[u8] = &[b'a'; 1024];
    const CHUNK: &[u8] = b"10\r\naaaaaaaaaaaaaaaa\r\n";
    let house = House::new();
    for (begin, again) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"[..], KIB),
        (b"HTTP/1.1 200 OK\r\n\r\n", KIB),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", CHUNK),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-a: ", KIB),
    ] {
        let server = endless(begin, again).await;
        let sent = house.get(&server.url("/")).await;
        assert_eq!(error(&sent), &HttpError::TooLarge, "{}", String::from_utf8_lossy(begin));
        assert!(sent.record.received_bytes <= 128 * 1024, "{:?}", sent.record);
    }
    let fits = "a".repeat(64 * 1024);
    assert_eq!(house.get(&Server::saying(&ok(&fits)).await.url("/")).await.result.unwrap().body.len(), fits.len());
}

#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08ab").await;
    let response = House::new().get(&server.url("/")).await.result.unwrap();
    assert_eq!(response.body, b"\x1f\x08ab");
}

#[tokio::test]
async fn a_host_that_drips_or_says_nothing_ends_by_the_requests_time() {
    let dripping = Server::with(
        |mut socket, _, ()| {
            Box::pin(async move {
                read_request(&mut socket).await;
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
                let mut beat = tokio::time::interval(Duration::from_millis(5));
                loop {
                    beat.tick().await;
                    if socket.write_all(b"1\r\na\r\n").await.is_err() {
                        return;
                    }
                }
            })
        },
        (),
    )
    .await;
    let hundreds = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n").await;
    let silent = Server::silent().await;
    let house = House::new();
    for server in [dripping, hundreds, silent] {
        let asked = Request { timeout_ms: Some(60), ..request(&server.url("/")) };
        let sent = house.send_as(&errand(&[&server.url("/")]), &[asked]).await.remove(0);
        assert_eq!(error(&sent), &HttpError::Timeout);
        assert!(sent.record.took_us >= 60_000);
    }
}

#[tokio::test]
async fn a_request_leaves_its_guest_time_to_go_on() {
    let silent = Server::silent().await;
    let house = House::new();
    let errand = errand(&[&silent.url("/")]);
    let begun = Instant::now();
    let asked = Request { timeout_ms: Some(60_000), ..request(&silent.url("/")) };
    let sent = house.gate.send(&errand, &[asked], MARGIN + Duration::from_millis(50)).await.remove(0);
    assert_eq!(error(&sent), &HttpError::Timeout);
    assert!(sent.record.took_us >= 50_000 && begun.elapsed() >= Duration::from_millis(50));
    let late = house.gate.send(&errand, &[request(&silent.url("/"))], MARGIN).await.remove(0);
    assert_eq!(error(&late), &HttpError::Timeout, "with less than the margin left nothing is begun");
}

#[tokio::test]
async fn nonsense_instead_of_http_is_a_failure() {
    let house = House::new();
    for nonsense in [
        "hello\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 999999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let server = Server::saying(nonsense).await;
        let sent = house.get(&server.url("/")).await;
        assert!(matches!(error(&sent), HttpError::Failed(_)), "{nonsense:?}: {sent:?}");
    }
    let closing = Server::start(|_| None).await;
    assert!(matches!(error(&house.get(&closing.url("/")).await), HttpError::Failed(_)));
}

/// Waits until the gate counts as much; a promise that fails runs into the patience.
async fn until(gate: &Gate, what: impl Fn(&EgressCounts) -> bool) {
    let reached = async {
        while !what(&gate.counts()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap();
}

#[tokio::test]
async fn a_tenant_with_too_much_under_way_waits_for_itself_and_a_guest_that_is_ended_gives_everything_back() {
    let (silent, server) = (Server::silent().await, Server::saying(&ok("")).await);
    let house = House::new();
    let (gate, loud) = (house.gate.clone(), errand(&[&silent.url("/")]));
    let asked: Vec<Request> = (0..clients::TENANT_REQUESTS_MAX + 20).map(|_| request(&silent.url("/"))).collect();
    let hanging = tokio::spawn(async move { gate.send(&loud, &asked, PATIENCE).await });
    until(&house.gate, |counts| counts.in_flight >= clients::TENANT_REQUESTS_MAX).await;
    let quiet = Errand { tenant: tenant("quiet"), ..errand(&[&server.url("/")]) };
    assert_eq!(status(&house.send_as(&quiet, &[request(&server.url("/"))]).await[0]), 200);
    assert_eq!(house.gate.counts().in_flight, clients::TENANT_REQUESTS_MAX);
    hanging.abort();
    until(&house.gate, |counts| counts.in_flight == 0).await;
    assert_eq!(house.gate.counts().open, 0, "a guest that was ended says nothing of the host");
}
