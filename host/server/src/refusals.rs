//! Remembers the last requests that were turned away, per connection, so that a wrong public URL is found in a minute.
//!
//! The webhook adds, the admin API shows. It is memory alone and bounded: a stranger must not be able to fill a disk, and nothing
//! of it counts against a tenant. It keeps no bodies, no header values and no signatures.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jackfield_domain::contact::Moment;
use jackfield_domain::id::ConnectionId;
use serde::{Deserialize, Serialize};

/// A minute of a busy provider's retries.
const KEPT_PER_CONNECTION: usize = 100;
/// Only connections that exist are remembered; this bounds even a platform with very many: about 100 MB at worst.
const CONNECTIONS_MAX: usize = 4_000;
/// A URL longer than that is cut.
const URL_CHARS_MAX: usize = 512;
/// A request with more headers than that is an attack.
const HEADERS_MAX: usize = 40;

/// A request that was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRequest {
    /// When.
    pub at: Moment,
    /// Why, for programs: "bad-signature", "wrong-account", "unreadable", "unbound-address", "too-large".
    pub code: String,
    /// The URL whose signature was checked: the connection's public URL with the request's path and query.
    pub url_seen: String,
    /// Names of the request's headers.
    pub header_names: Vec<String>,
    /// Ways of signing that were tried.
    pub forms_tried: Vec<String>,
    /// A sentence for people.
    pub detail: String,
}

/// The last refusals of every connection.
#[derive(Debug, Default)]
pub struct RefusalLog {
    kept: Mutex<HashMap<ConnectionId, VecDeque<RefusedRequest>>>,
}

impl RefusalLog {
    /// Adds one.
    pub fn add(&self, connection: &ConnectionId, mut refused: RefusedRequest) {
        refused.url_seen = refused.url_seen.chars().take(URL_CHARS_MAX).collect();
        refused.header_names.truncate(HEADERS_MAX);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CONNECTIONS_MAX && !kept.contains_key(connection) {
            return;
        }
        let ring = kept.entry(connection.clone()).or_default();
        if ring.len() == KEPT_PER_CONNECTION {
            ring.pop_front();
        }
        ring.push_back(refused);
    }

    /// The last of a connection, newest first.
    pub fn of(&self, connection: &ConnectionId) -> Vec<RefusedRequest> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(connection).map(|ring| ring.iter().rev().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_keeps_its_last_hundred_refusals() {
        let log = RefusalLog::default();
        let connection: ConnectionId = "twilio".parse().unwrap();
        for at in 0..250 {
            let refused = RefusedRequest {
                at,
                code: "bad-signature".to_owned(),
                url_seen: "u".repeat(10_000),
                header_names: vec!["h".to_owned(); 500],
                forms_tried: Vec::new(),
                detail: String::new(),
            };
            log.add(&connection, refused);
        }
        let kept = log.of(&connection);
        assert_eq!((kept.len(), kept[0].at, kept[99].at), (100, 249, 150));
        assert_eq!((kept[0].url_seen.len(), kept[0].header_names.len()), (512, 40));
        assert!(log.of(&"other".parse().unwrap()).is_empty());
    }
}
