//! Verifies that an invocation is signed by AWS's rule: Signature Version 4 over method, path, query, headers and body.
//!
//! The provider calls [`verify`] with the connection's secrets, whose names are the access key ids; tests and clients without an SDK sign
//! with [`sign`]. The host that was signed is the connection's own public URL's and never the request's `Host`. Written here because AWS's
//! crate signs and does not verify, and the crate that verifies is bound to a service framework (decision 29).
//!
//! Source: "Signature Version 4 signing process" of AWS, and its published vector get-vanilla.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use jackfield_domain::tenant::connection::Connection;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::provider::{Raw, Unverified, Verified};
use crate::secrets::{fitting, header, is_fresh, same, unverified};

/// The only algorithm: one that names another is refused before anything is computed.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The service that AWS clients sign an invocation for.
const SERVICE: &str = "lambda";
/// As AWS has it.
const TOLERANCE_MS: u64 = 5 * 60 * 1_000;
/// What an invocation means depends on these, so one that is there must be signed.
const MUST_BE_SIGNED: [&str; 4] = ["x-amz-date", "x-amz-invocation-type", "x-amz-log-type", "x-amz-content-sha256"];

/// What stands in the header `authorization`.
struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

fn read(text: &str) -> Result<Authorization<'_>, &'static str> {
    let rest = text.strip_prefix(ALGORITHM).ok_or("the authorization is not AWS4-HMAC-SHA256")?;
    let member = |name: &str| rest.split(',').map(str::trim).find_map(|part| part.strip_prefix(name));
    let credential = member("Credential=").ok_or("the authorization has no Credential")?;
    let signed_headers = member("SignedHeaders=").ok_or("the authorization has no SignedHeaders")?.split(';').collect();
    let signature = member("Signature=").ok_or("the authorization has no Signature")?;
    let mut parts = credential.rsplitn(5, '/');
    let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(access_key)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the credential is not key/date/region/service/aws4_request");
    };
    Ok(Authorization { access_key, date, region, service, signed_headers, signature })
}

pub(super) fn verify(raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
    let forms = ["Signature Version 4"];
    let refuse = |why: &str| unverified(raw, connection, &forms, why);
    let given = header(raw.headers, "authorization").map_err(|why| refuse(&why))?;
    let authorization = read(given).map_err(refuse)?;
    if authorization.service != SERVICE {
        return Err(refuse("the request is signed for another service than lambda"));
    }
    let date = header(raw.headers, "x-amz-date").map_err(|why| refuse(&why))?;
    if !date.starts_with(authorization.date) || !date_ms(date).is_some_and(|signed| is_fresh(signed, raw.now, TOLERANCE_MS)) {
        return Err(refuse("x-amz-date is not the credential's day, or more than five minutes from now: look at the client's clock"));
    }
    let is_signed = |name: &str| authorization.signed_headers.contains(&name);
    if !is_signed("host") || MUST_BE_SIGNED.iter().any(|name| raw.headers.contains_key(*name) && !is_signed(name)) {
        return Err(refuse("host and every x-amz- header that matters must be signed"));
    }
    let body = hex::encode(Sha256::digest(raw.body));
    // A request that leaves its body unsigned, or names another digest, could carry any body.
    if raw.headers.get("x-amz-content-sha256").is_some_and(|named| named.as_bytes() != body.as_bytes()) {
        return Err(refuse("x-amz-content-sha256 is not the body's digest"));
    }
    let request = canonical(raw, connection, &authorization.signed_headers, &body).map_err(refuse)?;
    let scope = Scope { date, region: authorization.region, service: authorization.service };
    let fits = |secret: &str| same(signature(secret, &scope, &request).as_bytes(), authorization.signature.as_bytes());
    let fitting = fitting(connection, fits).filter(|secret| secret.name == authorization.access_key);
    match fitting {
        Some(secret) => Ok(Verified { secret_name: secret.name.clone() }),
        None => Err(refuse(
            "the signature fits none of the connection's keys: the secret's name is the access key id, and the client's endpoint must be the connection's public_url",
        )),
    }
}

