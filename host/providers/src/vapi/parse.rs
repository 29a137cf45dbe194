//! Reads a message of Vapi's: whose number was dialled, which call it is about, and what happened.
//!
//! The pipeline calls [`glance`] before the message is verified and [`parse`] after it. Our side is the number at Vapi, whoever called;
//! Vapi writes it beside the call in one message and inside it in another, so both places are read. A message that only tells how the
//! conversation goes is ignored, whatever it lacks.

use std::borrow::Cow;

use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use serde_json::json;

use crate::json::{self, Json, first, object, owned, text, whole};
use crate::party::{VALUE_BYTES_MAX, endpoint, id, party};
use crate::provider::{Glance, Parsed, Raw, Unreadable};

/// The only hook: Vapi's server URL.
const TAIL: &str = "server";
/// Begins [`Parsed::asked`] of tool calls; the calls' ids and names follow as JSON, because an answer must name each.
pub(super) const TOOL_CALLS: &str = "tool-calls";
/// What [`Parsed::asked`] is where Vapi looks for somebody to transfer to.
pub(super) const TRANSFER: &str = "transfer-destination-request";
/// The contract's bound for an extension's data.
const DATA_BYTES_MAX: usize = 16 * 1024;
/// Most tool calls of one message that are answered: a model calls two or three.
const CALLS_MAX: usize = 16;
/// Longest name of a tool; models allow 64.
const TOOL_NAME_CHARS_MAX: usize = 128;

const NUMBERS: [&str; 4] =
    ["/message/phoneNumber/number", "/message/call/phoneNumber/number", "/message/phoneNumber/sipUri", "/message/call/phoneNumber/sipUri"];
const CUSTOMERS: [&str; 4] =
    ["/message/customer/number", "/message/call/customer/number", "/message/customer/sipUri", "/message/call/customer/sipUri"];

pub(super) fn glance(raw: &Raw<'_>) -> Result<Glance, Unreadable> {
    let body = read(raw)?;
    let addresses = first(&body, &NUMBERS).and_then(|number| address_of(&number)).into_iter().collect();
    Ok(Glance { addresses, account: organisation(&body).map(Cow::into_owned), ..Glance::default() })
}

pub(super) fn parse(raw: &Raw<'_>) -> Result<Parsed, Unreadable> {
    let body = read(raw)?;
    let (heard, asked) = match heard(&body) {
        Some((heard, asked)) => (Some(heard), asked),
        None => (None, String::new()),
    };
    Ok(Parsed {
        arrival: arrival(&body, heard.as_ref())?,
        ignored: heard.is_none(),
        // Transcripts come by the dozen, each with the whole conversation, and are ignored.
        event_material: if heard.is_some() { json::material(&body, raw.body) } else { Vec::new() },
        known_by_content: false,
        heard: heard.unwrap_or(Heard::Nothing),
        sensitive_possible: false,
        asked,
    })
}

/// The organisation at Vapi that a message is about.
pub(super) fn organisation<'v>(body: &'v Json<'_>) -> Option<Cow<'v, str>> {
    first(body, &["/message/call/orgId", "/message/phoneNumber/orgId"])
}

fn read<'a>(raw: &Raw<'a>) -> Result<Json<'a>, Unreadable> {
    if raw.tail != TAIL {
        return Err(Unreadable::NoSuchHook);
    }
    object(raw)
}

/// A number, or else the user of a SIP address at Vapi.
fn address_of(raw: &str) -> Option<Address> {
    if let Ok(number) = Address::new(Channel::Voice, AddressKind::Number, raw) {
        return Some(number);
    }
    let user = raw.strip_prefix("sip:").or_else(|| raw.strip_prefix("sips:"))?.split_once('@')?.0;
    Address::new(Channel::Voice, AddressKind::SipUser, user).ok()
}

fn arrival(body: &Json<'_>, heard: Option<&Heard>) -> Result<Arrival, Unreadable> {
    let call = match (text(body, "/message/call/id"), heard) {
        (Some(call), _) => id(&call)?,
        (None, Some(_)) => return Err(Unreadable::Missing("message.call.id")),
        (None, None) => String::new(),
    };
    let entry = end(body, &NUMBERS);
    if entry.raw.is_empty() && matches!(heard, Some(Heard::Arrival)) {
        return Err(Unreadable::Missing("message.phoneNumber.number"));
    }
    let outbound = text(body, "/message/call/type").is_some_and(|kind| kind.starts_with("outbound"));
    let name = first(body, &["/message/customer/name", "/message/call/customer/name"]);
    Ok(Arrival {
        provider_contact: call,
        parent: None,
        direction: if outbound { Direction::Outbound } else { Direction::Inbound },
        customer: Party { name: name.filter(|name| name.len() <= VALUE_BYTES_MAX).map(Cow::into_owned), ..party(end(body, &CUSTOMERS)) },
        entry,
        forwarded_from: None,
        headers: Vec::new(),
        extras: Vec::new(),
    })
}

