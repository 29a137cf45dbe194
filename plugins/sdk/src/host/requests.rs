//! Mirrors `wit/v1/http.wit`: requests to hosts that the release is allowed to reach.
//!
//! Secrets are put in by the host: a plugin names one by handle and never sees it.

use core::fmt;
use core::time::Duration;

use serde::de::DeserializeOwned;

use super::{Capabilities, Host};
use crate::failure::{Extension, Failure};

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// As it is.
    Text(String),
    /// A secret of the tenant, sent only to the hosts that it is bound to.
    Secret {
        /// What stands before it, for example "Bearer ".
        prefix: String,
        /// The secret's handle.
        handle: String,
    },
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// https URL; http only where the platform allows it.
    pub url: String,
    /// Names are lower case.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
    /// At most the time left less 200 ms.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A GET without a body.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// A POST of JSON.
    pub fn post_json(url: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        let content_type = ("content-type".into(), HeaderValue::Text("application/json".into()));
        Self { method: "POST".into(), headers: Vec::from([content_type]), body: json.into(), ..Self::get(url) }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), HeaderValue::Text(value.into())));
        self
    }

    /// With a secret of the tenant as a bearer token.
    #[must_use]
    pub fn bearer(mut self, handle: impl Into<String>) -> Self {
        self.headers.push(("authorization".into(), HeaderValue::Secret { prefix: "Bearer ".into(), handle: handle.into() }));
        self
    }

    /// With a parameter of the query, encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        encode(&mut self.url, name);
        self.url.push('=');
        encode(&mut self.url, value);
        self
    }

    /// Waits at most that long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names are lower case.
    pub headers: Vec<(String, String)>,
    /// The body, at most 256 KiB.
    pub body: Vec<u8>,
}

impl Response {
    /// True for a status from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// Where it is none, or does not fit the type.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

/// Writes a part of a query: what RFC 3986 calls unreserved stays, everything else in hexadecimal.
fn encode(url: &mut String, text: &str) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
            url.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError {
    /// The release has no grant for `http`.
    Denied,
    /// The invocation has used its requests.
    Exhausted,
    /// The release may not reach that host, port or method; names it.
    NotAllowed(String),
    /// The request is not well formed; says where.
    BadRequest(String),
    /// There is no such secret, or it is not bound to that host.
    NoSecret(String),
    /// The name does not resolve, or to an address that is never reached.
    Unresolved,
    /// No answer in time.
    Timeout,
    /// The host has failed too often lately and is not asked now.
    Unavailable,
    /// The answer is larger than allowed.
    TooLarge,
    /// The connection could not be made or broke.
    Failed(String),
    /// A reason that this version of the contract has no case for.
    Other(Extension),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the release has no grant for http"),
            Self::Exhausted => f.write_str("the invocation has used its requests"),
            Self::NotAllowed(what) => write!(f, "the release may not reach {what}"),
            Self::BadRequest(at) => write!(f, "the request is not well formed: {at}"),
            Self::NoSecret(handle) => write!(f, "there is no secret {handle:?} for that host"),
            Self::Unresolved => f.write_str("the name does not resolve"),
            Self::Timeout => f.write_str("no answer came in time"),
            Self::Unavailable => f.write_str("the host failed too often lately"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Failed(why) => write!(f, "the connection failed: {why}"),
            Self::Other(extension) => write!(f, "the host gave an unknown reason, {:?}", extension.kind),
        }
    }
}

impl core::error::Error for HttpError {}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::BadRequest(_) | HttpError::TooLarge => Self::Internal(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Host {
    /// Sends one request.
    pub fn send(&self, request: Request) -> Result<Response, HttpError> {
        let nothing = || Err(HttpError::Failed("the host gave no result".into()));
        self.behind.send(Vec::from([request])).into_iter().next().unwrap_or_else(nothing)
    }

    /// Sends all at once and answers when all are done, in the same order.
    pub fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, HttpError>> {
        self.behind.send(requests)
    }

    /// What is left until the deadline, in steps of 50 ms.
    pub fn time_left(&self) -> Duration {
        self.behind.time_left()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_cannot_say_more_than_its_value() {
        let request = Request::get("https://a.example/b").query("number", "+1 555&admin=1#x").query("n\u{e4}me", "");
        assert_eq!(request.url, "https://a.example/b?number=%2B1%20555%26admin%3D1%23x&n%C3%A4me=");
    }

    #[test]
    fn a_response_is_read_without_ceremony() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let response = Response { status: 204, headers, body: b"[1,2]".to_vec() };
        assert!(response.is_success() && !Response { status: 302, ..response.clone() }.is_success());
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.json::<Vec<u8>>().unwrap(), [1, 2]);
    }
}
