//! Answers for replays: runs what was captured again, of one contact step by step, or of a window of time against a release.
//!
//! A replay is a question about the past. Nothing is sent, nothing is written but what the replays cost, under the purpose `replay`, and
//! whoever is on the telephone goes first. A window is walked page by page: each answer says how much of it is done and where to go on, so
//! that whoever asks can show it, stop it and begin again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use futures_util::StreamExt as _;
use jackfield_domain::capability::{Answer as Told, Ask};
use jackfield_domain::capture::{CameTo, Capture, Class, Rerun, Tallied, Why};
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::flow::release::{Release, ReleaseNumber};
use jackfield_domain::id::{ContactId, FlowName};
use jackfield_domain::refusal::Code;
use jackfield_domain::retention::Retention;
use jackfield_domain::tenant::hours::local_date;
use jackfield_domain::usage::{self, Purpose};
use jackfield_runtime::capability::replay::{Overlay, patched};
use jackfield_runtime::{Candidate, NotReplayed};
use jackfield_store::Counter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::door::body::Body;
use super::super::door::guard::Inside;
use super::super::door::problem::{Problem, uncommitted, unread};
use super::super::door::reply::{self, Answer};
use super::super::flows;
use crate::app::App;

/// How long one page goes on: a person watches the pages go by, and no client's patience is used up.
const PAGE_TIME: Duration = Duration::from_secs(3);
/// Captures between two looks at the clock.
const PART: usize = 8;
/// Replays of one page at once: enough to keep the guests' threads busy, too few to fill their line.
const AT_ONCE: usize = 4;
/// Differing captures that one page shows.
const EXAMPLES_MAX: usize = 20;

/// Which invocations of a contact, and what is tried.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct One {
    /// All of them where none is named.
    turn: Option<u32>,
    /// Another release of the contact's flow than the one that ran.
    release: Option<ReleaseNumber>,
    /// By the name of a question, what is merged into its answer.
    answers: BTreeMap<String, Value>,
}

/// Which window.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Of the first event.
    from: Moment,
    /// Of the last.
    to: Moment,
    /// The release that is tried; each capture's own where none is named.
    #[serde(default)]
    release: Option<ReleaseNumber>,
    /// Where the page before stopped.
    #[serde(default)]
    cursor: Option<String>,
}

/// One invocation, then and now.
#[derive(Debug, Serialize)]
struct View {
    contact: ContactId,
    turn: u32,
    attempt: u32,
    function: String,
    at: Moment,
    event: String,
    release: ReleaseNumber,
    why: Why,
    class: Class,
    captured: Side,
    replayed: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmatched: Option<jackfield_domain::capture::Unmatched>,
    unanswered: usize,
    overridden: usize,
    /// What it asked and was told, now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Side {
    came_to: CameTo,
    fuel: u64,
    engine: String,
}

#[derive(Debug, Serialize)]
struct Step {
    asked: String,
    told: Told,
}

impl View {
    fn of(capture: &Capture, rerun: Rerun, with_steps: bool) -> Self {
        let class = rerun.class(capture);
        let Rerun { engine, came_to, fuel, tape, unmatched, unanswered, overridden, .. } = rerun;
        let step = |entry: jackfield_domain::capability::TapeEntry| Step { asked: entry.name, told: entry.answer };
        Self {
            contact: capture.contact.id,
            turn: capture.turn,
            attempt: capture.attempt,
            function: capture.function.clone(),
            at: capture.now,
            event: capture.event.name().to_owned(),
            release: capture.release,
            why: capture.why,
            class,
            captured: Side { came_to: capture.came_to.clone(), fuel: capture.fuel, engine: capture.engine.clone() },
            replayed: Side { came_to, fuel, engine },
            unmatched,
            unanswered,
            overridden,
            steps: if with_steps { tape.into_iter().map(step).collect() } else { Vec::new() },
        }
    }
}

pub(crate) async fn one(State(app): State<Arc<App>>, inside: Inside, Body(one): Body<One>) -> Answer {
    inside.asked.no_query()?;
    let id: ContactId = inside.asked.part("contact")?;
    names(&one.answers)?;
    let contact = inside.store.contact(&id).await.map_err(unread)?.ok_or_else(|| Problem::not_found("contact", &id))?.row;
    let turns = inside.store.turns(&id).await.map_err(unread)?;
    let until = turns.last().map_or(contact.started, |turn| turn.at);
    // What was answered a moment ago may still wait to be put.
    app.captures.written().await;
    let (mut captures, damaged) = inside.store.captures_of(&id, contact.started, until).await.map_err(unread)?;
    captures.retain(|capture| one.turn.is_none_or(|turn| capture.turn == turn));
    let mut notes = Vec::new();
    match damaged {
        Some(fault) if captures.is_empty() => return Err(unread(fault)),
        Some(fault) => {
            tracing::warn!(tenant = %inside.tenant.id, %fault, "captures cannot be read");
            notes.push("some of what was captured at that time cannot be read; a turn of this contact may be missing");
        }
        None => {}
    }
    if captures.is_empty() {
        return Err(not_captured(&inside, &id, one.turn));
    }
    fit(&one.answers, &captures)?;
    let mut items = Vec::with_capacity(captures.len());
    for capture in &captures {
        let tried = tried(&app, &inside, &capture.contact.flow, one.release).await?;
        if !tried.exports(capture) {
            continue;
        }
        let overlay = tried.overlay(&one.answers);
        match app.runtime.replay(capture, tried.candidate.as_ref(), overlay).await {
            Ok(rerun) => {
                charge(&app, &inside, &capture.contact.flow, tried.release.unwrap_or(capture.release), 1, rerun.fuel).await?;
                items.push(View::of(capture, rerun, true));
            }
            Err(why) => return Err(cannot(capture, &why)),
        }
    }
    reply::plain(json!({ "items": items, "next": null, "notes": notes }))
}

