//! Builds clocks out of all that the host offers, to measure what others do: how long its own work takes, and the host's.
//!
//! It answers with what its clocks showed. A host without a leak makes it the same answer every time: clocks stand still, and what is
//! left of the time shows in steps that are longer than any call of this guest takes. The steps are told apart from the rest.

use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime};

use shape::jackfield::plugin::state::{self, Scope};
use shape::jackfield::plugin::{customer, directory, http, settings};
use shape::{Action, Contact, Decision, Event, Failure, Guest, burn, commit, decide, text};

struct TellsTime;

/// Rounds of measuring.
const ROUNDS: u32 = 8;
/// What the guest does itself in one round.
const ROUND_FUEL: u64 = 200_000;

impl Guest for TellsTime {
    const NAME: &str = "tells-time";
    const ACTIONS: &[&str] = &["say", "set-attributes"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let (begun, dated, left) = (Instant::now(), SystemTime::now(), http::time_left());
        let mut shown = Vec::new();
        let mut steps = vec![left];
        for round in 0..ROUNDS {
            let before = Instant::now();
            let worked = burn(ROUND_FUEL);
            let after_work = before.elapsed();
            let asked = [
                settings::all().is_ok(),
                directory::get_queue("front-desk").is_ok(),
                state::increment(Scope::Contact, "ticks", 1).is_ok(),
                state::get(Scope::Tenant, &format!("absent-{round}")).is_ok(),
                customer::last_seen().is_ok(),
            ];
            shown.push(format!("{worked}/{asked:?}/{}/{}", after_work.as_nanos(), before.elapsed().as_nanos()));
            let now_left = http::time_left();
            if steps.last() != Some(&now_left) {
                steps.push(now_left);
            }
        }
        let dated = SystemTime::now().duration_since(dated).unwrap_or_default().as_nanos();
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        // Where memory lies and how tables are hashed must not tell runs apart either, but for the seed, which the host draws.
        let seeded = RandomState::new().hash_one(0) != 0;
        let place = std::ptr::from_ref(&shown).expose_provenance();
        let reason = format!(
            "{}; instant {}, date {dated}, event {}, seeded {seeded}, place {place}",
            shown.join(" "),
            begun.elapsed().as_nanos(),
            i128::from(contact.now) - i128::try_from(epoch).unwrap_or_default(),
        );
        let steps = steps.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        Ok(decide(vec![Action::SetAttributes(vec![("steps".into(), steps)]), Action::Say(text("I cannot tell."))], reason))
    }
}

commit!(TellsTime);
