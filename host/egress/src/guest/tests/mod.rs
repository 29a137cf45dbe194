//! Promises of the gate, told against servers in this process.

mod answers;
mod bounds;
mod reach;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jackfield_domain::contact::Moment;
use jackfield_domain::flow::egress::{EgressRule, EgressRules, HostName};
use jackfield_domain::id::{EntryName, TenantId};
use jackfield_domain::ports::outbound::{Errand, Outbound as _, Secrets};
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::ports::spending::Unmetered;
use jackfield_domain::ports::{BoxFuture, Clock};
use jackfield_domain::request::{HeaderValue, HttpError, Request, Sent};
use jackfield_domain::tenant::connection::Secret;
use jackfield_domain::tenant::secret::TenantSecret;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Long enough for every answer on a loopback, and never reached by a promise that holds.
const PATIENCE: Duration = Duration::from_secs(20);
/// What no record, error or log may show.
const CANARY: &str = "canary-7f3a9c-secret";

/// A server of raw bytes: what it heard, and how many connections it saw.
#[derive(Clone)]
struct Server {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

/// Reads one request to the end of its body; none where the connection ends.
async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut whole = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&whole).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
            if whole.len() >= end + 4 + length {
                return Some(text);
            }
        }
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        whole.extend_from_slice(&buffer[..read]);
    }
}

impl Server {
    /// Answers every request of every connection with what `answer` makes of its text; none closes the connection.
    async fn start(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        type Answer = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;
        let answer: Answer = Arc::new(answer);
        Self::with(
            |mut socket, heard, answer: Answer| {
                Box::pin(async move {
                    while let Some(request) = read_request(&mut socket).await {
                        heard.lock().unwrap().push(request.clone());
                        let Some(bytes) = answer(&request) else { return };
                        if socket.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                })
            },
            answer,
        )
        .await
    }

    /// Does with every connection what `serve` does.
    async fn with<A: Clone + Send + 'static>(
        serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>, A) -> BoxFuture<'static, ()> + Send + 'static,
        with: A,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { at: listener.local_addr().unwrap(), heard: Arc::default(), connections: Arc::default() };
        let (heard, connections) = (server.heard.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(socket, heard.clone(), with.clone()));
            }
        });
        server
    }

    /// Says that and nothing more, whatever is asked.
    async fn saying(answer: &str) -> Self {
        let answer = answer.to_owned().into_bytes();
        Self::start(move |_| Some(answer.clone())).await
    }

    /// Accepts and is silent for ever.
    async fn silent() -> Self {
        Self::with(
            |socket, _, ()| {
                Box::pin(async move {
                    let _held = socket;
                    std::future::pending().await
                })
            },
            (),
        )
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A name server under the test's command: each name's answers in turn, the last one for ever.
#[derive(Default)]
struct Told {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Told {
    fn name(&self, name: &str, answers: &[&[&str]]) {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect()).collect();
        self.answers.lock().unwrap().insert(name.to_owned(), answers);
    }
}

impl Names for Told {
    fn addresses<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, NoAddress>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(name.as_str()) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(NoAddress { why: "there is no such name".to_owned() }),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// A tenant's secrets: `crm`, bound to hosts.
struct Given(Vec<String>);

impl Secrets for Given {
    fn secret<'a>(&'a self, tenant: &'a TenantId, handle: &'a EntryName) -> BoxFuture<'a, Result<Option<TenantSecret>, RowsFault>> {
        let found = (tenant.as_str() == "acme" && handle.as_str() == "crm").then(|| TenantSecret {
            handle: handle.clone(),
            value: Secret::new(CANARY.to_owned()),
            hosts: self.0.iter().map(|host| host.parse().unwrap()).collect(),
            given: 0,
            by: "test".to_owned(),
        });
        Box::pin(std::future::ready(Ok(found)))
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Moment {
        12
    }
}

/// A gate with a name server; it reaches loopback as the platform's own.
struct House {
    gate: Gate,
    names: Arc<Told>,
}

impl House {
    fn new() -> Self {
        Self::with(&["127.0.0.0/8"], &[], Vec::new())
    }

    fn with(own: &[&str], bound: &[&str], extra_roots: Vec<CertificateDer<'static>>) -> Self {
        let names = Arc::new(Told::default());
        let gate = Gate::new(GateSettings {
            addresses: Addresses::new(own.iter().map(|range| range.parse().unwrap()).collect()),
            plain_http: true,
            extra_roots,
            names: names.clone(),
            secrets: Arc::new(Given(bound.iter().map(|host| (*host).to_owned()).collect())),
            clock: Arc::new(Noon),
        });
        Self { gate: gate.unwrap(), names }
    }

    async fn send_as(&self, errand: &Errand, requests: &[Request]) -> Vec<Sent> {
        let sent = tokio::time::timeout(PATIENCE, self.gate.send(errand, requests, PATIENCE)).await.unwrap();
        assert_eq!(sent.len(), requests.len());
        assert!(!format!("{sent:?}").contains(CANARY), "a secret is seen in {sent:?}");
        sent
    }

    /// One request that the rules allow.
    async fn get(&self, url: &str) -> Sent {
        self.send_as(&errand(&[url]), &[Request { ..request(url) }]).await.remove(0)
    }
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// For `acme`, with every method allowed at the hosts of those URLs.
fn errand(urls: &[&str]) -> Errand {
    let rule = |url: &&str| {
        let origin: String = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        format!("GET,POST,PUT {origin}").parse::<EgressRule>().unwrap()
    };
    Errand {
        tenant: tenant("acme"),
        flow: "main".parse().unwrap(),
        release: 1,
        rules: Arc::new(EgressRules::new(urls.iter().map(rule).collect()).unwrap()),
        body_bytes_max: 64 * 1024,
        spending: Arc::new(Unmetered),
    }
}

fn request(url: &str) -> Request {
    Request { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new(), timeout_ms: None }
}

fn with_secret(url: &str) -> Request {
    let secret = HeaderValue::Secret { prefix: "Bearer ".to_owned(), handle: "crm".to_owned() };
    Request { headers: vec![("authorization".to_owned(), secret)], ..request(url) }
}

fn status(sent: &Sent) -> u16 {
    sent.result.as_ref().unwrap_or_else(|error| panic!("{error:?}")).status
}

fn error(sent: &Sent) -> &HttpError {
    sent.result.as_ref().unwrap_err()
}
