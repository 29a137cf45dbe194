//! Measures a webhook with everything - signature, quota, sandbox and durable record - beside a handler that has only the signature.
//!
//! The handler is axum's, in this process: it reads the same form, computes the same HMAC-SHA1 over URL and sorted parameters, and answers
//! with a document that never changes. Both get the same calls over the same kind of connection, in rounds that alternate.
//!
//! Whoever calls shares the processors, and what that costs brings every ratio nearer to one. So calls are signed as `Line` does it but
//! written to bare connections, because a client of HTTP would cost more than the handler that it asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use jackfield_providers::twilio::sign;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::load::{Figures, Verdict, closed_loop};
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Platform, Tenancy};
use serde_json::json;
use sha1::Sha1;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::{held, load_average, spread};

const NUMBER: &str = "+18005551234";
/// Pairs of rounds of each crowd: some seconds together.
const PAIRS: usize = 4;
/// Of one round.
const LASTING: Duration = Duration::from_millis(500);
/// Callers at once, because what is written together waits together: few measure how long a record takes to be durable, many how much can
/// be done. None are so many that they are turned away, as where overload is measured.
const CROWDS: [u64; 2] = [6, 24];
/// What the ratio should reach.
const AIM: f64 = 0.5;
/// The document of the plugin asks; no default route does.
const ASKS: &str = "<Gather";

/// Measures.
pub(super) async fn run() -> anyhow::Result<()> {
    let platform = Platform::start().await?;
    let line = onboarded(&platform).await?;
    let first = line.call("+14155550100", NUMBER).arrive().await?;
    anyhow::ensure!(String::from_utf8_lossy(&first.body).contains(ASKS), "the plugin did not answer: {first:?}");
    let plain_url = plain(first.body).await?;
    println!("{PAIRS} pairs of rounds of {LASTING:?} of each crowd, one process; load average {}", load_average());
    let mut best: [f64; 2] = [0.0; 2];
    for crowd in CROWDS {
        let ours = Arc::new(Callers::new(&platform.operator.hooks_url, line.clone(), crowd).await?);
        let plain = Arc::new(Callers::new(&plain_url, line.clone(), crowd).await?);
        let [ours, plain] = report(crowd, &pairs(&ours, &plain).await?);
        best = [best[0].max(ours), best[1].max(plain)];
    }
    platform.stop().await;
    let ratio = best[0] / best[1];
    println!("  ratio of the best {ratio:8.3}; aim >= {AIM}: {}", held(ratio >= AIM));
    Ok(())
}

async fn pairs(ours: &Arc<Callers>, plain: &Arc<Callers>) -> anyhow::Result<Vec<[Figures; 2]>> {
    // The first rounds fill caches and pools.
    round(plain).await?;
    round(ours).await?;
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        // Whoever is second finds a machine that is warm: each is it as often.
        pairs.push(if pair % 2 == 0 {
            let plain = round(plain).await?;
            [round(ours).await?, plain]
        } else {
            [round(ours).await?, round(plain).await?]
        });
    }
    Ok(pairs)
}

async fn onboarded(platform: &Platform) -> anyhow::Result<Line> {
    let line = platform.operator.connect_twilio("twilio").await?;
    let tenancy = Tenancy {
        tenant: "acme",
        number: NUMBER,
        component: artifacts::plugin("acme-ivr")?,
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "maximum",
    };
    platform.operator.onboard("twilio", tenancy).await?;
    // Every kind of limit, and none that is reached: what is measured is that each event asks them.
    let quota = json!({
        "meters": {"contacts": {"day": 100_000_000}, "fuel": {"hour": 1_u64 << 60}}, "rate": {"per_second": 100_000, "burst": 6_000_000},
        "concurrency": 100_000_000,
    });
    platform.operator.ok(Method::PUT, "/v1/tenants/acme/quotas", quota).await?;
    Ok(line)
}

async fn round(callers: &Arc<Callers>) -> anyhow::Result<Figures> {
    let (callers, crowd) = (Arc::clone(callers), callers.connections.len() as u64);
    let call = move |number: u64| {
        let callers = Arc::clone(&callers);
        async move { callers.call(number).await.unwrap_or_else(|error| Verdict::Lost(format!("{error:#}"))) }
    };
    let figures = closed_loop(crowd, LASTING, call).await?;
    // What a default route answers instead is no rate of the plugin's; where that is more than a few, nothing was measured.
    let (answered, fallback, lost) = (figures.plugin.len(), figures.fallback.len(), figures.lost.first());
    anyhow::ensure!(lost.is_none() && fallback * 100 <= answered, "{answered} answered, {fallback} by a default route, {lost:?} lost");
    Ok(figures)
}

