//! Names what is metered over time, and what a tenant's quota says of it.
//!
//! Those above a tenant set its [`Quota`]; the ledger counts against it, the admit step asks it. Absent is unlimited at this level:
//! the levels above still count, because every spend counts for the tenant and everyone above it. So a child's quota may be wider
//! than its parent's without ever giving it more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::things::Thing;
use crate::contact::Moment;
use crate::refusal::{Code, Refusal};

/// Above every real quota, and far from overflowing a sum of levels.
pub const LIMIT_MAX: u64 = 1 << 60;
/// Events per second of one tenant that a host of this size could ever see.
pub const RATE_PER_SECOND_MAX: u32 = 100_000;
/// Longest burst: a minute of the fastest rate.
pub const BURST_MAX: u32 = 6_000_000;

/// What is counted over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meter {
    /// Contacts that were let in.
    Contacts,
    /// Messages in and out.
    Messages,
    /// Fuel of invocations; one unit is about one instruction.
    Fuel,
    /// AI tokens, read and written, as reported after they were spent.
    AiTokens,
    /// Requests that plugins send.
    EgressRequests,
    /// Bytes of those requests and their responses.
    EgressBytes,
}

impl Meter {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Contacts, Self::Messages, Self::Fuel, Self::AiTokens, Self::EgressRequests, Self::EgressBytes];

    /// As API, command line and keys write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Messages => "messages",
            Self::Fuel => "fuel",
            Self::AiTokens => "ai-tokens",
            Self::EgressRequests => "egress-requests",
            Self::EgressBytes => "egress-bytes",
        }
    }

    /// Whether a share can be kept for voice: text messages are nothing that a call could use.
    pub fn has_voice_share(self) -> bool {
        self != Self::Messages
    }
}

/// How long a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// A local hour.
    Hour,
    /// A local day.
    Day,
    /// A local month.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// As API and command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// The limits of one meter; absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodLimits {
    /// In a local hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u64>,
    /// In a local day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u64>,
    /// In a local month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<u64>,
}

impl PeriodLimits {
    /// Of one period.
    pub fn of(&self, period: Period) -> Option<u64> {
        match period {
            Period::Hour => self.hour,
            Period::Day => self.day,
            Period::Month => self.month,
        }
    }
}

/// Events per second, by a bucket that is full at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Events that come back to the bucket each second.
    pub per_second: u32,
    /// Events that the bucket holds: what may come at once.
    pub burst: u32,
}

/// What a tenant may use over time, as those above it set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Limits by meter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meters: BTreeMap<Meter, PeriodLimits>,
    /// Events per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Contacts that are live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
    /// Percent of each limit that only voice may use: text stops earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_share_percent: Option<u8>,
    /// How many things there may be, the subtenants' among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<Thing, u64>,
}

/// A quota as it is kept: with the zone of its windows, so that nobody gets a second window by moving a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaRow {
    /// What was set.
    pub quota: Quota,
    /// IANA name of the zone that its windows are named in: the tenant's when the quota was set.
    pub zone: String,
    /// When it was set.
    pub set: Moment,
    /// By whom.
    pub by: String,
}

impl Quota {
    /// Nothing is limited.
    pub fn unlimited() -> Self {
        Self { meters: BTreeMap::new(), rate: None, concurrency: None, voice_share_percent: None, counts: BTreeMap::new() }
    }

    /// The limit of a meter in a period.
    pub fn limit(&self, meter: Meter, period: Period) -> Option<u64> {
        self.meters.get(&meter).and_then(|limits| limits.of(period))
    }

    /// How far text may go where voice may go to `limit`.
    pub fn text_limit(&self, limit: u64) -> u64 {
        let share = u64::from(self.voice_share_percent.unwrap_or(0).min(100));
        // In parts of a hundred without an overflow: limits go up to 2^60.
        limit - (limit / 100 * share + limit % 100 * share / 100)
    }

    /// Checks what somebody typed.
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |at: String, rule: &str| Err(Refusal::new(Code::Invalid, format!("{at} {rule}")).at(at));
        for (meter, limits) in &self.meters {
            for period in Period::ALL {
                if limits.of(period).is_some_and(|limit| limit > LIMIT_MAX) {
                    return refuse(format!("meters.{}.{}", meter.as_str(), period.as_str()), "is above every real quota; leave it out");
                }
            }
        }
        if let Some(rate) = self.rate {
            if rate.per_second == 0 || rate.per_second > RATE_PER_SECOND_MAX {
                return refuse("rate.per_second".to_owned(), &format!("goes from 1 to {RATE_PER_SECOND_MAX}"));
            }
            if rate.burst == 0 || rate.burst > BURST_MAX {
                return refuse("rate.burst".to_owned(), &format!("goes from 1 to {BURST_MAX}"));
            }
        }
        if self.voice_share_percent.is_some_and(|share| share > 100) {
            return refuse("voice_share_percent".to_owned(), "goes from 0 to 100");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_share(percent: u8) -> Quota {
        Quota { voice_share_percent: Some(percent), ..Quota::unlimited() }
    }

    #[test]
    fn text_stops_where_the_share_of_voice_begins() {
        assert_eq!(with_share(20).text_limit(100), 80);
        assert_eq!(with_share(0).text_limit(7), 7);
        assert_eq!(with_share(100).text_limit(LIMIT_MAX), 0);
        assert_eq!(with_share(33).text_limit(LIMIT_MAX), LIMIT_MAX - LIMIT_MAX / 100 * 33 - LIMIT_MAX % 100 * 33 / 100);
        assert_eq!(Quota::unlimited().text_limit(50), 50);
        assert_eq!(with_share(50).text_limit(1), 1, "half of one contact is none: text may have it");
    }

    #[test]
    fn a_quota_that_cannot_be_meant_names_its_field() {
        let bad = Quota { rate: Some(Rate { per_second: 0, burst: 1 }), ..Quota::unlimited() };
        assert_eq!(bad.check().unwrap_err().at.as_deref(), Some("rate.per_second"));
        let bad = with_share(101);
        assert_eq!(bad.check().unwrap_err().at.as_deref(), Some("voice_share_percent"));
        let limits = PeriodLimits { day: Some(LIMIT_MAX + 1), ..PeriodLimits::default() };
        let bad = Quota { meters: BTreeMap::from([(Meter::AiTokens, limits)]), ..Quota::unlimited() };
        assert_eq!(bad.check().unwrap_err().at.as_deref(), Some("meters.ai-tokens.day"));
        assert!(Quota::unlimited().check().is_ok());
    }

    #[test]
    fn a_quota_reads_as_it_was_written() {
        let text = r#"{"meters":{"contacts":{"day":100},"ai-tokens":{"hour":5}},"rate":{"per_second":5,"burst":9},"concurrency":3,"voice_share_percent":20,"counts":{"flows":2}}"#;
        let quota: Quota = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&quota).unwrap(), text);
        assert_eq!(quota.limit(Meter::Contacts, Period::Day), Some(100));
        assert_eq!(quota.limit(Meter::Contacts, Period::Hour), None);
    }
}
