//! Does by hand what a provider does: reads everything that a plugin is shown of one request, and writes one reply.
//!
//! The peer of `providers`, as somebody writes it who knows the request: typed structs and a form's pairs in one pass, no value of any
//! type, no list of places, no rules of what may be said. It does the same job: contact and event are the same to the last member, numbers
//! are read by the same plan, a member that is missing, null or of another type is one that is not there, and the same reply is written.
//! `providers` compares all of that before it measures.
//!
//! It is less careful where nobody who writes for one request takes more care: a retry is told by its bytes, so it is none where a client
//! writes the body anew; a parameter that came twice has its last value; an escape that is none is left as it stands; and words are written
//! as they are, with what XML cannot carry.

mod json;
mod lenient;
mod voice_ai;

use std::borrow::Cow;

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::event::{Media, Message};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Direction, Endpoint, Party};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::e164;
use jackfield_providers::provider::{Place, Step};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

pub(super) use json::{amazon_connect, kamailio, native};
pub(super) use voice_ai::{retell, vapi};

/// What the decision says, in whatever form.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// Where it comes back to.
    pub(super) contact: ContactId,
    /// What is said, or asked.
    pub(super) words: &'a str,
    /// A persona's instructions.
    pub(super) instructions: &'a str,
    /// A queue's name.
    pub(super) queue: &'a str,
    /// Where SIP calls go.
    pub(super) targets: [&'a str; 2],
    /// Everything, for whoever takes it as it is.
    pub(super) actions: &'a [Action],
    /// Why.
    pub(super) reason: &'a str,
}

/// What was read, and the reply.
#[derive(Debug)]
pub(super) struct Done {
    /// What is told of the contact.
    pub(super) arrival: Arrival,
    /// What happened.
    pub(super) heard: Heard,
    /// By what a retry is told.
    pub(super) identity: Vec<u8>,
    /// The reply.
    pub(super) reply: Vec<u8>,
}

fn step(said: &Said<'_>, place: Place) -> String {
    Step { contact: said.contact, turn: 1, place }.to_string()
}

fn end(raw: &str) -> Endpoint {
    Endpoint { raw: raw.to_owned(), e164: e164(raw) }
}

/// Who called. A number that was withheld comes as a word, spelt or on a keypad.
fn caller(address: Endpoint, name: Option<String>, attestation: Option<String>) -> Party {
    const WITHHELD: [&str; 8] = ["", "anonymous", "Anonymous", "+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];
    let anonymous = WITHHELD.contains(&address.raw.as_str());
    let address = if anonymous { Endpoint { e164: None, ..address } } else { address };
    Party { address, name, anonymous, attestation }
}

/// A call's form, as far as a plugin is shown it.
#[derive(Default)]
struct Call<'a> {
    id: Option<Cow<'a, str>>,
    from: Option<Cow<'a, str>>,
    to: Option<Cow<'a, str>>,
    parent: Option<String>,
    name: Option<String>,
    /// Twilio's verdict, or Telnyx's level.
    attested: Option<Cow<'a, str>>,
    is_valid: bool,
    is_outbound: bool,
    forwarded: Option<Cow<'a, str>>,
    headers: Vec<(String, String)>,
    extras: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut call = Self::default();
        for (name, value) in form_urlencoded::parse(body).filter(|(_, value)| !value.is_empty()) {
            match name.as_ref() {
                "CallSid" => call.id = Some(value),
                "From" => call.from = Some(value),
                "To" => call.to = Some(value),
                "ParentCallSid" => call.parent = Some(value.into_owned()),
                "CallerName" | "CallerId" => call.name = Some(value.into_owned()),
                "StirVerstat" | "ShakenStirAttestation" => call.attested = Some(value),
                "ShakenStirValidated" => call.is_valid = value == "true",
                "Direction" => call.is_outbound = value.starts_with("outbound"),
                "ForwardedFrom" => call.forwarded = Some(value),
                "FromCity" => call.extras.push(("caller-city".to_owned(), value.into_owned())),
                "FromState" => call.extras.push(("caller-state".to_owned(), value.into_owned())),
                "FromCountry" => call.extras.push(("caller-country".to_owned(), value.into_owned())),
                header => {
                    let own = header.strip_prefix("SipHeader_").map(str::to_ascii_lowercase).filter(|own| own.starts_with("x-"));
                    call.headers.extend(own.map(|own| (own, value.into_owned())));
                }
            }
        }
        // Twilio sends them by name; a plugin is shown where somebody is from the nearest first.
        call.extras.sort_by_key(|(name, _)| ["caller-city", "caller-state", "caller-country"].iter().position(|known| known == name));
        call
    }

    fn arrival(self, attestation: Option<&str>) -> Option<Arrival> {
        let (from, to) = (end(&self.from?), end(&self.to?));
        let (customer, entry) = if self.is_outbound { (to, from) } else { (from, to) };
        Some(Arrival {
            provider_contact: self.id?.into_owned(),
            parent: self.parent,
            direction: if self.is_outbound { Direction::Outbound } else { Direction::Inbound },
            customer: caller(customer, self.name, attestation.map(str::to_owned)),
            entry,
            forwarded_from: self.forwarded.map(|raw| end(&raw)),
            headers: self.headers,
            extras: self.extras,
        })
    }
}

