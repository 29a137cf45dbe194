//! Reads a guest's URL as strictly as can be, so that what was checked and what is reached are one thing.
//!
//! The gate calls it first of all; what comes out names scheme, host and port in the one way of writing in which rules are written, and
//! the rest of the URL as it goes onto the request line. The parser follows the URL standard, as browsers do; what that standard repairs
//! silently - tabs, backslashes, a user before the host - is refused here, because somebody else on the way may repair it otherwise.

use jackfield_domain::flow::egress::{HostName, Scheme, Target};
use url::{Host, Url};

/// Longer than that no server takes.
const URL_BYTES_MAX: usize = 8 * 1024;
/// Of the path, as the trail shows it.
const SHOWN_PATH_CHARS_MAX: usize = 200;
/// Names of the query, as the trail shows them.
const SHOWN_NAMES_MAX: usize = 12;
/// Of each of them.
const SHOWN_NAME_CHARS_MAX: usize = 32;

/// A URL that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Whom it is for.
    pub(super) target: Target,
    /// What stands on the request line.
    pub(super) path_and_query: String,
    /// For the trail: no value of the query, nothing of a user.
    pub(super) shown: String,
}

/// Reads it, or says what is wrong.
pub(super) fn read(text: &str) -> Result<Address, &'static str> {
    if text.len() > URL_BYTES_MAX {
        return Err("url: longer than 8,192 bytes");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("url: has a space, a backslash or a control character");
    }
    let url = Url::parse(text).map_err(|_| "url: cannot be read")?;
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err("url: begins with neither https:// nor http://"),
    };
    // The standard takes any number of slashes; the rest of the world does not.
    if !text.get(scheme.as_str().len()..).is_some_and(|rest| rest.starts_with("://") && !rest.starts_with(":///")) {
        return Err("url: write scheme://host");
    }
    if !url.username().is_empty() || url.password().is_some() || text.split(['/', '?', '#']).nth(2).is_some_and(|host| host.contains('@')) {
        return Err("url: has a user before the host; put credentials into a header");
    }
    let host = match url.host() {
        Some(Host::Domain(name)) if name.ends_with('.') => return Err("url: the host ends in a dot"),
        Some(Host::Domain(name)) => name.parse::<HostName>(),
        Some(Host::Ipv4(address)) => address.to_string().parse(),
        Some(Host::Ipv6(address)) => address.to_string().parse(),
        None => return Err("url: has no host"),
    };
    let host = host.map_err(|_| "url: the host is no name and no address")?;
    let port = url.port_or_known_default().filter(|port| *port > 0).ok_or("url: has no port")?;
    let target = Target { scheme, host, port };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Address { shown: shown(&target, &url), path_and_query: format!("{}{query}", url.path()), target })
}

fn shown(target: &Target, url: &Url) -> String {
    let path: String = url.path().chars().take(SHOWN_PATH_CHARS_MAX).collect();
    let names = url.query_pairs().take(SHOWN_NAMES_MAX).map(|(name, _)| {
        let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(SHOWN_NAME_CHARS_MAX).collect();
        format!("{name}=…")
    });
    let names: Vec<String> = names.collect();
    let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
    format!("{target}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> String {
        read(text).unwrap().target.host.as_str().to_owned()
    }

    #[test]
    fn an_address_in_an_odd_spelling_is_read_as_the_address_that_it_is() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://0177.1/",
            "http://127.0.0.1./",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "HTTP://127.0.0.1/",
            "http://127.0.0.01/",
            "http://%31%32%37.0.0.1/",
        ] {
            assert_eq!(host(text), "127.0.0.1", "{text}");
        }
        for text in ["http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:ffff:7f00:1]/", "http://[::FFFF:7F00:0001]/"] {
            assert_eq!(host(text), "::ffff:127.0.0.1", "{text}");
        }
        assert_eq!(host("https://MÜNCHEN.example/"), "xn--mnchen-3ya.example");
        assert_eq!(host("https://EXAMPLE.com/"), "example.com");
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for text in [
            "",
            "example.com",
            "//example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "data:text/plain,a",
            "gopher://a/",
            "https:",
            "https://",
            "https:///example.com/",
            "https:example.com",
            "https:/example.com",
            "https://example.com./",
            "https://user@example.com/",
            "https://user:pw@example.com/",
            "https://@example.com/",
            "https://a@b@example.com/",
            "https://example.com\\@evil.example/",
            "https://exam\tple.com/",
            "https://example.com/\r\nHost: evil",
            "https://example.com/a b",
            " https://example.com/",
            "https://example.com/\n",
            "https://exa\0mple.com/",
            "https://[::1",
            "https://[fe80::1%25eth0]/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://example.com:x/",
            "https://1.2.3.4.5/",
            "https://256.1.1.1/",
            "https://a..b/",
            "https://*.example.com/",
            "https://exa%00mple.com/",
            "https://exa%2fmple.com/",
            "https://-a.example/",
            &format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX)),
        ] {
            assert!(read(text).is_err(), "{text:?} was read as {:?}", read(text));
        }
    }

    #[test]
    fn the_trail_shows_names_of_the_query_and_no_values() {
        let read = read("https://api.example.com/v1/a%20b?token=s3cret&x=1#frag").unwrap();
        assert_eq!(read.path_and_query, "/v1/a%20b?token=s3cret&x=1");
        assert_eq!(read.shown, "https://api.example.com:443/v1/a%20b?token=…&x=…");
    }
}
