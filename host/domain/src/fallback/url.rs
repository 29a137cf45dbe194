//! Checks an address of the web that a plugin names, so that nobody is sent to fetch something from inside a house.
//!
//! Vetting calls it for everything that is played. Providers fetch it, and one of them may stand beside this host: a plugin must not
//! choose a machine there. An address that is written as a number is refused whatever its network: recordings lie under names, and the
//! many ways of writing a number would each need a rule. What a name resolves to is the provider's to look at.

/// Longest address.
const BYTES_MAX: usize = 2_048;
/// Names that mean a machine nearby wherever they are asked.
const NEARBY: [&str; 5] = ["localhost", "local", "internal", "home", "lan"];

/// Refuses what is no https address of a host by name; says what is wrong with it.
pub(super) fn check(url: &str) -> Result<(), String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '"' | '<' | '>' | '`' | '{' | '}' | '|' | '^');
    let rest = url.strip_prefix("https://").filter(|_| url.len() <= BYTES_MAX && !url.contains(odd));
    let Some(rest) = rest else { return Err("the URL is not an https URL of at most 2,048 bytes".to_owned()) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("the URL has a user before its host".to_owned());
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    if port.parse::<u16>().is_err() {
        return Err("the URL has a port that is none, or a host that is a number".to_owned());
    }
    if is_public_name(host) { Ok(()) } else { Err("the URL's host is no name of the public Internet".to_owned()) }
}

/// A name with a dot whose last label is not a number and means nothing nearby.
fn is_public_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let sound = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_outside = |last: &&str| last.starts_with(|c: char| c.is_ascii_alphabetic()) && !NEARBY.contains(last);
    host.len() <= 253 && labels.len() > 1 && labels.iter().all(sound) && labels.last().is_some_and(is_outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_public_internet_is_taken() {
        for url in [
            "https://example.com/a.mp3",
            "https://cdn.example.com:8443/a%20b.mp3?x=1&y=2#z",
            "https://xn--bcher-kva.example/",
            "https://EXAMPLE.com.",
            "https://my_bucket.s3.amazonaws.com/a/b.wav?signature=a+b/c==",
            "https://example.com/a@b:c",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn whatever_may_lie_inside_a_house_is_refused() {
        for url in [
            "http://example.com/",
            "HTTPS://example.com/",
            "file:///etc/passwd",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]:8080/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1/",
            "https://8.8.8.8/",
            "https://localhost/",
            "https://LOCALHOST:8443/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://intranet/",
            "https://example.com@127.0.0.1/",
            "https://example.com:80@127.0.0.1/",
            "https://127.0.0.1\\@example.com/",
            "https://127.0.0.1\u{3002}1/",
            "https://\u{ff11}27.0.0.1/",
            "https:///etc/passwd",
            "https://",
            "https://.example.com/",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://example.com/a b",
            "https://example.com/\r\nHost: evil.example",
            "https://example.com/\"><Redirect>",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
