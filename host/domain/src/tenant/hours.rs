//! Answers "is it open?" in the tenant's own zone.
//!
//! The directory capability and the default routes ask it. Weekly intervals may cross midnight; a dated exception beats the
//! week for the intervals that begin on that date. Local times that a clock change skips move forward, those that it repeats
//! count from the first: the same as people reading a wall clock would do. The zone rules are jiff's, bundled, so that every
//! node answers alike. Hours may stand within others, of whoever is above the tenant: it is open when all of them are.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::id::EntryName;

/// How far ahead a change is looked for.
const HORIZON_DAYS: i32 = 14;
/// Most intervals of one set of hours, those of exceptions among them: every holiday of ten years, with room.
pub const ITEMS_MAX: usize = 400;

/// Open from one local time to another; to a time not after it means on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// 1 is Monday, 7 is Sunday.
    pub weekday: u8,
    /// Local time, "09:00".
    pub from: Time,
    /// Local time, "17:30"; "00:00" is midnight at the end of the day.
    pub to: Time,
}

/// A date on which the week does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The local date.
    pub date: Date,
    /// For example "Christmas Day".
    pub label: String,
    /// Open from and to; closed all day where empty.
    #[serde(default)]
    pub open: Vec<(Time, Time)>,
}

/// When it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Unique within the tenant.
    pub name: EntryName,
    /// IANA name; the tenant's where absent.
    pub zone: Option<String>,
    /// The week.
    pub weekly: Vec<Interval>,
    /// Dates that beat the week.
    pub exceptions: Vec<Exception>,
    /// The hours of that name above the tenant, each with its zone: a department narrows what its organisation has. Put together when a
    /// directory is read, and never kept with the hours themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<Hours>,
}

/// Why hours are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHours {
    /// The zone is not in the time zone database.
    #[error("there is no time zone {0:?}; use an IANA name such as Europe/Berlin")]
    Zone(String),
    /// Weekdays go from 1 to 7.
    #[error("weekday {0} does not exist; 1 is Monday and 7 is Sunday")]
    Weekday(u8),
    /// One date, two exceptions.
    #[error("{0} has two exceptions; put all its intervals into one")]
    TwiceDated(Date),
    /// Too many.
    #[error("at most {ITEMS_MAX} intervals and exceptions")]
    TooMany,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoursStatus {
    /// Open now.
    pub open: bool,
    /// When that changes, within fourteen days.
    pub changes_at: Option<Moment>,
    /// The exception that decides.
    pub exception: Option<String>,
}

/// The zone of that IANA name.
pub fn zone(name: &str) -> Result<TimeZone, BadHours> {
    TimeZone::get(name).map_err(|_| BadHours::Zone(name.chars().take(80).collect()))
}

/// Minutes to add to UTC for local time in a zone; 0 for an unknown zone.
pub fn offset_minutes(zone_name: &str, now: Moment) -> i32 {
    match (zone(zone_name), timestamp(now)) {
        (Ok(zone), Some(at)) => zone.to_offset(at).seconds() / 60,
        _ => 0,
    }
}

/// The local date, "2026-11-21": what windows and usage are named by. In UTC for an unknown zone.
pub fn local_date(zone_name: &str, now: Moment) -> String {
    let zone = zone(zone_name).unwrap_or(TimeZone::UTC);
    timestamp(now).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone).date().to_string()
}

/// The local hour, "2026-11-21T05": what windows of a quota are named by. In UTC for an unknown zone.
pub fn local_hour(zone_name: &str, now: Moment) -> String {
    let zone = zone(zone_name).unwrap_or(TimeZone::UTC);
    let local = timestamp(now).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone);
    format!("{}T{:02}", local.date(), local.hour())
}

