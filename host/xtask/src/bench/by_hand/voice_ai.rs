//! The voice-AI platforms, by hand.

use jackfield_domain::contact::{Arrival, Direction, Endpoint};
use jackfield_providers::provider::Place;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::json::{begun, done, named, own, read};
use super::lenient::{Pairs, Part, Text};
use super::{Done, Said, caller, end, step};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rings<'a> {
    #[serde(borrow)]
    event_timestamp: Text<'a>,
    #[serde(borrow)]
    call_inbound: Part<Inbound<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inbound<'a> {
    #[serde(borrow)]
    agent_id: Text<'a>,
    #[serde(borrow)]
    agent_version: Text<'a>,
    custom_sip_headers: Part<Pairs>,
    #[serde(borrow)]
    from_number: Text<'a>,
    #[serde(borrow)]
    to_number: Text<'a>,
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

pub(in super::super) fn retell(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let Rings { event_timestamp, call_inbound } = read(body)?;
    let Inbound { agent_id, agent_version, custom_sip_headers, from_number, to_number } = call_inbound.0;
    // Retell tells no id of a call that rings; ours comes back with every later webhook.
    let (from, to) = (from_number.as_str(), to_number.as_str());
    let digest = Sha256::digest(format!("{from}|{to}|{}|{}", agent_id.as_str(), event_timestamp.as_str()));
    let call = format!("in-{}", hex::encode(digest.first_chunk::<16>()?));
    let reply = Taken {
        call_inbound: Agent {
            dynamic_variables: Variables { greeting: said.words, plan: "gold" },
            metadata: Metadata { jackfield_call: &call, jackfield_step: step(said, Place::Main) },
            override_agent_id: "agent_1",
        },
    };
    let (customer, entry) = (caller(end(from), None, None), end(to));
    let arrival = Arrival {
        headers: own(custom_sip_headers.0),
        extras: named([("agent-id", agent_id), ("agent-version", agent_version)]),
        ..begun(call.clone(), customer, entry)
    };
    done(arrival, body, &reply)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    message: Part<Asked<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked<'a> {
    #[serde(borrow)]
    call: Part<Call<'a>>,
    #[serde(borrow)]
    customer: Part<Line<'a>>,
    #[serde(borrow)]
    phone_number: Part<Line<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    number: Text<'a>,
    #[serde(borrow)]
    sip_uri: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Call<'a> {
    #[serde(borrow)]
    customer: Part<Line<'a>>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    phone_number: Part<Line<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

impl Line<'_> {
    /// Vapi writes it beside the call, or inside it.
    fn end(&self, inside: &Self) -> Endpoint {
        let places = [&self.number, &inside.number, &self.sip_uri, &inside.sip_uri];
        end(places.iter().find_map(|place| place.0.as_deref()).unwrap_or_default())
    }
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

pub(in super::super) fn vapi(body: &[u8], said: &Said<'_>) -> Option<Done> {
    let Asked { call, customer, phone_number } = read::<Envelope<'_>>(body)?.message.0;
    let (call, customer, phone_number) = (call.0, customer.0, phone_number.0);
    let is_ours = call.kind.as_str().starts_with("outbound");
    let (address, entry) = (customer.end(&call.customer.0), phone_number.end(&call.phone_number.0));
    let name = customer.name.owned().or_else(|| call.customer.0.name.owned());
    let direction = if is_ours { Direction::Outbound } else { Direction::Inbound };
    let arrival = Arrival { direction, ..begun(call.id.owned()?, caller(address, name, None), entry) };
    let model = Model { messages: [System { content: said.instructions, role: "system" }], model: "gpt-4o", provider: "openai" };
    let assistant = Assistant {
        first_message: said.words,
        first_message_interruptions_enabled: true,
        max_duration_seconds: 600,
        model,
        silence_timeout_seconds: 30,
    };
    done(arrival, body, &Speaks { assistant })
}