/// Why nothing of a contact can be replayed, and what to do.
fn not_captured(inside: &Inside, id: &ContactId, turn: Option<u32>) -> Problem {
    let what = turn.map_or_else(|| format!("contact {id}"), |turn| format!("turn {turn} of contact {id}"));
    let plan = inside.tenant.plan;
    let (days, percent) = (Retention::of(plan).days, jackfield_domain::capture::CaptureRules::percent_of(plan));
    let detail = format!(
        "no invocation of {what} was captured, or what was captured has expired: the plan captures {percent} % of contacts, every failure that the plugin itself came \
         to, and every flagged customer, for at most {days} days, and nothing where the input was sensitive or the default routes answered without a \
         plugin; `jackfield captures flag` has a customer's next contacts captured whole"
    );
    Problem::at(Code::NotFound, "contact", detail)
}

fn cannot(capture: &Capture, why: &NotReplayed) -> Problem {
    let code = if matches!(why, NotReplayed::NoRoom) { Code::Busy } else { Code::Invalid };
    Problem::new(code, format!("turn {} of contact {} cannot be replayed: {why}", capture.turn, capture.contact.id))
}

fn names(answers: &BTreeMap<String, Value>) -> Result<(), Problem> {
    match answers.keys().find(|name| !Ask::NAMES.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(80).collect();
            let detail = format!("{name:?} is no question of a plugin; there are {}", Ask::NAMES.join(", "));
            Err(Problem::at(Code::Invalid, "answers", detail))
        }
    }
}

/// An override that fits no answer would be left out without a word, and "nothing changes" would be the wrong conclusion.
fn fit(answers: &BTreeMap<String, Value>, captures: &[Capture]) -> Result<(), Problem> {
    for (name, patch) in answers {
        let mut given = captures.iter().flat_map(|capture| &capture.tape).filter(|entry| entry.name == *name).peekable();
        if given.peek().is_none() {
            return Err(Problem::at(Code::Invalid, &format!("answers.{name}"), format!("the plugin never asked {name} in this contact")));
        }
        if let Some(entry) = given.find(|entry| patched(&entry.answer, patch).is_none()) {
            let was = serde_json::to_value(&entry.answer).ok().and_then(|answer| answer.get("of").cloned()).unwrap_or_default();
            let detail = format!("{patch} does not fit an answer of {name}, which was {was}");
            return Err(Problem::at(Code::Invalid, &format!("answers.{name}"), detail));
        }
    }
    Ok(())
}

/// What is tried instead of what ran.
struct Tried {
    release: Option<ReleaseNumber>,
    candidate: Option<Candidate>,
    settings: Option<Value>,
    /// What the other release exports.
    exports: BTreeSet<String>,
}

impl Tried {
    /// Whether it can be asked at all: a release without an observer is told nothing, which is no failure.
    fn exports(&self, capture: &Capture) -> bool {
        self.candidate.is_none() || capture.function.split('.').next().is_some_and(|interface| self.exports.contains(interface))
    }

    fn overlay(&self, answers: &BTreeMap<String, Value>) -> Overlay {
        Overlay { settings: self.settings.clone(), answers: answers.clone() }
    }
}

async fn tried(app: &App, inside: &Inside, flow: &FlowName, release: Option<ReleaseNumber>) -> Result<Tried, Problem> {
    let Some(number) = release else { return Ok(Tried { release: None, candidate: None, settings: None, exports: BTreeSet::new() }) };
    let found = inside.store.get::<Release>(&(flow.clone(), number)).await.map_err(unread)?;
    let release = found.ok_or_else(|| Problem::not_found(&format!("release of flow {flow}"), &number))?.row;
    let wanted = &release.version;
    let version = app.store.tenant(&wanted.tenant).get::<Version>(&(wanted.plugin.clone(), wanted.number)).await.map_err(unread)?;
    let gone = || Problem::at(Code::InUse, "release", format!("version {} of plugin {} is gone", wanted.number, wanted.plugin));
    let version = version.ok_or_else(gone)?.row;
    let candidate =
        Candidate { digest: version.digest, class: version.class, release: number, limits: release.limits, grants: release.grants.clone() };
    Ok(Tried { release: Some(number), candidate: Some(candidate), settings: Some(release.settings), exports: version.exports })
}