/// `20261120T222709Z`, in milliseconds since 1970.
fn date_ms(text: &str) -> Option<u64> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let moment: Timestamp = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    u64::try_from(moment.as_millisecond()).ok()
}

/// What a signature is for.
struct Scope<'a> {
    /// Day and time.
    date: &'a str,
    region: &'a str,
    service: &'a str,
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of every length, so there is no other arm.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn signature(secret: &str, scope: &Scope<'_>, request: &str) -> String {
    let day = scope.date.get(..8).unwrap_or(scope.date);
    let credential = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{}\n{credential}\n{}", scope.date, hex::encode(Sha256::digest(request)));
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), day);
    for part in [scope.region, scope.service, "aws4_request"] {
        key = hmac(&key, part);
    }
    hex::encode(hmac(&key, &to_sign))
}

fn canonical(raw: &Raw<'_>, connection: &Connection, signed_headers: &[&str], body: &str) -> Result<String, &'static str> {
    let (prefix, host) = public(connection);
    let path = raw.path_and_query.split('?').next().unwrap_or_default();
    let mut headers = String::new();
    for name in signed_headers {
        let value = match *name {
            "host" => host.to_owned(),
            name => joined(raw, name).ok_or("a header that is signed is not there")?,
        };
        headers.push_str(&format!("{name}:{value}\n"));
    }
    let path = escaped(&format!("{prefix}{path}"), true);
    let query = canonical_query(raw.query().unwrap_or_default());
    Ok(format!("{}\n{path}\n{query}\n{headers}\n{}\n{body}", raw.method, signed_headers.join(";")))
}

/// The public URL's path, which a proxy takes off, and its host with its port where it is not the scheme's own.
fn public(connection: &Connection) -> (&str, &str) {
    let (scheme, rest) = connection.public_url.split_once("://").unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, prefix) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    (prefix, authority.strip_suffix(own_port).unwrap_or(authority))
}

/// All values of a header, trimmed, with single spaces.
fn joined(raw: &Raw<'_>, name: &str) -> Option<String> {
    let values: Option<Vec<String>> =
        raw.headers.get_all(name).iter().map(|value| Some(value.to_str().ok()?.split_whitespace().collect::<Vec<_>>().join(" "))).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join(","))
}

/// Sorted by name and then by value, each escaped once, whatever the client wrote.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (escaped(&name, false), escaped(&value, false))).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Every byte escaped but AWS's unreserved ones. A path is escaped again as it was sent, for every service but S3.
fn escaped(text: &str, is_path: bool) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (is_path && byte == b'/') {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

/// The header `authorization` for an invocation at that moment, as an SDK writes it. `date` is `20261120T222709Z`.
pub fn sign(access_key: &str, secret: &str, region: &str, host: &str, path_and_query: &str, date: &str, body: &[u8]) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let request = format!(
        "{}\n{}\n{}\nhost:{host}\nx-amz-date:{date}\n\nhost;x-amz-date\n{}",
        Method::POST,
        escaped(path, true),
        canonical_query(query),
        hex::encode(Sha256::digest(body)),
    );
    let signature = signature(secret, &Scope { date, region, service: SERVICE }, &request);
    let day = date.get(..8).unwrap_or(date);
    format!(
        "{ALGORITHM} Credential={access_key}/{day}/{region}/{SERVICE}/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awss_own_vector_holds() {
        let request = "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let scope = Scope { date: "20150830T123600Z", region: "us-east-1", service: "service" };
        let signature = signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope, request);
        assert_eq!(signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    }

    #[test]
    fn a_path_is_escaped_again_and_a_query_once() {
        assert_eq!(escaped("/f/arn%3Aaws%3Alambda/invocations", true), "/f/arn%253Aaws%253Alambda/invocations");
        assert_eq!(canonical_query("b=2&a=x%20y&a=1&c"), "a=1&a=x%20y&b=2&c=");
        assert_eq!(date_ms("20261120T222709Z"), Some(1_795_213_629_000));
        assert_eq!(date_ms("yesterday"), None);
    }
}
