//! Checks what an operator sets as a connection, of any provider, so that a mistake is found before the first call and not by it.
//!
//! Providers call it from [`Provider::check_connection`] and add what only they know. It looks at the connection alone; whether the account
//! exists and the secret is right shows with the first webhook.

use std::collections::BTreeSet;

use jackfield_domain::contact::decision::{Action, Draft};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::connection::{Connection, SECRETS_MAX};
use url::Url;

use crate::provider::Provider;

/// Providers take URLs of up to about 2,000 bytes, and ours append hook and token.
const URL_BYTES_MAX: usize = 1_024;

/// A refusal of one member.
pub(crate) fn invalid(at: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, detail).at(at)
}

/// Checks what every connection has. `secret` is the provider's word for what signs its requests; none where nothing does.
pub(crate) fn check(provider: &dyn Provider, connection: &Connection, secret: Option<&str>) -> Result<(), Refusal> {
    check_public_url(&connection.public_url)?;
    match secret {
        Some(word) => check_secrets(connection, word)?,
        None if !connection.secrets.is_empty() => {
            return Err(invalid("secrets", "its requests carry no secret; leave it out, and say who may send with the option sources"));
        }
        None => {}
    }
    connection.unbound.as_ref().map_or(Ok(()), |draft| check_unbound(provider, draft, connection))
}

/// Refuses what only a provider with an AI speaker or voices of its own has.
pub(crate) fn without_speech(connection: &Connection) -> Result<(), Refusal> {
    if connection.speaker_url.is_some() {
        return Err(invalid("speaker_url", format!("{} connects no caller to a speaker of yours", connection.provider)));
    }
    if connection.voice.is_some() {
        return Err(invalid("voice", format!("{} takes no voice from here", connection.provider)));
    }
    Ok(())
}

pub(crate) fn check_url(text: &str, schemes: &[&str], at: &str) -> Result<Url, Refusal> {
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

/// It is signed letter for letter, so it must be written as the provider will see it.
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

fn check_secrets(connection: &Connection, word: &str) -> Result<(), Refusal> {
    let secrets = &connection.secrets;
    if secrets.is_empty() || secrets.len() > SECRETS_MAX {
        return Err(invalid("secrets", format!("a connection has one {word}, or two while it is being changed")));
    }
    if secrets.iter().any(|secret| secret.secret.reveal().trim().is_empty() || secret.name.is_empty()) {
        return Err(invalid("secrets", format!("the {word} and its name are not empty")));
    }
    let names: BTreeSet<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    if names.len() < secrets.len() {
        return Err(invalid("secrets", "two secrets have the same name"));
    }
    Ok(())
}

fn check_unbound(provider: &dyn Provider, draft: &Draft, connection: &Connection) -> Result<(), Refusal> {
    if draft.actions.is_empty() {
        return Err(invalid("unbound", "the route has no actions; leave it out, and such callers get a bare refusal"));
    }
    let claims_a_number = |action: &Action| matches!(action, Action::Transfer(transfer) if transfer.caller_id.is_some());
    if draft.actions.iter().any(claims_a_number) {
        return Err(invalid("unbound", "the route belongs to no tenant whose number it could show: leave out the caller id"));
    }
    provider
        .document(draft, connection, None)
        .map(drop)
        .map_err(|inability| Refusal::new(inability.code, inability.to_string()).at("unbound"))
}
