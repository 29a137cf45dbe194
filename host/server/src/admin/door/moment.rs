//! Reads times as people and programs write them: RFC 3339, or a local time in the tenant's zone.
//!
//! Queries of the API use it, the command line lays its own words ("yesterday 17:02") on top. A local time that a clock change skips
//! moves forward and one that it repeats counts from the first, as everywhere in Jackfield.

use jackfield_domain::contact::Moment;
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::hours;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The moment that a text means in a zone.
pub(crate) fn parse(at: &str, text: &str, zone_name: &str) -> Result<Moment, Refusal> {
    let refuse = || {
        let given: String = text.chars().take(80).collect();
        let detail = format!("{given:?} is no time; write 2026-11-20T17:02 (in {zone_name}) or 2026-11-20T17:02:00Z");
        Refusal::new(Code::Invalid, detail).at(at)
    };
    let zone = hours::zone(zone_name)?;
    parse_in(text, &zone).ok_or_else(refuse)
}

/// The same with a zone at hand; none where the text is no time or before 1970.
pub(crate) fn parse_in(text: &str, zone: &TimeZone) -> Option<Moment> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Moment::try_from(timestamp.as_millisecond()).ok();
    }
    let local = match text.parse::<DateTime>() {
        Ok(local) => local,
        Err(_) => text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
    };
    from_local(local, zone)
}

/// The same for a moment that is still to come, where a time that a clock change skips is refused: what is meant by it, nobody knows.
pub(crate) fn exact(at: &str, text: &str, zone_name: &str) -> Result<Moment, Refusal> {
    let zone = hours::zone(zone_name)?;
    let local = text.trim().parse::<Timestamp>().is_err().then(|| text.trim().parse::<DateTime>().ok()).flatten();
    if local.is_some_and(|local| matches!(zone.to_ambiguous_timestamp(local).offset(), AmbiguousOffset::Gap { .. })) {
        let detail = format!("{} does not exist in {zone_name}: clocks are put forward over it", text.trim());
        return Err(Refusal::new(Code::Invalid, detail).at(at));
    }
    parse(at, text, zone_name)
}

/// The moment of a local time.
pub(crate) fn from_local(local: DateTime, zone: &TimeZone) -> Option<Moment> {
    let timestamp = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Moment::try_from(timestamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_read_in_the_tenants_zone_and_an_absolute_one_as_it_is() {
        let moment = |text| parse("from", text, "America/New_York").unwrap();
        assert_eq!(moment("2026-11-20T17:02"), moment("2026-11-20T22:02:00Z"));
        assert_eq!(moment("2026-11-20 17:02:30"), moment("2026-11-20T17:02:30-05:00"));
        assert_eq!(moment("2026-11-20"), moment("2026-11-20T05:00:00Z"));
        // New York skips 02:00 to 03:00 on 2027-03-14.
        assert_eq!(moment("2027-03-14T02:30"), moment("2027-03-14T07:30:00Z"));
    }

    #[test]
    fn a_time_that_clocks_skip_is_refused_for_what_is_to_come_and_one_that_they_repeat_is_the_first() {
        let exact = |text| exact("at", text, "America/New_York");
        assert!(exact("2027-03-14T02:30").unwrap_err().detail.contains("clocks are put forward"));
        assert_eq!(exact("2027-11-07T01:30"), exact("2027-11-07T05:30:00Z"));
        assert_eq!(exact("2027-03-14T02:30:00Z"), exact("2027-03-13T21:30"));
        assert_eq!(exact("teatime").unwrap_err().at.as_deref(), Some("at"));
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in ["", "soon", "25:00", "2026-13-01", "1969-12-31T00:00:00Z"] {
            let refusal = parse("from", text, "UTC").unwrap_err();
            assert_eq!((refusal.code, refusal.at.as_deref()), (Code::Invalid, Some("from")), "{text}");
        }
    }
}
