//! Reads a messaging webhook: whose it may be, which conversation it belongs to, and what was written or became of what we wrote.
//!
//! The pipeline calls [`glance`] before the signature is checked and [`parse`] after it. Our side is `To` of what comes in and `From` of what
//! a status is about, never the customer, who could otherwise choose the tenant. A conversation is its two ends, ours first: the same from
//! either direction, and by either spelling of a number, while SMS and WhatsApp of the same two numbers stay two.

use jackfield_domain::contact::event::{Media, Message, MessageStatus};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel, e164};

use crate::party::{VALUE_BYTES_MAX, bounded, endpoint, id, party};
use crate::provider::{Glance, Parsed, Raw, Unreadable};
use crate::twilio::form::Form;
use crate::twilio::signature::ACCOUNT;

/// Most files of a message at Twilio.
const MEDIA_MAX: usize = 10;
/// Most bytes of a message's text: Twilio joins the parts of up to 1,600 characters, and WhatsApp sends up to 4,096 characters.
const TEXT_BYTES_MAX: usize = 16_384;
/// Longest URL of a file; Twilio's own have about 150 bytes.
const URL_BYTES_MAX: usize = 2_048;
/// What stands before a number that WhatsApp carries.
const WHATSAPP: &str = "whatsapp:";

/// Which of our URLs was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hook {
    /// Somebody wrote.
    Message,
    /// A message that we sent changed its status.
    Status,
    /// Somebody wrote, and our answer could not be had.
    Fallback,
}

impl Hook {
    fn of(tail: &str) -> Result<Self, Unreadable> {
        match tail {
            "message" => Ok(Self::Message),
            "status" => Ok(Self::Status),
            "fallback" => Ok(Self::Fallback),
            _ => Err(Unreadable::NoSuchHook),
        }
    }

    /// The parameters that name our side and the customer's.
    fn sides(self) -> (&'static str, &'static str) {
        match self {
            Self::Message | Self::Fallback => ("To", "From"),
            Self::Status => ("From", "To"),
        }
    }
}

/// Whose it may be.
pub(super) fn glance(raw: &Raw<'_>) -> Result<Glance, Unreadable> {
    let hook = Hook::of(raw.tail)?;
    let form = Form::of(raw)?;
    let ours = form.one(hook.sides().0)?;
    Ok(Glance {
        must_agree: false,
        named: Vec::new(),
        addresses: ours.and_then(address_of).into_iter().collect(),
        account: form.one(ACCOUNT)?.map(str::to_owned),
        release: None,
        step: None,
    })
}

/// What it says.
pub(super) fn parse(raw: &Raw<'_>) -> Result<Parsed, Unreadable> {
    let hook = Hook::of(raw.tail)?;
    let form = Form::of(raw)?;
    let message = id(form.need("MessageSid")?)?;
    let heard = match hook {
        Hook::Message | Hook::Fallback => Some(Heard::Message(written(&message, &form)?)),
        Hook::Status => status(&message, &form)?,
    };
    let sensitive_possible = matches!(&heard, Some(Heard::Message(message)) if !message.text.is_empty() || message.choice.is_some());
    Ok(Parsed {
        arrival: arrival(hook, &form)?,
        ignored: heard.is_none(),
        heard: heard.unwrap_or(Heard::Nothing),
        event_material: material(hook, &message, &form)?,
        known_by_content: false,
        sensitive_possible,
        asked: String::new(),
    })
}

/// Short codes and names of senders are no numbers that could be bound.
fn address_of(raw: &str) -> Option<Address> {
    let channel = if raw.starts_with(WHATSAPP) { Channel::Whatsapp } else { Channel::Sms };
    Address::new(channel, AddressKind::Number, &e164(raw)?).ok()
}

fn arrival(hook: Hook, form: &Form<'_>) -> Result<Arrival, Unreadable> {
    let (ours, theirs) = hook.sides();
    let (entry, customer) = (endpoint(Some(form.need(ours)?))?, endpoint(Some(form.need(theirs)?))?);
    let provider_contact = id(&format!("{}|{}", end(&entry), end(&customer)))?;
    Ok(Arrival {
        provider_contact,
        parent: None,
        // Whoever wrote first: without the first message nobody knows, and we write only to who wrote to us.
        direction: Direction::Inbound,
        customer: Party { name: form.one("ProfileName")?.map(bounded).transpose()?.map(str::to_owned), ..party(customer) },
        entry,
        forwarded_from: None,
        headers: Vec::new(),
        extras: extras(
            form,
            &[
                ("MessagingServiceSid", "messaging-service"),
                ("FromCity", "caller-city"),
                ("FromState", "caller-state"),
                ("FromCountry", "caller-country"),
            ],
        )?,
    })
}

