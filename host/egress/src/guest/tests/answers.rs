//! Promises about what goes out and what comes back: secrets, order, connections, TLS, quota, breaker.

use jackfield_domain::ports::spending::{Reserved, Spending};
use jackfield_domain::quota::Barred;
use jackfield_domain::quota::meter::Meter;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::sync::Barrier;

use super::*;

#[tokio::test]
async fn a_request_leaves_as_it_was_made_and_the_record_shows_no_header_body_or_value() {
    let server = Server::saying(&ok("fine")).await;
    let house = House::with(&["127.0.0.0/8"], &[&server.at.to_string()], Vec::new());
    let url = server.url("/v1/bookings?phone=%2B15551230100");
    let mut asked = Request { method: "POST".to_owned(), body: b"{\"name\":\"Ann\"}".to_vec(), ..with_secret(&url) };
    asked.headers.push(("x-a".to_owned(), HeaderValue::Text("b".to_owned())));
    let sent = house.send_as(&errand(&[&url]), &[asked]).await.remove(0);
    let heard = server.heard().remove(0);
    assert!(heard.starts_with("POST /v1/bookings?phone=%2B15551230100 HTTP/1.1\r\n"), "{heard}");
    for line in
        [&format!("authorization: Bearer {CANARY}"), "x-a: b", &format!("host: {}", server.at), "content-length: 14", "{\"name\":\"Ann\"}"]
    {
        assert!(heard.contains(line), "{line} is not in {heard}");
    }
    let record = &sent.record;
    assert_eq!((record.method.as_str(), record.outcome.as_str()), ("POST", "200"));
    assert_eq!(record.target, format!("http://{}/v1/bookings?phone=…", server.at));
    assert_eq!(record.address, Some(server.at.to_string()));
    assert!(record.sent_bytes > 14 && record.received_bytes >= 4 && record.took_us > 0, "{record:?}");
}

#[tokio::test]
async fn a_secret_goes_to_the_hosts_that_it_is_bound_to_and_to_no_other() {
    let (bound, other) = (Server::saying(&ok("")).await, Server::saying(&ok("")).await);
    let house = House::with(&["127.0.0.0/8"], &[&bound.at.to_string()], Vec::new());
    let errand = errand(&[&bound.url("/"), &other.url("/")]);
    let none = |handle: &str| {
        let secret = HeaderValue::Secret { prefix: String::new(), handle: handle.to_owned() };
        Request { headers: vec![("x-key".to_owned(), secret)], ..request(&bound.url("/")) }
    };
    let asked = [with_secret(&bound.url("/")), with_secret(&other.url("/")), none("nothing"), none("../crm"), none("CRM")];
    let sent = house.send_as(&errand, &asked).await;
    assert_eq!(status(&sent[0]), 200);
    for sent in &sent[1..] {
        assert!(matches!(error(sent), HttpError::NoSecret(_)), "{sent:?}");
    }
    let theirs = Errand { tenant: tenant("other"), ..errand };
    let sent = house.send_as(&theirs, &[with_secret(&bound.url("/"))]).await;
    assert_eq!(error(&sent[0]), &HttpError::NoSecret("crm".to_owned()), "another tenant's handle is none");
    assert_eq!((bound.heard().len(), other.connections()), (1, 0));
}

#[tokio::test]
async fn a_secret_that_a_host_echoes_is_blotted_out() {
    let server = Server::start(|request| {
        let echoed = request.lines().find(|line| line.starts_with("authorization")).unwrap_or_default().to_owned();
        Some(format!("HTTP/1.1 401 No\r\nx-echo: {echoed}\r\ncontent-length: {}\r\n\r\n{echoed}", echoed.len()).into_bytes())
    })
    .await;
    let house = House::with(&["127.0.0.0/8"], &[&server.at.to_string()], Vec::new());
    let sent = house.send_as(&errand(&[&server.url("/")]), &[with_secret(&server.url("/"))]).await.remove(0);
    let response = sent.result.unwrap();
    assert_eq!(response.body, format!("authorization: Bearer {}", "*".repeat(CANARY.len())).into_bytes());
}

#[tokio::test]
async fn several_requests_go_at_once_and_their_answers_come_in_order() {
    let all_here = Arc::new(Barrier::new(3));
    let server = Server::with(
        |mut socket, _, all_here: Arc<Barrier>| {
            Box::pin(async move {
                let request = read_request(&mut socket).await.unwrap();
                // Nobody is answered before all have asked.
                all_here.wait().await;
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let _ = socket.write_all(ok(&path).as_bytes()).await;
            })
        },
        all_here,
    )
    .await;
    let house = House::new();
    let asked: Vec<Request> = ["/a", "/b", "/c"].iter().map(|path| request(&server.url(path))).collect();
    let sent = house.send_as(&errand(&[&server.url("/")]), &asked).await;
    let bodies: Vec<_> = sent.into_iter().map(|sent| String::from_utf8(sent.result.unwrap().body).unwrap()).collect();
    assert_eq!(bodies, ["/a", "/b", "/c"]);
}

