//! Names the windows in which a meter is counted: local hours, days and months.
//!
//! The quotas name a window by the wall clock of the level's own zone: "2026-11-21T05", "2026-11-21", "2026-11". The name is what
//! is counted, so the hour that a clock change repeats is one window of two hours and gives no second quota; the hour that it skips
//! never was. It is named without the offset for just that reason.

use serde::{Deserialize, Serialize};

use super::meter::Period;
use crate::contact::Moment;
use crate::tenant::hours::local_hour;

/// Zones differ from UTC by whole quarters of an hour, and change their offset at one: within one no window's name changes.
pub const QUARTER_MS: u64 = 15 * 60 * 1_000;

/// One window of one level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// How long it is.
    pub period: Period,
    /// Its name by the level's wall clock. Names of one period sort as time does.
    pub name: String,
}

impl Window {
    /// The window of a moment; in UTC for an unknown zone.
    pub fn at(period: Period, zone: &str, now: Moment) -> Self {
        // "2026-11-21T05": ten characters are the day, seven the month.
        let hour = local_hour(zone, now);
        let name = match period {
            Period::Hour => hour,
            Period::Day => hour.chars().take(10).collect(),
            Period::Month => hour.chars().take(7).collect(),
        };
        Self { period, name }
    }
}

/// From when on a window that was named at that moment must be named again.
pub fn named_until(now: Moment) -> Moment {
    (now / QUARTER_MS).saturating_add(1).saturating_mul(QUARTER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-01T05:30:00Z: half past one in New York, for the first time that night.
    const REPEATED: Moment = 1_793_511_000_000;
    const HOUR: Moment = 60 * 60 * 1_000;

    fn hour(zone: &str, now: Moment) -> String {
        Window::at(Period::Hour, zone, now).name
    }

    #[test]
    fn the_hour_that_a_clock_change_repeats_is_one_window() {
        let zone = "America/New_York";
        assert_eq!(hour(zone, REPEATED), "2026-11-01T01");
        assert_eq!(hour(zone, REPEATED + HOUR), "2026-11-01T01");
        assert_eq!(hour(zone, REPEATED + 2 * HOUR), "2026-11-01T02");
    }

    #[test]
    fn each_level_has_its_own_day_and_month() {
        let now = REPEATED;
        assert_eq!(Window::at(Period::Day, "Pacific/Kiritimati", now).name, "2026-11-01");
        assert_eq!(Window::at(Period::Month, "Pacific/Honolulu", now).name, "2026-10");
        assert_eq!(Window::at(Period::Day, "Pacific/Honolulu", now).name, "2026-10-31");
        assert_eq!(Window::at(Period::Day, "no such zone", now).name, "2026-11-01");
    }

    #[test]
    fn no_name_changes_within_a_quarter_of_an_hour() {
        for zone in ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Europe/Berlin"] {
            let mut now = REPEATED;
            while now < REPEATED + 26 * HOUR {
                let (until, name) = (named_until(now), hour(zone, now));
                assert!(until > now && until <= now + QUARTER_MS);
                assert_eq!(hour(zone, until - 1), name, "{zone}");
                now = until;
            }
        }
    }

    #[test]
    fn names_sort_as_time_does() {
        let names: Vec<String> = (0..2_000).map(|hours| hour("Europe/Berlin", REPEATED + hours * HOUR)).collect();
        assert!(names.is_sorted());
    }
}
