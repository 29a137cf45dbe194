//! Asks ten times of what the server can do, and looks at what is still done and how fast the rest is turned to the fallback.
//!
//! The long form is a soak, the short one a promise. What the server can do is measured first, in the same run and by the same plugin:
//! a ratio says something of the server, an absolute number only of the machine.
//!
//! The generator shares the machine, and ten times as many calls cost it ten times as much of the same processors. So the peak is
//! measured beside a generator that is as busy: it makes as many calls to a stub of its own. What is left between the two is the server's.
//! Both are measured in turns, because a virtual machine is not as fast in one minute as in the next; of the pairs the middle one counts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::artifacts;
use crate::line::Line;
use crate::load::{Figures, Verdict, closed_loop, open_loop};
use crate::platform::{Operator, Tenancy};
use crate::process::Process;

/// Tenants that ask too much, all alike.
const TENANTS: u64 = 4;
/// Callers at once while the peak is measured: enough to keep every worker busy, too few to be turned away.
const CALLERS: u64 = 6;
/// Fuel of one call in the short form: some milliseconds of a core, so that guests and not the generator are what is scarce.
pub const CALL_FUEL: u64 = 200_000_000;
/// What no step of an event should take; one of the ends of the histograms.
pub const SLOW: Duration = Duration::from_millis(50);
/// The first look at the peak, which says how many calls are asked, takes at least that long, and else half as long as the rest.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// Calls in a second that keep the server full, for longer than anybody looks at it: several times what two cores can do.
const CROWD: f64 = 90.0;
const CROWDED: Duration = Duration::from_secs(60);
/// Times that the peak and ten times too much are measured one after the other.
const PAIRS: u32 = 3;
/// For what is written down behind its reply: two hundred times what it takes.
const WRITTEN_PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Fuel of one call.
    pub fuel: u64,
    /// Answers of plugins in a second, at best, with nothing beside them.
    pub peak_alone: f64,
    /// The same beside a generator that is as busy as under overload, of each pair.
    pub peaks: Vec<f64>,
    /// What was still done under overload, in parts of the peak of the same pair; sorted.
    pub kept: Vec<f64>,
    /// How many times of it were asked.
    pub times: f64,
    /// What came of that, in all pairs together.
    pub asked: Figures,
    /// Steps of events that took more than [`SLOW`] in all pairs, peaks and all, by their names in the metrics.
    pub slow: BTreeMap<String, u64>,
    /// Calls that were answered from the start on, and events that usage counts: what was turned away is written down behind its reply.
    pub written: [u64; 2],
    /// Resident memory before and at the end, in bytes.
    pub resident_bytes: [u64; 2],
}

