//! Verifies that a message is Vapi's, in the one way that the connection chose: a secret header, a bearer token or an HMAC.
//!
//! The pipeline calls [`verify`]. Vapi lets its users choose and name the headers, so the connection's options say what is expected.
//! Only that counts: a request that proves itself in another way is refused, because whoever set the stronger way did not mean the weaker.
//!
//! A secret header and a bearer token prove who sends and nothing of what; they belong on encrypted lines.

use std::borrow::Cow;

use jackfield_domain::tenant::connection::Connection;
use subtle::Choice;

use super::parse::organisation;
use crate::json::parse;
use crate::provider::{Raw, Unverified, Verified};
use crate::secrets::{bearer, fitting, header, is_fresh, mac256, same, unverified};

/// How messages prove themselves: `secret` where nothing is chosen, which is what Vapi's older setting `serverUrlSecret` sends.
pub(super) const AUTH: &str = "auth";
/// The header with the HMAC.
pub(super) const HMAC_HEADER: &str = "hmac_header";
/// The header with the time that is signed before the body, where Vapi is set to sign one.
pub(super) const HMAC_TIMESTAMP_HEADER: &str = "hmac_timestamp_header";

const SECRET_HEADER: &str = "x-vapi-secret";
const DEFAULT_HMAC_HEADER: &str = "x-vapi-signature";
/// How old or how far ahead a signed time may be: clocks differ, and a recorded message should not live for long.
const TOLERANCE_MS: u64 = 300_000;
/// A time below is in seconds: as milliseconds it would be in 1973.
const SECONDS_BELOW: u64 = 100_000_000_000;

pub(super) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let verified = match connection.option(AUTH) {
        Some("bearer") => bearer(raw, connection),
        Some("hmac") => signature(raw, connection),
        _ => secret(raw, connection),
    }?;
    of_account(raw, connection)?;
    Ok(verified)
}

fn secret(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let refuse = |why: String| unverified(raw, connection, &[SECRET_HEADER], why);
    let given = header(raw.headers, SECRET_HEADER).map_err(refuse)?;
    let fits = fitting(connection, |secret| same(secret.as_bytes(), given.as_bytes()));
    let named = fits.map(|secret| Verified { secret_name: secret.name.clone() });
    named.ok_or_else(|| refuse(format!("the header {SECRET_HEADER} is none of the connection's secrets")))
}

fn signature(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let name = connection.option(HMAC_HEADER).unwrap_or(DEFAULT_HMAC_HEADER);
    let timed = connection.option(HMAC_TIMESTAMP_HEADER);
    let form = if timed.is_some() { "HMAC-SHA256 of timestamp.body" } else { "HMAC-SHA256 of body" };
    let refuse = |why: String| unverified(raw, connection, &[form], why);
    let given = header(raw.headers, name).map_err(refuse)?;
    let given = hex::decode(given).map_err(|_| refuse(format!("the header {name} is not hexadecimal")))?;
    let time = timed.map(|timed| header(raw.headers, timed)).transpose().map_err(refuse)?;
    if let Some(time) = time {
        let signed = time.parse::<u64>().map_err(|_| refuse("the signed time is not a number".to_owned()))?;
        let signed_ms = if signed < SECONDS_BELOW { signed.saturating_mul(1_000) } else { signed };
        if !is_fresh(signed_ms, raw.now, TOLERANCE_MS) {
            return Err(refuse("the signed time is more than five minutes away from ours".to_owned()));
        }
    }
    let fits = |secret: &str| -> Choice {
        match time {
            Some(time) => same(&mac256(secret, &[time.as_bytes(), b".", raw.body]), &given),
            None => same(&mac256(secret, &[raw.body]), &given),
        }
    };
    let named = fitting(connection, fits).map(|secret| Verified { secret_name: secret.name.clone() });
    named.ok_or_else(|| refuse("no secret of the connection gives that signature".to_owned()))
}

/// One server may serve several organisations with one secret; the connection speaks for one.
fn of_account(raw: &Raw<'_>, connection: &Connection) -> Result<(), Unverified> {
    let Some(own) = &connection.account else { return Ok(()) };
    let theirs = parse(raw.body).ok().and_then(|body| organisation(&body).map(Cow::into_owned));
    if theirs.is_some_and(|theirs| theirs != *own) {
        return Err(unverified(raw, connection, &[], "the message is about a call of another organisation"));
    }
    Ok(())
}
