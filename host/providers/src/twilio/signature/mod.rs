//! Verifies that a webhook is Twilio's: HMAC-SHA1 over the public URL and every parameter, as Twilio's validators compute it.
//!
//! The pipeline calls [`verify`] with the connection's secrets, the demo and tests sign with [`sign`]. The URL is the connection's own
//! `public_url` and never a header: whoever can write `Host` or `X-Forwarded-Proto` could otherwise choose what is verified.
//!
//! Twilio is not consistent about ports and about how it writes a query, so each spelling is tried; a secret cannot be told from how
//! long that takes, because every spelling is computed with every secret, whatever fitted before.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackfield_domain::tenant::connection::{Connection, NamedSecret};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::SIGNATURE_HEADER;
use super::form::{self, Form, Kind};
use crate::provider::{Raw, Unverified, Verified};

/// Twilio's parameter for the account.
pub(crate) const ACCOUNT: &str = "AccountSid";
/// Twilio's parameter for the digest of a JSON body.
const BODY_DIGEST: &str = "bodySHA256";
/// Most characters of a URL that are shown to whoever sets a connection up.
const SHOWN_CHARS_MAX: usize = 500;

/// The signature of a request to this URL with these parameters, as Twilio computes it: names sorted, values sorted, each distinct
/// pair once. A GET request and a WebSocket handshake have no parameters but those in the URL.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> String {
    signed(token, url, &distinct(params))
}

fn distinct<T: AsRef<str>>(params: &[(T, T)]) -> BTreeSet<(&str, &str)> {
    params.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect()
}

fn signed(token: &str, url: &str, params: &BTreeSet<(&str, &str)>) -> String {
    // HMAC takes keys of every length, so there is no other arm.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, value) in params {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Checks a webhook against the connection's secrets.
pub(crate) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let url = public_url(raw, connection);
    let spellings = spellings(&url);
    let unverified = |why: &str| unverified(&url, &spellings, why);
    let given = single_header(raw).map_err(unverified)?;
    let kind = form::kind(raw.method, raw.headers).map_err(|why| unverified(&why.to_string()))?;
    let query = Form::of_query(raw).map_err(|why| unverified(&format!("the query cannot be read: {why}")))?;
    let body = match kind {
        Kind::Form => form::decode(raw.body).map_err(|why| unverified(&format!("the body cannot be read: {why}")))?,
        Kind::Query | Kind::Json => form::decode(b"").map_err(|why| unverified(&why.to_string()))?,
    };
    let fitting = fitting_secret(&connection.secrets, &spellings, body.pairs(), given);
    let Some(secret) = fitting else {
        return Err(unverified(
            "the signature fits none of the connection's secrets: compare the URL with the one in Twilio's console, and the secret with the account's auth token",
        ));
    };
    if kind == Kind::Json && !body_digest_fits(&query, raw.body) {
        return Err(unverified("the body's digest is not the one in the URL"));
    }
    let read = if kind == Kind::Query { &query } else { &body };
    let account = read.one(ACCOUNT).map_err(|why| unverified(&why.to_string()))?;
    match (&connection.account, account) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(unverified("the webhook is of another account than the connection's")),
        (Some(_), None) if kind != Kind::Json => Err(unverified("the webhook names no account, but the connection has one")),
        _ => Ok(Verified { secret_name: secret.name.clone() }),
    }
}

/// Checks a WebSocket handshake: the signature over the wss URL, which Twilio may or may not end with a slash.
pub fn verify_handshake(signature: &str, url: &str, connection: &Connection) -> Result<Verified, Unverified> {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let other_path = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
    let other = query.map_or_else(|| other_path.clone(), |query| format!("{other_path}?{query}"));
    let mut all = spellings(url);
    all.extend(spellings(&other).into_iter().map(|(name, url)| (format!("{name}, trailing slash changed"), url)));
    match fitting_secret::<&str>(&connection.secrets, &all, &[], signature) {
        Some(secret) => Ok(Verified { secret_name: secret.name.clone() }),
        None => Err(unverified(url, &all, "the handshake's signature fits none of the connection's secrets")),
    }
}

/// The URL as Twilio must have been given it. Paths of hooks are plain ASCII, so the tail is written as it is.
fn public_url(raw: &Raw<'_>, connection: &Connection) -> String {
    let query = raw.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/hooks/{}/{}{query}", connection.public_url, connection.id, raw.tail)
}

