//! Speaks Twilio's voice webhooks and TwiML.
//!
//! [`crate::provider::provider`] hands it out. A request goes through `signature` and `parse`, a decision through `render`; what can
//! be done is asked by rendering, so that what was promised and what is sent cannot differ. Telnyx speaks a dialect of the same words: what
//! differs is a parameter of these files, and messages share what is read and written here, so that nothing of it is copied.
//!
//! It must not begin anything by itself: what needs Twilio's REST API is refused, not half done.

pub(crate) mod abilities;
pub(crate) mod connection;
pub(crate) mod dialect;
pub(crate) mod form;
mod heard;
pub(crate) mod parse;
pub(crate) mod render;
pub(crate) mod signature;

use jackfield_domain::contact::decision::{Draft, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::fallback::{Inability, last_words};
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use self::dialect::TWILIO;
use crate::options;
use crate::provider::{Alone, Can, Document, Glance, Hosting, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};

pub use signature::{sign, verify_handshake};

/// As connections name it.
pub const NAME: &str = "twilio";

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// Twilio gives up 15 s after it began to connect. One attempt to connect may fail first, and takes 5 s of them; what is left is ours.
pub(crate) const DEADLINE_MS: u64 = 10_000;

/// Twilio.
#[derive(Debug, Clone, Copy)]
pub struct Twilio;

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &[], DEADLINE_MS)?;
        connection::check(&Self, connection)?;
        connection::check_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Glance, Unreadable> {
        parse::glance(raw, signature::ACCOUNT)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        signature::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Parsed, Unreadable> {
        parse::parse(raw, &TWILIO)
    }

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        render::document(&TWILIO, draft, connection, scene).map(|page| Document { reply: twiml(page.body), notes: page.notes })
    }

    fn can(&self, action: &str, connection: &Connection) -> Can {
        abilities::can(action, connection)
    }

    fn vouches(&self) -> bool {
        true
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        false
    }

    fn at_the_very_end(&self, connection: &Connection, _scene: Option<&Scene<'_>>) -> Reply {
        let rendered = render::document(&TWILIO, &last_words(), connection, None);
        twiml(rendered.map_or_else(|_| render::hang_up(), |document| document.body))
    }

    fn render_whisper(&self, transfer: Option<&Transfer>, heard: &Heard, scene: &Scene<'_>) -> Reply {
        twiml(render::whisper(&TWILIO, transfer, heard, scene))
    }

    fn render_alone(&self, draft: &Draft, scene: &Scene<'_>) -> Result<Alone, Inability> {
        render::alone(&TWILIO, draft, scene).map(|document| Alone { reply: twiml(document.body), lesser: document.notes })
    }

    fn hosting(&self) -> Hosting {
        render::HOSTING
    }

    fn acknowledge(&self, _asked: &str) -> Reply {
        Reply::empty(204)
    }
}

/// A document with the type that those who read it insist on.
pub(crate) fn twiml(body: Vec<u8>) -> Reply {
    Reply::ok("text/xml; charset=utf-8", body)
}

#[cfg(test)]
mod tests;
