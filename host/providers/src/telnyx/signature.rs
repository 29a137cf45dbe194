//! Verifies that a webhook is Telnyx's: Ed25519 over its time and its raw body, by the public key that Telnyx shows to the account's owner.
//!
//! [`super::Telnyx`] calls it. The connection's secret is that public key. It is no secret, so nothing may be accepted that whoever knows it
//! could make: only a signature of 64 bytes that the key's private half must have made, and never a digest under the key. Keys and
//! signatures for which that does not hold - the curve's points of small order - are refused as strictly as the library can.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use super::account_parameter;
use crate::connection::invalid;
use crate::provider::{Raw, Unverified, Verified};
use crate::secrets::{self, header, is_fresh};
use crate::twilio::form::Form;

/// The header with the signature, in base64.
pub(super) const SIGNATURE_HEADER: &str = "telnyx-signature-ed25519";
/// The header with the time, in seconds since 1970.
pub(super) const TIME_HEADER: &str = "telnyx-timestamp";
/// Telnyx's own libraries turn away what is older than five minutes.
const TOLERANCE_MS: u64 = 300_000;

/// What is compared, for whoever sets a connection up.
const FORM: &str = "Ed25519 over telnyx-timestamp, a bar and the body";

/// Refuses what is not a key of Telnyx's: whoever pastes an API key here would learn of it only when no call gets through.
pub(super) fn check_keys(connection: &Connection) -> Result<(), Refusal> {
    if connection.secrets.iter().all(|secret| key(secret.secret.reveal()).is_some()) {
        return Ok(());
    }
    Err(invalid(
        "secrets",
        "use the account's public key as Telnyx shows it under Keys & Credentials: 32 bytes in base64, 44 characters, and not an API key",
    ))
}

/// Checks a webhook against the connection's keys.
pub(super) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let unverified = |why: String| secrets::unverified(raw, connection, &[FORM], why);
    super::check_method(raw).map_err(|why| unverified(why.to_string()))?;
    let signature = signature(header(raw.headers, SIGNATURE_HEADER).map_err(unverified)?).map_err(unverified)?;
    let time = header(raw.headers, TIME_HEADER).map_err(unverified)?;
    let signed_ms = milliseconds(time).ok_or_else(|| unverified(format!("{TIME_HEADER} is no number of seconds since 1970")))?;
    if !is_fresh(signed_ms, raw.now, TOLERANCE_MS) {
        return Err(unverified("the signature is older than five minutes, or the two clocks are that far apart".to_owned()));
    }
    let mut message = Vec::with_capacity(time.len() + 1 + raw.body.len());
    message.extend_from_slice(time.as_bytes());
    message.push(b'|');
    message.extend_from_slice(raw.body);
    // Nothing here is secret, so nothing can be learnt from how long it takes.
    let fits = |text: &str| key(text).is_some_and(|key| key.verify_strict(&message, &signature).is_ok());
    let Some(fitting) = connection.secrets.iter().find(|secret| fits(secret.secret.reveal())) else {
        let why = "the signature fits none of the connection's public keys: compare them with the account's, and see that no proxy changes the body";
        return Err(unverified(why.to_owned()));
    };
    check_account(raw, connection).map_err(|why| unverified(why.to_owned()))?;
    Ok(Verified { secret_name: fitting.name.clone() })
}

/// One key signs for all applications of an account, so the body has to say that it is about this connection's.
fn check_account(raw: &Raw<'_>, connection: &Connection) -> Result<(), &'static str> {
    let Some(ours) = connection.account.as_deref() else { return Ok(()) };
    let form = Form::of(raw).map_err(|_| "the body cannot be read")?;
    match form.one(account_parameter(connection)) {
        Ok(Some(theirs)) if theirs.eq_ignore_ascii_case(ours) => Ok(()),
        Ok(Some(_)) => Err("the webhook is of another account or application than the connection's"),
        Ok(None) => Err("the webhook names no account, but the connection has one"),
        Err(_) => Err("the webhook names more than one account"),
    }
}

/// A public key, where it is one that can tell its signatures from everybody's.
fn key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
}

fn signature(given: &str) -> Result<Signature, String> {
    let bytes = STANDARD.decode(given).map_err(|_| format!("{SIGNATURE_HEADER} is not base64"))?;
    Signature::from_slice(&bytes).map_err(|_| format!("{SIGNATURE_HEADER} is not the 64 bytes of an Ed25519 signature"))
}

/// Digits alone: what is signed is the text, so there is one way to write a time.
fn milliseconds(seconds: &str) -> Option<u64> {
    let digits = !seconds.is_empty() && seconds.bytes().all(|digit| digit.is_ascii_digit());
    if digits { seconds.parse::<u64>().ok()?.checked_mul(1_000) } else { None }
}
