//! Reads what a client says happened: the form of an event, whose it may be, and what it tells of the contact.
//!
//! The form is ours, so a kind that does not exist is refused; but a member that is missing, null or of another type is one that is
//! not there, and an event without a kind is the contact's beginning or, where it carries a text, a message.

use std::borrow::Cow;

use jackfield_domain::contact::event::{Alternative, Extension, Media, Message, MessageStatus};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use jackfield_domain::tenant::connection::Connection;

use super::{CHANNEL, TRUSTED_PEERS};
use crate::json::{self, Json, first, owned, text, whole};
use crate::options;
use crate::party::{bounded, endpoint, id, party};
use crate::provider::{Glance, Parsed, Raw, Step, Unreadable};

/// Media, alternatives or fields of one event.
const ITEMS_MAX: usize = 50;
/// What `other` may carry: as much as a plugin takes.
const DATA_BYTES_MAX: usize = 16 * 1024;

/// The contact in the path: `events` for one in the body, or `v1/contacts/<id>/events`.
fn contact_in_path(tail: &str) -> Result<Option<&str>, Unreadable> {
    if tail == "events" {
        return Ok(None);
    }
    let named = tail.strip_prefix("v1/contacts/").and_then(|rest| rest.strip_suffix("/events"));
    named.filter(|named| !named.is_empty() && !named.contains('/')).map(Some).ok_or(Unreadable::NoSuchHook)
}

fn contact(raw: &Raw<'_>, body: &Json<'_>) -> Result<String, Unreadable> {
    let named = contact_in_path(raw.tail)?;
    match (named, text(body, "/contact")) {
        (Some(path), Some(body)) if path != body => Err(Unreadable::Ambiguous("contact")),
        (Some(named), _) => id(named),
        (None, Some(named)) => id(&named),
        (None, None) => Err(Unreadable::Missing("contact")),
    }
}

fn step(body: &Json<'_>) -> Result<Option<Step>, Unreadable> {
    text(body, "/step").map(|token| token.parse().map_err(Unreadable::from)).transpose()
}

fn channel(body: &Json<'_>, connection: &Connection) -> Channel {
    let named = text(body, "/channel").and_then(|name| name.parse().ok());
    named.or_else(|| connection.option(CHANNEL)?.parse().ok()).unwrap_or(Channel::Voice)
}

