//! Blots out a secret that a host echoes, so that a plugin does not read it out of the answer.
//!
//! The gate calls it for each response to a request that carried a secret. It finds the value as it was sent and nothing else: a host that
//! answers with the value turned round, encoded or cut is believed to be allowed to, because it was trusted with the value.

use jackfield_domain::request::Response;
use jackfield_domain::tenant::connection::Secret;
use memchr::memmem;

/// Shorter values are found in too much that is none: they are not blotted out.
const VALUE_BYTES_MIN: usize = 8;
const BLOT: u8 = b'*';

/// Blots out the values in headers and body. Lengths stay.
pub(super) fn blot_out(response: &mut Response, secrets: &[Secret]) {
    let mut values: Vec<&str> = secrets.iter().map(Secret::reveal).filter(|value| value.len() >= VALUE_BYTES_MIN).collect();
    // The longest first: a value that stands within another would else leave the rest of that one to be read.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        blot(&mut response.body, value.as_bytes());
        for (name, text) in &mut response.headers {
            for part in [name, text] {
                if part.contains(value) {
                    *part = part.replace(value, &"*".repeat(value.len()));
                }
            }
        }
    }
}

fn blot(body: &mut [u8], value: &[u8]) {
    let finder = memmem::Finder::new(value);
    let mut from = 0;
    while let Some(at) = body.get(from..).and_then(|rest| finder.find(rest)) {
        let (begin, end) = (from + at, from + at + value.len());
        if let Some(found) = body.get_mut(begin..end) {
            found.fill(BLOT);
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_blotted_out_wherever_it_stands() {
        let secret = Secret::new("s3cret-value".to_owned());
        let mut response = Response {
            status: 200,
            headers: vec![("x-echo".to_owned(), "Bearer s3cret-value.".to_owned()), ("x-b".to_owned(), "b".to_owned())],
            body: b"s3cret-values3cret-value and \xff s3cret-valu".to_vec(),
        };
        blot_out(&mut response, &[secret, Secret::new("and".to_owned())]);
        assert_eq!(response.body, b"************************ and \xff s3cret-valu");
        assert_eq!(response.headers[0].1, "Bearer ************.");
        assert_eq!(response.headers[1].1, "b");
    }

    #[test]
    fn a_secret_within_another_uncovers_nothing_of_it() {
        let (short, long) = (Secret::new("user-name".to_owned()), Secret::new("user-name:pass-word".to_owned()));
        let mut response = Response { status: 200, headers: Vec::new(), body: b"user-name:pass-word user-name".to_vec() };
        blot_out(&mut response, &[short, long]);
        assert_eq!(response.body, b"******************* *********");
    }
}
