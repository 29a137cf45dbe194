//! Says which hosts a release may reach: rules of scheme, host, port and methods, and nothing that they do not name.
//!
//! The admin API checks them when a release is made, the release keeps them for ever, the gate of the egress crate asks them for every
//! request. A rule is about names; which addresses may stand behind a name is the gate's, because a name can point anywhere.
//!
//! A host is written in one way only - lower case, without a trailing dot, IDN as xn-- - so that a comparison of texts is enough. It
//! must not resolve anything.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Most rules of a release: a plugin that talks to more services is several plugins.
pub const RULES_MAX: usize = 32;
/// RFC 1035: the longest name.
const HOST_BYTES_MAX: usize = 253;
/// RFC 1035: the longest label.
const LABEL_BYTES_MAX: usize = 63;

/// Why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {what}: {rule}")]
pub struct BadRule {
    /// What it should have been.
    pub what: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn bad(what: &'static str, given: &str, rule: &'static str) -> BadRule {
    BadRule { what, given: given.chars().take(80).collect(), rule }
}

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Under TLS, with the server's certificate verified.
    #[default]
    Https,
    /// In the clear; only where the platform's configuration allows it.
    Http,
}

impl Scheme {
    /// As a URL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port where a URL names none.
    pub fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// What may be done with a host. CONNECT and TRACE are no methods of a plugin: the one makes tunnels, the other echoes secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 says what each is")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// As a request writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl FromStr for Method {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let rule = "use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals";
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| bad("a method", text, rule))
    }
}

/// A host in the one way of writing it: a name, or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HostName(String);

impl HostName {
    /// The text; an IPv6 address without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let refuse = |rule| Err(bad("a host", text, rule));
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return Ok(Self(address.to_string()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self(address.to_string()));
        }
        if text.is_empty() || text.len() > HOST_BYTES_MAX {
            return refuse("a name has 1 to 253 characters");
        }
        let is_label = |label: &str| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !text.split('.').all(is_label) {
            return refuse("write it in lower case, labels of letters, digits and dashes, no trailing dot, other scripts as xn--");
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        // Such a name is an address in an odd spelling to whoever follows the URL standard, and it must be one thing to everybody.
        let is_number = last.bytes().all(|b| b.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_number {
            refuse("a name does not end in a number; write an address as four decimal numbers")
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(&self.0) }
    }
}

/// Which hosts a rule means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This one.
    Exactly(HostName),
    /// Every name with exactly one label more, as certificates read it: `*.example.com`.
    Below(HostName),
}

impl HostPattern {
    /// Whether it means the host.
    pub fn fits(&self, host: &HostName) -> bool {
        match self {
            Self::Exactly(exactly) => exactly == host,
            Self::Below(above) => host.0.split_once('.').is_some_and(|(_, rest)| rest == above.0),
        }
    }
}

impl FromStr for HostPattern {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let Some(above) = text.strip_prefix("*.") else { return text.parse().map(Self::Exactly) };
        let above: HostName = above.parse()?;
        let is_name = above.0.contains('.') && above.0.parse::<Ipv4Addr>().is_err() && !above.0.contains(':');
        // "*.com" would be everybody.
        if is_name { Ok(Self::Below(above)) } else { Err(bad("a host", text, "after the asterisk stands a name of at least two labels")) }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(host) => host.fmt(f),
            Self::Below(above) => write!(f, "*.{above}"),
        }
    }
}

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// How.
    pub scheme: Scheme,
    /// Who.
    pub host: HostName,
    /// Where.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}

/// One thing that a release may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenRule", into = "WrittenRule")]
pub struct EgressRule {
    /// How.
    pub scheme: Scheme,
    /// Whom.
    pub host: HostPattern,
    /// Where.
    pub port: u16,
    /// What for; at least one.
    pub methods: BTreeSet<Method>,
}

/// A rule as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default)]
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    methods: BTreeSet<Method>,
}

impl TryFrom<WrittenRule> for EgressRule {
    type Error = BadRule;
    fn try_from(written: WrittenRule) -> Result<Self, BadRule> {
        let WrittenRule { scheme, host, port, methods } = written;
        let port = port.unwrap_or(scheme.port());
        if port == 0 {
            return Err(bad("a port", "0", "use 1 to 65535"));
        }
        if methods.is_empty() {
            return Err(bad("a rule", &host, "name at least one method"));
        }
        Ok(Self { scheme, host: host.parse()?, port, methods })
    }
}

impl From<EgressRule> for WrittenRule {
    fn from(rule: EgressRule) -> Self {
        Self { scheme: rule.scheme, host: rule.host.to_string(), port: Some(rule.port), methods: rule.methods }
    }
}

impl FromStr for EgressRule {
    type Err = BadRule;
    /// `GET,POST https://api.example.com:8443`, as command lines write it.
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let form = "write it as METHOD[,METHOD] https://host[:port]";
        let (methods, url) = text.trim().split_once(' ').ok_or_else(|| bad("a rule", text, form))?;
        let methods = methods.split(',').map(str::parse).collect::<Result<BTreeSet<Method>, BadRule>>()?;
        let (scheme, rest) = match url.trim().split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            _ => return Err(bad("a rule", text, form)),
        };
        let (host, port) = split_port(rest)?;
        Self::try_from(WrittenRule { scheme, host: host.to_owned(), port, methods })
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<&str> = self.methods.iter().map(|method| method.as_str()).collect();
        write!(f, "{} {}://{}:{}", methods.join(","), self.scheme.as_str(), self.host, self.port)
    }
}

