//! Says how long a contact and its trail stay, and when one may go.
//!
//! The server asks it in the background. By days, because what is known of customers must not pile up; by number, because what a tenant
//! keeps on the platform's disk, and the index of it in memory, must not grow with how often somebody calls it. A contact that is not over
//! stays whatever the bounds say, and so does one that was over just now: its provider may ask again.

use serde::{Deserialize, Serialize};

use crate::budget::Plan;
use crate::contact::{Contact, Moment};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Longer than any voice provider waits before it asks again for an answer that it did not get.
const ASKED_AGAIN_MS: u64 = 2 * 60 * 1000;

/// How much is kept of a tenant's contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days since a contact's last event.
    pub days: u32,
    /// Contacts; past it the oldest go.
    pub contacts_max: u64,
}

impl Retention {
    /// What a plan keeps, before the platform cuts it.
    pub fn of(plan: Plan) -> Self {
        match plan {
            Plan::Standard => Self { days: 30, contacts_max: 100_000 },
            Plan::Large => Self { days: 90, contacts_max: 500_000 },
            Plan::Maximum => Self { days: 400, contacts_max: 5_000_000 },
        }
    }

    /// Cut to what the platform keeps at most.
    pub fn within(self, most: Self) -> Self {
        Self { days: self.days.min(most.days), contacts_max: self.contacts_max.min(most.contacts_max) }
    }

    /// True where a contact is too old to be kept.
    pub fn is_past(&self, last_event: Moment, now: Moment) -> bool {
        now.saturating_sub(last_event) > self.span_ms()
    }

    /// The days, in milliseconds.
    pub fn span_ms(&self) -> u64 {
        u64::from(self.days).saturating_mul(DAY_MS)
    }
}

/// True where nobody needs a contact any more to answer an event.
pub fn may_go(contact: &Contact, last_event: Moment, now: Moment) -> bool {
    contact.is_over(now, last_event) && now.saturating_sub(last_event) > ASKED_AGAIN_MS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::{Phase, VOICE_LIFETIME_MS};
    use crate::id::ContactId;

    const NOON: Moment = 1_795_176_000_000;

    fn contact() -> Contact {
        let endpoint = json!({"raw": "+14155550100", "e164": "+14155550100"});
        serde_json::from_value(json!({
            "id": ContactId::new(NOON, [1; 10]), "tenant": "acme", "flow": "main", "connection": "line", "provider": "twilio",
            "address": "voice:number:+18005551234", "channel": "voice", "release": 1, "plan": "standard", "language": "en",
            "arrival": {
                "provider_contact": "CA1", "parent": null, "direction": "inbound", "entry": endpoint, "forwarded_from": null,
                "customer": {"address": endpoint, "name": null, "anonymous": false, "attestation": null}, "headers": [], "extras": [],
            },
            "started": NOON, "ended": null, "end_cause": null, "phase": "running", "turn": 0, "asked_turns": 0, "idle_turns": 0,
            "attributes": {}, "open": null, "queues": [], "failures": [], "consents": {}, "state_schema": null, "state_bytes": 0,
        }))
        .unwrap()
    }

    #[test]
    fn a_platform_cuts_what_a_plan_keeps_and_adds_nothing() {
        let most = Retention { days: 60, contacts_max: 1_000 };
        assert_eq!(Retention::of(Plan::Standard).within(most), Retention { days: 30, contacts_max: 1_000 });
        assert_eq!(Retention::of(Plan::Maximum).within(most), most);
        assert!(!most.is_past(0, 60 * DAY_MS) && most.is_past(0, 60 * DAY_MS + 1));
    }

    #[test]
    fn what_is_not_over_stays_and_so_does_what_was_over_just_now() {
        let mut contact = contact();
        let last = contact.started;
        assert!(!may_go(&contact, last, last + VOICE_LIFETIME_MS), "nobody has hung up");
        assert!(may_go(&contact, last, last + VOICE_LIFETIME_MS + 1), "nobody will report its end");
        contact.phase = Phase::Ended;
        assert!(!may_go(&contact, last, last + ASKED_AGAIN_MS), "its provider may ask again");
        assert!(may_go(&contact, last, last + ASKED_AGAIN_MS + 1));
    }
}