fn timestamp(moment: Moment) -> Option<Timestamp> {
    i64::try_from(moment).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// An open span: from, and the moment it ends, which is no longer in it.
type Span = (Timestamp, Timestamp);

impl Hours {
    /// Checks what a person typed.
    pub fn check(&self) -> Result<(), BadHours> {
        if let Some(name) = &self.zone {
            zone(name)?;
        }
        let of_exceptions: usize = self.exceptions.iter().map(|exception| exception.open.len().max(1)).sum();
        if self.weekly.len() + of_exceptions > ITEMS_MAX {
            return Err(BadHours::TooMany);
        }
        if let Some(interval) = self.weekly.iter().find(|i| !(1..=7).contains(&i.weekday)) {
            return Err(BadHours::Weekday(interval.weekday));
        }
        for (at, exception) in self.exceptions.iter().enumerate() {
            if self.exceptions.iter().skip(at + 1).any(|other| other.date == exception.date) {
                return Err(BadHours::TwiceDated(exception.date));
            }
        }
        Ok(())
    }

    /// How it stands at that moment; `tenant_zone` where the hours name none. Closed where the zone is gone.
    pub fn at(&self, now: Moment, tenant_zone: &str) -> HoursStatus {
        let closed = HoursStatus { open: false, changes_at: None, exception: None };
        let Some(at) = timestamp(now) else { return closed };
        let Some((mut spans, mut exception)) = self.around(at, tenant_zone) else { return closed };
        for above in &self.within {
            let Some((theirs, their_exception)) = above.around(at, tenant_zone) else { return closed };
            spans = common(&spans, &theirs);
            exception = exception.or(their_exception);
        }
        // Beyond the horizon nobody looked: what is always open changes at no time that is known.
        let known = |change: &Timestamp| at.checked_add((HORIZON_DAYS * 24).hours()).is_ok_and(|horizon| *change <= horizon);
        let now_open = spans.iter().find(|(from, to)| *from <= at && at < *to);
        let change = match now_open {
            Some((_, to)) => Some(*to),
            None => spans.iter().map(|(from, _)| *from).find(|from| *from > at),
        };
        HoursStatus { open: now_open.is_some(), changes_at: change.filter(known).and_then(moment), exception }
    }

    /// Its own open spans around that moment, and the exception of the day; none where the zone is gone.
    fn around(&self, at: Timestamp, tenant_zone: &str) -> Option<(Vec<Span>, Option<String>)> {
        let zone = zone(self.zone.as_deref().unwrap_or(tenant_zone)).ok()?;
        let today = at.to_zoned(zone.clone()).date();
        let exception = self.exceptions.iter().find(|e| e.date == today).map(|e| e.label.clone());
        Some((self.spans(today, &zone), exception))
    }

    /// Open spans that begin from yesterday to the horizon, as instants, in order and each apart from the next.
    fn spans(&self, today: Date, zone: &TimeZone) -> Vec<Span> {
        let all = (-1..=HORIZON_DAYS)
            .filter_map(|offset| today.checked_add(offset.days()).ok())
            .flat_map(|date| self.intervals_on(date).into_iter().filter_map(move |(from, to)| span(date, from, to, zone)))
            .collect();
        apart(all)
    }

    fn intervals_on(&self, date: Date) -> Vec<(Time, Time)> {
        if let Some(exception) = self.exceptions.iter().find(|e| e.date == date) {
            return exception.open.clone();
        }
        let weekday = date.weekday().to_monday_one_offset();
        self.weekly.iter().filter(|i| i64::from(i.weekday) == i64::from(weekday)).map(|i| (i.from, i.to)).collect()
    }
}

/// Puts together what touches or overlaps: open until midnight and from midnight is open through.
fn apart(mut all: Vec<Span>) -> Vec<Span> {
    all.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match merged.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => merged.push((from, to)),
        }
    }
    merged
}

/// What lies in both; each comes in order and apart, and so does what is common. As many steps as both have spans, however many levels
/// of hours stand within one another.
fn common(ours: &[Span], theirs: &[Span]) -> Vec<Span> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    let mut both = Vec::new();
    while let (Some(one), Some(other)) = (ours.peek(), theirs.peek()) {
        let (from, to) = (one.0.max(other.0), one.1.min(other.1));
        if from < to {
            both.push((from, to));
        }
        _ = if one.1 <= other.1 { ours.next() } else { theirs.next() };
    }
    both
}

fn span(date: Date, from: Time, to: Time, zone: &TimeZone) -> Option<Span> {
    let end_date = if to <= from { date.tomorrow().ok()? } else { date };
    let start = zone.to_ambiguous_timestamp(date.to_datetime(from)).compatible().ok()?;
    let end = zone.to_ambiguous_timestamp(end_date.to_datetime(to)).compatible().ok()?;
    (start < end).then_some((start, end))
}

