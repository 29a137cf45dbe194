//! Speaks Telnyx's TeXML: Twilio's words for calls, under a signature and with parameters of its own.
//!
//! [`crate::provider::provider`] hands it out. What is read and written is Twilio's code under Telnyx's dialect; here is what differs: the
//! signature, whose account a webhook is of, how Telnyx tells who calls, and what its documentation has no word for.
//!
//! Telnyx signs the time and the body, and neither the URL nor its query. So a step token in a callback URL is not covered: what ties it is
//! the body's CallSid, because the pipeline takes a step only for the contact whose id at the provider it is, and a token cannot be guessed.
//! Whoever has read both a signed body and a token could send that body to that step within five minutes, and steer nobody's call but that
//! one. Nothing may be read from the query besides the token for the same reason, and a GET request, whose parameters would be there
//! altogether, is refused: a TeXML application must be set to POST.

mod signature;

use jackfield_domain::contact::decision::{Draft, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::fallback::{Inability, last_words};
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::connection::{self, invalid};
use crate::options;
use crate::provider::{Alone, Can, Document, Glance, Hosting, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};
use crate::twilio::dialect::Dialect;
use crate::twilio::form::Form;
use crate::twilio::{abilities, connection as speech, parse, render, twiml};

/// As connections name it.
pub const NAME: &str = "telnyx";

/// How long Telnyx waits can be set there, and what holds where it is not is nowhere documented. Twilio's time is used, for whose
/// applications TeXML was made; an owner who set a shorter one says so with the option.
const DEADLINE_MS: u64 = crate::twilio::DEADLINE_MS;

/// What Telnyx names otherwise, and what its documentation does not have: the noun `Client`, workflows, a sound as `waitUrl`, and a `Gather`
/// that comes back with nothing. Its `Dial` rings for 5 to 120 seconds and lets two talk for one minute to four hours.
const TELNYX: Dialect = Dialect {
    name: NAME,
    called: "Telnyx",
    caller_name: "CallerId",
    attestation,
    has_clients: false,
    has_workflows: false,
    queues_play: false,
    tells_silence: false,
    ring_seconds: (5, 120),
    talk_seconds: (60, 14_400),
};

/// What the host of documents that stand alone must know.
const HOSTING: Hosting = Hosting {
    readme: "These are TeXML documents for the time in which Jackfield cannot be reached. Host them all in one folder, on machines and a\n\
        network that do not fail together with Jackfield. Each must be given out over HTTPS with the content type text/xml.\n\n\
        For each number that index.json lists, set the voice fallback URL of its TeXML application to the URL of its open document. An\n\
        application has one method for its URLs, and Jackfield takes only POST: the host must give the documents out for POST too, which a\n\
        plain bucket does not.\n\n\
        A static host knows no hours. The closed document is what callers would hear outside hours: swap the URL where an outage outlasts\n\
        the day.\n\n\
        index.json says for each document what it leaves out. Nothing of such calls is in Jackfield's trail. Write the documents again\n\
        whenever default routes, queues, people or addresses change: they do not follow by themselves.\n",
    ..render::HOSTING
};

/// Telnyx.
#[derive(Debug, Clone, Copy)]
pub struct Telnyx;

impl Provider for Telnyx {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &[], DEADLINE_MS)?;
        connection::check(self, connection, Some("public key"))?;
        signature::check_keys(connection)?;
        let account = connection.account.as_deref();
        if account.is_some_and(|account| !is_connection_id(account) && !is_account_sid(account)) {
            return Err(invalid("account", "use the id of the TeXML application, which is digits, or of the account, which is a UUID"));
        }
        speech::check_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable> {
        check_method(raw)?;
        parse::glance(raw, account_parameter(connection))
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        signature::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Parsed, Unreadable> {
        check_method(raw)?;
        parse::parse(raw, &TELNYX)
    }

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        render::document(&TELNYX, draft, connection, scene).map(|page| Document { reply: twiml(page.body), notes: page.notes })
    }

    fn can(&self, action: &str, connection: &Connection) -> Can {
        match (action, abilities::can(action, connection)) {
            ("enqueue", Can::Fully) => Can::Lesser("Telnyx's queues serve in order of arrival, whatever the priority and the skills"),
            (_, can) => can,
        }
    }

    fn vouches(&self) -> bool {
        true
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        false
    }

    fn at_the_very_end(&self, connection: &Connection, _scene: Option<&Scene<'_>>) -> Reply {
        let rendered = render::document(&TELNYX, &last_words(), connection, None);
        twiml(rendered.map_or_else(|_| render::hang_up(), |document| document.body))
    }

    fn render_whisper(&self, transfer: Option<&Transfer>, heard: &Heard, scene: &Scene<'_>) -> Reply {
        twiml(render::whisper(&TELNYX, transfer, heard, scene))
    }

    fn render_alone(&self, draft: &Draft, scene: &Scene<'_>) -> Result<Alone, Inability> {
        render::alone(&TELNYX, draft, scene).map(|document| Alone { reply: twiml(document.body), lesser: document.notes })
    }

    fn hosting(&self) -> Hosting {
        HOSTING
    }

    fn acknowledge(&self, _asked: &str) -> Reply {
        Reply::empty(204)
    }
}

/// The body alone is signed, so what has none is not taken.
fn check_method(raw: &Raw<'_>) -> Result<(), Unreadable> {
    if raw.method == http::Method::POST {
        Ok(())
    } else {
        Err(Unreadable::WrongMethod("POST, because Telnyx signs only what is in the body"))
    }
}

/// Which parameter names what the connection's account is: an application's id unless the whole account's was given.
fn account_parameter(connection: &Connection) -> &'static str {
    if connection.account.as_deref().is_some_and(is_account_sid) { "AccountSid" } else { "ConnectionId" }
}

/// The id of an application is a number of up to 19 digits, as whatever counts in 64 bits is.
fn is_connection_id(account: &str) -> bool {
    (1..=19).contains(&account.len()) && account.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_account_sid(account: &str) -> bool {
    let groups: Vec<&str> = account.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The level counts only where Telnyx says that it was validated: a claim alone is anybody's.
fn attestation(form: &Form<'_>) -> Result<Option<&'static str>, Unreadable> {
    let Some(level) = form.one("ShakenStirAttestation")? else { return Ok(None) };
    let validated = form.one("ShakenStirValidated")?;
    Ok(Some(match (level, validated) {
        ("A", Some("true")) => "A",
        ("B", Some("true")) => "B",
        ("C", Some("true")) => "C",
        ("A" | "B" | "C", Some("false")) => "failed",
        _ => "none",
    }))
}

#[cfg(test)]
mod tests;
