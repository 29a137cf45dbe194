//! Does by hand what a provider does: reads what the reply needs out of one request, and writes that reply.
//!
//! The peer of `providers`, as somebody writes it who knows the request: typed structs and a form's pairs, no value of any type, no list of
//! rules. It reads who calls whom in which call, and nothing that no reply needs; it takes what it reads as it is. The same words and the
//! same step come back, so that both write the same reply, which `providers` compares before it measures.

use std::borrow::Cow;

use jackfield_domain::contact::decision::Action;
use jackfield_domain::id::ContactId;
use jackfield_providers::provider::{Place, Step};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

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

/// Who calls whom, in which call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The provider's id.
    pub(super) call: String,
    /// As they arrived.
    pub(super) from: String,
    /// As they arrived.
    pub(super) to: String,
}

/// What was read, and the reply.
pub(super) type Done = Option<(Found, Vec<u8>)>;

fn step(said: &Said<'_>, place: Place) -> String {
    Step { contact: said.contact, turn: 1, place }.to_string()
}

fn form(body: &[u8], call: &str) -> Option<Found> {
    let (mut id, mut from, mut to) = (None, None, None);
    for (name, value) in form_urlencoded::parse(body) {
        match name.as_ref() {
            "From" => from = Some(value),
            "To" => to = Some(value),
            name if name == call => id = Some(value),
            _ => {}
        }
    }
    Some(Found { call: id?.into_owned(), from: from?.into_owned(), to: to?.into_owned() })
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

pub(super) fn twilio(body: &[u8], said: &Said<'_>) -> Done {
    Some((form(body, "CallSid")?, question(said, "acme-twilio", false)?))
}

pub(super) fn telnyx(body: &[u8], said: &Said<'_>) -> Done {
    Some((form(body, "CallSid")?, question(said, "acme-telnyx", true)?))
}

pub(super) fn twilio_messaging(body: &[u8], said: &Said<'_>) -> Done {
    let found = form(body, "MessageSid")?;
    let reply = xml(|writer| writer.create_element("Message").write_text_content(BytesText::new(said.words)).map(drop))?;
    Some((found, reply))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

#[derive(Deserialize)]
struct End<'a> {
    #[serde(borrow, rename = "Address", alias = "number", alias = "address")]
    address: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invocation<'a> {
    #[serde(borrow)]
    details: Details<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'a> {
    #[serde(borrow)]
    contact_data: ContactData<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContactData<'a> {
    #[serde(borrow)]
    contact_id: Cow<'a, str>,
    #[serde(borrow)]
    customer_endpoint: End<'a>,
    #[serde(borrow)]
    system_endpoint: End<'a>,
}

#[derive(Serialize)]
struct Flow<'a> {
    decision_action: &'a str,
    decision_prompt: &'a str,
    decision_prompt_type: &'a str,
    decision_queue: &'a str,
    decision_queue_name: &'a str,
    decision_step: String,
}

pub(super) fn amazon_connect(body: &[u8], said: &Said<'_>) -> Done {
    let data = read::<Invocation<'_>>(body)?.details.contact_data;
    let reply = Flow {
        decision_action: "transfer_to_queue",
        decision_prompt: said.words,
        decision_prompt_type: "text",
        decision_queue: said.queue,
        decision_queue_name: said.queue,
        decision_step: step(said, Place::QueueLeft),
    };
    let (call, from, to) = (data.contact_id, data.customer_endpoint.address, data.system_endpoint.address);
    Some((Found { call: call.into_owned(), from: from.into_owned(), to: to.into_owned() }, serde_json::to_vec(&reply).ok()?))
}

#[derive(Deserialize)]
struct Invite<'a> {
    #[serde(borrow)]
    call_id: Cow<'a, str>,
    #[serde(borrow)]
    ruser: Cow<'a, str>,
    #[serde(borrow)]
    fuser: Cow<'a, str>,
}

#[derive(Serialize)]
struct Routes<'a> {
    routes: [Route<'a>; 2],
    routing: &'a str,
    tenant: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Route<'a> {
    dst_uri: String,
    headers: Extra<'a>,
    uri: &'a str,
}

#[derive(Serialize)]
struct Extra<'a> {
    extra: &'a str,
}

