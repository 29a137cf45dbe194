//! Orders the addresses by which a request may lead to a flow: exact beats prefix beats domain beats default.
//!
//! The resolve step looks them up one after the other and takes the first that is bound through the request's connection. Prefixes and
//! the default belong to one connection each and carry its name, so two tenants may have the same prefix on lines of their own, and
//! neither can catch what is dialled on the other's.

use super::{Address, AddressKind, Channel};
use crate::id::ConnectionId;

/// Longest prefix that is looked for: the digits of the longest number.
pub const PREFIX_BYTES_MAX: usize = 16;

/// Stands between the connection and what follows it, in the values of prefixes.
const SEPARATOR: char = '/';

/// The address of everything on a connection that begins so.
pub fn prefix(channel: Channel, connection: &ConnectionId, begins: &str) -> Option<Address> {
    Address::new(channel, AddressKind::Prefix, &format!("{connection}{SEPARATOR}{begins}")).ok()
}

/// True for the value of a prefix: a connection and how an address on it begins.
pub(super) fn is_prefix(value: &str) -> bool {
    let is_beginning = |begins: &str| {
        (1..=PREFIX_BYTES_MAX).contains(&begins.len()) && begins.bytes().all(|b| b.is_ascii_alphanumeric() || b"+*#-_.".contains(&b))
    };
    value.split_once(SEPARATOR).is_some_and(|(connection, begins)| connection.parse::<ConnectionId>().is_ok() && is_beginning(begins))
}

/// The address of everything else on a connection.
pub fn default(channel: Channel, connection: &ConnectionId) -> Option<Address> {
    Address::new(channel, AddressKind::Any, connection.as_str()).ok()
}

/// The connection that a prefix or a default is of; none for every other address.
pub fn connection_of(address: &Address) -> Option<&str> {
    match address.kind {
        AddressKind::Prefix => address.value().split_once(SEPARATOR).map(|(connection, _)| connection),
        AddressKind::Any => Some(address.value()),
        _ => None,
    }
}

/// True where an address is one only on its own line: every domain may have a user of that name.
pub fn is_local(address: &Address) -> bool {
    address.kind == AddressKind::SipUser && !address.value().contains('@')
}

/// Everything that may be bound, the most exact first. `dialled` is in the provider's order of preference. Made one after the other: what
/// is bound is most often the first.
pub fn candidates<'a>(connection: &'a ConnectionId, dialled: &'a [Address]) -> impl Iterator<Item = Address> + use<'a> {
    let exact = dialled.iter().filter(|address| address.kind != AddressKind::Domain);
    let domains = dialled.iter().filter(|address| address.kind == AddressKind::Domain);
    let prefixes = exact.clone().filter(|address| matches!(address.kind, AddressKind::Number | AddressKind::SipUser)).flat_map(|address| {
        let begins = (1..=PREFIX_BYTES_MAX).rev().filter_map(|end| address.value().get(..end));
        begins.filter_map(|begins| prefix(address.channel, connection, begins))
    });
    let default = dialled.first().and_then(|address| default(address.channel, connection));
    exact.cloned().chain(prefixes).chain(domains.cloned()).chain(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_beats_prefix_beats_domain_beats_default() {
        let connection: ConnectionId = "pbx".parse().unwrap();
        let dialled: Vec<Address> =
            ["voice:domain:acme.example", "voice:number:+4930", "voice:sip-user:sales"].map(|text| text.parse().unwrap()).into();
        let all: Vec<String> = candidates(&connection, &dialled).map(|address| address.to_string()).collect();
        let expected = [
            "voice:number:+4930",
            "voice:sip-user:sales",
            "voice:prefix:pbx/+4930",
            "voice:prefix:pbx/+493",
            "voice:prefix:pbx/+49",
            "voice:prefix:pbx/+4",
            "voice:prefix:pbx/+",
            "voice:prefix:pbx/sales",
            "voice:prefix:pbx/sale",
            "voice:prefix:pbx/sal",
            "voice:prefix:pbx/sa",
            "voice:prefix:pbx/s",
            "voice:domain:acme.example",
            "voice:any:pbx",
        ];
        assert_eq!(all, expected);
        assert!(candidates(&connection, &[]).next().is_none(), "a request that names nothing leads nowhere, not to the default");
    }

    #[test]
    fn a_prefix_and_a_default_name_their_connection() {
        for (text, of) in [("voice:prefix:pbx/+49", Some("pbx")), ("voice:any:pbx", Some("pbx")), ("voice:number:+4930", None)] {
            assert_eq!(connection_of(&text.parse().unwrap()), of, "{text}");
        }
        for text in ["voice:prefix:+49", "voice:prefix:pbx/", "voice:prefix:/+49", "voice:any:a/b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
