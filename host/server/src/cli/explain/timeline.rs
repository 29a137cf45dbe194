//! Renders a contact's timeline: arrival, every event, what was asked and told, what was decided by whom and why, and the end.
//!
//! [`super::Explain`] calls it. Every line begins with what it is about, so that an eye finds the odd one; limits show where they were
//! half used or passed, all of them only where that was asked for.

use jackfield_domain::budget::Limit;
use jackfield_domain::capability::{Level, LogLine};
use jackfield_domain::contact::after::TURNED_AWAY;
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::fallback::{AnsweredBy, FailureKind};
use jackfield_domain::trail::{AttemptRecord, Told, Turn};
use jiff::tz::TimeZone;

use super::words::{actions, event, quote, requested};
use crate::cli::when::{clock, full, span};

/// Of a limit, in percent: from there on it is worth a line.
const NOTABLE_PERCENT: u64 = 50;
/// Lines of a plugin's log or answers that are shown without being asked for all.
const LINES_MAX: usize = 12;

/// The whole story as text.
pub(crate) fn timeline(contact: &Contact, turns: &[Turn], zone: &TimeZone, all: bool) -> String {
    let mut page = Page::default();
    head(&mut page, contact, turns, zone);
    for turn in turns {
        page.blank();
        entry(&mut page, turn, zone, all);
    }
    page.blank();
    end(&mut page, contact, zone);
    page.text
}

/// Lines under construction.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, name: &str, value: &str) {
        for (at, part) in value.lines().enumerate() {
            let name = if at == 0 { name } else { "" };
            self.text.push_str(&format!("  {name:<11}  {part}"));
            self.text.push('\n');
        }
    }

    fn title(&mut self, title: &str) {
        self.text.push_str(title);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }
}

fn head(page: &mut Page, contact: &Contact, turns: &[Turn], zone: &TimeZone) {
    page.title(&format!("contact {}", contact.id));
    page.line("tenant", contact.tenant.as_str());
    page.line("arrived", &format!("{}, {} {}", full(contact.started, zone), contact.arrival.direction.as_str(), contact.channel.as_str()));
    page.line("from", &customer(contact));
    page.line("to", &contact.address.to_string());
    page.line("through", &format!("{} of {} ({})", contact.connection, contact.provider, contact.arrival.provider_contact));
    if let Some(first) = turns.first() {
        page.line("rule", &first.rule);
        page.line("verified", &format!("with secret {}", first.verified_with));
    }
    let release = contact.release.map_or_else(|| "none was live".to_owned(), |number| pinned(number, turns));
    page.line("flow", contact.flow.as_str());
    page.line("release", &release);
}

fn pinned(number: u32, turns: &[Turn]) -> String {
    let ran = turns.iter().flat_map(|turn| &turn.attempts).find(|attempt| attempt.release == number);
    ran.map_or_else(|| format!("{number}"), |attempt| format!("{number}, which is {}", version(attempt)))
}

fn version(attempt: &AttemptRecord) -> String {
    let version = &attempt.version;
    format!("{}/{} version {} ({})", version.tenant, version.plugin, version.number, version.digest.short())
}

fn customer(contact: &Contact) -> String {
    let party = &contact.arrival.customer;
    if party.anonymous {
        return "withheld".to_owned();
    }
    let number = party.address.e164.as_deref().unwrap_or(&party.address.raw);
    let name = party.name.as_ref().map(|name| format!(", calls itself {}", quote(name))).unwrap_or_default();
    let attested = party.attestation.as_ref().map(|level| format!(", attestation {level}")).unwrap_or_default();
    format!("{number}{name}{attested}")
}

fn entry(page: &mut Page, turn: &Turn, zone: &TimeZone, all: bool) {
    page.title(&format!("{}  turn {}: {}", clock(turn.at, zone), turn.turn, event(&turn.event)));
    if let Some(barred) = turn.barred {
        let why = turn.shortage.as_ref().map(|shortage| format!("; {shortage}")).unwrap_or_default();
        page.line("barred", &format!("no plugin ran: {}{why}", barred.code()));
    }
    if !turn.lost.is_empty() {
        let fuel: u64 = turn.lost.iter().map(|lost| lost.used.fuel).sum();
        page.line("in vain", &format!("{} before, whose commit met a conflict; {fuel} fuel", turn.lost.len()));
    }
    for attempt in &turn.attempts {
        attempt_lines(page, attempt, all);
    }
    if let Some(draft) = &turn.decision {
        page.line("decided", &actions(&draft.actions));
    }
    if !turn.reason.is_empty() {
        page.line("because", &turn.reason);
    }
    if let Some(by) = turn.answered_by {
        page.line("answered by", &answered(by, turn));
    }
    for note in &turn.notes {
        page.line("note", note);
    }
    if turn.decision.is_some() {
        page.line("took", &took(turn));
    }
    if let Some(trace) = &turn.trace {
        page.line("trace", trace);
    }
}

fn answered(by: AnsweredBy, turn: &Turn) -> String {
    let release = |by: AnsweredBy| turn.attempts.iter().find(|attempt| attempt.by == by).map(|attempt| attempt.release);
    let who = match (by, release(by)) {
        (AnsweredBy::Plugin, Some(number)) => format!("the plugin (release {number})"),
        (AnsweredBy::Plugin, None) => "the host, going on with what the plugin began".to_owned(),
        (AnsweredBy::LastGood, Some(number)) => format!("the last good release ({number})"),
        (AnsweredBy::LastGood, None) => "the last good release".to_owned(),
        (AnsweredBy::FlowDefault, _) => "the flow's default route".to_owned(),
        (AnsweredBy::TenantDefault, _) => "the tenant's default route".to_owned(),
        (AnsweredBy::PlatformDefault, _) => "the platform's default route".to_owned(),
    };
    match by {
        AnsweredBy::Plugin => who,
        _ => format!("{who}, not the plugin: {}", why_not(turn)),
    }
}