/// An end as it stands in a conversation's id: one spelling for each number on each channel.
fn end(endpoint: &Endpoint) -> String {
    let prefix = if endpoint.raw.starts_with(WHATSAPP) { WHATSAPP } else { "" };
    endpoint.e164.as_ref().map_or_else(|| endpoint.raw.trim().replace(' ', ""), |number| format!("{prefix}{number}"))
}

fn written(id_of_message: &str, form: &Form<'_>) -> Result<Message, Unreadable> {
    let text = form.one("Body")?.unwrap_or_default();
    if text.len() > TEXT_BYTES_MAX {
        return Err(Unreadable::TooMuch("a message's text is longer than 16,384 bytes"));
    }
    // A button carries a payload, and a row of a list an id.
    let choice = form.one("ButtonPayload")?.or(form.one("ListId")?);
    Ok(Message {
        id: id_of_message.to_owned(),
        // A template's button without a body still says what is written on it.
        text: if text.is_empty() { form.one("ButtonText")?.map(bounded).transpose()?.unwrap_or_default() } else { text }.to_owned(),
        media: media(form)?,
        choice: choice.map(bounded).transpose()?.map(str::to_owned),
        reply_to: form.one("OriginalRepliedMessageSid")?.map(id).transpose()?,
        extras: extras(
            form,
            &[
                ("ButtonText", "button-text"),
                ("Latitude", "latitude"),
                ("Longitude", "longitude"),
                ("Address", "address"),
                ("ErrorCode", "error-code"),
                ("ErrorUrl", "error-url"),
            ],
        )?,
    })
}

/// The files by number. One without a URL is none, and one without a type is bytes.
fn media(form: &Form<'_>) -> Result<Vec<Media>, Unreadable> {
    let count = form.one("NumMedia")?.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let mut media = Vec::new();
    for number in 0..count.min(MEDIA_MAX) {
        let Some(url) = numbered(form, "MediaUrl", number)? else { continue };
        if url.len() > URL_BYTES_MAX {
            return Err(Unreadable::TooMuch("the URL of a file is longer than 2,048 bytes"));
        }
        let mime = numbered(form, "MediaContentType", number)?.map(bounded).transpose()?.unwrap_or("application/octet-stream");
        media.push(Media { url: url.to_owned(), mime: mime.to_owned(), name: None });
    }
    Ok(media)
}

/// A parameter with a number behind its name, that has one value.
fn numbered<'a>(form: &'a Form<'_>, name: &'static str, number: usize) -> Result<Option<&'a str>, Unreadable> {
    let number = number.to_string();
    let is_it = |given: &str| given.strip_prefix(name) == Some(number.as_str());
    let mut values = form.pairs().iter().filter(|(given, _)| is_it(given)).map(|(_, value)| value.as_ref());
    let first = values.next();
    if values.any(|other| Some(other) != first) {
        return Err(Unreadable::Ambiguous(name));
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// What became of a message, where it is something that the contract knows; that it waits its turn is nobody's event.
fn status(message: &str, form: &Form<'_>) -> Result<Option<Heard>, Unreadable> {
    let status = match form.need("MessageStatus")? {
        known @ ("sent" | "delivered" | "read" | "failed") => known,
        // The carrier did not take it; for a plugin that is the same as Twilio not having sent it, and the code tells them apart.
        "undelivered" => "failed",
        _ => return Ok(None),
    };
    let error = form.one("ErrorCode")?.filter(|code| *code != "0").map(bounded).transpose()?.map(str::to_owned);
    Ok(Some(Heard::MessageStatus(MessageStatus { id: message.to_owned(), status: status.to_owned(), error })))
}

/// What no field holds, by the names that the contract registers.
fn extras(form: &Form<'_>, known: &[(&'static str, &str)]) -> Result<Vec<(String, String)>, Unreadable> {
    let mut extras = Vec::new();
    for (theirs, ours) in known {
        if let Some(value) = form.one(theirs)? {
            extras.push(((*ours).to_owned(), value.chars().take(VALUE_BYTES_MAX).collect()));
        }
    }
    Ok(extras)
}

/// What identifies the event: the message's id, and of a status which one. The fallback is the same event as the message whose answer
/// could not be had, so it gets that very answer and no plugin runs twice.
fn material(hook: Hook, message: &str, form: &Form<'_>) -> Result<Vec<u8>, Unreadable> {
    let kind = match hook {
        Hook::Message | Hook::Fallback => "message",
        Hook::Status => "status",
    };
    let parts = [kind, message, form.one("MessageStatus")?.filter(|_| hook == Hook::Status).unwrap_or_default()];
    let mut material = Vec::new();
    for part in parts {
        // Lengths keep parts apart, whatever is in them.
        material.extend_from_slice(&(part.len() as u64).to_be_bytes());
        material.extend_from_slice(part.as_bytes());
    }
    Ok(material)
}
