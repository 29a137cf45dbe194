//! Says what a plugin's request to the outside is, what comes back, and what the trail keeps of it.
//!
//! The runtime makes a [`Request`] of what the guest gave, the gate behind [`crate::ports::outbound`] answers with a [`Sent`], the tape
//! keeps both, the trail keeps the [`RequestRecord`] alone. The record names no header, no body and no value of a query: what was sent
//! may hold what a customer said, and what stands in a log is read by more people than the tenant's own.

use serde::{Deserialize, Serialize};

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderValue {
    /// As it is.
    Text(String),
    /// A secret of the tenant, put in by the host.
    Secret {
        /// What stands before it, for example "Bearer ".
        prefix: String,
        /// The secret's handle.
        handle: String,
    },
}

/// One request, as the guest gave it; nothing in it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body.
    #[serde(with = "bytes_as_text")]
    pub body: Vec<u8>,
    /// As the guest wishes; the host cuts it to the time that is left.
    pub timeout_ms: Option<u64>,
}

impl Request {
    /// Bytes of everything but the body.
    pub fn head_bytes(&self) -> u64 {
        let headers = self.headers.iter().map(|(name, value)| {
            name.len()
                + match value {
                    HeaderValue::Text(text) => text.len(),
                    HeaderValue::Secret { prefix, handle } => prefix.len() + handle.len(),
                }
        });
        u64::try_from(self.method.len() + self.url.len() + headers.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// Bytes of the body.
    pub fn body_bytes(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names are lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "bytes_as_text")]
    pub body: Vec<u8>,
}

impl Response {
    /// Bytes of headers and body.
    pub fn weight(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + self.body.len()
    }
}

/// Why nothing came back: case for case the contract's `http-error`, which documents them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "case for case wit/v1/http.wit, which documents them")]
pub enum HttpError {
    Denied,
    Exhausted,
    NotAllowed(String),
    BadRequest(String),
    NoSecret(String),
    Unresolved,
    Timeout,
    Unavailable,
    TooLarge,
    Failed(String),
    /// A kind of the contract's registry: "quota-exceeded", "busy".
    Other(String),
}

impl HttpError {
    /// For the trail, metrics and programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Denied => "denied",
            Self::Exhausted => "exhausted",
            Self::NotAllowed(_) => "not-allowed",
            Self::BadRequest(_) => "bad-request",
            Self::NoSecret(_) => "no-secret",
            Self::Unresolved => "unresolved",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::TooLarge => "too-large",
            Self::Failed(_) => "failed",
            Self::Other(kind) => kind,
        }
    }
}

/// What the trail keeps of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Empty where it was none.
    pub method: String,
    /// Scheme, host, port, path and the names of the query; empty where the URL was none.
    pub target: String,
    /// The address that it went to; none where none was reached.
    pub address: Option<String>,
    /// The status, or the error's code.
    pub outcome: String,
    /// What an error says beside its code.
    pub detail: Option<String>,
    /// Bytes of the request as far as it was sent: head and body.
    pub sent_bytes: u64,
    /// Bytes of the response: head and body.
    pub received_bytes: u64,
    /// Microseconds from the guest's asking to the end.
    pub took_us: u64,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What the guest is told.
    pub result: Result<Response, HttpError>,
    /// What the trail keeps.
    pub record: RequestRecord,
}

impl Sent {
    /// A request that was never made.
    pub fn refused(method: &str, error: HttpError) -> Self {
        let detail = match &error {
            HttpError::NotAllowed(detail) | HttpError::BadRequest(detail) | HttpError::NoSecret(detail) | HttpError::Failed(detail) => {
                Some(detail.clone())
            }
            _ => None,
        };
        let record = RequestRecord {
            method: method.chars().take(16).filter(char::is_ascii_alphabetic).collect(),
            outcome: error.code().to_owned(),
            detail,
            ..RequestRecord::default()
        };
        Self { result: Err(error), record }
    }
}

/// Writes bytes as text, or in hexadecimal behind a mark where they are none: a list of numbers would be four times as long.
mod bytes_as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Bytes {
        Text(String),
        Hex(String),
    }

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Written<'a> {
        Text(&'a str),
        Hex(String),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Written::Text(text),
            Err(_) => Written::Hex(hex::encode(bytes)),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Bytes::deserialize(deserializer)? {
            Bytes::Text(text) => Ok(text.into_bytes()),
            Bytes::Hex(text) => hex::decode(text).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_any_bytes_reads_back_from_a_tape() {
        for body in [&b"{\"a\":1}"[..], b"", &[0xff, 0, 0x80]] {
            let response = Response { status: 200, headers: vec![("a".to_owned(), "b".to_owned())], body: body.to_vec() };
            let text = serde_json::to_string(&response).unwrap();
            assert_eq!(serde_json::from_str::<Response>(&text).unwrap(), response);
        }
    }
}
