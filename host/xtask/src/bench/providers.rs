//! Measures what a provider costs beside the same job by hand: a recorded request is read, and a reply to it is written.
//!
//! Both read the same bytes, tell the same contact and the same event, and write the same reply; all of that is compared first. What is
//! measured is what an event passes besides the plugin: `parse` and `document`, which is all that `render` calls. The pipeline looks at a
//! request before that, so the ratio with `glance` stands beside it; a signature costs both the same and is left out. SIP has no peer here:
//! nobody reads it by hand in the form of typed members.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::Address;
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::directory::Directory;
use jackfield_providers::provider::{Parsed, Place, Provider, Raw, Reply, Scene, provider};
use jackfield_providers::{connect, kamailio, native, retell, telnyx, twilio, twilio_messaging, vapi};
use jackfield_tests::artifacts::top;
use jackfield_tests::fuzzing::recorded::split;
use jackfield_tests::fuzzing::stage::connection;
use jackfield_tests::subject;
use serde_json::{Value, json};

use super::by_hand::{self, Done, Said};
use super::{held, load_average, spread};

/// Rounds of each, in turns: enough that a neighbour's noise shows as spread and not as a result.
const ROUNDS: usize = 40;
/// Requests in one round: some milliseconds, so that a round fits between two turns of the scheduler as often as not.
const REQUESTS: u32 = 1_000;
/// What the ratio should not pass.
const AIM: f64 = 2.0;

const WORDS: &str = "What is it about?";
const INSTRUCTIONS: &str = "You answer for Acme Corporation. Be brief, and never promise a refund.";
const QUEUE: &str = "sales";
const TARGETS: [&str; 2] = ["sip:acme-queue@127.0.0.1:5091", "sip:acme-overflow@127.0.0.1:5091"];

/// Why a provider costs more than the same by hand, where it does.
const FORMS: &str = "every parameter is kept, each lookup walks all of them to refuse a second value, escapes are checked, and sorted \
                     parameters identify the event";
const VALUES: &str = "the body is read whole, because any member may be missing, null, of another type or in another place, and member by \
                      member in order of their names it identifies the event";
const DIALLED: &str =
    "besides what other JSON costs, a number without its plus is read by all countries' numbering plans; by hand it is too";

