//! Answers a Kamailio that asks over HTTP where an INVITE goes: JSON in, the routes of its rtjson module out.
//!
//! The request is ours to design, so the configuration that ships with the tests writes it: `call_id`, `ruser`, `rdomain`, `fuser`,
//! `src_ip` and `event`. It proves itself by a bearer token, which is what Kamailio's HTTP client can send without a script. A switch asks
//! once for each call, unless its configuration says that routes failed (`event` is `failed`, with the SIP `code`) and the connection's
//! option `ends` says that it reports.
//!
//! Keys that rtjson does not know are passed over by it: `tenant`, `reject` and `reason` are for the configuration and for people.

use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Party};
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use jackfield_domain::tenant::connection::Connection;
use serde::Serialize;

use crate::connection;
use crate::json::{self, Json, object, owned, text, whole};
use crate::options::{self, Known, SOURCES};
use crate::party::{dialled, id, party};
use crate::provider::{Can, Document, Glance, Parsed, Provider, Raw, Reply, Scene, Unreadable, Unverified, Verified};
use crate::secrets::{bearer, unverified};
use crate::targets::{self, COUNTRY, Route, Told};

/// As connections name it.
pub const NAME: &str = "kamailio";

/// What `connection_timeout` of http_client is set to in the configuration that we ship: a caller hears nothing meanwhile.
const DEADLINE_MS: u64 = 2_000;
/// How long a switch waits for any answer of a target before it takes the next: as SIP's own timer, without its patience.
const FIRST_ANSWER_MS: u64 = 5_000;

/// Whether the configuration reports failures and ends: `reported`, or `handed-over` where it does not.
const ENDS: &str = "ends";

const OWN_OPTIONS: [Known; 2] = [
    (SOURCES, "networks such as 10.0.0.0/8, separated by spaces", options::is_networks),
    (ENDS, "handed-over or reported", |value| matches!(value, "handed-over" | "reported")),
];

/// Kamailio.
#[derive(Debug, Clone, Copy)]
pub struct Kamailio;

impl Provider for Kamailio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        options::deadline_ms(connection, DEADLINE_MS)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        let known: Vec<Known> = targets::OPTIONS.into_iter().chain(OWN_OPTIONS).collect();
        options::check(connection, &known, DEADLINE_MS)?;
        connection::check(self, connection, Some("bearer token"))?;
        if connection.account.is_some() {
            return Err(connection::invalid("account", "a switch of one's own has no account"));
        }
        connection::without_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable> {
        let body = read(raw)?;
        Ok(Glance { addresses: addresses(&body, connection), ..Glance::default() })
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        if connection.option(SOURCES).is_some() && !options::holds(connection, SOURCES, raw.peer) {
            return Err(unverified(raw, connection, &[], "the sender is none of the connection's sources"));
        }
        bearer(raw, connection)
    }

    fn parse(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable> {
        let body = read(raw)?;
        Ok(Parsed {
            arrival: arrival(&body, connection)?,
            heard: heard(&body),
            event_material: json::material(&body, raw.body),
            known_by_content: false,
            sensitive_possible: false,
            ignored: false,
            asked: String::new(),
        })
    }

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let (told, mut notes) = targets::told(draft, connection, scene)?;
        if scene.is_some_and(|scene| scene.alone) && !self.hands_over(connection) && matches!(told, Told::Routes { .. }) {
            notes.push("decision: nobody is asked again where no target answers".to_owned());
        }
        let header = targets::tenant_header(connection, scene);
        let answer = match &told {
            Told::Routes { routes, parallel } => Answer {
                routing: if *parallel { "parallel" } else { "serial" },
                routes: routes.iter().map(|route| written(route, header)).collect(),
                ..Answer::default()
            },
            Told::Refuse { code, phrase } => refusal(*code, phrase),
        };
        Ok(Document { reply: json::reply(&Answer { tenant: header.map(|(_, tenant)| tenant), ..answer }), notes })
    }

    fn can(&self, action: &str, _connection: &Connection) -> Can {
        targets::can(action)
    }

    fn tries_all(&self) -> bool {
        true
    }

    fn hands_over(&self, connection: &Connection) -> bool {
        connection.option(ENDS) != Some("reported")
    }

    /// With the same document beside the status: a configuration may look at either.
    fn refuse(&self, status: u16) -> Reply {
        let document = match status {
            404 => refusal(404, "Not Found"),
            403 => refusal(403, "Forbidden"),
            _ => refusal(503, "Service Unavailable"),
        };
        Reply { status, ..json::reply(&document) }
    }
}

