//! Reads what the platform allows its plugins to reach: the table `[egress]` of the file.
//!
//! [`super::Config::read`] calls it; the gate of the egress crate is made with it. Without the table plugins reach public addresses under
//! https and nothing else, as far as their releases' rules go. It must not be able to switch a check off: it names ranges, it does not
//! take a wildcard for all.

use std::path::{Path, PathBuf};

use jackfield_egress::guest::AddressRange;
use jackfield_egress::{Certificate, root_certificates};
use serde::Deserialize;

use super::BadConfig;

/// Ranges of a platform: its data centres and its machine's own loopback.
const RANGES_MAX: usize = 64;

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEgress {
    allow_private: Vec<String>,
    plain_http: bool,
    extra_roots: Option<PathBuf>,
}

/// The checked settings.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// Ranges that plugins reach though they are not public: the platform's own network.
    pub allow_private: Vec<AddressRange>,
    /// Whether a release's rules may say `http`.
    pub plain_http: bool,
    /// Certificates that are trusted beside the machine's: the platform's own authority.
    pub extra_roots: Vec<Certificate<'static>>,
}

impl Egress {
    pub(super) fn check(raw: RawEgress) -> Result<Self, BadConfig> {
        let wrong = |name, given: &str, rule| BadConfig::OutOfRange { name, given: given.chars().take(120).collect(), rule };
        if raw.allow_private.len() > RANGES_MAX {
            return Err(wrong("egress.allow_private", &raw.allow_private.len().to_string(), "at most 64 ranges are possible"));
        }
        let range = |text: &String| {
            let rule = "a range is written as 10.1.0.0/16 or fd00:1::/64, with the bits behind the slash zero";
            text.parse::<AddressRange>().map_err(|_| wrong("egress.allow_private", text, rule))
        };
        let allow_private = raw.allow_private.iter().map(range).collect::<Result<Vec<_>, _>>()?;
        let extra_roots = raw.extra_roots.as_deref().map(roots).transpose()?.unwrap_or_default();
        Ok(Self { allow_private, plain_http: raw.plain_http, extra_roots })
    }
}

fn roots(path: &Path) -> Result<Vec<Certificate<'static>>, BadConfig> {
    let text = std::fs::read(path).map_err(|source| BadConfig::Unreadable { path: path.to_owned(), source })?;
    let malformed = |detail: String| BadConfig::Malformed { path: path.to_owned(), detail };
    root_certificates(&text).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Egress, BadConfig> {
        Egress::check(toml::from_str(text).unwrap())
    }

    #[test]
    fn nothing_private_and_nothing_in_the_clear_is_allowed_unless_it_is_named() {
        let none = read("").unwrap();
        assert!(none.allow_private.is_empty() && !none.plain_http && none.extra_roots.is_empty());
        let some = read("allow_private = [\"10.1.0.0/16\", \"fd00:1::/64\"]\nplain_http = true").unwrap();
        assert_eq!((some.allow_private.len(), some.plain_http), (2, true));
        for text in ["allow_private = [\"10.1.0.1/16\"]", "allow_private = [\"everything\"]"] {
            assert!(read(text).unwrap_err().to_string().contains("egress.allow_private"), "{text}");
        }
        let missing = read("extra_roots = \"/nowhere/roots.pem\"").unwrap_err();
        assert!(missing.to_string().contains("roots.pem"), "{missing}");
    }
}
