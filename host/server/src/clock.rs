//! Tells the real time: the only file that asks the operating system for it.
//!
//! The composition root hands it on as a [`Clock`]; tests hand on their own. Guests never see it.

use std::time::{SystemTime, UNIX_EPOCH};

use jackfield_domain::contact::Moment;
use jackfield_domain::ports::Clock;

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        // A clock before 1970 is a broken machine; 0 keeps the host answering, and every time in the trail shows it.
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| Moment::try_from(since.as_millis()).ok()).unwrap_or(0)
    }
}
