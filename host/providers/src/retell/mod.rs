//! Speaks Retell's webhooks: which agent takes a call that rings, what it knows, and how the call ended.
//!
//! [`crate::provider::provider`] hands it out. A request goes through `signature` and `parse`, a decision through `render`. Retell asks
//! once, before a call exists, and so tells no id of it; the answer's metadata carries ours, and every later webhook gives it back.
//! Agents are made at Retell: an answer chooses one and fills in its variables, and never replaces its prompt.
//!
//! It must not begin anything by itself: what needs Retell's REST API is refused, not half done.

mod parse;
mod render;
mod signature;

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;

use crate::connection::{self, invalid};
use crate::json;
use crate::options::{self, Known};
use crate::provider::{Can, Document, Glance, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};

/// As connections name it.
pub const NAME: &str = "retell";

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-retell-signature";

/// Retell waits that long, and asks up to three times more. The caller hears it ring meanwhile.
const DEADLINE_MS: u64 = 10_000;
/// The agent that takes a call where the persona names none.
const AGENT_ID: &str = "agent_id";
/// Retell's ids have about 40 bytes.
const ID_BYTES_MAX: usize = 128;

const OPTIONS: [Known; 1] = [(AGENT_ID, "the id of an agent at Retell, for example agent_12345", |value| {
    (1..=ID_BYTES_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
})];

/// Retell.
#[derive(Debug, Clone, Copy)]
pub struct Retell;

impl Provider for Retell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &OPTIONS, DEADLINE_MS)?;
        if connection.account.is_some() {
            return Err(invalid("account", "Retell's webhooks name no account; leave it out, the API key belongs to one"));
        }
        connection::without_speech(connection)?;
        connection::check(self, connection, Some("API key"))
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

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let (answer, notes) = render::answer(draft, connection, scene)?;
        Ok(Document { reply: json::reply(&answer), notes })
    }

    fn can(&self, action: &str, _connection: &Connection) -> Can {
        // A plugin lists them for what comes later in a call, which Retell never asks about; the rest of it must not be lost for that.
        if matches!(action, "enqueue" | "transfer") {
            return Can::Lesser(
                "Retell asks once, while a call rings, and cannot do it then: such an answer gives way to the default route",
            );
        }
        if let Some((code, why)) = render::impossible(action) {
            return Can::Not(code, why);
        }
        match action {
            "say" => Can::Lesser("Retell's agent speaks: the words become its variable greeting, and are said where its prompt says so"),
            "pause" => Can::Lesser("Retell's agent begins to speak when it is ready, so a pause is left out"),
            "converse" => Can::Lesser(
                "an agent at Retell takes the call; instructions and greeting become its variables, and tools and model are its own",
            ),
            "hang-up" => Can::Lesser("Retell refuses the call before it is answered, so nothing can be said"),
            "reject" => Can::Lesser("Retell refuses calls without a reason"),
            _ => Can::Fully,
        }
    }

    fn vouches(&self) -> bool {
        true
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        false
    }

    /// The agent that is bound to the number takes the call: better than silence where nothing at all could be rendered.
    fn at_the_very_end(&self, _connection: &Connection, _scene: Option<&Scene<'_>>) -> Reply {
        Reply::ok("application/json", "{\"call_inbound\":{}}")
    }
}

#[cfg(test)]
mod tests;
