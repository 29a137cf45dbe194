//! Sets the stage on which strangers' requests are answered: one tenant, and a few decisions that any of them could be given.
//!
//! Two of the decisions say back what the request said, as a plugin does that repeats what it heard: so a stranger's bytes reach every
//! renderer. All are vetted and settled as the pipeline does, because what the vetting refuses no renderer promises anything about.

use std::net::{IpAddr, Ipv4Addr};

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::{Action, Draft, Prompt, PromptContent, Ringing, SipTarget, Target, Transfer};
use jackfield_domain::contact::event::Message;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::fallback::{AnsweredBy, Case, Tried, World, settle, vet};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::connection::{Connection, NamedSecret, Secret};
use jackfield_domain::tenant::directory::Directory;
use jackfield_providers::provider::{Glance, Parsed, Place, Provider, Ran, Reply, Scene};
use serde_json::{Value, json};

use crate::subject;

/// Whoever sends: from none of the networks that a connection names as its sources.
pub const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The bytes of every contact's id here.
const CONTACT: [u8; 16] = [1; 16];

/// The tenant and its decisions.
pub struct Stage {
    directory: Directory,
    drafts: Vec<Draft>,
}

/// A connection of the platform's with these options, and a secret where its requests are signed.
pub fn connection(id: &str, provider: &str, secret: Option<&str>, options: &[(&str, &str)]) -> anyhow::Result<Connection> {
    let named = |secret: &str| NamedSecret { name: "first".to_owned(), secret: Secret::new(secret.to_owned()), added: 0 };
    Ok(Connection {
        id: id.parse()?,
        tenant: "platform".parse()?,
        provider: provider.to_owned(),
        account: None,
        public_url: "https://hooks.example".to_owned(),
        secrets: secret.into_iter().map(named).collect(),
        unbound: None,
        speaker_url: (provider == "twilio").then(|| "wss://speaker.example/relay".to_owned()),
        voice: None,
        options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        created: 0,
    })
}

impl Stage {
    /// Acme.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { directory: subject::directory()?, drafts: serde_json::from_value(drafts())? })
    }

    /// Everything that could be replied to what was read, each told with whether it was the whole of a decision.
    pub fn replies(
        &self,
        provider: &dyn Provider,
        connection: &Connection,
        (glance, parsed): (&Glance, &Parsed),
        mut judge: impl FnMut(&Reply),
    ) {
        let place = glance.step.map_or(Place::Main, |step| step.place);
        let scene = Scene {
            connection,
            contact: ContactId::from_bytes(CONTACT),
            turn: glance.step.map_or(1, |step| step.turn),
            place,
            language: "en-US",
            entry: glance.addresses.first(),
            caller: &parsed.arrival.customer.address,
            directory: &self.directory,
            asked: &parsed.asked,
            ran: Some(Ran { release: Some(7), answered_by: AnsweredBy::Plugin, barred: None, attempts: &[] }),
            now: 0,
            alone: false,
        };
        judge(&provider.acknowledge(&parsed.asked));
        judge(&provider.at_the_very_end(connection, Some(&scene)));
        let said_back = said_back(parsed);
        if place.is_for_target() {
            let transfers = said_back.iter().flat_map(|draft| &draft.actions).filter_map(|action| match action {
                Action::Transfer(transfer) => Some(transfer),
                _ => None,
            });
            for transfer in transfers.map(Some).chain([None]) {
                judge(&provider.render_whisper(transfer, &parsed.heard, &scene));
            }
            return;
        }
        for draft in self.drafts.iter().chain(&said_back) {
            judge(&self.rendered(provider, draft.clone(), &scene));
        }
    }

    /// As the pipeline renders a plugin's answer; what is refused gives way to the last words.
    fn rendered(&self, provider: &dyn Provider, draft: Draft, scene: &Scene<'_>) -> Reply {
        let (limits, abilities) = (Plan::Maximum.limits(), provider.abilities(scene));
        let world = World { directory: &self.directory, limits: &limits, listed: None, abilities: abilities.as_ref() };
        let settled = settle(Case {
            attempts: vec![Tried { by: AnsweredBy::Plugin, result: vet(draft, &world) }],
            barred: None,
            steps: Vec::new(),
            limits: &limits,
            abilities: abilities.as_ref(),
            channel: jackfield_domain::tenant::address::Channel::Voice,
            language: "en-US",
            now: 0,
        });
        provider.render(&settled.decision, scene)
    }
}