/// Prints what a crowd got, and gives the middle rates: with everything, and of a static document.
fn report(crowd: u64, pairs: &[[Figures; 2]]) -> [f64; 2] {
    let of = |what: &str, side: fn(&[Figures; 2]) -> &Figures| {
        let (low, middle, high) = spread(pairs.iter().map(|pair| side(pair).goodput()).collect());
        let p50 = spread(pairs.iter().map(|pair| Figures::per_mille(&side(pair).plugin, 500).as_secs_f64() * 1e3).collect()).1;
        println!("  {crowd:3} callers, {what:18}{middle:8.0} answers in a second (p10 {low:.0}, p90 {high:.0}), p50 {p50:.2} ms");
        middle
    };
    let rates = [of("with everything", |[ours, _]| ours), of("a static document", |[_, plain]| plain)];
    let (low, ratio, high) = spread(pairs.iter().map(|[ours, plain]| ours.goodput() / plain.goodput()).collect());
    println!("  {crowd:3} callers, ratio             {ratio:8.3} (p10 {low:.3}, p90 {high:.3})");
    rates
}

/// Callers with a connection each, which call one after the other.
struct Callers {
    line: Line,
    host: String,
    connections: Vec<Mutex<BufReader<TcpStream>>>,
}

impl Callers {
    async fn new(url: &str, line: Line, crowd: u64) -> anyhow::Result<Self> {
        let host = url.strip_prefix("http://").context("a URL of HTTP")?.to_owned();
        let mut connections = Vec::new();
        for _ in 0..crowd {
            let stream = TcpStream::connect(&host).await?;
            stream.set_nodelay(true)?;
            connections.push(Mutex::new(BufReader::new(stream)));
        }
        Ok(Self { line, host, connections })
    }

    /// A new call from somebody.
    async fn call(&self, number: u64) -> anyhow::Result<Verdict> {
        let params = self.line.call(&format!("+1415556{:04}", number % 10_000), NUMBER).params("ringing", &[]);
        let hook = self.line.hook("voice");
        let signature = sign(AUTH_TOKEN, &hook, &params);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
        let path = hook.strip_prefix(PUBLIC_URL).context("a hook under the public URL")?;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded; charset=UTF-8\r\n\
             x-twilio-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let connection = self.connections.iter().cycle().nth(number as usize % self.connections.len()).context("a connection for each")?;
        let mut connection = connection.lock().await;
        connection.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length) = (String::new(), 0);
        connection.read_line(&mut status).await?;
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).await?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        let answered = status.starts_with("HTTP/1.1 200");
        Ok(match String::from_utf8_lossy(&body).contains(ASKS) {
            true if answered => Verdict::Plugin,
            false if answered => Verdict::Fallback,
            _ => Verdict::Lost(status),
        })
    }
}

/// What the handler beside us knows.
struct Plain {
    document: Bytes,
    mac: Hmac<Sha1>,
}

/// Where it listens; it ends with the process.
async fn plain(document: Bytes) -> anyhow::Result<String> {
    let mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes())?;
    let app = Router::new().route("/hooks/{connection}/{hook}", post(answer)).with_state(Arc::new(Plain { document, mac }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn answer(
    State(plain): State<Arc<Plain>>,
    Path((connection, hook)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params: BTreeSet<_> = form_urlencoded::parse(&body).collect();
    let named = |wanted: &str| params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
    let given = headers.get("x-twilio-signature").and_then(|given| STANDARD.decode(given.as_bytes()).ok()).unwrap_or_default();
    let mut mac = plain.mac.clone();
    mac.update(format!("{PUBLIC_URL}/hooks/{connection}/{hook}").as_bytes());
    for (name, value) in &params {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    if mac.verify_slice(&given).is_err() || named("AccountSid") != Some(ACCOUNT) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if named("CallSid").is_none() || named("To").is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], plain.document.clone()).into_response()
}
