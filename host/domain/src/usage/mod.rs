//! Says what usage counts, under which names, and what one entry of the trail adds to it.
//!
//! The commit step and the observer hand every [`Turn`] that they write to [`of`] and put what comes out into the same batch, so that
//! usage is the sum of the trail by construction: it has no other source. The admin API adds rows up with [`total`].
//!
//! It must not count anything about a customer: usage is not sealed and outlives contacts.

mod names;

pub use names::{Figure, Purpose};

use std::collections::BTreeMap;

use crate::budget::Used;
use crate::capability::Tokens;
use crate::contact::decision::Action;
use crate::contact::event::Event;
use crate::flow::release::ReleaseNumber;
use crate::trail::{AttemptRecord, Turn};
use names::Family;

/// What a peak's name ends with: such numbers are never added up.
const PEAK: &str = "_peak";
/// How goals were written before they had a slash.
const OUTCOME_BEFORE: &str = "outcome_";

/// Named numbers of a row, as people see them.
pub type Counts = BTreeMap<String, u64>;

/// What is added to a row, and what its peaks are raised to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// To be added.
    pub sums: BTreeMap<String, i64>,
    /// To be raised to, where they are lower.
    pub peaks: BTreeMap<String, i64>,
}

impl Tally {
    fn add(&mut self, figure: Figure, by: u64) {
        self.add_named(figure.name().to_owned(), by);
    }

    fn add_named(&mut self, name: String, by: u64) {
        if by > 0 {
            let sum = self.sums.entry(name).or_insert(0);
            *sum = sum.saturating_add(whole(by));
        }
    }

    fn raise(&mut self, figure: Figure, to: u64) {
        if to > 0 {
            let peak = self.peaks.entry(figure.name().to_owned()).or_insert(0);
            *peak = (*peak).max(whole(to));
        }
    }

    /// Takes over what another adds.
    pub fn join(&mut self, other: Self) {
        for (name, by) in other.sums {
            let sum = self.sums.entry(name).or_insert(0);
            *sum = sum.saturating_add(by);
        }
        for (name, to) in other.peaks {
            let peak = self.peaks.entry(name).or_insert(to);
            *peak = (*peak).max(to);
        }
    }

    /// True where it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.peaks.is_empty()
    }

    fn attempt(&mut self, attempt: &AttemptRecord) {
        self.add(Figure::Invocations, 1);
        if let Some(failure) = &attempt.failure {
            self.add(Figure::Failures, 1);
            self.add_named(Family::Failed.name(failure.code()), 1);
        }
        self.used(&attempt.used);
        for (goal, _) in &attempt.outcomes {
            self.add(Figure::Outcomes, 1);
            self.add_named(Family::Outcome.name(goal), 1);
        }
        attempt.tokens.iter().for_each(|tokens| self.tokens(tokens));
    }

    fn tokens(&mut self, tokens: &Tokens) {
        self.add(Figure::TokensInput, tokens.input);
        self.add(Figure::TokensOutput, tokens.output);
        self.add_named(Family::TokensInput.name(&tokens.model), tokens.input);
        self.add_named(Family::TokensOutput.name(&tokens.model), tokens.output);
    }

    fn used(&mut self, used: &Used) {
        self.add(Figure::Fuel, used.fuel);
        self.add(Figure::WallUs, used.wall_us);
        // The two clocks are read one after the other; guest and host must still come to the whole.
        self.add(Figure::HostUs, used.host_us.min(used.wall_us));
        self.raise(Figure::MemoryBytesPeak, used.memory_bytes);
        self.add(Figure::HostCalls, u64::from(used.host_calls));
        self.add(Figure::HttpCalls, u64::from(used.http_calls));
        self.add(Figure::HttpSentBytes, used.http_sent_bytes);
        self.add(Figure::HttpReceivedBytes, used.http_received_bytes);
        self.add(Figure::InputBytes, used.input_bytes);
        self.add(Figure::OutputBytes, used.output_bytes);
        self.add(Figure::LogBytes, used.log_bytes);
        self.add(Figure::StoredBytes, used.stored_bytes);
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What an entry of the trail does not say of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// An event that was answered; whether it made its contact.
    Answered {
        /// True where the contact began with it.
        begun: bool,
        /// True where the decision handed the contact over, to a provider that reports no end.
        handed_over: bool,
    },
    /// An event that expects no answer; whether it ended its contact.
    Reported {
        /// True where the contact was running before it.
        ended: bool,
    },
    /// What an observer did with an event that was reported before: the event itself is counted already.
    Observed,
}

