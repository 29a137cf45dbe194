//! Reads times as people say them, in the tenant's zone, and writes them the same way.
//!
//! `contacts find` takes "yesterday 17:02", "17:02" or "20m ago"; tables and `explain` print local times. The zone is the tenant's and
//! not the machine's: whoever asks about a call means the clock on the tenant's wall.

use jackfield_domain::contact::Moment;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::admin::door::moment;

/// The moment that words mean; none where they mean none.
pub(crate) fn parse(words: &str, zone: &TimeZone, now: Moment) -> Option<Moment> {
    let words = words.trim();
    if words == "now" {
        return Some(now);
    }
    if let Some(ago) = words.strip_suffix("ago") {
        return now.checked_sub(duration_ms(ago.trim())?);
    }
    if let Some(moment) = moment::parse_in(words, zone) {
        return Some(moment);
    }
    let today = timestamp(now)?.to_zoned(zone.clone()).date();
    let (first, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let (date, clock) = match day(first, today) {
        Some(date) => (date, rest.trim()),
        None => (today, words),
    };
    let clock = if clock.is_empty() { Time::midnight() } else { time(clock)? };
    moment::from_local(date.to_datetime(clock), zone)
}

/// The first moment of the local day.
pub(crate) fn day_begins(now: Moment, zone: &TimeZone) -> Option<Moment> {
    let today = timestamp(now)?.to_zoned(zone.clone()).date();
    moment::from_local(today.to_datetime(Time::midnight()), zone)
}

fn day(word: &str, today: Date) -> Option<Date> {
    const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => {
            // The last such day before today: contacts lie in the past.
            let wanted = i32::try_from(WEEKDAYS.iter().position(|name| *name == word)?).ok()?;
            let is = i32::from(today.weekday().to_monday_zero_offset());
            let back = (is - wanted).rem_euclid(7);
            today.checked_sub((if back == 0 { 7 } else { back }).days()).ok()
        }
    }
}

fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let hour = parts.next()??;
    let minute = parts.next()??;
    let second = match parts.next() {
        None => 0,
        Some(second) => second?,
    };
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}

/// "10m", "2h", "90s", "3d", "20 minutes".
pub(crate) fn duration_ms(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(end)?;
    let unit_ms = match unit.trim() {
        "s" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit_ms)
}

fn timestamp(moment: Moment) -> Option<Timestamp> {
    i64::try_from(moment).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// A moment as RFC 3339 in UTC, for the API.
pub(crate) fn rfc3339(moment: Moment) -> String {
    timestamp(moment).map_or_else(|| moment.to_string(), |at| at.to_string())
}

/// Date, time to the second and the zone's abbreviation.
pub(crate) fn full(moment: Moment, zone: &TimeZone) -> String {
    format(moment, zone, "%Y-%m-%d %H:%M:%S %Z")
}

/// Date and time to the second.
pub(crate) fn short(moment: Moment, zone: &TimeZone) -> String {
    format(moment, zone, "%Y-%m-%d %H:%M:%S")
}

/// Time to the millisecond.
pub(crate) fn clock(moment: Moment, zone: &TimeZone) -> String {
    format(moment, zone, "%H:%M:%S%.3f")
}

fn format(moment: Moment, zone: &TimeZone, pattern: &str) -> String {
    timestamp(moment).map_or_else(|| moment.to_string(), |at| at.to_zoned(zone.clone()).strftime(pattern).to_string())
}

/// A span as people say it: "850 ms", "12.3 s", "1 min 29 s", "3 h 5 min".
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Moment {
        Moment::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[test]
    fn words_are_read_on_the_tenants_wall_clock() {
        // A Saturday, half past midnight in Berlin and still Friday in UTC.
        let now = at("2026-11-20T23:30:00Z");
        for (words, means) in [
            ("yesterday 17:02", "2026-11-20T16:02:00Z"),
            ("today 00:10", "2026-11-20T23:10:00Z"),
            ("00:10:30", "2026-11-20T23:10:30Z"),
            ("yesterday", "2026-11-19T23:00:00Z"),
            ("friday 9:05", "2026-11-20T08:05:00Z"),
            ("Saturday 9:05", "2026-11-14T08:05:00Z"),
            ("20m ago", "2026-11-20T23:10:00Z"),
            ("2 hours ago", "2026-11-20T21:30:00Z"),
            ("now", "2026-11-20T23:30:00Z"),
            ("2026-11-20T17:02", "2026-11-20T16:02:00Z"),
            ("2026-11-20 17:02", "2026-11-20T16:02:00Z"),
            ("2026-11-20T17:02:00-05:00", "2026-11-20T22:02:00Z"),
        ] {
            assert_eq!(parse(words, &berlin(), now), Some(at(means)), "{words}");
        }
        for words in ["", "soon", "yesterday noon", "25:00", "17", "5 ago", "17:02:03:04", "12 fortnights ago"] {
            assert_eq!(parse(words, &berlin(), now).filter(|_| !words.is_empty()), None, "{words}");
        }
        assert_eq!(day_begins(now, &berlin()), Some(at("2026-11-20T23:00:00Z")));
    }

    #[test]
    fn times_are_written_in_the_tenants_zone() {
        let moment = at("2026-07-20T15:02:11.120Z");
        assert_eq!(full(moment, &berlin()), "2026-07-20 17:02:11 CEST");
        assert_eq!(clock(moment, &berlin()), "17:02:11.120");
        assert_eq!([span(850), span(12_345), span(89_000), span(11_100_000)], ["850 ms", "12.3 s", "1 min 29 s", "3 h 5 min"]);
    }
}
