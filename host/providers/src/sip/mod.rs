//! Answers an INVITE by a redirect: any switch or session border controller can ask, with nothing but SIP (RFC 3261, 8.3 and 21.3).
//!
//! The server's listener hands over the message as it came; `message` reads it and writes responses. SIP carries no secret here: who may
//! ask is who comes from the connection's sources, and everybody else gets no answer at all. The contact is over for us with the
//! answer, because nothing comes back after a redirect.

pub mod message;

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Party};
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::connection::Connection;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::message::Message;
use crate::connection;
use crate::kamailio::routed;
use crate::options::{self, Known, SOURCES};
use crate::party::{dialled, id, party};
use crate::provider::{Can, Document, Glance, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};
use crate::secrets::unverified;
use crate::targets::{self, COUNTRY, Route, Told};

/// As connections name it.
pub const NAME: &str = "sip";

/// A caller gives up after 32 s (timer B), but a switch that gets no answer asks its next peer sooner, and the caller hears nothing.
const DEADLINE_MS: u64 = 4_000;
/// What the server's SIP listener calls itself in place of a path, which no request by HTTP can.
pub const LISTENER: &str = "sip";
/// Most headers of the other side that a plugin is shown.
const HEADERS_MAX: usize = 32;
/// The letters of a header inside a URI that need no escape (RFC 3261, 25.1: hnv-unreserved and unreserved).
const HEADER_ESCAPES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'~').remove(b'*');

const OWN_OPTIONS: [Known; 1] = [(SOURCES, "networks such as 10.0.0.0/8, separated by spaces", options::is_networks)];

/// A SIP redirect server.
#[derive(Debug, Clone, Copy)]
pub struct Sip;

impl Provider for Sip {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        let known: Vec<Known> = targets::OPTIONS.into_iter().chain(OWN_OPTIONS).collect();
        options::check(connection, &known, DEADLINE_MS)?;
        connection::check(self, connection, None)?;
        if connection.option(SOURCES).is_none() {
            return Err(connection::invalid("options.sources", "say who may ask, for example sources=10.0.0.0/8: SIP carries no secret"));
        }
        if connection.account.is_some() {
            return Err(connection::invalid("account", "a switch of one's own has no account"));
        }
        connection::without_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable> {
        let message = read(raw)?;
        Ok(Glance { addresses: routed(message.user(), message.domain(), connection), ..Glance::default() })
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        if options::holds(connection, SOURCES, raw.peer) {
            return Ok(Verified { secret_name: "source address".to_owned() });
        }
        Err(unverified(raw, connection, &["source address"], "the sender is none of the connection's sources"))
    }

    fn parse(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable> {
        let message = read(raw)?;
        let call = message.call_id().ok_or(Unreadable::Missing("Call-ID"))?;
        let country = connection.option(COUNTRY);
        let from = message.from_uri();
        let headers = message.own_headers().take(HEADERS_MAX);
        Ok(Parsed {
            arrival: Arrival {
                provider_contact: id(call)?,
                parent: None,
                direction: Direction::Inbound,
                customer: Party { name: message.from_name(), ..party(dialled(from.as_deref(), country)?) },
                entry: dialled(message.user(), country)?,
                forwarded_from: message.diversion().map(|raw| dialled(Some(&raw), country)).transpose()?,
                headers: headers.collect(),
                extras: raw.peer.map(|peer| ("source-ip".to_owned(), peer.to_string())).into_iter().collect(),
            },
            heard: Heard::Arrival,
            // Another attempt of the same call has another number; a retransmission has the same.
            event_material: format!("{call}\n{}", message.sequence().unwrap_or_default()).into_bytes(),
            known_by_content: false,
            sensitive_possible: false,
            ignored: false,
            asked: String::new(),
        })
    }

    /// The status and the contacts; whoever has the request makes a response of them.
    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let (told, notes) = targets::told(draft, connection, scene)?;
        let mut notes = notes;
        let reply = match told {
            Told::Routes { routes, parallel } => {
                if routes.iter().any(|route| route.ring_timeout_ms.is_some()) {
                    notes.push("decision: how long a target rings is for the switch to say".to_owned());
                }
                let tenant = targets::tenant_header(connection, scene);
                let count = routes.len();
                let contact = |(at, route): (usize, &Route<'_>)| {
                    // The same weight for all means all at once; else the first weighs most (RFC 3261, 20.10).
                    let weight = if parallel { 10 } else { 10_usize.saturating_sub(at * 10 / count.max(10)).max(1) };
                    ("contact".to_owned(), format!("<{}{}>;q={}.{}", route.uri, in_uri(route, tenant), weight / 10, weight % 10))
                };
                Reply { headers: routes.iter().enumerate().map(contact).collect(), ..Reply::empty(302) }
            }
            Told::Refuse { code, .. } => Reply::empty(code),
        };
        Ok(Document { reply, notes })
    }

    fn can(&self, action: &str, _connection: &Connection) -> Can {
        targets::can(action)
    }

    fn hands_over(&self, _connection: &Connection) -> bool {
        true
    }
}

/// Headers that the switch is to put into its next INVITE, as a URI carries them.
fn in_uri(route: &Route<'_>, tenant: Option<(&str, &str)>) -> String {
    let all = tenant.into_iter().chain(route.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let written: Vec<String> = all.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, HEADER_ESCAPES))).collect();
    if written.is_empty() { String::new() } else { format!("?{}", written.join("&")) }
}

fn read(raw: &Raw<'_>) -> Result<Message, Unreadable> {
    // By HTTP a proxy would stand in for everybody behind it.
    if raw.tail != "invite" || raw.path_and_query != LISTENER {
        return Err(Unreadable::NoSuchHook);
    }
    let message = Message::read(raw.body).ok_or(Unreadable::Malformed("the request is no SIP message that can be read"))?;
    if message.method() == Some("INVITE") { Ok(message) } else { Err(Unreadable::WrongMethod("INVITE")) }
}

#[cfg(test)]
mod tests;