fn single_header<'a>(raw: &Raw<'a>) -> Result<&'a str, &'static str> {
    let mut values = raw.headers.get_all(SIGNATURE_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err("the request has no X-Twilio-Signature"),
        (Some(_), Some(_)) => Err("the request has more than one X-Twilio-Signature"),
        (Some(value), None) => value.to_str().map_err(|_| "X-Twilio-Signature is not text"),
    }
}

fn fitting_secret<'a, T: AsRef<str>>(
    secrets: &'a [NamedSecret],
    spellings: &[(String, String)],
    params: &[(T, T)],
    given: &str,
) -> Option<&'a NamedSecret> {
    let params = distinct(params);
    let mut fitting = None;
    for secret in secrets {
        let mut fits = Choice::from(0);
        for (_, url) in spellings {
            fits |= signed(secret.secret.reveal(), url, &params).as_bytes().ct_eq(given.as_bytes());
        }
        // An empty secret signs too, but everybody knows it.
        if bool::from(fits) && !secret.secret.reveal().is_empty() && fitting.is_none() {
            fitting = Some(secret);
        }
    }
    fitting
}

fn body_digest_fits(query: &Form<'_>, body: &[u8]) -> bool {
    let actual = Sha256::digest(body);
    let Ok(Some(given)) = query.one(BODY_DIGEST) else { return false };
    let written: String = actual.iter().map(|byte| format!("{byte:02x}")).collect();
    bool::from(written.as_bytes().ct_eq(given.as_bytes()))
}

/// A URL's parts as they are written. A URL library would mend what Twilio signed unmended.
struct Parts<'a> {
    scheme: &'a str,
    /// With its at sign, or empty.
    userinfo: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(authority_end)?;
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let userinfo_end = authority.rfind('@').map_or(0, |at| at + 1);
    let (userinfo, host_and_port) = authority.split_at_checked(userinfo_end)?;
    let (host, port) = match host_and_port.rsplit_once(':') {
        // The colons inside brackets are those of an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (host_and_port, None),
    };
    Some(Parts { scheme, userinfo, host, port, path, query })
}

/// The spellings of a URL that Twilio may have signed, each with a name for people.
fn spellings(url: &str) -> Vec<(String, String)> {
    let Some(parts) = parts(url) else { return vec![("as it is".to_owned(), url.to_owned())] };
    let default_port = if matches!(parts.scheme, "https" | "wss") { "443" } else { "80" };
    let port = parts.port.unwrap_or(default_port);
    let write = |port: &str, query: Option<&str>| {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}://{}{}{port}{}{query}", parts.scheme, parts.userinfo, parts.host, parts.path)
    };
    let with = format!(":{port}");
    let mut all = vec![("without a port".to_owned(), write("", parts.query)), (format!("with port {port}"), write(&with, parts.query))];
    if let Some(written_again) = parts.query.map(write_query_again).filter(|again| Some(again.as_str()) != parts.query) {
        all.push(("without a port, query written again".to_owned(), write("", Some(&written_again))));
        all.push((format!("with port {port}, query written again"), write(&with, Some(&written_again))));
    }
    all
}

/// The query as Twilio's older code writes it: every byte escaped but letters, digits and `-_.!~*'()`.
fn write_query_again(query: &str) -> String {
    let escape = |text: &str| {
        let mut written = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                written.push(char::from(byte));
            } else {
                written.push_str(&format!("%{byte:02X}"));
            }
        }
        written
    };
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| format!("{}={}", escape(&name), escape(&value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn unverified(url: &str, spellings: &[(String, String)], why: &str) -> Unverified {
    Unverified { forms_tried: spellings.iter().map(|(name, _)| name.clone()).collect(), url_seen: shown(url), why: why.to_owned() }
}

/// The URL for people: passwords and the values of parameters are left out, because a GET request carries the caller's number.
fn shown(url: &str) -> String {
    let Some(parts) = parts(url) else { return "a URL that cannot be read".to_owned() };
    let userinfo = if parts.userinfo.is_empty() { "" } else { "...@" };
    let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
    let names: Vec<String> = form_urlencoded::parse(parts.query.unwrap_or_default().as_bytes())
        .map(|(name, _)| format!("{}=...", name.escape_debug()))
        .collect();
    let query = if parts.query.is_some() { format!("?{}", names.join("&")) } else { String::new() };
    let whole = format!("{}://{userinfo}{}{port}{}{query}", parts.scheme, parts.host, parts.path);
    whole.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
