//! Verifies that an event is from whoever holds the connection's secret: by a token, or by a signature over the body.
//!
//! Only the kind that the connection chose counts, so nobody can have a signature's request taken for a token's. A token proves who sends
//! and nothing of what, which is enough on lines that are encrypted; the signature is that of Standard Webhooks, for which every language
//! has a library, and holds for five minutes. `x-tenant-id` counts only from peers that the connection trusts, and is refused from
//! others instead of being passed over: a request that says whose it is must not quietly become somebody else's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackfield_domain::tenant::connection::Connection;
use sha2::Sha256;
use subtle::Choice;

use super::{AUTH, TRUSTED_PEERS};
use crate::options::{self, SOURCES};
use crate::provider::{Raw, Unverified, Verified};
use crate::secrets::{bearer, fitting, header, is_fresh, same, unverified};

/// As Standard Webhooks has it: clocks differ by less, and a recorded request is worthless soon.
const TOLERANCE_MS: u64 = 5 * 60 * 1_000;

pub(super) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    if connection.option(SOURCES).is_some() && !options::holds(connection, SOURCES, raw.peer) {
        return Err(unverified(raw, connection, &[], "the sender is none of the connection's sources"));
    }
    let names_a_tenant = raw.headers.contains_key("x-tenant-id") || raw.headers.contains_key("x-subtenant-id");
    if names_a_tenant && !options::holds(connection, TRUSTED_PEERS, raw.peer) {
        let why = "x-tenant-id came from a peer that is none of the connection's trusted_peers";
        return Err(unverified(raw, connection, &[], why));
    }
    match connection.option(AUTH) {
        Some("signature") => signature(raw, connection),
        _ => token(raw, connection),
    }
}

/// `Basic <connection>:<secret>` or `Bearer <secret>`.
fn token(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let Some((user, secret)) = basic(raw.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default()) else {
        return bearer(raw, connection);
    };
    let fits = |kept: &str| same(kept.as_bytes(), secret.as_bytes()) & same(connection.id.as_str().as_bytes(), user.as_bytes());
    match fitting(connection, fits) {
        Some(secret) => Ok(Verified { secret_name: secret.name.clone() }),
        None => Err(unverified(
            raw,
            connection,
            &["Authorization: Basic"],
            "the user is not the connection, or the password none of its secrets",
        )),
    }
}

/// User and password of a Basic authorisation (RFC 7617).
pub fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Standard Webhooks, version 1: HMAC-SHA256 over id, time and body. A secret may be written with its `whsec_` and is base64 then.
fn signature(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let forms = ["Standard Webhooks v1"];
    let refuse = |why: String| unverified(raw, connection, &forms, why);
    let id = header(raw.headers, "webhook-id").map_err(refuse)?;
    let time = header(raw.headers, "webhook-timestamp").map_err(refuse)?;
    let given = header(raw.headers, "webhook-signature").map_err(refuse)?;
    let seconds: u64 = time.parse().map_err(|_| refuse("webhook-timestamp is not a number of seconds".to_owned()))?;
    if !is_fresh(seconds.saturating_mul(1_000), raw.now, TOLERANCE_MS) {
        return Err(refuse("webhook-timestamp is more than five minutes from now: look at the sender's clock".to_owned()));
    }
    let fits = |secret: &str| {
        let expected = sign(secret, id, time, raw.body);
        let candidates = given.split(' ').filter_map(|candidate| candidate.strip_prefix("v1,"));
        candidates.fold(Choice::from(0), |fits, candidate| fits | same(expected.as_bytes(), candidate.as_bytes()))
    };
    match fitting(connection, fits) {
        Some(secret) => Ok(Verified { secret_name: secret.name.clone() }),
        None => Err(refuse("the signature fits none of the connection's secrets".to_owned())),
    }
}

/// The signature of an event, as a client computes it, without its `v1,`.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => secret.as_bytes().to_vec(),
    };
    // HMAC takes keys of every length, so there is no other arm.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}
