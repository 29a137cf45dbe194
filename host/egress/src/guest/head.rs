//! Checks a guest's method and headers, and puts secrets in.
//!
//! The gate calls it before anything is resolved. Headers that say where a message begins, ends or goes are the host's alone: with them a
//! guest could make one connection carry two messages, or speak to a proxy. A secret leaves only for a host and port that it is bound
//! to; in the clear only into the platform's own network, which the dialler sees to.

use http::header::{self, HeaderMap, HeaderName};
use jackfield_domain::flow::egress::{Method, Target};
use jackfield_domain::id::{EntryName, TenantId};
use jackfield_domain::ports::outbound::Secrets;
use jackfield_domain::request::{HeaderValue, HttpError, Request};
use jackfield_domain::tenant::connection::Secret;
use zeroize::Zeroizing;

/// As many as the largest API asks for, several times over.
const HEADERS_MAX: usize = 64;
/// Of all names and values, secrets not counted.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// The host's own: how messages are framed, who is spoken to, and what only hops say to each other.
const REFUSED: [&str; 14] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "http2-settings",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
];
/// Who asks, where the guest does not say: some services refuse requests without it.
const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// A head that may be sent.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Secrets that are in it: for the way in the clear, and to find their echo.
    pub(super) secrets: Vec<Secret>,
}

fn bad(at: impl Into<String>) -> HttpError {
    HttpError::BadRequest(at.into())
}

/// The method, or what is wrong with it.
pub(super) fn method(text: &str) -> Result<Method, HttpError> {
    text.parse().map_err(|_| bad("method: use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"))
}

/// A name of a header as it is shown in an error: what the guest gave, cut and printable.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

fn name(text: &str) -> Result<HeaderName, HttpError> {
    // The contract says lower case; another spelling would slip past whoever compares.
    let is_lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    let name = HeaderName::try_from(text).ok().filter(|_| is_lower);
    let name = name.ok_or_else(|| bad(format!("headers: {:?} is not a name in lower case", shown(text))))?;
    let is_refused = REFUSED.contains(&name.as_str()) || name.as_str().starts_with("proxy-");
    if is_refused { Err(bad(format!("headers: {name} is set by the host"))) } else { Ok(name) }
}

fn value(name: &HeaderName, bytes: &[u8]) -> Result<http::HeaderValue, HttpError> {
    http::HeaderValue::from_bytes(bytes).map_err(|_| bad(format!("headers: the value of {name} has a character that no header has")))
}

/// Everything that does not need secrets, so that nothing is read for a request that is refused anyway.
pub(super) fn check(request: &Request, body_bytes_max: u64) -> Result<(), HttpError> {
    if request.headers.len() > HEADERS_MAX {
        return Err(bad(format!("headers: more than {HEADERS_MAX}")));
    }
    let mut bytes = 0;
    for (text, of) in &request.headers {
        let (name, of) = (
            name(text)?,
            match of {
                HeaderValue::Text(text) => text,
                HeaderValue::Secret { prefix, .. } => prefix,
            },
        );
        value(&name, of.as_bytes())?;
        bytes += text.len() + of.len();
    }
    if bytes > HEADER_BYTES_MAX {
        return Err(bad(format!("headers: more than {HEADER_BYTES_MAX} bytes")));
    }
    if request.body_bytes() > body_bytes_max {
        return Err(bad(format!("body: more than {body_bytes_max} bytes")));
    }
    Ok(())
}

/// The head as it is sent.
pub(super) async fn make(
    method: Method,
    request: &Request,
    target: &Target,
    tenant: &TenantId,
    secrets: &dyn Secrets,
) -> Result<Head, HttpError> {
    let mut headers = HeaderMap::new();
    let mut used = Vec::new();
    for (text, of) in &request.headers {
        let name = name(text)?;
        let value = match of {
            HeaderValue::Text(text) => value(&name, text.as_bytes())?,
            HeaderValue::Secret { prefix, handle } => {
                let secret = secret(handle, target, tenant, secrets).await?;
                let whole = Zeroizing::new([prefix.as_bytes(), secret.reveal().as_bytes()].concat());
                let mut value = value(&name, &whole)?;
                value.set_sensitive(true);
                used.push(secret);
                value
            }
        };
        headers.append(name, value);
    }
    headers.entry(header::USER_AGENT).or_insert(http::HeaderValue::from_static(USER_AGENT));
    headers.entry(header::ACCEPT).or_insert(http::HeaderValue::from_static("*/*"));
    let host = if target.port == target.scheme.port() { target.host.to_string() } else { format!("{}:{}", target.host, target.port) };
    headers.insert(header::HOST, value(&header::HOST, host.as_bytes())?);
    Ok(Head { method, headers, secrets: used })
}

/// That there is none and that it is not bound to the host read the same: which handles exist is nothing a plugin must learn.
async fn secret(handle: &str, target: &Target, tenant: &TenantId, secrets: &dyn Secrets) -> Result<Secret, HttpError> {
    let none = || HttpError::NoSecret(shown(handle));
    let handle: EntryName = handle.parse().map_err(|_| none())?;
    match secrets.secret(tenant, &handle).await {
        Ok(Some(secret)) if secret.is_bound_to(target) => Ok(secret.value),
        Ok(_) => Err(none()),
        Err(fault) => {
            tracing::error!(%tenant, %handle, %fault, "a secret cannot be read");
            Err(HttpError::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), HeaderValue::Text((*value).to_owned()))).collect();
        Request { method: "GET".to_owned(), url: String::new(), headers, body: Vec::new(), timeout_ms: None }
    }

    #[test]
    fn a_header_that_frames_a_message_or_ends_another_is_refused() {
        for (name, value) in [
            ("host", "evil.example"),
            ("content-length", "0"),
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("trailer", "a"),
            ("expect", "100-continue"),
            ("proxy-authorization", "a"),
            ("proxy-connection", "a"),
            ("keep-alive", "a"),
            ("Host", "evil.example"),
            ("HOST", "a"),
            ("content-Length", "0"),
            ("", "a"),
            ("a b", "a"),
            ("a:b", "a"),
            ("a\r\nb", "a"),
            ("host ", "a"),
            (" host", "a"),
            ("hoſt", "a"),
            ("a\0", "a"),
            ("x-a", "b\r\nhost: evil"),
            ("x-a", "b\nc"),
            ("x-a", "b\rc"),
            ("x-a", "b\0c"),
            ("x-a", "\u{7f}"),
        ] {
            assert!(matches!(check(&request(&[(name, value)]), 10), Err(HttpError::BadRequest(_))), "{name:?}: {value:?} was taken");
        }
        assert!(check(&request(&[("x-a", "b"), ("x-a", "c"), ("authorization", "Basic a=="), ("accept", "*/*"), ("x-b", "")]), 10).is_ok());
        let many: Vec<(&str, &str)> = vec![("x-a", ""); HEADERS_MAX + 1];
        assert!(check(&request(&many), 10).is_err());
        assert!(check(&request(&[("x-a", &"a".repeat(HEADER_BYTES_MAX))]), 10).is_err());
        assert!(check(&Request { body: vec![0; 11], ..request(&[]) }, 10).is_err());
        for text in ["get", "CONNECT", "TRACE", "", "GET ", "GET / HTTP/1.1\r\nhost: evil\r\n\r\n"] {
            assert!(method(text).is_err(), "{text:?} was taken");
        }
    }
}