pub(super) fn kamailio(body: &[u8], said: &Said<'_>) -> Done {
    let invite: Invite<'_> = read(body)?;
    let route = |uri| Route {
        dst_uri: format!("sip:{}", str::rsplit_once(uri, '@').map_or(uri, |(_, host)| host)),
        headers: Extra { extra: "X-Tenant-Id: acme\r\n" },
        uri,
    };
    let reply = Routes { routes: said.targets.map(route), routing: "serial", tenant: "acme", version: "1.0" };
    let found = Found { call: invite.call_id.into_owned(), from: invite.fuser.into_owned(), to: invite.ruser.into_owned() };
    Some((found, serde_json::to_vec(&reply).ok()?))
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    contact: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    from: End<'a>,
}

#[derive(Serialize)]
struct Decided<'a> {
    actions: &'a [Action],
    contact: ContactId,
    language: &'a str,
    reason: &'a str,
    step: String,
    turn: u32,
}

pub(super) fn native(body: &[u8], said: &Said<'_>) -> Done {
    let told: Told<'_> = read(body)?;
    let Said { contact, actions, reason, .. } = *said;
    let reply = Decided { actions, contact, language: "en-US", reason, step: step(said, Place::Main), turn: 1 };
    let found = Found { call: told.contact.into_owned(), from: told.from.address.into_owned(), to: told.to.into_owned() };
    Some((found, serde_json::to_vec(&reply).ok()?))
}

#[derive(Deserialize)]
struct Rings<'a> {
    event_timestamp: u64,
    #[serde(borrow)]
    call_inbound: Inbound<'a>,
}

#[derive(Deserialize)]
struct Inbound<'a> {
    #[serde(borrow)]
    agent_id: Cow<'a, str>,
    #[serde(borrow)]
    from_number: Cow<'a, str>,
    #[serde(borrow)]
    to_number: Cow<'a, str>,
}

#[derive(Serialize)]
struct Taken<'a> {
    call_inbound: Agent<'a>,
}

#[derive(Serialize)]
struct Agent<'a> {
    dynamic_variables: Variables<'a>,
    metadata: Metadata<'a>,
    override_agent_id: &'a str,
}

#[derive(Serialize)]
struct Variables<'a> {
    greeting: &'a str,
    plan: &'a str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    jackfield_call: &'a str,
    jackfield_step: String,
}

pub(super) fn retell(body: &[u8], said: &Said<'_>) -> Done {
    let Rings { event_timestamp, call_inbound: Inbound { agent_id, from_number, to_number } } = read(body)?;
    // Retell tells no id of a call that rings; ours comes back with every later webhook.
    let digest = Sha256::digest(format!("{from_number}|{to_number}|{agent_id}|{event_timestamp}"));
    let call = format!("in-{}", hex::encode(digest.first_chunk::<16>()?));
    let reply = Taken {
        call_inbound: Agent {
            dynamic_variables: Variables { greeting: said.words, plan: "gold" },
            metadata: Metadata { jackfield_call: &call, jackfield_step: step(said, Place::Main) },
            override_agent_id: "agent_1",
        },
    };
    let reply = serde_json::to_vec(&reply).ok()?;
    Some((Found { call, from: from_number.into_owned(), to: to_number.into_owned() }, reply))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    message: Asked<'a>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow, rename = "phoneNumber")]
    phone_number: End<'a>,
    #[serde(borrow)]
    customer: End<'a>,
    #[serde(borrow)]
    call: Call<'a>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Serialize)]
struct Speaks<'a> {
    assistant: Assistant<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Assistant<'a> {
    first_message: &'a str,
    first_message_interruptions_enabled: bool,
    max_duration_seconds: u32,
    model: Model<'a>,
    silence_timeout_seconds: u32,
}

#[derive(Serialize)]
struct Model<'a> {
    messages: [System<'a>; 1],
    model: &'a str,
    provider: &'a str,
}

#[derive(Serialize)]
struct System<'a> {
    content: &'a str,
    role: &'a str,
}

pub(super) fn vapi(body: &[u8], said: &Said<'_>) -> Done {
    let asked = read::<Envelope<'_>>(body)?.message;
    let model = Model { messages: [System { content: said.instructions, role: "system" }], model: "gpt-4o", provider: "openai" };
    let assistant = Assistant {
        first_message: said.words,
        first_message_interruptions_enabled: true,
        max_duration_seconds: 600,
        model,
        silence_timeout_seconds: 30,
    };
    let (call, from, to) = (asked.call.id, asked.customer.address, asked.phone_number.address);
    let reply = serde_json::to_vec(&Speaks { assistant }).ok()?;
    Some((Found { call: call.into_owned(), from: from.into_owned(), to: to.into_owned() }, reply))
}
