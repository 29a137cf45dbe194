//! Speaks Vapi's server messages: who speaks with a call that rings, what a tool answers, where a transfer goes.
//!
//! [`crate::provider::provider`] hands it out. A request goes through `auth` and `parse`, a decision through `render`. Vapi runs speech and
//! model itself; it asks when a call arrives, and again only where its assistant calls a tool or looks for somebody to transfer to.
//! So an answer is a whole assistant, a destination or a sentence that ends the call, and never a step of a conversation.
//!
//! It must not begin anything by itself: what needs Vapi's REST API is refused, not half done.

mod assistant;
mod auth;
mod parse;
mod render;

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::connection::{self, invalid};
use crate::json;
use crate::options::{self, Known};
use crate::provider::{Can, Document, Glance, Parsed, Provider, Raw, Scene, Unreadable, Unverified, Verified};
use crate::voice_ai::impossible;

/// As connections name it.
pub const NAME: &str = "vapi";

/// Vapi's own, which nobody can change: a carrier waits 15 s, and Vapi keeps half of them to set the call up.
const DEADLINE_MS: u64 = 7_500;
/// The assistant at Vapi that answers where a decision only sets attributes, or keeps everything as it is.
const ASSISTANT_ID: &str = "assistant_id";
/// Vapi's ids are UUIDs; there is room for others.
const ID_BYTES_MAX: usize = 128;

const OPTIONS: [Known; 4] = [
    (auth::AUTH, "secret, bearer or hmac", |value| matches!(value, "secret" | "bearer" | "hmac")),
    (auth::HMAC_HEADER, "the name of a header", is_header),
    (auth::HMAC_TIMESTAMP_HEADER, "the name of a header", is_header),
    (ASSISTANT_ID, "the id of an assistant at Vapi", is_id),
];

fn is_header(value: &str) -> bool {
    value.len() <= ID_BYTES_MAX && value.parse::<http::HeaderName>().is_ok()
}

fn is_id(value: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Vapi.
#[derive(Debug, Clone, Copy)]
pub struct Vapi;

impl Provider for Vapi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &OPTIONS, DEADLINE_MS)?;
        for option in [auth::HMAC_HEADER, auth::HMAC_TIMESTAMP_HEADER] {
            if connection.option(option).is_some() && connection.option(auth::AUTH) != Some("hmac") {
                return Err(invalid(
                    &format!("options.{option}"),
                    format!("option {option}: it belongs to auth=hmac, and would be ignored"),
                ));
            }
        }
        if connection.account.as_deref().is_some_and(|account| !is_id(account)) {
            return Err(invalid("account", "an account at Vapi is the id of its organisation, without spaces"));
        }
        connection::without_speech(connection)?;
        connection::check(self, connection, Some("server secret"))
    }

    fn glance(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Glance, Unreadable> {
        parse::glance(raw)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        auth::verify(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Parsed, Unreadable> {
        parse::parse(raw)
    }

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let (answer, notes) = render::answer(draft, connection, scene)?;
        Ok(Document { reply: json::reply(&answer), notes })
    }

    fn can(&self, action: &str, connection: &Connection) -> Can {
        if let Some((code, why)) = impossible(action) {
            return Can::Not(code, why);
        }
        let has_assistant = connection.option(ASSISTANT_ID).is_some();
        match action {
            "say" => {
                Can::Lesser("Vapi takes plain words, and says them as an assistant's first, before a transfer or as the end of a call")
            }
            "pause" => Can::Lesser("Vapi begins to speak when it is ready, so a pause is left out"),
            "keep" if !has_assistant => {
                Can::Lesser("Vapi must be told who answers a call; without the option assistant_id it works only later")
            }
            "set-attributes" if !has_assistant => {
                Can::Lesser("Vapi must be told who answers a call; without the option assistant_id something must follow")
            }
            "enqueue" => Can::Lesser("Vapi has no queues; the call goes to the number or SIP address that the queue's vapi id names"),
            "transfer" => Can::Lesser("only the first target is called, and nothing comes back of how it ended"),
            "converse" => Can::Lesser("of a persona Vapi takes no hints, fields, escalation and knowledge from an answer"),
            "hang-up" => Can::Lesser("Vapi ends a call with a spoken sentence while it rings; later only its assistant can"),
            "reject" => Can::Lesser("Vapi refuses no call; it answers with a spoken sentence and ends it"),
            _ => Can::Fully,
        }
    }

    fn vouches(&self) -> bool {
        true
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