#[tokio::test]
async fn a_tenant_uses_its_connection_again_and_no_other_tenant_ever_does() {
    let server = Server::saying(&ok("")).await;
    let house = House::new();
    let (acme, url) = (errand(&[&server.url("/")]), server.url("/"));
    for _ in 0..3 {
        assert_eq!(status(&house.send_as(&acme, &[request(&url)]).await[0]), 200);
    }
    assert_eq!(server.connections(), 1, "the idle connection was not used again");
    let other = Errand { tenant: tenant("other"), ..acme };
    assert_eq!(status(&house.send_as(&other, &[request(&url)]).await[0]), 200);
    assert_eq!(server.connections(), 2, "two tenants shared a connection");
    assert_eq!(house.gate.counts().idle, 2);
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_costs_no_request() {
    let server = Server::with(
        |mut socket, _, ()| {
            Box::pin(async move {
                read_request(&mut socket).await;
                let _ = socket.write_all(ok("").as_bytes()).await;
            })
        },
        (),
    )
    .await;
    let house = House::new();
    for _ in 0..5 {
        assert_eq!(status(&house.get(&server.url("/")).await), 200);
    }
    assert_eq!(server.connections(), 5);
}

/// A TLS server for a name, with a certificate that it signed itself; the certificate.
async fn tls_server(name: &str) -> (SocketAddr, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let der = cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(ok("over tls").as_bytes()).await;
                }
            });
        }
    });
    (at, der)
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_or_of_another_name_is_a_failure() {
    let (at, certificate) = tls_server("api.example.com").await;
    let ask = async |house: House, name: &str| {
        house.names.name(name, &[&["127.0.0.1"]]);
        house.get(&format!("https://{name}:{}/", at.port())).await
    };
    let trusting = || House::with(&["127.0.0.0/8"], &[], vec![certificate.clone()]);
    let untrusted = ask(House::new(), "api.example.com").await;
    assert!(matches!(error(&untrusted), HttpError::Failed(why) if why.starts_with("tls: ")), "{untrusted:?}");
    let another = ask(trusting(), "www.example.com").await;
    assert!(matches!(error(&another), HttpError::Failed(why) if why.starts_with("tls: ")), "{another:?}");
    let trusted = ask(trusting(), "api.example.com").await;
    assert_eq!(trusted.result.unwrap().body, b"over tls");
}

#[tokio::test]
async fn a_host_that_fails_again_and_again_is_not_asked_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let house = House::new();
    let mut outcomes = Vec::new();
    for _ in 0..7 {
        outcomes.push(house.get(&gone).await.record.outcome);
    }
    assert_eq!(outcomes, ["failed", "failed", "failed", "failed", "failed", "unavailable", "unavailable"]);
    let figures = house.gate.figures(&tenant("acme"), &"main".parse().unwrap());
    assert!(figures[0].open && figures[0].requests == 7, "{figures:?}");
    assert_eq!(house.gate.counts().open, 1);
    let server = Server::saying(&ok("")).await;
    assert_eq!(status(&house.get(&server.url("/")).await), 200, "another host is another matter");
}

#[tokio::test]
async fn error_statuses_are_answers_and_open_no_breaker() {
    let server = Server::saying("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let house = House::new();
    for _ in 0..10 {
        assert_eq!(status(&house.get(&server.url("/")).await), 503);
    }
}

/// What was spent, and what may be.
#[derive(Default)]
struct Purse {
    bytes: u64,
    requests: Mutex<u64>,
    settled: Mutex<Vec<(u64, u64)>>,
}

impl Spending for Purse {
    fn spend(&self, _: Meter, amount: u64) -> BoxFuture<'_, Result<(), Barred>> {
        *self.requests.lock().unwrap() += amount;
        Box::pin(std::future::ready(Ok(())))
    }

    fn reserve(&self, meter: Meter, most: u64, least: u64) -> BoxFuture<'_, Result<Reserved, Barred>> {
        let enough = self.bytes >= least;
        let reserved = if enough { Ok(Reserved::new(meter, most.min(self.bytes), Vec::new())) } else { Err(Barred::Overloaded) };
        Box::pin(std::future::ready(reserved))
    }

    fn settle(&self, reserved: Reserved, used: u64) {
        self.settled.lock().unwrap().push((reserved.amount(), used));
    }
}

#[tokio::test]
async fn a_request_is_charged_with_what_it_came_to_and_not_sent_where_the_quota_is_used() {
    let server = Server::saying(&ok(&"a".repeat(5_000))).await;
    let house = House::new();
    let send = async |bytes: u64| {
        let purse = Arc::new(Purse { bytes, ..Purse::default() });
        let errand = Errand { spending: purse.clone(), ..errand(&[&server.url("/")]) };
        let sent = house.send_as(&errand, &[request(&server.url("/"))]).await.remove(0);
        let settled = purse.settled.lock().unwrap().clone();
        (sent, *purse.requests.lock().unwrap(), settled)
    };
    let (sent, requests, settled) = send(1 << 30).await;
    assert_eq!((status(&sent), requests), (200, 1));
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].1, sent.record.sent_bytes + sent.record.received_bytes);
    let (sent, _, settled) = send(3_000).await;
    assert_eq!(error(&sent), &HttpError::TooLarge, "an answer may be as large as what is left of the quota");
    assert!(settled[0].0 <= 3_000, "{settled:?}");
    let heard = server.heard().len();
    let (sent, _, settled) = send(500).await;
    assert_eq!(error(&sent), &HttpError::Other("quota-exceeded".to_owned()));
    assert!(settled.is_empty() && server.heard().len() == heard);
}