/// An end that cannot be read is none: the call can be answered all the same.
fn end(body: &Json<'_>, pointers: &[&str]) -> Endpoint {
    endpoint(first(body, pointers).as_deref()).unwrap_or_default()
}

/// What was heard, and what was asked for; none where the message changes nothing.
fn heard(body: &Json<'_>) -> Option<(Heard, String)> {
    let kind = owned(body, "/message/type")?;
    match kind.as_str() {
        "assistant-request" => Some((Heard::Arrival, kind)),
        "end-of-call-report" => Some((ended(body), kind)),
        TRANSFER => {
            let assistant = first(body, &["/message/assistant/name", "/message/call/assistant/name"]);
            let data = json!({ "assistant": assistant.filter(|name| name.len() <= VALUE_BYTES_MAX) }).to_string();
            Some((Heard::Other(Extension { kind: "transfer-requested".to_owned(), data }), kind))
        }
        TOOL_CALLS => tool_calls(body),
        _ => None,
    }
}

/// The first call is the event; the answer tells the others that one is answered at a time. Calls without an id cannot be answered.
fn tool_calls(body: &Json<'_>) -> Option<(Heard, String)> {
    let lists = ["/message/toolCallList", "/message/toolCalls", "/message/toolWithToolCallList"];
    let calls = lists.iter().find_map(|list| {
        let calls: Vec<Call<'_>> = body.at(list)?.items().iter().filter_map(tool_call).take(CALLS_MAX).collect();
        Some(calls).filter(|calls| !calls.is_empty())
    })?;
    let (_, name, parameters) = calls.first()?;
    let mut data = json!({ "name": name, "parameters": parameters }).to_string();
    if data.len() > DATA_BYTES_MAX {
        data = json!({ "name": name, "parameters": null, "too-large": true }).to_string();
    }
    let named: Vec<(&str, &str)> = calls.iter().map(|(id, name, _)| (id.as_ref(), name.as_str())).collect();
    Some((Heard::Other(Extension { kind: "tool-call".to_owned(), data }), format!("{TOOL_CALLS}:{}", json!(named))))
}

/// A call's id, its name and its parameters.
type Call<'v> = (Cow<'v, str>, String, Json<'v>);

/// Vapi writes calls flat, as a function, or under the tool that is called. Arguments may be JSON or a text that holds JSON.
fn tool_call<'v>(value: &'v Json<'v>) -> Option<Call<'v>> {
    let call = first(value, &["/id", "/toolCall/id"]).filter(|id| id.len() <= VALUE_BYTES_MAX)?;
    let names = ["/name", "/function/name", "/toolCall/name", "/toolCall/function/name"];
    let name: String = first(value, &names).unwrap_or_default().chars().take(TOOL_NAME_CHARS_MAX).collect();
    let places = [
        "/parameters",
        "/arguments",
        "/function/parameters",
        "/function/arguments",
        "/toolCall/parameters",
        "/toolCall/arguments",
        "/toolCall/function/parameters",
        "/toolCall/function/arguments",
    ];
    let parameters = places.iter().find_map(|place| match value.at(place)? {
        Json::Text(written) => serde_json::from_str(written).ok().filter(Json::is_object),
        found => Some(found.clone()).filter(Json::is_object),
    });
    Some((call, name, parameters.unwrap_or(Json::Object(Vec::new()))))
}

fn ended(body: &Json<'_>) -> Heard {
    let reason = first(body, &["/message/endedReason", "/message/call/endedReason"]).filter(|reason| reason.len() <= VALUE_BYTES_MAX);
    let lasted_ms = whole(body, "/message/durationMs")
        .or_else(|| whole(body, "/message/durationSeconds").map(|seconds| seconds.saturating_mul(1_000)))
        .unwrap_or_default();
    let cause = reason.as_deref().map_or("completed", cause).to_owned();
    Heard::Ended { cause, lasted_ms, extras: reason.map(|reason| ("ended-reason".to_owned(), reason.into_owned())).into_iter().collect() }
}

/// Vapi has some hundred reasons, most of them for what broke; the contract has six causes, and the reason stands beside them.
fn cause(reason: &str) -> &'static str {
    const BROKEN: [&str; 8] = ["error", "fail", "fault", "not-found", "not-valid", "invalid", "no-assistant", "no-server"];
    match reason {
        "customer-busy" => "busy",
        "customer-did-not-answer" => "no-answer",
        "manually-canceled" | "scheduled-call-deleted" => "canceled",
        // It is how our own hang-up ends a call that rings.
        "assistant-request-returned-error" => "completed",
        _ if BROKEN.iter().any(|word| reason.contains(word)) => "failed",
        _ => "completed",
    }
}
