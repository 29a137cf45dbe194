//! Speaks of usage: what ran and what it cost, by the tenant's local day, flow, release and purpose.
//!
//! `cli::admin` runs it. There are more counters than fit on a screen, so a table shows those that people look for; `--wide` shows all
//! that are not zero, `--csv` and `--json` all there are.

use clap::Args;
use serde_json::Value;

use crate::cli::print::{items, table, text};
use crate::cli::session::{Outcome, Session};
use crate::cli::when;

/// What people look for first, in the order of a table.
const NARROW: [&str; 9] =
    ["contacts_begun", "events", "invocations", "failures", "fuel", "guest_us", "host_us", "memory_bytes_peak", "http_calls"];
/// What a row is about.
const PLACE: [&str; 5] = ["tenant", "day", "flow", "release", "purpose"];

/// Which days, and of what.
#[derive(Debug, Args)]
pub struct Usage {
    /// The first local day, for example 2026-11-01 [default: today].
    #[arg(long)]
    from: Option<String>,
    /// The last local day [default: today].
    #[arg(long)]
    to: Option<String>,
    /// Of one flow.
    #[arg(long)]
    flow: Option<String>,
    /// Of one release, by number; none for what no plugin answered.
    #[arg(long)]
    release: Option<String>,
    /// live, shadow, replay or test [default: all].
    #[arg(long)]
    purpose: Option<String>,
    /// Of everyone below the tenant as well.
    #[arg(long)]
    subtree: bool,
    /// As CSV, for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Every counter that is not zero.
    #[arg(long, conflicts_with = "csv")]
    wide: bool,
}

impl Usage {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let zone = session.zone().await?;
        let today: String = when::short(session.now(), &zone).chars().take(10).collect();
        let (from, to) = (self.from.unwrap_or_else(|| today.clone()), self.to.unwrap_or(today));
        let path = session.inside("usage").await?;
        let mut query = vec![("from", from.as_str()), ("to", to.as_str())];
        for (name, given) in [("flow", &self.flow), ("release", &self.release), ("purpose", &self.purpose)] {
            query.extend(given.as_deref().map(|given| (name, given)));
        }
        if self.subtree {
            query.push(("subtree", "true"));
        }
        if self.csv {
            query.push(("format", "csv"));
            return session.show_text(&session.get_text(&path, &query).await?);
        }
        let answer = session.get(&path, &query).await?;
        let is_wide = self.wide;
        session.show(&answer, |answer| rows(answer, is_wide))
    }
}

/// A table with the totals below.
fn rows(answer: &Value, is_wide: bool) -> String {
    let none = Value::Null;
    let totals = answer.get("totals").unwrap_or(&none);
    let names: Vec<&str> = match (is_wide, totals) {
        (true, Value::Object(counts)) => {
            counts.iter().filter(|(_, number)| number.as_u64() != Some(0)).map(|(name, _)| name.as_str()).collect()
        }
        _ => NARROW.to_vec(),
    };
    let heads: Vec<&str> = PLACE.into_iter().chain(names.iter().copied()).collect();
    let numbers = |counts: &Value| names.iter().map(|name| number(counts, name)).collect::<Vec<_>>();
    let row = |row: &Value| {
        let counts = row.get("counts").unwrap_or(&none);
        PLACE.into_iter().map(|name| text(row, name)).chain(numbers(counts)).collect::<Vec<_>>()
    };
    let mut lines: Vec<Vec<String>> = items(answer).iter().map(row).collect();
    if !lines.is_empty() {
        let blank = ["total", "", "", "", ""].map(str::to_owned);
        lines.push(blank.into_iter().chain(numbers(totals)).collect());
    }
    table(&heads, &lines)
}

/// What is not counted is zero, and a zero is a dash: so the rest stands out.
fn number(counts: &Value, name: &str) -> String {
    match counts.get(name).and_then(Value::as_u64) {
        None | Some(0) => "-".to_owned(),
        Some(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        let counts = |events: u64| json!({"events": events, "fuel": 0, "barred_overloaded": 1, "memory_bytes_peak": 65_536});
        let row = |day: &str, release: Value, events| json!({"tenant": "acme", "day": day, "flow": "main", "release": release, "purpose": "live", "counts": counts(events)});
        json!({"items": [row("2026-11-20", json!(3), 5), row("2026-11-21", Value::Null, 7)], "totals": counts(12)})
    }

    #[test]
    fn a_table_has_what_people_look_for_and_ends_with_the_totals() {
        let text = rows(&answer(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("TENANT") && lines[0].contains("FUEL") && !lines[0].contains("BARRED"), "{text}");
        assert_eq!(lines[1].split_whitespace().take(8).collect::<Vec<_>>(), ["acme", "2026-11-20", "main", "3", "live", "-", "5", "-"]);
        assert_eq!(lines[2].split_whitespace().nth(3), Some("-"), "no plugin answered");
        assert_eq!(lines[3].split_whitespace().take(3).collect::<Vec<_>>(), ["total", "-", "12"]);
    }

    #[test]
    fn a_wide_table_has_every_counter_that_is_not_zero() {
        let text = rows(&answer(), true);
        let heads: Vec<&str> = text.lines().next().unwrap().split_whitespace().skip(5).collect();
        assert_eq!(heads, ["BARRED_OVERLOADED", "EVENTS", "MEMORY_BYTES_PEAK"]);
        assert_eq!(rows(&json!({"items": [], "totals": {}}), false), "none");
    }
}