impl Report {
    /// Answers of plugins under overload, of the peak: of the middle pair.
    pub fn kept(&self) -> f64 {
        self.kept.get(self.kept.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |part| Figures::per_mille(&self.asked.fallback, part).as_secs_f64() * 1e3;
        let [before, after] = self.resident_bytes.map(|bytes| bytes >> 20);
        writeln!(
            f,
            "a plugin of {} M fuel, peak: {:.1} answers in a second, {:.1?} beside a generator that is as busy as now; \
             {:.0} times the first were asked:",
            self.fuel / 1_000_000,
            self.peak_alone,
            self.peaks,
            self.times
        )?;
        writeln!(f, "  {}", self.asked)?;
        let percent: Vec<f64> = self.kept.iter().map(|kept| kept * 100.0).collect();
        writeln!(
            f,
            "  goodput  {:.1} in a second, {:.1} % of the peak beside the generator (of each pair {percent:.1?})",
            self.asked.goodput(),
            self.kept() * 100.0
        )?;
        writeln!(f, "  fallback p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms after the call was due", ms(500), ms(990), ms(999))?;
        writeln!(f, "  steps that took more than {} ms: {:?}", SLOW.as_millis(), self.slow)?;
        let [answered, written] = self.written;
        writeln!(f, "  {answered} calls answered from the start on, {written} in the record")?;
        write!(f, "  resident {before} MiB before, {after} MiB at the end")
    }
}

/// Measures the peak for a while, then asks `times` of it for as long.
pub async fn run(times: f64, lasting: Duration, fuel: u64) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    let line = eager(&operator, fuel).await?;
    let stub = line.to(&stub().await?)?;
    let unanswered = move |number: u64| call(stub.clone(), number % TENANTS);
    let call = move |number: u64| call(line.clone(), number % TENANTS);
    let warm = closed_loop(CALLERS, Duration::from_secs(1), call.clone()).await?;
    let alone = closed_loop(CALLERS, FIRST_LOOK.max(lasting / 2), call.clone()).await?;
    let peak_alone = alone.goodput();
    let (before, steps_before) = (process.resident_bytes()?, slow_steps(&operator).await?);
    let (mut peaks, mut kept, mut asked) = (Vec::new(), Vec::new(), Figures::default());
    let mut answered = [&warm, &alone].map(Figures::answered).iter().sum();
    for _ in 0..PAIRS {
        let each = lasting / PAIRS;
        let (peak, _) =
            tokio::join!(closed_loop(CALLERS, each, call.clone()), open_loop(peak_alone * (times - 1.0), each, unanswered.clone()));
        let (peak, too_much) = (peak?, open_loop(peak_alone * times, each, call.clone()).await?);
        answered += peak.answered() + too_much.answered();
        peaks.push(peak.goodput());
        kept.push(too_much.goodput() / peak.goodput().max(1e-9));
        asked.join(too_much);
    }
    kept.sort_by(f64::total_cmp);
    let mut slow = slow_steps(&operator).await?;
    slow.iter_mut().for_each(|(step, count)| *count -= steps_before.get(step).copied().unwrap_or_default());
    slow.retain(|_, count| *count > 0);
    let resident_bytes = [before, process.resident_bytes()?];
    let written = [answered, written(&operator, answered).await?];
    Ok(Report { fuel, peak_alone, peaks, kept, times, asked, slow, written, resident_bytes })
}

/// Tenants whose plugin works so hard, behind one line.
async fn eager(operator: &Operator, fuel: u64) -> anyhow::Result<Line> {
    let line = operator.connect_twilio("twilio").await?;
    for number in 0..TENANTS {
        let tenancy = Tenancy {
            tenant: &format!("eager-{number}"),
            number: &number_of(number),
            component: artifacts::guest("works-hard")?,
            settings: json!({ "fuel": fuel }),
            queues: &["front-desk"],
            plan: "maximum",
        };
        operator.onboard("twilio", tenancy).await?;
        route(operator, number, json!({"tag": "default", "queue": "front-desk"})).await?;
    }
    Ok(line)
}

/// Where a tenant's calls go that find no place.
async fn route(operator: &Operator, number: u64, enqueue: Value) -> anyhow::Result<()> {
    let open = json!({"actions": [{"do": "enqueue", "with": enqueue}], "reason": "default"});
    let routes = json!([{"channel": "voice", "open": open}]);
    operator.ok(http::Method::PUT, &format!("/v1/tenants/eager-{number}/routes"), routes).await.map(drop)
}

/// Places as many calls one after the other, and ends each as soon as it is answered, while others keep the server full. Gives how many were turned away, and the ids of those that
/// are not over afterwards: the end of a call must find its beginning, whether or not that is on the disk.
pub async fn ended_at_once(calls: u64) -> anyhow::Result<(usize, Vec<String>)> {
    let data = tempfile::tempdir()?;
    let process = Process::start(&data.path().join("data"))?;
    let operator = process.operator(None)?;
    // Few calls that cost much: the machine is busy with guests, and not with calls.
    let line = eager(&operator, 4 * CALL_FUEL).await?;
    // With a route that leads back each of them is kept whole, however many there are.
    for number in 0..TENANTS {
        route(&operator, number, json!({"tag": "default", "queue": "front-desk", "maximum_wait_ms": 600_000})).await?;
    }
    // Others keep the line full, so that it is turned away who comes.
    let others = line.clone();
    let crowd = tokio::spawn(open_loop(CROWD, CROWDED, move |number| call(others.clone(), number % TENANTS)));
    let mut ended = Vec::new();
    for number in 0..calls {
        let call = line.call("+14155550100", &number_of(number % TENANTS));
        let is_turned_away = call.arrive().await?.twiml.queue().is_some();
        call.end().await?;
        ended.push((number % TENANTS, call.sid.clone(), is_turned_away));
    }
    crowd.abort();
    let (mut turned_away, mut not_over) = (0, Vec::new());
    for (tenant, sid, is_turned_away) in ended {
        turned_away += usize::from(is_turned_away);
        let found = operator.contact_of(&format!("eager-{tenant}"), &sid).await?;
        if found.pointer("/contact/phase").and_then(Value::as_str) != Some("ended") {
            not_over.push(sid);
        }
    }
    Ok((turned_away, not_over))
}