/// What a plugin says back that repeats what it heard, and what it hands on.
fn said_back(parsed: &Parsed) -> [Draft; 2] {
    let arrival = &parsed.arrival;
    let text = match &parsed.heard {
        Heard::Digits(text) | Heard::Speech { text, .. } | Heard::Message(Message { text, .. }) => text,
        _ => arrival.customer.name.as_ref().unwrap_or(&arrival.customer.address.raw),
    };
    let say = |text: &str| Prompt { content: PromptContent::Text(text.to_owned()), language: None, voice: None };
    let sip = SipTarget { uri: "sip:queue@sip.acme.example".to_owned(), headers: arrival.headers.clone() };
    let transfer = Transfer {
        tag: "handed-on".to_owned(),
        targets: vec![Target::Sip(sip), Target::Number("+14155550123".to_owned())],
        ringing: Ringing::Series,
        ring_timeout_ms: Some(20_000),
        talk_limit_ms: None,
        caller_id: None,
        whisper: Some(say(text)),
        screening: true,
        warm: false,
        extras: Vec::new(),
    };
    let draft = |actions| Draft { actions, reason: text.clone() };
    let told = Action::SetAttributes(arrival.extras.clone());
    [draft(vec![Action::Say(say(text)), told, Action::HangUp(None)]), draft(vec![Action::Transfer(transfer)])]
}

/// One decision of each kind that some provider here can do.
fn drafts() -> Value {
    let persona = json!({
        "instructions": "You answer for Acme. Be brief.", "greeting": "Acme, how can I help?", "voice": null, "model": "openai/gpt-4o",
        "language": "en-US", "tools": [{"name": "hours", "description": "Tells the hours.", "parameters": "{\"type\":\"object\"}"}],
        "temperature": 0.7, "max_tokens": 200, "max_duration_ms": 600_000, "interruptible": "any", "silence_timeout_ms": 30_000,
        "hints": [], "fields": [], "escalation": null, "knowledge": [], "extras": [["agent-id", "agent_1"]],
    });
    let words = |text: &str| json!({"content": {"text": text}, "language": null, "voice": null});
    let question = json!({
        "tag": "number", "prompts": [words("Your <number>, please & thank you.")], "dtmf": true, "speech": true, "min_digits": 1,
        "max_digits": 8, "terminator": "#", "first_timeout_ms": 6_000, "inter_digit_timeout_ms": 0, "barge_in": "any",
        "hints": [], "minimum_confidence": null, "attempts": 2, "no_input": [], "no_match": [], "low_confidence": [],
        "sensitive": false, "extras": [],
    });
    let draft = |actions: Value| json!({"actions": actions, "reason": "because"});
    json!([
        draft(json!([{"do": "say", "with": words("Hello & welcome.")}, {"do": "enqueue", "with": {"tag": "sales", "queue": "sales"}}])),
        draft(json!([{"do": "collect", "with": question}])),
        draft(
            json!([{"do": "say", "with": words("Hello.")}, {"do": "converse", "with": {"tag": "talk", "persona": persona, "on_failure": []}}])
        ),
        draft(json!([{"do": "set-attributes", "with": [["plan", "gold"]]}, {"do": "say", "with": words("Goodbye.")}])),
        draft(json!([{"do": "reject", "with": "busy"}])),
        draft(json!([{"do": "keep"}])),
    ])
}
