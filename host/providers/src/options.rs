//! Checks what a connection may choose, by the names that its provider knows.
//!
//! Providers call [`check`] when a connection is set; what they read afterwards with [`Connection::option`] is sound then. A name that
//! nobody reads is refused, because a misspelt one would silently change nothing.

use std::net::IpAddr;

use ipnet::IpNet;
use jackfield_domain::budget::DEADLINE_RESERVE_MS;
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::connection::Connection;

/// The option that every provider has: how long its side waits, in milliseconds, where the owner set a shorter time there.
pub const DEADLINE_MS: &str = "deadline_ms";
/// The option that names who may send: networks, separated by spaces.
pub const SOURCES: &str = "sources";

/// Of a time that somebody waits a plugin must have something: below this nothing would ever answer.
const DEADLINE_MS_MIN: u64 = DEADLINE_RESERVE_MS + 250;
/// Longest value: a list of some dozen networks.
const VALUE_BYTES_MAX: usize = 1_024;

/// One option: its name, what it takes for people, and whether a value is sound.
pub type Known = (&'static str, &'static str, fn(&str) -> bool);

/// Refuses what is not known or not sound.
pub fn check(connection: &Connection, known: &[Known], deadline_ms_max: u64) -> Result<(), Refusal> {
    for (name, value) in &connection.options {
        let at = format!("options.{name}");
        let refuse = |rule: String| Err(Refusal::new(Code::Invalid, format!("option {name}: {rule}")).at(at));
        if value.len() > VALUE_BYTES_MAX {
            return refuse(format!("a value has at most {VALUE_BYTES_MAX} bytes"));
        }
        if name == DEADLINE_MS {
            let sound = value.parse::<u64>().is_ok_and(|ms| (DEADLINE_MS_MIN..=deadline_ms_max).contains(&ms));
            if !sound {
                return refuse(format!("use {DEADLINE_MS_MIN} to {deadline_ms_max}, how long {} waits", connection.provider));
            }
            continue;
        }
        match known.iter().find(|(known, _, _)| known == name) {
            Some((_, _, is_sound)) if is_sound(value) => {}
            Some((_, takes, _)) => return refuse(format!("use {takes}")),
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _, _)| *name).chain([DEADLINE_MS]).collect();
                return refuse(format!("{} has no such option; it has {}", connection.provider, names.join(", ")));
            }
        }
    }
    Ok(())
}

/// How long the provider's side waits.
pub fn deadline_ms(connection: &Connection, own: u64) -> u64 {
    connection.option(DEADLINE_MS).and_then(|ms| ms.parse().ok()).unwrap_or(own).min(own)
}

/// True where a value is a list of networks or addresses.
pub fn is_networks(text: &str) -> bool {
    text.split_whitespace().next().is_some() && text.split_whitespace().all(|network| network_of(network).is_some())
}

/// True where an option's networks hold that address; false where there is none of them.
pub fn holds(connection: &Connection, option: &str, peer: Option<IpAddr>) -> bool {
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return false };
    let networks = connection.option(option).unwrap_or_default();
    networks.split_whitespace().filter_map(network_of).any(|network| network.contains(&peer))
}

fn network_of(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().map(IpNet::from).ok())
}