/// What an entry of the trail adds, by the release that it is charged to: the event to the contact's, each attempt to its own.
pub fn of(turn: &Turn, entry: Entry) -> BTreeMap<Option<ReleaseNumber>, Tally> {
    let mut rows: BTreeMap<Option<ReleaseNumber>, Tally> = BTreeMap::new();
    let event = rows.entry(turn.release).or_default();
    match entry {
        Entry::Answered { begun, handed_over } => {
            answered(event, turn, begun);
            event.add(Figure::ContactsEnded, u64::from(handed_over));
        }
        Entry::Reported { ended } => {
            event.add(Figure::Reports, 1);
            event.add(Figure::ContactsEnded, u64::from(ended));
        }
        Entry::Observed => {}
    }
    turn.reported.iter().for_each(|tokens| event.tokens(tokens));
    for attempt in &turn.attempts {
        rows.entry(Some(attempt.release)).or_default().attempt(attempt);
    }
    for attempt in &turn.lost {
        let row = rows.entry(Some(attempt.release)).or_default();
        row.add(Figure::InvocationsLost, 1);
        row.attempt(attempt);
    }
    rows.retain(|_, tally| !tally.is_empty());
    rows
}

/// What replays add: they are nobody's events, and still run.
pub fn of_replays(invocations: u64, fuel: u64) -> Tally {
    let mut tally = Tally::default();
    tally.add(Figure::Invocations, invocations);
    tally.add(Figure::Fuel, fuel);
    tally
}

fn answered(row: &mut Tally, turn: &Turn, begun: bool) {
    row.add(Figure::Events, 1);
    row.add(Figure::ContactsBegun, u64::from(begun));
    row.add(Figure::MessagesIn, u64::from(matches!(turn.event, Event::Message(_))));
    let sent = turn.decision.iter().flat_map(|decision| &decision.actions).filter(|action| matches!(action, Action::SendMessage(_)));
    row.add(Figure::MessagesOut, sent.count() as u64);
    if let Some(barred) = turn.barred {
        row.add_named(Family::Barred.name(barred.code()), 1);
    }
    match turn.answered_by {
        _ if turn.is_host_step() => row.add(Figure::HostSteps, 1),
        Some(by) => row.add_named(Family::AnsweredBy.name(by.as_str()), 1),
        None => {}
    }
}

/// A row as people see it: names of today, nothing below zero, and the guest's share of the time worked out.
pub fn shown(kept: &BTreeMap<String, i64>) -> Counts {
    let mut counts = Counts::new();
    for (name, number) in kept {
        let name = match name.strip_prefix(OUTCOME_BEFORE) {
            Some(goal) => Family::Outcome.name(goal),
            None => name.clone(),
        };
        join(&mut counts, &name, u64::try_from(*number).unwrap_or(0));
    }
    let of = |counts: &Counts, figure: Figure| counts.get(figure.name()).copied().unwrap_or(0);
    let guest_us = of(&counts, Figure::WallUs).saturating_sub(of(&counts, Figure::HostUs));
    counts.insert(Figure::GuestUs.name().to_owned(), guest_us);
    counts
}

/// Rows together: sums are added, the highest peak stays.
pub fn total<'a>(rows: impl IntoIterator<Item = &'a Counts>) -> Counts {
    let mut total = Counts::new();
    for (name, number) in rows.into_iter().flatten() {
        join(&mut total, name, *number);
    }
    total
}

fn join(counts: &mut Counts, name: &str, number: u64) {
    let joined = counts.entry(name.to_owned()).or_insert(0);
    *joined = if name.ends_with(PEAK) { (*joined).max(number) } else { joined.saturating_add(number) };
}

/// Every name that any of the rows has, the host's own first and in their order: the columns of a table.
pub fn columns<'a>(rows: impl IntoIterator<Item = &'a Counts>) -> Vec<String> {
    let mut others: Vec<String> = Vec::new();
    for name in rows.into_iter().flat_map(Counts::keys) {
        if let Err(at) = others.binary_search(name) {
            others.insert(at, name.clone());
        }
    }
    others.retain(|name| Figure::ALL.iter().all(|figure| figure.name() != name));
    Figure::ALL.into_iter().map(|figure| figure.name().to_owned()).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_from_before_read_with_the_names_of_today_and_guest_and_host_come_to_the_whole() {
        let kept = [("outcome_booked", 2), ("outcome/booked", 1), ("wall_us", 90), ("host_us", 40), ("events", -1)];
        let counts = shown(&kept.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect());
        assert_eq!((counts["outcome/booked"], counts["guest_us"], counts["events"]), (3, 50, 0));
        assert!(!counts.contains_key("outcome_booked"));
    }

    #[test]
    fn a_total_adds_sums_and_keeps_the_highest_peak() {
        let row = |fuel, peak| Counts::from([("fuel".to_owned(), fuel), ("memory_bytes_peak".to_owned(), peak)]);
        let total = total([&row(1, 500), &row(2, 900), &row(3, 100)]);
        assert_eq!((total["fuel"], total["memory_bytes_peak"]), (6, 900));
    }

    #[test]
    fn columns_begin_with_the_hosts_own_and_name_each_thing_once() {
        let row = Counts::from([("zeta".to_owned(), 1), ("fuel".to_owned(), 1), ("alpha".to_owned(), 1)]);
        let names = columns([&row, &row]);
        assert_eq!(names.first().map(String::as_str), Some("events"));
        assert_eq!(names.iter().filter(|name| *name == "fuel").count(), 1);
        assert_eq!(&names[names.len() - 2..], ["alpha", "zeta"]);
    }
}