/// Events that usage counts, once they are as many as were answered or time is up.
async fn written(operator: &Operator, answered: u64) -> anyhow::Result<u64> {
    let begun = Instant::now();
    loop {
        let mut counted = 0;
        for number in 0..TENANTS {
            counted += operator.counted(&format!("eager-{number}"), "events").await?;
        }
        if counted >= answered || begun.elapsed() > WRITTEN_PATIENCE {
            return Ok(counted);
        }
        tokio::time::sleep(SLOW).await;
    }
}

/// How often each step of an event took more than [`SLOW`].
async fn slow_steps(operator: &Operator) -> anyhow::Result<BTreeMap<String, u64>> {
    let page = operator.api.get_text("/metrics", &[]).await?;
    let within = format!("le=\"{}\"", SLOW.as_secs_f64());
    let counted = |end: &str| -> BTreeMap<String, u64> {
        let ours = page.lines().filter(|line| line.starts_with("jackfield_step_seconds") && line.contains(end));
        ours.filter_map(|line| {
            let step = line.split("step=\"").nth(1)?.split('"').next()?;
            Some((step.to_owned(), line.rsplit(' ').next()?.parse().ok()?))
        })
        .collect()
    };
    let mut slow: BTreeMap<String, u64> = counted("_count{");
    for (step, quick) in counted(&within) {
        if let Some(count) = slow.get_mut(&step) {
            *count = count.saturating_sub(quick);
        }
    }
    Ok(slow)
}

/// Answers every request with a document as the fallback's, which the generator has to read as well, at next to no cost; where it listens.
async fn stub() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Whoever hangs up ends it.
            tokio::spawn(async move { drop(answer(socket).await) });
        }
    });
    Ok(at)
}

async fn answer(socket: TcpStream) -> std::io::Result<()> {
    const DOCUMENT: &str = include_str!("../fixtures/twilio/render/enqueue.xml");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml; charset=utf-8\r\ncontent-length: {}\r\n\r\n", DOCUMENT.len());
    let reply = [head.as_bytes(), DOCUMENT.as_bytes()].concat();
    let mut socket = BufReader::new(socket);
    let (mut line, mut body_bytes) = (String::new(), 0);
    while socket.read_line(&mut line).await? > 0 {
        let head = line.trim().to_ascii_lowercase();
        if let Some(bytes) = head.strip_prefix("content-length:") {
            body_bytes = bytes.trim().parse().unwrap_or(0);
        } else if head.is_empty() {
            socket.read_exact(&mut vec![0; body_bytes]).await?;
            socket.write_all(&reply).await?;
        }
        line.clear();
    }
    Ok(())
}

async fn call(line: Line, tenant: u64) -> Verdict {
    match line.call("+14155550100", &number_of(tenant)).arrive().await {
        Ok(heard) if heard.twiml.first("Say").is_some_and(|say| say.text.contains("hard work")) => Verdict::Plugin,
        Ok(heard) if heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")) => Verdict::Fallback,
        Ok(heard) => Verdict::Lost(format!("status {}: {}", heard.status, String::from_utf8_lossy(&heard.body))),
        Err(error) => Verdict::Lost(error.to_string()),
    }
}

fn number_of(tenant: u64) -> String {
    format!("+1800{:07}", 6_000_000 + tenant)
}
