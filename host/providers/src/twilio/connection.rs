//! Checks what an operator sets as a Twilio connection, so that a mistake is found before the first call and not by it.
//!
//! The admin API calls it through [`crate::provider::Provider::check_connection`]. It looks only at the connection itself; whether the
//! account exists and the secret is right shows with the first webhook.

use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::connection::{self, check_url, invalid};
use crate::provider::Provider;

/// Names of voices are short: the longest of Twilio's is under 40 bytes.
const VOICE_BYTES_MAX: usize = 100;

/// What every connection to a Twilio account has, for calls or for messages.
pub(crate) fn check(provider: &dyn Provider, connection: &Connection) -> Result<(), Refusal> {
    connection::check(provider, connection, Some("auth token"))?;
    if connection.account.as_deref().is_some_and(|account| !is_account(account)) {
        return Err(invalid("account", "a Twilio account id is AC and 32 hexadecimal digits"));
    }
    Ok(())
}

/// What only a connection for calls has: whoever speaks there.
pub(crate) fn check_speech(connection: &Connection) -> Result<(), Refusal> {
    if let Some(speaker_url) = &connection.speaker_url {
        check_url(speaker_url, &["wss"], "speaker_url")?;
    }
    if connection
        .voice
        .as_deref()
        .is_some_and(|voice| voice.is_empty() || voice.len() > VOICE_BYTES_MAX || voice.contains(char::is_control))
    {
        return Err(invalid("voice", "a voice is the provider's name of one, of 1 to 100 bytes, for example Polly.Joanna-Neural"));
    }
    Ok(())
}

fn is_account(account: &str) -> bool {
    account.strip_prefix("AC").is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
