//! Reads what an operator types as a limit: "contacts.day=1000", "flows=none".
//!
//! The verb `quota set` parses its arguments with it, so that a misspelt meter is refused with the list of those that there are and
//! never travels.

use std::str::FromStr;

use jackfield_domain::quota::meter::{Meter, Period};
use jackfield_domain::quota::things::Thing;
use serde_json::{Map, Value, json};

/// A number, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(Option<u64>);

/// A limit over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub meter: Meter,
    /// In which period.
    pub period: Period,
    /// How much.
    pub amount: Amount,
}

/// A limit of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub thing: Thing,
    /// How many.
    pub amount: Amount,
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        text.replace('_', "").parse().map(|amount| Self(Some(amount))).map_err(|_| format!("{text:?} is no number; or write none"))
    }
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str, what: &str) -> Result<T, String> {
    let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| format!("{text:?} is no {what}; there are {}", names.join(", ")))
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(of, amount)| of.split_once('.').map(|(meter, period)| (meter, period, amount)));
        let (meter, period, amount) = parts.ok_or_else(|| "write METER.PERIOD=N, for example contacts.day=1000".to_owned())?;
        Ok(Self {
            meter: named(&Meter::ALL, Meter::as_str, meter, "meter")?,
            period: named(&Period::ALL, Period::as_str, period, "period")?,
            amount: amount.parse()?,
        })
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (thing, amount) = text.split_once('=').ok_or_else(|| "write THING=N, for example flows=10".to_owned())?;
        Ok(Self { thing: named(&Thing::ALL, Thing::as_str, thing, "thing")?, amount: amount.parse()? })
    }
}

/// Sets a number, or removes it.
pub(super) fn put(of: &mut Map<String, Value>, name: &str, amount: Amount) {
    match amount.0 {
        Some(amount) => of.insert(name.to_owned(), json!(amount)),
        None => of.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_a_misspelt_one_names_what_there_is() {
        let limit: Limit = "ai-tokens.month=1_000_000".parse().unwrap();
        assert_eq!((limit.meter, limit.period, limit.amount), (Meter::AiTokens, Period::Month, Amount(Some(1_000_000))));
        assert!("calls.day=1".parse::<Limit>().unwrap_err().contains("contacts, messages"));
        assert!("contacts.week=1".parse::<Limit>().unwrap_err().contains("hour, day, month"));
        for text in ["contacts=1", "contacts.day", "contacts.day=x", "", "="] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
        assert_eq!("flows=none".parse::<Count>().unwrap().amount, Amount(None));
    }
}
