//! Verifies that a webhook is Retell's: HMAC-SHA256 over the raw body and the time, as Retell's SDKs compute it.
//!
//! The pipeline calls [`verify`] with the connection's secrets, which are API keys; the parser asks [`signed_at`] for the time. Only
//! the form that the SDKs take is taken: whoever reads a signature generously makes a second one out of it.

use http::HeaderMap;
use jackfield_domain::tenant::connection::Connection;

use super::SIGNATURE_HEADER;
use crate::provider::{Raw, Unverified, Verified};
use crate::secrets::{fitting, header, is_fresh, mac256, same, unverified};

/// As in Retell's SDKs: five minutes either way, the last millisecond included.
const TOLERANCE_MS: u64 = 300_000;
/// SHA-256 in hexadecimal.
const DIGEST_CHARS: usize = 64;
/// Written as the SDKs' pattern.
const FORM: &str = "v=<unix ms>,d=<hex HMAC-SHA256 of body and v>";

pub(super) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let refuse = |why: String| unverified(raw, connection, &[FORM], why);
    let given = header(raw.headers, SIGNATURE_HEADER).map_err(refuse)?;
    let (time, digest) = parts(given).ok_or_else(|| refuse(format!("the header {SIGNATURE_HEADER} is not of the form {FORM}")))?;
    let signed_ms = time.parse::<u64>().map_err(|_| refuse("the signed time is too large".to_owned()))?;
    if !is_fresh(signed_ms, raw.now, TOLERANCE_MS) {
        return Err(refuse("the signed time is more than five minutes away from ours".to_owned()));
    }
    let fits = |secret: &str| same(hex::encode(mac256(secret, &[raw.body, time.as_bytes()])).as_bytes(), digest.as_bytes());
    let named = fitting(connection, fits).map(|secret| Verified { secret_name: secret.name.clone() });
    named.ok_or_else(|| refuse("no API key of the connection gives that signature".to_owned()))
}

/// The time that a signature names, as it is written.
pub(super) fn signed_at(headers: &HeaderMap) -> Option<&str> {
    header(headers, SIGNATURE_HEADER).ok().and_then(parts).map(|(time, _)| time)
}

fn parts(signature: &str) -> Option<(&str, &str)> {
    let (time, digest) = signature.strip_prefix("v=")?.split_once(",d=")?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let is_digest = digest.len() == DIGEST_CHARS && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_time && is_digest).then_some((time, digest))
}
