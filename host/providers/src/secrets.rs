//! Compares what a request carries with a connection's secrets, in a time that tells nothing of them.
//!
//! Providers compute what should have been sent and give it here. Every secret is tried whatever fitted before, so neither the number of
//! secrets nor which one fitted can be measured.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jackfield_domain::tenant::connection::{Connection, NamedSecret};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::provider::{Raw, Unverified, Verified};

/// Most characters of a URL that are shown to whoever sets a connection up.
const SHOWN_CHARS_MAX: usize = 500;

/// The secret that fits, newest first; none where an empty one would, which everybody knows.
pub(crate) fn fitting(connection: &Connection, fits: impl Fn(&str) -> Choice) -> Option<&NamedSecret> {
    let mut fitting = None;
    for secret in &connection.secrets {
        let fits = fits(secret.secret.reveal());
        if bool::from(fits) && !secret.secret.reveal().is_empty() && fitting.is_none() {
            fitting = Some(secret);
        }
    }
    fitting
}

/// True where two texts are the same.
pub(crate) fn same(one: &[u8], other: &[u8]) -> Choice {
    one.ct_eq(other)
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn mac256(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length, so there is no other arm; an empty code fits no signature.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// A header that comes once.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(format!("the request has no header {name}")),
        (Some(_), Some(_)) => Err(format!("the request has more than one header {name}")),
        (Some(value), None) => value.to_str().map_err(|_| format!("the header {name} is not text")),
    }
}

/// Checks `Authorization: Bearer <secret>`. It proves who sends and nothing of what: whoever reads a request can write others, so it
/// belongs on lines that are encrypted or one's own.
pub(crate) fn bearer(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let unverified = |why: String| unverified(raw, connection, &["Authorization: Bearer"], why);
    let given = header(raw.headers, "authorization").map_err(unverified)?;
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unverified("the header authorization is not of the kind Bearer".to_owned()));
    }
    match fitting(connection, |secret| same(secret.as_bytes(), token.trim().as_bytes())) {
        Some(secret) => Ok(Verified { secret_name: secret.name.clone() }),
        None => Err(unverified("the bearer token is none of the connection's secrets".to_owned())),
    }
}

/// Why a request is not taken for the provider's. The query stays out of it: it may hold a caller's number.
pub(crate) fn unverified(raw: &Raw<'_>, connection: &Connection, forms: &[&str], why: impl Into<String>) -> Unverified {
    let url = format!("{}/hooks/{}/{}", connection.public_url, connection.id, raw.tail);
    Unverified {
        forms_tried: forms.iter().map(|form| (*form).to_owned()).collect(),
        url_seen: url.chars().take(SHOWN_CHARS_MAX).collect(),
        why: why.into(),
    }
}

/// True where a signature's time, in milliseconds, is no older and no newer than that.
pub(crate) fn is_fresh(signed_ms: u64, now_ms: u64, tolerance_ms: u64) -> bool {
    signed_ms.abs_diff(now_ms) <= tolerance_ms
}
