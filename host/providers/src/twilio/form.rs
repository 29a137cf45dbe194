//! Reads the parameters of a webhook strictly, so that what is verified, parsed and retried is one and the same text.
//!
//! The signature and the parser both read through it. The library's decoder alone replaces what it cannot read; here a request with
//! half an escape or broken UTF-8 is turned away before anybody acts on a guess.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use crate::provider::{Raw, Unreadable};

/// Twilio sends about 40 parameters, and each X- header of a SIP call adds one.
const PARAMETERS_MAX: usize = 256;
/// As many as most webhooks have.
const PARAMETERS: usize = 32;

/// What a webhook's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No body: everything stands in the query.
    Query,
    /// A form.
    Form,
    /// JSON.
    Json,
}

/// What this request's body is.
pub(crate) fn kind(method: &Method, headers: &HeaderMap) -> Result<Kind, Unreadable> {
    if method == Method::GET {
        return Ok(Kind::Query);
    }
    if method != Method::POST {
        return Err(Unreadable::WrongMethod("GET and POST"));
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(Kind::Form)
    } else if media.eq_ignore_ascii_case("application/json") {
        Ok(Kind::Json)
    } else {
        Err(Unreadable::WrongContentType("application/x-www-form-urlencoded"))
    }
}

/// A webhook's parameters, in the order of their arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form<'a>(Vec<Pair<'a>>);

/// A name and its value. Most of what Twilio sends has no escape in it, and is read where it stands.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

impl<'a> Form<'a> {
    /// Of a request: its query for GET, its body for POST.
    pub(crate) fn of(raw: &Raw<'a>) -> Result<Self, Unreadable> {
        match kind(raw.method, raw.headers)? {
            Kind::Query => decode(raw.query().unwrap_or_default().as_bytes()),
            Kind::Form => decode(raw.body),
            Kind::Json => Err(Unreadable::WrongContentType("application/x-www-form-urlencoded")),
        }
    }

    /// Of a request's query alone.
    pub(crate) fn of_query(raw: &Raw<'a>) -> Result<Self, Unreadable> {
        decode(raw.query().unwrap_or_default().as_bytes())
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> &[Pair<'a>] {
        &self.0
    }

    /// All of them, for a test that signs or changes them.
    #[cfg(test)]
    pub(crate) fn owned(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// The value of a parameter that has one; none where it is absent or empty.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, Unreadable> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_ref());
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            return Err(Unreadable::Ambiguous(name));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// A parameter that must be there.
    pub(crate) fn need(&self, name: &'static str) -> Result<&str, Unreadable> {
        self.one(name)?.ok_or(Unreadable::Missing(name))
    }

    /// A number of seconds, as milliseconds; 0 where it is absent or none.
    pub(crate) fn seconds_as_ms(&self, name: &'static str) -> Result<u64, Unreadable> {
        let seconds = self.one(name)?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Ok(seconds.saturating_mul(1_000))
    }
}

/// Decodes `application/x-www-form-urlencoded`, or says what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Form<'_>, Unreadable> {
    let mut pairs = Vec::with_capacity(if bytes.is_empty() { 0 } else { PARAMETERS });
    let mut rest = bytes;
    while !rest.is_empty() {
        let (pair, after) = split(rest, b'&');
        rest = after;
        if pair.is_empty() {
            continue;
        }
        if pairs.len() == PARAMETERS_MAX {
            return Err(Unreadable::TooMuch("there are more than 256 parameters"));
        }
        let (name, value) = split(pair, b'=');
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(Form(pairs))
}

/// What stands before a separator and behind it.
fn split(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = memchr::memchr(separator, bytes).unwrap_or(bytes.len());
    let (before, after) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (before, after.get(1..).unwrap_or_default())
}

/// A name or a value as it is meant. What is half an escape or no UTF-8 is not guessed.
fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let not_utf8 = Unreadable::Malformed("a parameter is not UTF-8");
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| not_utf8);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let both = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                both.ok_or(Unreadable::Malformed("a percent sign is not followed by two hexadecimal digits"))?
            }
            byte => byte,
        });
    }
    String::from_utf8(plain).map(Cow::Owned).map_err(|_| not_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_an_escape_or_broken_text_is_turned_away_and_not_guessed() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%C3", "a=%C3%28", "%FF=1"] {
            assert!(matches!(decode(bad.as_bytes()), Err(Unreadable::Malformed(_))), "{bad}");
        }
        assert!(decode(b"a=\xff").is_err());
        let form = decode(b"a=%C3%A4+b%2B&c&d=").unwrap();
        assert_eq!(form.pairs(), [("a", "ä b+"), ("c", ""), ("d", "")].map(|(n, v)| (Cow::from(n), Cow::from(v))));
    }

    #[test]
    fn a_parameter_with_two_values_has_none() {
        let form = decode(b"To=1&To=2&From=3&From=3&Empty=").unwrap();
        assert_eq!(form.one("To"), Err(Unreadable::Ambiguous("To")));
        assert_eq!(form.one("From"), Ok(Some("3")));
        assert_eq!(form.one("Empty"), Ok(None));
        assert_eq!(form.need("Absent"), Err(Unreadable::Missing("Absent")));
    }

    #[test]
    fn more_parameters_than_twilio_sends_are_too_much() {
        let body = |count: usize| vec!["a=1"; count].join("&");
        assert!(decode(body(PARAMETERS_MAX).as_bytes()).is_ok());
        assert!(matches!(decode(body(PARAMETERS_MAX + 1).as_bytes()), Err(Unreadable::TooMuch(_))));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_as_it_was(pairs in proptest::collection::vec((".{0,20}", ".{0,20}"), 0..20)) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(decode(body.as_bytes()).unwrap().owned(), pairs);
        }

        #[test]
        fn what_is_decoded_is_what_the_library_decodes(body in "[ab%=&+2cC3\\u{e4}]{0,40}") {
            if let Ok(form) = decode(body.as_bytes()) {
                let expected: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                prop_assert_eq!(form.owned(), expected);
            }
        }
    }
}
