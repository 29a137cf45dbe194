//! Tries to reach what no plugin reaches: this machine, the network behind it, the cloud's metadata, other people's secrets.
//!
//! Each call makes ten tries; the last digit of the caller's number chooses which. It says what came of each. `port` is where a server
//! listens on this machine that must never hear of it.

mod tries;

use shape::jackfield::plugin::http;
use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say};

/// As many as the largest plan sends in one invocation.
const AT_ONCE: usize = 10;

struct ReachesInside;

impl Guest for ReachesInside {
    const NAME: &str = "reaches-inside";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let from = contact.customer.address.raw.chars().last().and_then(|digit| digit.to_digit(10)).unwrap_or(0) as usize * AT_ONCE;
        let all = tries::all(number("port").unwrap_or(1));
        let now: Vec<_> = all.into_iter().skip(from).take(AT_ONCE).collect();
        let (names, requests): (Vec<_>, Vec<_>) = now.into_iter().unzip();
        let came: Vec<String> = http::send(&requests)
            .iter()
            .zip(names)
            .map(|(result, name)| match result {
                Ok(response) => format!("{name}=REACHED-{}", response.status),
                Err(error) => format!("{name}={}", shape::http_code(error)),
            })
            .collect();
        Ok(say(came.join("; "), "tried"))
    }
}

commit!(ReachesInside);
