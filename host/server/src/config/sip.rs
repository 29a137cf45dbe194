//! Reads where SIP is answered, and for which connections.
//!
//! The listener takes the first connection whose sources hold the sender; whether a connection exists shows when somebody asks, because it
//! may be made later.

use std::net::SocketAddr;

use jackfield_domain::id::ConnectionId;
use serde::Deserialize;

use super::BadConfig;
use crate::sip::Rules;

/// Connections that are looked through for every message.
const CONNECTIONS_MAX: usize = 64;

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSip {
    listen: SocketAddr,
    connections: Vec<ConnectionId>,
}

pub(super) fn check(raw: RawSip) -> Result<Rules, BadConfig> {
    let count = raw.connections.len();
    if (1..=CONNECTIONS_MAX).contains(&count) {
        Ok(Rules { listen: raw.listen, connections: raw.connections })
    } else {
        Err(BadConfig::OutOfRange { name: "sip.connections", given: format!("{count} names"), rule: "1 to 64 connections can be named" })
    }
}