/// Host and port of `host[:port]`; an IPv6 address stands in brackets.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), BadRule> {
    let after = if text.starts_with('[') { text.find(']').map_or(0, |at| at + 1) } else { 0 };
    let Some(colon) = text.get(after..).and_then(|rest| rest.find(':')).map(|at| after + at) else { return Ok((text, None)) };
    let (host, port) = (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default());
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(bad("a port", text, "use 1 to 65535")),
    }
}

/// All that a release may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EgressRules(Vec<EgressRule>);

impl EgressRules {
    /// Checks their number.
    pub fn new(rules: Vec<EgressRule>) -> Result<Self, BadRule> {
        if rules.len() > RULES_MAX {
            Err(bad("a list of rules", &rules.len().to_string(), "a release has at most 32"))
        } else {
            Ok(Self(rules))
        }
    }

    /// In the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &EgressRule> {
        self.0.iter()
    }

    /// True where nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them allows it.
    pub fn allow(&self, method: Method, target: &Target) -> bool {
        self.0.iter().any(|rule| {
            rule.scheme == target.scheme && rule.port == target.port && rule.methods.contains(&method) && rule.host.fits(&target.host)
        })
    }
}

impl<'de> Deserialize<'de> for EgressRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        let (scheme, rest) = url.split_once("://").unwrap();
        let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
        let (host, port) = split_port(rest).unwrap();
        Target { scheme, host: host.parse().unwrap(), port: port.unwrap_or(scheme.port()) }
    }

    fn rules(rules: &[&str]) -> EgressRules {
        EgressRules::new(rules.iter().map(|rule| rule.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn a_rule_allows_what_it_names_and_nothing_beside_it() {
        let rules = rules(&["GET,POST https://api.example.com", "GET https://*.shop.example:8443", "GET http://10.1.0.7:8080"]);
        for (method, url) in [
            (Method::Get, "https://api.example.com"),
            (Method::Post, "https://api.example.com:443"),
            (Method::Get, "https://eu.shop.example:8443"),
            (Method::Get, "http://10.1.0.7:8080"),
        ] {
            assert!(rules.allow(method, &target(url)), "{url}");
        }
        for (method, url) in [
            (Method::Delete, "https://api.example.com"),
            (Method::Get, "http://api.example.com"),
            (Method::Get, "http://api.example.com:443"),
            (Method::Get, "https://api.example.com:8443"),
            (Method::Get, "https://example.com"),
            (Method::Get, "https://evil-api.example.com"),
            (Method::Get, "https://api.example.com.evil.example"),
            (Method::Get, "https://shop.example:8443"),
            (Method::Get, "https://a.b.shop.example:8443"),
            (Method::Get, "https://evilshop.example:8443"),
            (Method::Get, "http://10.1.0.8:8080"),
        ] {
            assert!(!rules.allow(method, &target(url)), "{url}");
        }
        assert!(!EgressRules::default().allow(Method::Get, &target("https://api.example.com")));
    }

    #[test]
    fn a_host_is_written_in_one_way() {
        for given in [
            "",
            "Example.com",
            "example.com.",
            ".example.com",
            "a..b",
            "exa mple.com",
            "münchen.example",
            "-a.example",
            "a-.example",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "1.2.3.4.5",
            "a.0x1",
            "user@example.com",
            "example.com:443",
            "*",
            "a\0b",
            "[::1",
            "1.2.3.256",
            &"a".repeat(64),
            &"a.".repeat(127),
        ] {
            assert!(given.parse::<HostName>().is_err(), "{given:?} was taken");
        }
        for (given, written) in
            [("example.com", "example.com"), ("[2001:DB8::1]", "[2001:db8::1]"), ("127.0.0.1", "127.0.0.1"), ("crm", "crm")]
        {
            assert_eq!(given.parse::<HostName>().unwrap().to_string(), written);
        }
        for given in ["*.com", "*.", "*.*.example.com", "a.*.example.com", "*.10.0.0.1", "*example.com"] {
            assert!(given.parse::<HostPattern>().is_err(), "{given:?} was taken");
        }
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        for text in ["GET,POST https://api.example.com:443", "DELETE http://[fd00::1]:80", "GET https://*.example.com:8443"] {
            let rule: EgressRule = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
            assert_eq!(serde_json::from_value::<EgressRule>(serde_json::to_value(&rule).unwrap()).unwrap(), rule);
        }
        for text in [
            "https://a.example",
            "GET a.example",
            "get https://a.example",
            "GET ftp://a.example",
            "CONNECT https://a.example",
            "GET https://a.example:0",
            "GET https://a.example:99999",
            "GET https://a.example/path",
            ", https://a.example",
        ] {
            assert!(text.parse::<EgressRule>().is_err(), "{text:?} was taken");
        }
        let many: Vec<EgressRule> = (0..=RULES_MAX).map(|_| "GET https://a.example".parse().unwrap()).collect();
        assert!(EgressRules::new(many).is_err());
    }
}