/// A provider, a recorded request and the decision that it is told.
struct Job {
    provider: &'static dyn Provider,
    connection: Connection,
    directory: Directory,
    entry: Address,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
    draft: Draft,
    by_hand: fn(&[u8], &Said<'_>) -> Option<Done>,
    why: &'static str,
}

/// Nanoseconds of one request, in each round.
#[derive(Default)]
struct Measured {
    ours: Vec<f64>,
    parse: Vec<f64>,
    with_glance: Vec<f64>,
    by_hand: Vec<f64>,
}

/// Measures every provider.
pub(super) fn run() -> anyhow::Result<()> {
    println!("{ROUNDS} rounds of {REQUESTS} requests of each provider, in turns with the same by hand; load average {}", load_average());
    println!("  {:18}{:>10}{:>11}  ratio (p10, p90)", "", "ours", "by hand");
    let jobs = jobs()?;
    for job in &jobs {
        job.check()?;
    }
    for job in &jobs {
        let measured = job.measure()?;
        let nanos = |all: &[f64]| spread(all.to_vec()).1;
        let ratios = |ours: &[f64]| spread(ours.iter().zip(&measured.by_hand).map(|(ours, theirs)| ours / theirs).collect());
        let (low, ratio, high) = ratios(&measured.ours);
        println!(
            "  {:18}{:7.0} ns{:8.0} ns  {ratio:5.2} ({low:.2}, {high:.2})  aim <= {AIM:.1}: {:8}  {:.0} ns of it parse; with a glance before it {:.2}",
            job.provider.name(),
            nanos(&measured.ours),
            nanos(&measured.by_hand),
            held(ratio <= AIM),
            nanos(&measured.parse),
            ratios(&measured.with_glance).1
        );
        if ratio > AIM {
            println!("    # {}", job.why);
        }
    }
    Ok(())
}

/// What is said to each, in words that it can render.
fn jobs() -> anyhow::Result<Vec<Job>> {
    let words = json!({"content": {"text": WORDS}});
    let say = json!({"do": "say", "with": words});
    let question = json!([{"do": "collect", "with": {
        "tag": "topic", "prompts": [words], "dtmf": true, "speech": true, "min_digits": 1, "max_digits": 1, "terminator": null,
        "first_timeout_ms": 5_000, "inter_digit_timeout_ms": 0, "barge_in": "any", "hints": ["sales", "support"],
        "minimum_confidence": null, "attempts": 1, "no_input": [], "no_match": [], "low_confidence": [], "sensitive": false, "extras": [],
    }}]);
    let queued = json!([say, {"do": "enqueue", "with": {"tag": "queued", "queue": QUEUE}}]);
    let targets = TARGETS.map(|uri| json!({"sip": {"uri": uri, "headers": []}}));
    let transfer = json!([{"do": "transfer", "with": {"tag": "sent", "targets": targets, "ringing": "series"}}]);
    let greeted = json!([{"do": "set-attributes", "with": [["plan", "gold"]]}, say]);
    let persona = json!({
        "instructions": INSTRUCTIONS, "greeting": WORDS, "voice": null, "model": null, "language": "en-US", "tools": [],
        "temperature": null, "max_tokens": null, "max_duration_ms": 600_000, "interruptible": "any", "silence_timeout_ms": 30_000,
        "hints": [], "fields": [], "escalation": null, "knowledge": [], "extras": [],
    });
    let converse = json!([{"do": "converse", "with": {"tag": "talk", "persona": persona, "on_failure": []}}]);
    let agent = [("agent_id", "agent_1")];
    Ok(vec![
        Job::new(twilio::NAME, "voice-inbound", &[], question.clone(), by_hand::twilio)?,
        Job::new(telnyx::NAME, "voice-inbound", &[], question, by_hand::telnyx)?,
        Job::new(twilio_messaging::NAME, "sms-inbound", &[], json!([say]), by_hand::twilio_messaging)?,
        Job::new(connect::NAME, "voice-inbound", &[], queued.clone(), by_hand::amazon_connect)?,
        Job::new(kamailio::NAME, "invite", &[], transfer, by_hand::kamailio)?,
        Job::new(native::NAME, "arrived", &[], queued, by_hand::native)?,
        Job::new(retell::NAME, "call-inbound", &agent, greeted, by_hand::retell)?,
        Job::new(vapi::NAME, "assistant-request", &[], converse, by_hand::vapi)?,
    ])
}

impl Job {
    fn new(
        name: &str,
        case: &str,
        options: &[(&str, &str)],
        actions: Value,
        by_hand: fn(&[u8], &Said<'_>) -> Option<Done>,
    ) -> anyhow::Result<Self> {
        let provider = provider(name).with_context(|| format!("there is no {name}"))?;
        let path = top().join("tests/fixtures").join(name).join(case).join("request.txt");
        let request = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let (head, body) = split(&request).context("a request has a body")?;
        let mut lines = std::str::from_utf8(head)?.lines();
        let (method, target) = lines.next().and_then(|line| line.split_once(' ')).context("a request has a first line")?;
        let header = |line: &str| -> anyhow::Result<(HeaderName, HeaderValue)> {
            let (name, value) = line.split_once(": ").context("a header has a value")?;
            Ok((name.parse()?, value.parse()?))
        };
        let id = target.split('/').nth(2).context("a path names a connection")?;
        Ok(Self {
            provider,
            connection: connection(id, name, Some("a-secret"), options)?,
            directory: subject::directory()?,
            entry: "+18005551234".parse()?,
            method: method.parse()?,
            target: target.to_owned(),
            headers: lines.map(header).collect::<anyhow::Result<_>>()?,
            body: Bytes::copy_from_slice(body),
            draft: serde_json::from_value(json!({ "actions": actions, "reason": "because" }))?,
            by_hand,
            why: match name {
                twilio::NAME | telnyx::NAME | twilio_messaging::NAME => FORMS,
                kamailio::NAME => DIALLED,
                _ => VALUES,
            },
        })
    }

    fn raw(&self) -> Raw<'_> {
        let Self { method, target, headers, body, .. } = self;
        let path = target.split('?').next().unwrap_or_default();
        let tail = path.splitn(4, '/').nth(3).unwrap_or_default();
        Raw { method, tail, path_and_query: target, headers, body, peer: None, now: 0 }
    }