/// Our side: what the event says was dialled, and whom the request is for.
pub(super) fn glance(raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable> {
    let body = json::object(raw)?;
    contact(raw, &body)?;
    let channel = channel(&body, connection);
    let mut addresses = Vec::new();
    addresses.extend(our_side(&body).and_then(|dialled| address_of(channel, &dialled)));
    let header = |name: &str| raw.headers.get(name).and_then(|value| value.to_str().ok());
    let mut named = Vec::new();
    if options::holds(connection, TRUSTED_PEERS, raw.peer) {
        for name in ["x-subtenant-id", "x-tenant-id"] {
            for value in raw.headers.get_all(name) {
                let business = value.to_str().ok().and_then(|value| Address::new(channel, AddressKind::BusinessId, value).ok());
                named.push(business.ok_or(Unreadable::Malformed("x-tenant-id or x-subtenant-id is no name of a business"))?);
            }
        }
    }
    addresses.extend(named.iter().cloned());
    let host = header("host").and_then(|host| host.split(':').next()).filter(|host| host.contains('.'));
    addresses.extend(host.and_then(|host| Address::new(channel, AddressKind::Domain, host).ok()));
    Ok(Glance { addresses, must_agree: true, named, account: None, step: step(&body)?, release: owned(&body, "/release") })
}

fn our_side<'v>(body: &'v Json<'_>) -> Option<Cow<'v, str>> {
    let members: &[&str] = if is_outbound(body) { &["/from/address", "/from"] } else { &["/to/address", "/to"] };
    first(body, members)
}

fn is_outbound(body: &Json<'_>) -> bool {
    text(body, "/direction").is_some_and(|direction| direction == "outbound")
}

/// `channel:kind:value` as it stands, else a number, else a SIP user, else a business id.
fn address_of(channel: Channel, dialled: &str) -> Option<Address> {
    if let Ok(written) = dialled.parse::<Address>()
        && !dialled.starts_with('+')
    {
        return Some(written);
    }
    if let Some(number) = endpoint(Some(dialled)).ok()?.e164 {
        return Address::new(channel, AddressKind::Number, &number).ok();
    }
    match dialled.split_once(':') {
        Some(("sip" | "sips", rest)) => {
            let user = rest.split(['@', ';']).next().unwrap_or(rest);
            Address::new(channel, AddressKind::SipUser, user).ok()
        }
        _ => Address::new(channel, AddressKind::BusinessId, dialled).ok(),
    }
}

/// What it says.
pub(super) fn parse(raw: &Raw<'_>, _connection: &Connection) -> Result<Parsed, Unreadable> {
    let body = json::object(raw)?;
    let heard = heard(&body)?;
    // A client's own id of the event identifies it; without one its content does.
    let id = text(&body, "/id");
    let event_material = match &id {
        Some(id) => [b"id:".as_slice(), bounded(id)?.as_bytes()].concat(),
        None => json::material(&body, raw.body),
    };
    Ok(Parsed {
        arrival: arrival(raw, &body)?,
        sensitive_possible: matches!(heard, Heard::Digits(_) | Heard::Speech { .. }),
        // The customer may write the same word twice; a report is made once.
        known_by_content: id.is_none() && heard.expects_answer(),
        heard,
        event_material,
        ignored: false,
        asked: String::new(),
    })
}

fn arrival(raw: &Raw<'_>, body: &Json<'_>) -> Result<Arrival, Unreadable> {
    let outbound = is_outbound(body);
    let end = |members: &[&str]| endpoint(first(body, members).as_deref());
    let (from, to) = (end(&["/from/address", "/from"])?, end(&["/to/address", "/to"])?);
    let (customer, entry, side) = if outbound { (to, from, "to") } else { (from, to, "from") };
    let theirs = body.get(side).unwrap_or(&Json::Null);
    let withheld = theirs.get("anonymous").and_then(Json::as_bool).unwrap_or(false);
    let party = party(if withheld { Endpoint { e164: None, ..customer } } else { customer });
    Ok(Arrival {
        provider_contact: contact(raw, body)?,
        parent: text(body, "/parent").map(|parent| id(&parent)).transpose()?,
        direction: if outbound { Direction::Outbound } else { Direction::Inbound },
        customer: Party {
            name: text(theirs, "/name").map(|name| name.chars().take(200).collect()),
            attestation: owned(theirs, "/attestation").filter(|level| matches!(level.as_str(), "A" | "B" | "C" | "failed" | "none")),
            anonymous: party.anonymous || withheld,
            ..party
        },
        entry,
        forwarded_from: text(body, "/forwarded_from").map(|raw| endpoint(Some(&raw))).transpose()?,
        headers: json::headers(body, "/headers"),
        extras: json::pairs(body, "/extras"),
    })
}

/// What happened, by the kind that the event names.
fn heard(body: &Json<'_>) -> Result<Heard, Unreadable> {
    let event = body.get("event").unwrap_or(&Json::Null);
    let words = |member: &str| owned(event, member).unwrap_or_default();
    let outcome = || owned(event, "/outcome").unwrap_or_else(|| "failed".to_owned());
    let ms = |member: &str| whole(event, member).unwrap_or(0);
    let small = |member: &str| whole(event, member).and_then(|number| u32::try_from(number).ok());
    let kind = json::written(event).or_else(|| text(event, "/kind"));
    Ok(match kind.as_deref() {
        None if text(event, "/text").is_some() => Heard::Message(message(event)),
        None | Some("arrived") => Heard::Arrival,
        Some("digits") => Heard::Digits(words("/value")),
        Some("speech") => Heard::Speech {
            text: words("/text"),
            confidence: event.get("confidence").and_then(Json::as_f64).map(|share| share.clamp(0.0, 1.0) as f32),
            alternatives: alternatives(event),
        },
        Some("nothing") => Heard::Nothing,
        Some("hung-up") => Heard::HungUp,
        Some("message") => Heard::Message(message(event)),
        Some("message-status") => {
            Heard::MessageStatus(MessageStatus { id: words("/id"), status: words("/status"), error: owned(event, "/error") })
        }
        Some("resumed") => Heard::Resumed,
        Some("dialled") => Heard::Dialled { outcome: outcome(), talked_ms: ms("/talked_ms"), extras: json::pairs(event, "/extras") },
        Some("waiting") => Heard::Waiting {
            position: small("/position"),
            waited_ms: ms("/waited_ms"),
            estimate_ms: whole(event, "/estimate_ms"),
            size: small("/size"),
        },
        Some("queue-left") => Heard::QueueLeft { outcome: outcome(), waited_ms: ms("/waited_ms") },
        Some("recorded") => Heard::Recorded { outcome: outcome(), length_ms: ms("/length_ms"), audio: owned(event, "/audio") },
        Some("conference-left") => Heard::ConferenceLeft { outcome: outcome(), stayed_ms: ms("/stayed_ms") },
        Some("speaker-ended") => Heard::SpeakerEnded {
            reason: owned(event, "/reason").unwrap_or_else(|| "completed".to_owned()),
            fields: json::pairs(event, "/fields"),
        },
        Some("ended") => Heard::Ended {
            cause: owned(event, "/cause").unwrap_or_else(|| "completed".to_owned()),
            lasted_ms: ms("/lasted_ms"),
            extras: json::pairs(event, "/extras"),
        },
        Some("other") => other(event)?,
        Some(_) => return Err(Unreadable::Malformed("the event has a kind that this version does not know")),
    })
}

fn other(event: &Json<'_>) -> Result<Heard, Unreadable> {
    let data = event.get("data").map_or_else(|| "{}".to_owned(), json::written_again);
    if data.len() > DATA_BYTES_MAX {
        return Err(Unreadable::TooMuch("the event's data is larger than 16 KiB"));
    }
    let name = text(event, "/name").ok_or(Unreadable::Missing("event.name"))?;
    Ok(Heard::Other(Extension { kind: bounded(&name)?.to_owned(), data }))
}

fn alternatives(event: &Json<'_>) -> Vec<Alternative> {
    let all = event.get("alternatives").map_or(&[][..], Json::items);
    let one = |item: &Json<'_>| {
        let confidence = item.get("confidence").and_then(Json::as_f64).unwrap_or(0.0).clamp(0.0, 1.0) as f32;
        Some(Alternative { value: owned(item, "/text")?, confidence })
    };
    all.iter().filter_map(one).take(ITEMS_MAX).collect()
}

fn message(event: &Json<'_>) -> Message {
    let media = event.get("media").map_or(&[][..], Json::items);
    let one = |item: &Json<'_>| {
        Some(Media {
            url: owned(item, "/url")?,
            mime: owned(item, "/mime").unwrap_or_else(|| "application/octet-stream".to_owned()),
            name: owned(item, "/name"),
        })
    };
    Message {
        id: owned(event, "/id").unwrap_or_default(),
        text: owned(event, "/text").unwrap_or_default(),
        media: media.iter().filter_map(one).take(ITEMS_MAX).collect(),
        choice: owned(event, "/choice"),
        reply_to: owned(event, "/reply_to"),
        extras: json::pairs(event, "/extras"),
    }
}