fn why_not(turn: &Turn) -> String {
    let failed = turn.attempts.iter().filter_map(|attempt| attempt.failure.as_ref());
    let codes: Vec<&str> = turn.barred.iter().map(|barred| barred.code()).chain(failed.map(|failure| failure.code())).collect();
    if codes.is_empty() { "see the notes".to_owned() } else { codes.join(", then ") }
}

fn attempt_lines(page: &mut Page, attempt: &AttemptRecord, all: bool) {
    page.line("ran", &format!("{} of release {}, {}", attempt.function, attempt.release, version(attempt)));
    let told: Vec<String> = attempt.told.iter().flat_map(told).collect();
    lines(page, "asked", &told, all);
    let log: Vec<String> = attempt.log.iter().map(log_line).collect();
    lines(page, "logged", &log, all);
    if let Some(failure) = &attempt.failure {
        page.line("FAILED", &format!("{}: {}", failure.code(), failure.detail));
    }
    let over = attempt.failure.as_ref().and_then(|failure| match failure.kind {
        FailureKind::Limit(limit) => Some(limit),
        _ => None,
    });
    let used = attempt.used.against(&attempt.limits);
    let shown: Vec<String> = used
        .into_iter()
        .filter(|(limit, used, most)| all || over == Some(*limit) || used.saturating_mul(100) >= most.saturating_mul(NOTABLE_PERCENT))
        .map(|(limit, used, most)| budget(limit, used, most))
        .collect();
    page.line("used", &if shown.is_empty() { "less than half of every limit".to_owned() } else { shown.join(", ") });
}

fn lines(page: &mut Page, name: &str, lines: &[String], all: bool) {
    let shown = if all { lines.len() } else { LINES_MAX };
    page.line(name, &lines.iter().take(shown).cloned().collect::<Vec<_>>().join("\n"));
    if lines.len() > shown {
        page.line("", &format!("and {} more; --all shows them", lines.len() - shown));
    }
}

/// One line for a question, or one for each request that left with it.
fn told(told: &Told) -> Vec<String> {
    if !told.requests.is_empty() {
        return told.requests.iter().map(|request| format!("{} {}", told.name, requested(request))).collect();
    }
    let answer = told.gist.clone().unwrap_or_else(|| format!("an answer kept by its digest {}", told.answer.short()));
    vec![format!("{} -> {answer}", told.name)]
}

fn log_line(line: &LogLine) -> String {
    let level = match line.level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{level:<5} {}{fields}", line.message.replace('\n', " "))
}

fn budget(limit: Limit, used: u64, most: u64) -> String {
    let percent = used.saturating_mul(100).checked_div(most).unwrap_or(100);
    let (name, used, most) = match limit {
        Limit::Fuel => ("fuel", count(used), count(most)),
        Limit::Memory => ("memory", bytes(used), bytes(most)),
        Limit::Wall => ("wall", span(used), span(most)),
        Limit::HostCalls => ("host calls", used.to_string(), most.to_string()),
        Limit::Input => ("input", bytes(used), bytes(most)),
        Limit::Output => ("output", bytes(used), bytes(most)),
        Limit::Log => ("log", bytes(used), bytes(most)),
        Limit::Stored => ("stored", bytes(used), bytes(most)),
    };
    format!("{name} {used} of {most} ({percent} %)")
}

fn count(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{} k", number / 1_000),
        _ => format!("{}.{} M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

fn bytes(number: u64) -> String {
    match number {
        0..10_240 => format!("{number} B"),
        10_240..10_485_760 => format!("{} KiB", number / 1_024),
        _ => format!("{} MiB", number / 1_048_576),
    }
}

fn took(turn: &Turn) -> String {
    let ms = |us: u64| format!("{}.{} ms", us / 1_000, us % 1_000 / 100);
    let times = &turn.times;
    let deadline = span(times.deadline_us / 1_000);
    format!(
        "{} of {deadline} (its turn came after {}, plugins were done after {})",
        ms(times.rendered_us),
        ms(times.admitted_us),
        ms(times.invoked_us)
    )
}

fn end(page: &mut Page, contact: &Contact, zone: &TimeZone) {
    let lasted = |to: Moment| span(to.saturating_sub(contact.started));
    match (contact.ended, &contact.end_cause) {
        (Some(_), Some(cause)) if cause == TURNED_AWAY => page.title("it is kept in brief: what became of it afterwards nobody told"),
        (Some(at), cause) => {
            let cause = cause.as_deref().unwrap_or("no cause was told");
            page.title(&format!("{}  ended: {cause}, after {}", clock(at, zone), lasted(at)));
        }
        (None, _) => page.title("it has not ended yet, as far as anybody told"),
    }
    if !contact.queues.is_empty() {
        page.line("reached", &format!("queue {}", contact.queues.join(", ")));
    }
    if !contact.failures.is_empty() {
        page.line("failures", &contact.failures.join(", "));
    }
    let attributes: Vec<String> = contact.attributes.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
    if !attributes.is_empty() {
        page.line("noted", &attributes.join(", "));
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
