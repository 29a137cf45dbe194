//! Speaks Twilio's messaging webhooks: SMS and WhatsApp, answered in the reply to the webhook itself.
//!
//! [`crate::provider::provider`] hands it out. Signature, form and markup are those of [`crate::twilio`]; a provider of its own it is because a
//! conversation has other hooks, another id and almost no verbs. Its contact is the conversation of two numbers, and no URL of ours stands in
//! a reply: what the customer writes next comes to the same hook, and what was asked before is found with the contact.
//!
//! It must not begin anything by itself: a message to somebody else, or one that nobody waits for, needs Twilio's REST API and is refused.

mod abilities;
mod parse;
mod render;

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::connection::without_speech;
use crate::options;
use crate::provider::{Can, Document, Glance, Hosting, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};
use crate::twilio::{connection, signature, twiml};

/// As connections name it.
pub const NAME: &str = "twilio-messaging";

/// Twilio waits for the answer to a message as long as for the answer to a call.
const DEADLINE_MS: u64 = crate::twilio::DEADLINE_MS;

/// What the host of documents that stand alone must know.
const HOSTING: Hosting = Hosting {
    ending: "xml",
    content_type: "text/xml; charset=utf-8",
    companions: &[],
    readme: "These are TwiML documents for the time in which Jackfield cannot be reached. Each must be given out over HTTPS with the content\n\
        type text/xml. For each number that index.json lists, set at Twilio \"Primary handler fails\" for messages (SmsFallbackUrl) to the URL\n\
        of its open document, and the method to HTTP GET. Every message is answered with the same words meanwhile. Write the documents again\n\
        whenever default routes or addresses change: they do not follow by themselves.\n",
};

/// Messages through Twilio.
#[derive(Debug, Clone, Copy)]
pub struct TwilioMessaging;

impl Provider for TwilioMessaging {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &[], DEADLINE_MS)?;
        connection::check(self, connection)?;
        without_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Glance, Unreadable> {
        parse::glance(raw)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        signature::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Parsed, Unreadable> {
        parse::parse(raw)
    }

    fn document(&self, draft: &Draft, _connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        render::document(draft, scene).map(|page| Document { reply: twiml(page.body), notes: page.notes })
    }

    fn can(&self, action: &str, _connection: &Connection) -> Can {
        abilities::can(action)
    }

    fn vouches(&self) -> bool {
        true
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        false
    }

    fn hosting(&self) -> Hosting {
        HOSTING
    }

    fn acknowledge(&self, _asked: &str) -> Reply {
        Reply::empty(204)
    }
}

#[cfg(test)]
mod tests;
