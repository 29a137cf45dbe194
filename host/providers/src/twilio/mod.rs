//! Speaks Twilio's voice webhooks and TwiML.
//!
//! [`crate::provider::provider`] hands it out. A request goes through `signature` and `parse`, a decision through `render`; what Twilio
//! can do is asked by rendering, so that what was promised and what is sent cannot differ. Telnyx and others speak dialects of the
//! same words; they are to be parameters of these files, not copies.
//!
//! It must not begin anything by itself: what needs Twilio's REST API is refused, not half done.

mod abilities;
mod connection;
mod form;
mod heard;
mod parse;
mod render;
mod signature;

use bytes::Bytes;
use jackfield_domain::contact::decision::{Decision, Draft, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::fallback::{Abilities, Inability, last_words};
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::provider::{Alone, Glance, Hosting, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};

pub use signature::{sign, verify_handshake};

/// As connections name it.
pub const NAME: &str = "twilio";

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// Twilio gives up 15 s after it began to connect. One attempt to connect may fail first, and takes 5 s of them; what is left is ours.
const DEADLINE_MS: u64 = 10_000;

/// Twilio.
#[derive(Debug, Clone, Copy)]
pub struct Twilio;

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self) -> u64 {
        DEADLINE_MS
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        connection::check(connection)
    }

    fn glance(&self, raw: &Raw<'_>) -> Result<Glance, Unreadable> {
        parse::glance(raw)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        signature::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>) -> Result<Parsed, Unreadable> {
        parse::parse(raw)
    }

    fn abilities<'a>(&'a self, scene: &'a Scene<'a>) -> Box<dyn Abilities + 'a> {
        Box::new(abilities::InScene(scene))
    }

    fn render(&self, decision: &Decision, scene: &Scene<'_>) -> Reply {
        let rendered = render::document(decision.as_draft(), scene.connection, Some(scene));
        // Vetting rendered the same draft for the same scene, so this arm is reached by the last words alone, if at all.
        rendered.map_or_else(|_| self.render_unbound(&last_words(), scene.connection), |document| twiml(document.body))
    }

    fn render_whisper(&self, transfer: Option<&Transfer>, heard: &Heard, scene: &Scene<'_>) -> Reply {
        twiml(render::whisper(transfer, heard, scene))
    }

    fn render_unbound(&self, draft: &Draft, connection: &Connection) -> Reply {
        let rendered = render::document(draft, connection, None).or_else(|_| render::document(&last_words(), connection, None));
        twiml(rendered.map_or_else(|_| render::hang_up(), |document| document.body))
    }

    fn render_alone(&self, draft: &Draft, scene: &Scene<'_>) -> Result<Alone, Inability> {
        render::alone(draft, scene).map(|document| Alone { body: document.body.into(), lesser: document.notes })
    }

    fn hosting(&self) -> Hosting {
        render::HOSTING
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 204, content_type: "", body: Bytes::new() }
    }

    fn bindable(&self, actions: &[String], connection: &Connection) -> Result<Vec<String>, Refusal> {
        abilities::bindable(actions, connection)
    }
}

fn twiml(body: Vec<u8>) -> Reply {
    Reply { status: 200, content_type: "text/xml; charset=utf-8", body: body.into() }
}

#[cfg(test)]
mod tests;
