//! Mirrors `wit/v1/contacts.wit`: the call or conversation that an event belongs to.
//!
//! The host fills it in before every event; a plugin only reads it. Tests make one with `testing::contact`.

use core::time::Duration;

use crate::words::{Attestation, Channel, Direction, Provider};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment so much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// How long ago an earlier moment was; zero where it was not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A duration as the contract counts it. What does not fit is the most that does.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One party's address, as the provider wrote it and normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// As it arrived, for example "whatsapp:+14155550100" or "sip:sales@example.com".
    pub raw: String,
    /// E.164 with the leading plus, where it is a telephone number.
    pub e164: Option<String>,
}

/// The person or number at the other end, as far as the tenant lets plugins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Stable for this customer within the tenant; opaque where the tenant keeps no personal data.
    pub id: String,
    /// The address; raw is empty where it was withheld.
    pub address: Endpoint,
    /// The name that the provider delivered, never verified.
    pub name: Option<String>,
    /// True where the customer withheld the number.
    pub anonymous: bool,
    /// How far the network vouches for the number; absent where the provider says nothing.
    pub attestation: Option<Attestation>,
}

/// JSON that was written from outside during the contact, for example by a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// A JSON object.
    pub json: String,
    /// Counts the writes, from 1.
    pub revision: u32,
}

/// One call or conversation, from arrival to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Jackfield's id of the contact.
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The flow's name.
    pub flow: String,
    /// The number of the release that runs.
    pub release: u32,
    /// By what it is carried.
    pub channel: Channel,
    /// Who began it.
    pub direction: Direction,
    /// Who delivered it.
    pub provider: Provider,
    /// The other end.
    pub customer: Party,
    /// What the customer dialled or wrote to.
    pub entry: Endpoint,
    /// Who forwarded the contact to the entry address.
    pub forwarded_from: Option<Endpoint>,
    /// The contact that this one came from.
    pub parent: Option<String>,
    /// BCP 47 tag now in force.
    pub language: String,
    /// When the contact arrived.
    pub started: Moment,
    /// The event's time. Time stands still during an invocation.
    pub now: Moment,
    /// Minutes to add to UTC for the tenant's local time at `now`.
    pub zone_offset_minutes: i32,
    /// The host stops waiting for this invocation then.
    pub deadline: Moment,
    /// 1 for the first event that expects an answer, then counted up.
    pub turn: u32,
    /// 1, or 2 where the release before this one failed on the same event.
    pub attempt: u32,
    /// What `set_attribute` wrote so far.
    pub attributes: Vec<(String, String)>,
    /// What was written from outside, if anything was.
    pub context: Option<Context>,
    /// Headers that begin with X-, lower case, as far as the provider hands them on.
    pub headers: Vec<(String, String)>,
    /// What later versions of the contract add.
    pub extras: Vec<(String, String)>,
}

impl Contact {
    /// An attribute that an earlier decision wrote.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        named(&self.attributes, name)
    }

    /// A header that begins with X-; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        named(&self.headers, name)
    }

    /// The tenant's local time of day, in minutes since midnight.
    pub fn minute_of_day(&self) -> u32 {
        const MINUTES_PER_DAY: i64 = 24 * 60;
        let utc = i64::try_from(self.now.0 / 60_000).unwrap_or(0);
        u32::try_from((utc + i64::from(self.zone_offset_minutes)).rem_euclid(MINUTES_PER_DAY)).unwrap_or(0)
    }
}

fn named<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn local_time_follows_the_zone_across_midnight() {
        let mut contact = testing::contact();
        contact.now = Moment(30 * 60_000);
        contact.zone_offset_minutes = -60;
        assert_eq!(contact.minute_of_day(), 23 * 60 + 30);
        contact.zone_offset_minutes = 90;
        assert_eq!(contact.minute_of_day(), 120);
    }

    #[test]
    fn moments_never_go_below_zero_or_beyond_the_last() {
        assert_eq!(Moment(5).since(Moment(9)), Duration::ZERO);
        assert_eq!(Moment(5).after(Duration::MAX), Moment(u64::MAX));
    }
}
