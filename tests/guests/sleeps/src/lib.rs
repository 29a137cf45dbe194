//! Sleeps an hour through the clock, again and again.
//!
//! Time stands still for a guest and a wait only moves its own clock, so each hour is over at once and only fuel ends it. With the
//! setting `hours` it sleeps so often and then answers with what its clocks say.

use std::time::{Duration, Instant, SystemTime};

use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say};

struct Sleeps;

impl Guest for Sleeps {
    const NAME: &str = "sleeps";
    const ACTIONS: &[&str] = &["say"];

    #[expect(clippy::disallowed_methods, reason = "this is the sin")]
    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let (begun, dated) = (Instant::now(), SystemTime::now());
        let hours = number("hours").unwrap_or(u64::MAX);
        for _ in 0..hours {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        let epoch = dated.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let reason = format!(
            "slept {} s by its clock; it began {} ms after the event",
            begun.elapsed().as_secs(),
            epoch.saturating_sub(contact.now.into())
        );
        Ok(say("Good morning.", reason))
    }
}

commit!(Sleeps);