/// What rtjson takes, and three members beside it.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<Refused>,
    routes: Vec<Written<'a>>,
    routing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    version: &'static str,
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self { reject: None, routes: Vec::new(), routing: "serial", tenant: None, version: "1.0" }
    }
}

/// A final SIP status and its phrase.
#[derive(Serialize)]
struct Refused {
    code: u16,
    reason: &'static str,
}

/// One of the routes. Times are in milliseconds.
#[derive(Serialize)]
struct Written<'a> {
    dst_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fr_inv_timer: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fr_timer: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
    uri: &'a str,
}

/// Lines that are put into the INVITE.
#[derive(Serialize)]
struct Headers {
    extra: String,
}

fn refusal(code: u16, reason: &'static str) -> Answer<'static> {
    Answer { reject: Some(Refused { code, reason }), ..Answer::default() }
}

fn written<'a>(route: &'a Route<'_>, tenant: Option<(&str, &str)>) -> Written<'a> {
    let mut extra = String::new();
    let own = route.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in tenant.into_iter().chain(own) {
        extra.extend([name, ": ", value, "\r\n"]);
    }
    Written {
        dst_uri: route.next_hop(),
        fr_inv_timer: route.ring_timeout_ms,
        fr_timer: route.ring_timeout_ms.map(|ms| FIRST_ANSWER_MS.min(ms)),
        headers: (!extra.is_empty()).then_some(Headers { extra }),
        uri: &route.uri,
    }
}

fn read<'a>(raw: &Raw<'a>) -> Result<Json<'a>, Unreadable> {
    if raw.tail != "route" {
        return Err(Unreadable::NoSuchHook);
    }
    object(raw)
}

/// The request URI's user as a number and as it is, then its domain.
fn addresses(body: &Json<'_>, connection: &Connection) -> Vec<Address> {
    let user = text(body, "/ruser");
    let domain = text(body, "/rdomain");
    routed(user.as_deref(), domain.as_deref(), connection)
}

/// What a SIP request URI may be bound as, the most exact first.
pub(crate) fn routed(user: Option<&str>, domain: Option<&str>, connection: &Connection) -> Vec<Address> {
    let number = user.and_then(|user| dialled(Some(user), connection.option(COUNTRY)).ok()?.e164);
    let voice = |kind, value: &str| Address::new(Channel::Voice, kind, value).ok();
    let mut addresses = Vec::new();
    addresses.extend(number.and_then(|number| voice(AddressKind::Number, &number)));
    if let Some(user) = user {
        addresses.extend(domain.and_then(|domain| voice(AddressKind::SipUser, &format!("{user}@{}", domain.to_ascii_lowercase()))));
        addresses.extend(voice(AddressKind::SipUser, user));
    }
    addresses.extend(domain.and_then(|domain| voice(AddressKind::Domain, domain)));
    addresses
}

fn arrival(body: &Json<'_>, connection: &Connection) -> Result<Arrival, Unreadable> {
    let call = text(body, "/call_id").ok_or(Unreadable::Missing("call_id"))?;
    let end = |member: &str| dialled(text(body, member).as_deref(), connection.option(COUNTRY));
    Ok(Arrival {
        provider_contact: id(&call)?,
        parent: None,
        direction: Direction::Inbound,
        customer: Party { name: owned(body, "/fname"), ..party(end("/fuser")?) },
        entry: end("/ruser")?,
        forwarded_from: text(body, "/diversion").map(|raw| dialled(Some(&raw), connection.option(COUNTRY))).transpose()?,
        headers: json::headers(body, "/headers"),
        extras: owned(body, "/src_ip").map(|ip| ("source-ip".to_owned(), ip)).into_iter().collect(),
    })
}

fn heard(body: &Json<'_>) -> Heard {
    let code = whole(body, "/code").unwrap_or(0);
    let ms = whole(body, "/seconds").unwrap_or(0).saturating_mul(1_000);
    match text(body, "/event").as_deref() {
        Some("failed") => Heard::Dialled { outcome: outcome(code).to_owned(), talked_ms: 0, extras: sip_response(code) },
        Some("ended") => Heard::Ended { cause: "completed".to_owned(), lasted_ms: ms, extras: sip_response(code) },
        _ => Heard::Arrival,
    }
}

fn sip_response(code: u64) -> Vec<(String, String)> {
    if code == 0 { Vec::new() } else { vec![("sip-response".to_owned(), code.to_string())] }
}

/// What a final SIP status says of a target (RFC 3261, 21).
fn outcome(code: u64) -> &'static str {
    match code {
        486 | 600 => "busy",
        408 | 480 | 487 => "no-answer",
        _ => "failed",
    }
}

#[cfg(test)]
#[path = "kamailio_tests.rs"]
mod tests;
