//! Reads a webhook of whoever speaks TwiML: whose it may be, what it tells of the contact, and what happened.
//!
//! The pipeline calls [`glance`] before the signature is checked and [`parse`] after it. Our side is `To` of what comes in and `From`
//! of what we began: never the caller, who could otherwise choose the tenant. A value that may come once and came twice is refused,
//! because two readers could take two of them.

use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel, e164};

use super::dialect::Dialect;
use super::form::{Form, Pair};
use super::heard::heard;
use crate::party::{VALUE_BYTES_MAX, bounded, endpoint, id, party};
use crate::provider::{Glance, Parsed, Place, Raw, Step, Unreadable};
use crate::token::PARAMETER;

/// Most X- headers that are handed on; a SIP call seldom has ten.
const HEADERS_MAX: usize = 32;
/// Longest value of an X- header: SIP stacks cut longer ones themselves.
const HEADER_BYTES_MAX: usize = 1_024;

/// Which of our URLs was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// A contact begins or comes back.
    Voice,
    /// A call changed its status.
    Status,
    /// A document could not be had.
    Fallback,
    /// A customer waits.
    Wait,
    /// A dialled target answered.
    Whisper,
    /// A recording changed its status.
    Recording,
}

impl Hook {
    pub(super) fn of(tail: &str) -> Result<Self, Unreadable> {
        Ok(match tail {
            "voice" => Self::Voice,
            "status" => Self::Status,
            "fallback" => Self::Fallback,
            "wait" => Self::Wait,
            "whisper" => Self::Whisper,
            "recording" => Self::Recording,
            _ => return Err(Unreadable::NoSuchHook),
        })
    }

    /// Which hook a place's URL goes to.
    pub(super) fn tail(place: Place) -> &'static str {
        match place {
            Place::QueueWait => "wait",
            Place::Whisper { .. } | Place::Screened { .. } => "whisper",
            _ => "voice",
        }
    }
}

/// Whose it may be; `account` is the parameter that names the account.
pub(crate) fn glance(raw: &Raw<'_>, account: &'static str) -> Result<Glance, Unreadable> {
    let hook = Hook::of(raw.tail)?;
    let form = Form::of(raw)?;
    let step = step(hook, raw)?;
    let addresses = match hook {
        // On a target's own leg To is the target, whom anybody may have bound.
        Hook::Whisper => Vec::new(),
        _ => our_side(&form)?.and_then(address_of).into_iter().collect(),
    };
    Ok(Glance { addresses, must_agree: false, named: Vec::new(), release: None, account: form.one(account)?.map(str::to_owned), step })
}

/// What it says.
pub(crate) fn parse(raw: &Raw<'_>, dialect: &Dialect) -> Result<Parsed, Unreadable> {
    let hook = Hook::of(raw.tail)?;
    let form = Form::of(raw)?;
    let step = step(hook, raw)?;
    let place = step.map(|step| step.place);
    let heard = heard(hook, place, &form)?;
    Ok(Parsed {
        arrival: arrival(hook, &form, dialect)?,
        ignored: heard.is_none(),
        event_material: if heard.is_some() { material(raw, &form)? } else { Vec::new() },
        heard: heard.unwrap_or(Heard::Nothing),
        known_by_content: false,
        sensitive_possible: form.one("Digits")?.is_some() || form.one("SpeechResult")?.is_some(),
        asked: String::new(),
    })
}

/// The step in the query. It belongs to the hook that its place goes to, and to no other.
fn step(hook: Hook, raw: &Raw<'_>) -> Result<Option<Step>, Unreadable> {
    let step = match Form::of_query(raw)?.one(PARAMETER)? {
        Some(token) => Some(token.parse::<Step>()?),
        None => None,
    };
    match (hook, step) {
        (Hook::Wait | Hook::Whisper, None) => Err(Unreadable::Missing(PARAMETER)),
        (Hook::Wait | Hook::Whisper | Hook::Voice, Some(step)) if Hook::of(Hook::tail(step.place))? != hook => {
            Err(Unreadable::Malformed("the step token belongs to another hook"))
        }
        (_, step) => Ok(step),
    }
}

fn begun_by_us(form: &Form<'_>) -> Result<bool, Unreadable> {
    Ok(form.one("Direction")?.is_some_and(|direction| direction.starts_with("outbound")))
}

