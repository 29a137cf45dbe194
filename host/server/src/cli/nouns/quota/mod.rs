//! Speaks of quotas: what a tenant may use over time, what is left of it, and what it was told.
//!
//! `cli::admin` runs its verbs. `set` reads what there is and changes what is named, so that nobody has to repeat a whole quota to
//! change one limit; the revision that was read goes along, so that two who do it at once meet a conflict.

pub mod limit;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::limit::{Count, Limit};
use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, Trouble};
use crate::cli::when;

/// Verbs of quotas.
#[derive(Debug, Subcommand)]
pub enum QuotaVerb {
    /// What those above the tenant set.
    Show,
    /// What it may really use: its own quota and those above it, with what was used.
    Effective,
    /// Change what is named; what is not named stays. Set from above the tenant.
    Set(Set),
    /// When quotas came to 80 % and to their end.
    Notices,
}

/// What changes.
#[derive(Debug, Args)]
pub struct Set {
    /// For example contacts.day=1000, fuel.hour=5000000000, ai-tokens.month=none. Meters: contacts, messages, fuel, ai-tokens,
    /// egress-requests, egress-bytes; periods: hour, day, month.
    #[arg(long = "limit", value_name = "METER.PERIOD=N")]
    limits: Vec<Limit>,
    /// For example flows=10 or addresses=none. Things: flows, addresses, versions, tokens, subtenants, component-bytes.
    #[arg(long = "count", value_name = "THING=N")]
    counts: Vec<Count>,
    /// Events per second; 0 removes the limit.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Events that may come at once [default: the rate].
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u32>,
    /// Contacts live at once, or none.
    #[arg(long, value_name = "N|none")]
    concurrency: Option<limit::Amount>,
    /// Percent of each limit that only voice may use.
    #[arg(long, value_name = "PERCENT")]
    voice_share: Option<u8>,
}

impl QuotaVerb {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("quotas").await?;
        match self {
            Self::Show => session.show(&session.get(&base, &[]).await?, card),
            Self::Effective => session.show(&session.get(&format!("{base}/effective"), &[]).await?, effective),
            Self::Set(set) => {
                let before = session.get(&base, &[]).await?;
                let quota = set.over(before.get("quota").cloned().unwrap_or_else(|| json!({})))?;
                let revision = before.get("revision").and_then(Value::as_u64).filter(|revision| *revision > 0);
                session.show(&session.put_if(&base, &quota, revision).await?, card)
            }
            Self::Notices => {
                let all = session.list(&session.inside("notices").await?).await?;
                let zone = session.zone().await?;
                session.show(&all, |all| {
                    let row = |notice: &Value| {
                        let at = notice.get("at").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::full(at, &zone));
                        let window = notice.pointer("/window/name").and_then(Value::as_str).unwrap_or("-").to_owned();
                        let percent = format!("{} %", text(notice, "percent"));
                        vec![at, text(notice, "meter"), window, percent, text(notice, "used"), text(notice, "limit")]
                    };
                    table(&["when", "meter", "window", "at", "used", "limit"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
        }
    }
}

impl Set {
    /// The quota with what is named in it.
    fn over(self, mut quota: Value) -> Result<Value, Trouble> {
        let Some(whole) = quota.as_object_mut() else { return Err(Trouble::Failed("the server's quota is no object".to_owned())) };
        for limit in self.limits {
            let put = |of: &mut Map<String, Value>| limit::put(of, limit.period.as_str(), limit.amount);
            inside(whole, "meters", |meters| inside(meters, limit.meter.as_str(), put));
        }
        for count in self.counts {
            inside(whole, "counts", |counts| limit::put(counts, count.thing.as_str(), count.amount));
        }
        match self.rate {
            Some(0) => drop(whole.remove("rate")),
            Some(rate) => drop(whole.insert("rate".to_owned(), json!({ "per_second": rate, "burst": self.burst.unwrap_or(rate) }))),
            None => {}
        }
        if let Some(amount) = self.concurrency {
            limit::put(whole, "concurrency", amount);
        }
        if let Some(share) = self.voice_share {
            whole.insert("voice_share_percent".to_owned(), json!(share));
        }
        Ok(quota)
    }
}

/// Changes the object under a name, made where there is none.
fn inside(of: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Value::Object(object) = of.entry(name.to_owned()).or_insert_with(|| json!({})) {
        change(object);
    }
}

fn card(row: &Value) -> String {
    let quota = row.get("quota").cloned().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (meter, limits) in quota.get("meters").and_then(Value::as_object).into_iter().flatten() {
        for (period, limit) in limits.as_object().into_iter().flatten() {
            pairs.push((format!("{meter} per {period}"), limit.to_string()));
        }
    }
    if let Some(rate) = quota.get("rate") {
        pairs.push(("events per second".to_owned(), format!("{}, {} at once", text(rate, "per_second"), text(rate, "burst"))));
    }
    for (name, of) in [("contacts at once", "concurrency"), ("share of voice in %", "voice_share_percent")] {
        if quota.get(of).is_some() {
            pairs.push((name.to_owned(), text(&quota, of)));
        }
    }
    for (thing, limit) in quota.get("counts").and_then(Value::as_object).into_iter().flatten() {
        pairs.push((thing.clone(), limit.to_string()));
    }
    if pairs.is_empty() {
        return "nothing is limited here; `quota effective` shows what stands above".to_owned();
    }
    pairs.push(("zone of the windows".to_owned(), text(row, "zone")));
    pairs.push(("set by".to_owned(), text(row, "by")));
    fields(&pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>())
}

fn effective(view: &Value) -> String {
    let list = |name: &str| view.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for meter in list("meters") {
        for level in meter.get("levels").and_then(Value::as_array).into_iter().flatten() {
            let name = format!("{} per {}", text(&meter, "meter"), text(&meter, "period"));
            let left = if level.get("used_up") == Some(&Value::Bool(true)) { "0".to_owned() } else { text(level, "left") };
            rows.push(vec![name, text(level, "level"), text(level, "window"), text(level, "limit"), text(level, "used"), left]);
        }
    }
    for rate in list("rates") {
        rows.push(vec!["events per second".to_owned(), text(&rate, "level"), "-".to_owned(), text(&rate, "per_second"), "-".to_owned()]);
    }
    for live in list("concurrency") {
        rows.push(vec!["contacts at once".to_owned(), text(&live, "level"), "-".to_owned(), text(&live, "limit"), text(&live, "live")]);
    }
    for count in list("counts") {
        rows.push(vec![text(&count, "thing"), text(&count, "level"), "-".to_owned(), text(&count, "limit"), text(&count, "count")]);
    }
    table(&["of", "tenant", "window", "limit", "used", "left"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_none_removes() {
        let set = Set {
            limits: vec!["contacts.day=5".parse().unwrap(), "fuel.hour=none".parse().unwrap()],
            counts: vec!["flows=2".parse().unwrap()],
            rate: Some(0),
            burst: None,
            concurrency: Some("none".parse().unwrap()),
            voice_share: None,
        };
        let before = json!({
            "meters": { "contacts": { "hour": 1 }, "fuel": { "hour": 9 } }, "rate": { "per_second": 1, "burst": 1 },
            "concurrency": 3, "voice_share_percent": 10,
        });
        let expected = json!({
            "meters": { "contacts": { "hour": 1, "day": 5 }, "fuel": {} }, "voice_share_percent": 10, "counts": { "flows": 2 },
        });
        assert_eq!(set.over(before).unwrap(), expected);
    }
}