fn moment(at: impl Into<Option<Timestamp>>) -> Option<Moment> {
    at.into().and_then(|at| Moment::try_from(at.as_millisecond()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    fn hours(weekly: &str, exceptions: &str) -> Hours {
        Hours {
            name: "main".parse().unwrap(),
            zone: None,
            weekly: serde_json::from_str(weekly).unwrap(),
            exceptions: serde_json::from_str(exceptions).unwrap(),
            within: Vec::new(),
        }
    }

    #[test]
    fn a_department_is_open_only_while_its_organisation_is() {
        let week = r#"[{"weekday":1,"from":"08:00","to":"20:00"},{"weekday":2,"from":"10:00","to":"12:00"}]"#;
        let days = r#"[{"weekday":1,"from":"09:00","to":"13:00"},{"weekday":1,"from":"14:00","to":"17:00"}]"#;
        let above = Hours { zone: Some("UTC".to_owned()), ..hours(days, r#"[{"date":"2026-11-30","label":"Feast","open":[]}]"#) };
        let own = Hours { within: vec![above], ..hours(week, "[]") };
        let open = |time: &str| own.at(at(time), "UTC");
        // Monday: from nine to five with a break, whatever the department would like; Tuesday the organisation is closed.
        assert_eq!((open("2026-11-23T08:30:00Z").open, open("2026-11-23T08:30:00Z").changes_at), (false, Some(at("2026-11-23T09:00:00Z"))));
        assert_eq!((open("2026-11-23T09:00:00Z").open, open("2026-11-23T09:00:00Z").changes_at), (true, Some(at("2026-11-23T13:00:00Z"))));
        assert_eq!((open("2026-11-23T18:00:00Z").open, open("2026-11-24T11:00:00Z").open), (false, false));
        let feast = open("2026-11-30T10:00:00Z");
        assert_eq!((feast.open, feast.exception.as_deref(), feast.changes_at), (false, Some("Feast"), Some(at("2026-12-07T09:00:00Z"))));
    }

    #[test]
    fn hours_that_overlap_a_thousandfold_cost_no_more_than_they_are() {
        // As rude as a tenant may be, on as many levels as a tenant may have.
        let every_minute: Vec<String> =
            (0..ITEMS_MAX).map(|n| format!(r#"{{"weekday":1,"from":"{:02}:{:02}","to":"23:59"}}"#, n / 60, n % 60)).collect();
        let rude = hours(&format!("[{}]", every_minute.join(",")), "[]");
        let status = Hours { within: vec![rude.clone(); 7], ..rude }.at(at("2026-11-23T08:30:00Z"), "UTC");
        assert_eq!((status.open, status.changes_at), (true, Some(at("2026-11-23T23:59:00Z"))));
        let open = vec![r#"["00:00","23:59"]"#; ITEMS_MAX + 1].join(",");
        let hidden = hours("[]", &format!(r#"[{{"date":"2026-12-25","label":"a","open":[{open}]}}]"#));
        assert_eq!(hidden.check(), Err(BadHours::TooMany), "intervals of exceptions count");
    }

    #[test]
    fn a_week_is_read_on_the_tenants_wall_clock() {
        let hours = hours(r#"[{"weekday":1,"from":"09:00","to":"17:00"}]"#, "[]");
        // Monday 2026-11-23; New York is five hours behind UTC.
        assert!(!hours.at(at("2026-11-23T13:59:59Z"), "America/New_York").open);
        let open = hours.at(at("2026-11-23T14:00:00Z"), "America/New_York");
        assert_eq!((open.open, open.changes_at), (true, Some(at("2026-11-23T22:00:00Z"))));
        let closed = hours.at(at("2026-11-23T22:00:00Z"), "America/New_York");
        assert_eq!((closed.open, closed.changes_at), (false, Some(at("2026-11-30T14:00:00Z"))));
    }

    #[test]
    fn an_interval_may_cross_midnight_and_touch_the_next() {
        let hours = hours(r#"[{"weekday":5,"from":"22:00","to":"02:00"},{"weekday":6,"from":"02:00","to":"03:00"}]"#, "[]");
        let night = hours.at(at("2026-11-28T00:30:00Z"), "UTC");
        assert_eq!((night.open, night.changes_at), (true, Some(at("2026-11-28T03:00:00Z"))));
    }

    #[test]
    fn what_is_always_open_changes_at_no_time() {
        let days: Vec<String> = (1..=7).map(|day| format!(r#"{{"weekday":{day},"from":"00:00","to":"00:00"}}"#)).collect();
        let status = hours(&format!("[{}]", days.join(",")), "[]").at(at("2026-11-28T00:30:00Z"), "Europe/Berlin");
        assert_eq!((status.open, status.changes_at), (true, None));
        let never = hours("[]", "[]").at(at("2026-11-28T00:30:00Z"), "Europe/Berlin");
        assert_eq!((never.open, never.changes_at), (false, None));
    }

    #[test]
    fn a_dated_exception_beats_the_week() {
        let hours = hours(r#"[{"weekday":5,"from":"09:00","to":"17:00"}]"#, r#"[{"date":"2026-12-25","label":"Christmas Day"}]"#);
        let status = hours.at(at("2026-12-25T10:00:00Z"), "UTC");
        assert_eq!((status.open, status.exception.as_deref()), (false, Some("Christmas Day")));
        assert_eq!(status.changes_at, Some(at("2027-01-01T09:00:00Z")));
    }

    #[test]
    fn a_clock_change_moves_skipped_times_forward() {
        // Berlin skips 02:00 to 03:00 on 2027-03-28.
        let hours = hours(r#"[{"weekday":7,"from":"02:30","to":"04:00"}]"#, "[]");
        assert!(!hours.at(at("2027-03-28T01:00:00Z"), "Europe/Berlin").open);
        assert!(hours.at(at("2027-03-28T01:30:00Z"), "Europe/Berlin").open);
    }

    #[test]
    fn hours_that_cannot_be_are_refused() {
        let mut bad = hours(r#"[{"weekday":8,"from":"09:00","to":"17:00"}]"#, "[]");
        assert_eq!(bad.check(), Err(BadHours::Weekday(8)));
        bad.weekly.clear();
        bad.zone = Some("Mars/Olympus".to_owned());
        assert!(matches!(bad.check(), Err(BadHours::Zone(_))));
        let twice = hours("[]", r#"[{"date":"2026-12-25","label":"a"},{"date":"2026-12-25","label":"b"}]"#);
        assert!(matches!(twice.check(), Err(BadHours::TwiceDated(_))));
    }
}