fn our_side<'a>(form: &'a Form<'_>) -> Result<Option<&'a str>, Unreadable> {
    if begun_by_us(form)? { form.one("From") } else { form.one("To") }
}

/// A number, or else the user of a SIP address.
fn address_of(raw: &str) -> Option<Address> {
    if let Some(number) = e164(raw) {
        return Address::new(Channel::Voice, AddressKind::Number, &number).ok();
    }
    let (scheme, rest) = raw.split_once(':')?;
    let user = rest.split_once('@').map(|(user, _)| user)?;
    let user = user.split(';').next().unwrap_or(user);
    if matches!(scheme, "sip" | "sips") { Address::new(Channel::Voice, AddressKind::SipUser, user).ok() } else { None }
}

fn arrival(hook: Hook, form: &Form<'_>, dialect: &Dialect) -> Result<Arrival, Unreadable> {
    let outbound = begun_by_us(form)?;
    let (from, to) = (endpoint(form.one("From")?)?, endpoint(form.one("To")?)?);
    // A status of a recording names no party; everything else is about a call.
    if to.raw.is_empty() && matches!(hook, Hook::Voice | Hook::Fallback) {
        return Err(Unreadable::Missing("To"));
    }
    let (customer, entry) = if outbound { (to, from) } else { (from, to) };
    let parent = form.one("ParentCallSid")?.map(id).transpose()?;
    let call = id(form.need("CallSid")?)?;
    // A dialled target's leg is a call of its own; the contact is the one that dialled.
    let (provider_contact, parent) = match (hook, parent) {
        (Hook::Whisper, Some(contact)) => (contact, None),
        (_, parent) => (call, parent),
    };
    Ok(Arrival {
        provider_contact,
        parent,
        direction: if outbound { Direction::Outbound } else { Direction::Inbound },
        customer: Party {
            name: form.one(dialect.caller_name)?.map(bounded).transpose()?.map(str::to_owned),
            attestation: (dialect.attestation)(form)?.map(str::to_owned),
            ..party(customer)
        },
        entry,
        forwarded_from: form.one("ForwardedFrom")?.map(|raw| endpoint(Some(raw))).transpose()?,
        headers: headers(form),
        extras: extras(hook, form)?,
    })
}

fn headers(form: &Form<'_>) -> Vec<(String, String)> {
    let named = form.pairs().iter().filter_map(|(name, value)| Some((name.strip_prefix("SipHeader_")?.to_ascii_lowercase(), value)));
    let own = named.filter(|(name, value)| name.starts_with("x-") && name.len() <= VALUE_BYTES_MAX && value.len() <= HEADER_BYTES_MAX);
    let mut headers: Vec<(String, String)> = own.map(|(name, value)| (name, value.clone().into_owned())).take(HEADERS_MAX).collect();
    headers.sort();
    headers
}

/// What no field of an arrival holds, by the names that the contract registers.
fn extras(hook: Hook, form: &Form<'_>) -> Result<Vec<(String, String)>, Unreadable> {
    let mut known = vec![("FromCity", "caller-city"), ("FromState", "caller-state"), ("FromCountry", "caller-country")];
    if hook == Hook::Fallback {
        known.extend([("ErrorCode", "error-code"), ("ErrorUrl", "error-url")]);
    }
    let mut extras = Vec::new();
    for (theirs, ours) in known {
        if let Some(value) = form.one(theirs)? {
            extras.push((ours.to_owned(), value.chars().take(VALUE_BYTES_MAX).collect()));
        }
    }
    Ok(extras)
}

/// What identifies the event: hook, query and parameters, sorted. Twilio also sends a token with a retry, but no signature covers it:
/// whoever recorded a request could give it a fresh one and have it run again.
fn material(raw: &Raw<'_>, form: &Form<'_>) -> Result<Vec<u8>, Unreadable> {
    let query = Form::of_query(raw)?;
    let mut pairs: Vec<&Pair<'_>> = query.pairs().iter().chain(form.pairs()).collect();
    pairs.sort();
    pairs.dedup();
    let mut material = Vec::with_capacity(raw.tail.len() + raw.body.len() + pairs.len() * 2 * size_of::<u64>());
    material.extend_from_slice(raw.tail.as_bytes());
    for (name, value) in pairs {
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        for part in [name, value] {
            material.extend_from_slice(&(part.len() as u64).to_be_bytes());
            material.extend_from_slice(part.as_bytes());
        }
    }
    Ok(material)
}
