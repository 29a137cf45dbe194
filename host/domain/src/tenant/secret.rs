//! Says what a tenant's secret is: a value under a handle, bound to the hosts that it may be sent to.
//!
//! The admin API takes it in, the store seals it, the gate of the egress crate puts it into a header on its way to a bound host; nobody
//! ever reads it back. It is bound to hosts by whoever gives the value and not by the release, because a plugin's release may be made by
//! somebody who must not know the value: a wider allow-list must not become a way to send a secret elsewhere.
//!
//! A secret belongs to one tenant and is not inherited: what a parent shares would be spent by a plugin that the parent never saw.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::connection::Secret;
use crate::contact::Moment;
use crate::flow::egress::{BadRule, HostName, Scheme, Target, split_port};
use crate::id::EntryName;

/// Most secrets of a tenant: a few dozen services with two keys each.
pub const SECRETS_MAX: usize = 200;
/// Longest value: a signed token with claims is two or three kilobytes.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;
/// Most hosts of one secret: a service's regions.
pub const HOSTS_MAX: usize = 16;

/// A host and port that a secret may be sent to. Never a pattern: whoever can make a name below a pattern could collect the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundHost {
    /// Who.
    pub host: HostName,
    /// Where.
    pub port: u16,
}

impl BoundHost {
    /// Whether a request goes there.
    pub fn is(&self, target: &Target) -> bool {
        self.host == target.host && self.port == target.port
    }
}

impl FromStr for BoundHost {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let (host, port) = split_port(text)?;
        Ok(Self { host: host.parse()?, port: port.unwrap_or(Scheme::Https.port()) })
    }
}

impl fmt::Display for BoundHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Serialize for BoundHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BoundHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A tenant's secret. It prints without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSecret {
    /// By what plugins name it.
    pub handle: EntryName,
    /// What goes into the header.
    pub value: Secret,
    /// Where it may go; at least one.
    pub hosts: Vec<BoundHost>,
    /// When the value was given.
    pub given: Moment,
    /// By whom.
    pub by: String,
}

impl TenantSecret {
    /// Whether it may be sent there.
    pub fn is_bound_to(&self, target: &Target) -> bool {
        self.hosts.iter().any(|host| host.is(target))
    }

    /// A value can stand in a header: printable ASCII, no space around it.
    pub fn is_sound(value: &Secret) -> bool {
        let text = value.reveal();
        (1..=VALUE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && !text.starts_with(' ')
            && !text.ends_with(' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target { scheme: Scheme::Https, host: host.parse().unwrap(), port }
    }

    #[test]
    fn a_secret_goes_to_its_hosts_and_ports_alone() {
        let secret = TenantSecret {
            handle: "crm".parse().unwrap(),
            value: Secret::new("s3cret-value".to_owned()),
            hosts: vec!["api.example.com".parse().unwrap(), "eu.example.com:8443".parse().unwrap()],
            given: 0,
            by: "test".to_owned(),
        };
        assert!(secret.is_bound_to(&target("api.example.com", 443)) && secret.is_bound_to(&target("eu.example.com", 8443)));
        for (host, port) in [("api.example.com", 8443), ("eu.example.com", 443), ("example.com", 443), ("a.api.example.com", 443)] {
            assert!(!secret.is_bound_to(&target(host, port)), "{host}:{port}");
        }
        assert!(!format!("{secret:?}").contains("s3cret-value"));
        assert!("*.example.com".parse::<BoundHost>().is_err());
    }

    #[test]
    fn a_value_that_could_end_a_header_is_no_value() {
        for value in ["", " a", "a ", "a\r\nb", "a\nb", "a\0", "ä", "a\u{7f}", &"a".repeat(VALUE_BYTES_MAX + 1)] {
            assert!(!TenantSecret::is_sound(&Secret::new(value.to_owned())), "{value:?} was taken");
        }
        assert!(TenantSecret::is_sound(&Secret::new("user pass:word=".to_owned())));
    }
}