/// What replays cost is counted, and nobody's quota is asked.
async fn charge(app: &App, inside: &Inside, flow: &FlowName, release: ReleaseNumber, invocations: u64, fuel: u64) -> Result<(), Problem> {
    let day = local_date(&inside.tenant.zone, app.clock.now());
    let counter = Counter::Usage { day, flow: flow.clone(), release: Some(release), purpose: Purpose::Replay };
    let change = inside.store.change().tally(&counter, usage::of_replays(invocations, fuel));
    change.commit().await.map_err(uncommitted)
}

pub(crate) async fn window(State(app): State<Arc<App>>, inside: Inside, Body(window): Body<Window>) -> Answer {
    inside.asked.no_query()?;
    let flow = flows::named(&inside).await?.row.name;
    if window.from > window.to {
        return Err(Problem::at(Code::Invalid, "to", "to lies before from"));
    }
    // Nothing older is kept, and nothing later has happened.
    let now = app.clock.now();
    let window =
        Window { from: window.from.max(now.saturating_sub(Retention::of(inside.tenant.plan).span_ms())), to: window.to.min(now), ..window };
    let tried = tried(&app, &inside, &flow, window.release).await?;
    let (begin, skip) = cursor(window.cursor.as_deref())?;
    if window.cursor.is_none() {
        app.captures.written().await;
    }
    let segments = inside.store.capture_segments(window.from, window.to).await.map_err(unread)?;
    let until = Instant::now() + PAGE_TIME;
    let mut page = Page::default();
    let mut next = None;
    let mut done = segments.iter().take_while(|segment| segment.name() < begin.as_str()).count();
    let mut skip = skip;
    for segment in segments.get(done..).unwrap_or_default() {
        let all = inside.store.captures_in(segment).await.unwrap_or_else(|fault| {
            tracing::warn!(tenant = %inside.tenant.id, %fault, "captures cannot be read");
            page.tallied.could_not("they cannot be read");
            Vec::new()
        });
        // The cursor's own segment may be gone; then what follows begins at its beginning.
        let mut at = if segment.name() == begin { std::mem::take(&mut skip) } else { 0 };
        let count = all.len();
        let mut all = all.into_iter().skip(at);
        // At least one part, or a slow disk would have the same page asked for again and again.
        while at < count {
            let part: Vec<Capture> = all.by_ref().take(PART).collect();
            at += part.len();
            let meant = |capture: &Capture| {
                capture.contact.flow == flow && (window.from..=window.to).contains(&capture.now) && tried.exports(capture)
            };
            page.replay(&app, &tried, part.into_iter().filter(meant).collect()).await;
            if Instant::now() > until {
                break;
            }
        }
        if at < count {
            next = Some(format!("{}/{at}", segment.name()));
            break;
        }
        done += 1;
        if Instant::now() > until {
            next = segments.get(done).map(|segment| format!("{}/0", segment.name()));
            break;
        }
    }
    let Page { tallied, mut examples, spent } = page;
    for (release, (invocations, fuel)) in spent.0 {
        charge(&app, &inside, &flow, release, invocations, fuel).await?;
    }
    examples.sort_by_key(|view: &View| (view.contact, view.turn, view.attempt));
    reply::plain(json!({ "items": examples, "tallied": tallied, "done": done, "of": segments.len(), "next": next }))
}

/// What a page came to so far.
#[derive(Default)]
struct Page {
    tallied: Tallied,
    examples: Vec<View>,
    spent: Spent,
}

impl Page {
    async fn replay(&mut self, app: &App, tried: &Tried, captures: Vec<Capture>) {
        let replays = captures.into_iter().map(|capture| async move {
            let rerun = app.runtime.replay(&capture, tried.candidate.as_ref(), tried.overlay(&BTreeMap::new())).await;
            (capture, rerun)
        });
        let mut replays = futures_util::stream::iter(replays).buffer_unordered(AT_ONCE);
        while let Some((capture, rerun)) = replays.next().await {
            match rerun {
                Ok(rerun) => {
                    self.spent.add(tried.release.unwrap_or(capture.release), rerun.fuel);
                    let class = self.tallied.add(&capture, &rerun);
                    if class != Class::Identical && self.examples.len() < EXAMPLES_MAX {
                        self.examples.push(View::of(&capture, rerun, false));
                    }
                }
                Err(why) => self.tallied.could_not(&why.to_string()),
            }
        }
    }
}

/// What replays cost, by release.
#[derive(Debug, Default)]
struct Spent(BTreeMap<ReleaseNumber, (u64, u64)>);

impl Spent {
    fn add(&mut self, release: ReleaseNumber, fuel: u64) {
        let (invocations, sum) = self.0.entry(release).or_default();
        *invocations += 1;
        *sum = sum.saturating_add(fuel);
    }
}

/// The segment where a page begins, and how many of its captures are done.
fn cursor(given: Option<&str>) -> Result<(String, usize), Problem> {
    let Some(given) = given else { return Ok((String::new(), 0)) };
    let parts = given.split_once('/').and_then(|(segment, done)| Some((segment.to_owned(), done.parse().ok()?)));
    parts.ok_or_else(|| Problem::at(Code::Invalid, "cursor", "cursor takes what the page before gave as next"))
}
