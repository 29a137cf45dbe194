//! Checks what an operator sets as a Twilio connection, so that a mistake is found before the first call and not by it.
//!
//! The admin API calls it through [`crate::provider::Provider::check_connection`]. It looks only at the connection itself; whether the
//! account exists and the secret is right shows with the first webhook.

use std::collections::BTreeSet;

use jackfield_domain::contact::decision::{Action, Draft};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::connection::{Connection, SECRETS_MAX};
use url::Url;

use super::render;

/// Twilio takes URLs of up to about 2,000 bytes, and ours append hook and token.
const URL_BYTES_MAX: usize = 1_024;
/// Names of voices are short: the longest of Twilio's is under 40 bytes.
const VOICE_BYTES_MAX: usize = 100;

fn invalid(at: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, detail).at(at)
}

pub(super) fn check(connection: &Connection) -> Result<(), Refusal> {
    check_public_url(&connection.public_url)?;
    if connection.account.as_deref().is_some_and(|account| !is_account(account)) {
        return Err(invalid("account", "a Twilio account id is AC and 32 hexadecimal digits"));
    }
    check_secrets(connection)?;
    if let Some(speaker_url) = &connection.speaker_url {
        check_url(speaker_url, &["wss"], "speaker_url")?;
    }
    if connection
        .voice
        .as_deref()
        .is_some_and(|voice| voice.is_empty() || voice.len() > VOICE_BYTES_MAX || voice.contains(char::is_control))
    {
        return Err(invalid("voice", "a voice is a name of Twilio's of 1 to 100 bytes, for example Polly.Joanna-Neural"));
    }
    connection.unbound.as_ref().map_or(Ok(()), |draft| check_unbound(draft, connection))
}

fn is_account(account: &str) -> bool {
    account.strip_prefix("AC").is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn check_url(text: &str, schemes: &[&str], at: &str) -> Result<Url, Refusal> {
    let rule =
        format!("use a URL that begins with {}:// and has a host, no query, no fragment and at most 1,024 bytes", schemes.join(":// or "));
    let refuse = || invalid(at, rule.clone());
    let url = Url::parse(text).map_err(|_| refuse())?;
    let sound = schemes.contains(&url.scheme())
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.fragment().is_none()
        && text.len() <= URL_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && url.query().is_none();
    if sound { Ok(url) } else { Err(refuse()) }
}

/// It is signed letter for letter, so it must be written as Twilio will see it.
fn check_public_url(text: &str) -> Result<(), Refusal> {
    let url = check_url(text, &["https", "http"], "public_url")?;
    if text.ends_with('/') {
        return Err(invalid("public_url", "leave out the slash at the end: /hooks/<connection>/ is put after it"));
    }
    let scheme_written = text.starts_with(&format!("{}://", url.scheme()));
    if !scheme_written {
        return Err(invalid("public_url", "write the scheme in lower case, followed by ://"));
    }
    Ok(())
}

fn check_secrets(connection: &Connection) -> Result<(), Refusal> {
    let secrets = &connection.secrets;
    if secrets.is_empty() || secrets.len() > SECRETS_MAX {
        return Err(invalid("secrets", "a connection has one auth token, or two while it is being changed"));
    }
    if secrets.iter().any(|secret| secret.secret.reveal().trim().is_empty() || secret.name.is_empty()) {
        return Err(invalid("secrets", "an auth token and its name are not empty"));
    }
    let names: BTreeSet<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    if names.len() < secrets.len() {
        return Err(invalid("secrets", "two auth tokens have the same name"));
    }
    Ok(())
}

fn check_unbound(draft: &Draft, connection: &Connection) -> Result<(), Refusal> {
    if draft.actions.is_empty() {
        return Err(invalid("unbound", "the route has no actions; leave it out, and such callers get a bare refusal"));
    }
    let claims_a_number = |action: &Action| matches!(action, Action::Transfer(transfer) if transfer.caller_id.is_some());
    if draft.actions.iter().any(claims_a_number) {
        return Err(invalid("unbound", "the route belongs to no tenant whose number it could show: leave out the caller id"));
    }
    render::document(draft, connection, None)
        .map(drop)
        .map_err(|inability| Refusal::new(inability.code, inability.to_string()).at("unbound"))
}