    fn ours(&self) -> anyhow::Result<(Parsed, Reply)> {
        let parsed = self.provider.parse(&self.raw(), &self.connection)?;
        let scene = Scene {
            connection: &self.connection,
            contact: ContactId::from_bytes([1; 16]),
            turn: 1,
            place: Place::Main,
            language: "en-US",
            entry: Some(&self.entry),
            caller: &parsed.arrival.customer.address,
            directory: &self.directory,
            asked: &parsed.asked,
            ran: None,
            now: 0,
            alone: false,
        };
        let document = self.provider.document(&self.draft, &self.connection, Some(&scene))?;
        Ok((parsed, document.reply))
    }

    fn said(&self) -> Said<'_> {
        let Draft { actions, reason } = &self.draft;
        let contact = ContactId::from_bytes([1; 16]);
        Said { contact, words: WORDS, instructions: INSTRUCTIONS, queue: QUEUE, targets: TARGETS, actions, reason }
    }

    /// Both read the same and write the same, or a ratio of them says nothing.
    fn check(&self) -> anyhow::Result<()> {
        let name = self.provider.name();
        let (parsed, reply) = self.ours().with_context(|| name.to_owned())?;
        let by_hand = (self.by_hand)(&self.body, &self.said()).with_context(|| format!("{name}: by hand it is not read"))?;
        let both = (&parsed.arrival, &parsed.heard);
        anyhow::ensure!(both == (&by_hand.arrival, &by_hand.heard), "{name}: {by_hand:#?} by hand, and ours {both:#?}");
        anyhow::ensure!(!parsed.event_material.is_empty() && !by_hand.identity.is_empty(), "{name}: nothing tells a retry");
        let (ours, theirs) = (String::from_utf8_lossy(&reply.body), String::from_utf8_lossy(&by_hand.reply));
        // The order of members means nothing.
        let value = |text: &str| serde_json::from_str::<Value>(text).ok();
        let is_same = ours == theirs || value(&ours).is_some_and(|ours| Some(ours) == value(&theirs));
        anyhow::ensure!(is_same, "{name}: two replies:\n{ours}\nand by hand\n{theirs}");
        Ok(())
    }

    fn measure(&self) -> anyhow::Result<Measured> {
        let said = self.said();
        let mut measured = Measured::default();
        for _ in 0..ROUNDS {
            measured.ours.push(nanos_of(|| self.ours().map(|both| drop(black_box(both))))?);
            measured.by_hand.push(nanos_of(|| {
                black_box((self.by_hand)(black_box(&self.body), &said));
                Ok(())
            })?);
            measured.parse.push(nanos_of(|| {
                black_box(self.provider.parse(&self.raw(), &self.connection)?);
                Ok(())
            })?);
            measured.with_glance.push(nanos_of(|| {
                black_box(self.provider.glance(&self.raw(), &self.connection)?);
                self.ours().map(|both| drop(black_box(both)))
            })?);
        }
        Ok(measured)
    }
}

/// Of one request, in nanoseconds, over a round of them.
fn nanos_of(mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        once()?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS))
}