fn xml(write: impl FnOnce(&mut Writer<&mut Vec<u8>>) -> std::io::Result<()>) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(512);
    let mut writer = Writer::new(&mut body);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).ok()?;
    writer.create_element("Response").write_inner_content(write).ok()?;
    Some(body)
}

fn question(said: &Said<'_>, hook: &str, comes_back: bool) -> Option<Vec<u8>> {
    let url = format!("https://hooks.example/hooks/{hook}/voice?s={}", step(said, Place::Answered));
    xml(|writer| {
        let attributes = [
            ("input", "dtmf speech"),
            ("action", url.as_str()),
            ("method", "POST"),
            ("timeout", "5"),
            ("numDigits", "1"),
            ("finishOnKey", ""),
            ("speechTimeout", "auto"),
            ("language", "en-US"),
            ("hints", "sales, support"),
            ("bargeIn", "true"),
            ("actionOnEmptyResult", "true"),
        ];
        writer.create_element("Gather").with_attributes(attributes).write_inner_content(|writer| {
            writer.create_element("Say").with_attribute(("language", "en-US")).write_text_content(BytesText::new(said.words)).map(drop)
        })?;
        if comes_back {
            writer.create_element("Redirect").with_attribute(("method", "POST")).write_text_content(BytesText::new(&url))?;
        }
        Ok(())
    })
}

pub(super) fn twilio(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let call = Call::read(body);
    let verdict = call.attested.clone();
    let attestation = verdict.as_deref().map(|verdict| match verdict.strip_prefix("TN-Validation-Passed-") {
        Some(level) if level.starts_with('A') => "A",
        Some(level) if level.starts_with('B') => "B",
        Some(level) if level.starts_with('C') => "C",
        _ if verdict.starts_with("TN-Validation-Failed") => "failed",
        _ => "none",
    });
    let (arrival, reply) = (call.arrival(attestation)?, question(said, "acme-twilio", false)?);
    Some(Done { arrival, heard: Heard::Arrival, identity: body.to_vec(), reply })
}

pub(super) fn telnyx(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let call = Call::read(body);
    let level = call.attested.clone();
    let attestation = level.as_deref().map(|level| match level {
        "A" | "B" | "C" if call.is_valid => level,
        "A" | "B" | "C" => "failed",
        _ => "none",
    });
    let (arrival, reply) = (call.arrival(attestation)?, question(said, "acme-telnyx", true)?);
    Some(Done { arrival, heard: Heard::Arrival, identity: body.to_vec(), reply })
}

pub(super) fn twilio_messaging(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let (mut id, mut from, mut to, mut name, mut text) = (None, None, None, None, None);
    let (mut choice, mut reply_to, mut urls, mut types) = (None, None, Vec::new(), Vec::new());
    let (mut extras, mut of_message) = (Vec::new(), Vec::new());
    for (parameter, value) in form_urlencoded::parse(body).filter(|(_, value)| !value.is_empty()) {
        match parameter.as_ref() {
            "MessageSid" => id = Some(value.into_owned()),
            "From" => from = Some(value),
            "To" => to = Some(value),
            "ProfileName" => name = Some(value.into_owned()),
            "Body" => text = Some(value.into_owned()),
            "ButtonPayload" | "ListId" => choice = Some(value.into_owned()),
            "OriginalRepliedMessageSid" => reply_to = Some(value.into_owned()),
            "MessagingServiceSid" => extras.push((0, "messaging-service", value)),
            "FromCity" => extras.push((1, "caller-city", value)),
            "FromState" => extras.push((2, "caller-state", value)),
            "FromCountry" => extras.push((3, "caller-country", value)),
            "ButtonText" => of_message.push((0, "button-text", value)),
            "Latitude" => of_message.push((1, "latitude", value)),
            "Longitude" => of_message.push((2, "longitude", value)),
            "Address" => of_message.push((3, "address", value)),
            media if media.starts_with("MediaUrl") => urls.push(value.into_owned()),
            media if media.starts_with("MediaContentType") => types.push(value.into_owned()),
            _ => {}
        }
    }
    let in_order = |mut told: Vec<(usize, &str, Cow<'_, str>)>| -> Vec<(String, String)> {
        told.sort_unstable_by_key(|(place, _, _)| *place);
        told.into_iter().map(|(_, name, value)| (name.to_owned(), value.into_owned())).collect()
    };
    let (id, customer, entry) = (id?, end(&from?), end(&to?));
    let spelt = |end: &Endpoint| match &end.e164 {
        Some(number) if end.raw.starts_with("whatsapp:") => format!("whatsapp:{number}"),
        Some(number) => number.clone(),
        None => end.raw.clone(),
    };
    let arrival = Arrival {
        provider_contact: format!("{}|{}", spelt(&entry), spelt(&customer)),
        parent: None,
        direction: Direction::Inbound,
        customer: caller(customer, name, None),
        entry,
        forwarded_from: None,
        headers: Vec::new(),
        extras: in_order(extras),
    };
    let media = urls.into_iter().zip(types).map(|(url, mime)| Media { url, mime, name: None }).collect();
    let identity = id.clone().into_bytes();
    let message = Message { id, text: text.unwrap_or_default(), media, choice, reply_to, extras: in_order(of_message) };
    let reply = xml(|writer| writer.create_element("Message").write_text_content(BytesText::new(said.words)).map(drop))?;
    Some(Done { arrival, heard: Heard::Message(message), identity, reply })
}
