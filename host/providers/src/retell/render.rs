//! Renders a draft as what Retell does with a call that rings: which agent takes it with which variables, or that it is refused.
//!
//! The provider renders decisions through [`answer`], vetting tries drafts with the same function. A persona's prompt cannot replace an
//! agent's: what Retell documents to be overridden for one call are settings of voice and time. Instructions and greeting therefore
//! become variables, which an agent's prompt can be made of (`{{instructions}}`, `{{greeting}}`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use jackfield_domain::contact::decision::{Action, Converse, Draft};
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;
use serde::Serialize;

use super::AGENT_ID;
use super::parse::{CALL, INBOUND, STEP};
use crate::provider::{Place, Scene, Step};
use crate::voice_ai::{self, Notes, Told, cannot, joined, note_persona, told};

/// Retell's bounds: how long a call may last, and how long a customer may be silent.
const DURATION_MS: (u64, u64) = (60_000, 7_200_000);
const SILENCE_MS: (u64, u64) = (10_000, 7_200_000);
/// What is said first stands in it.
const GREETING: &str = "greeting";
/// A persona's prompt stands in it.
const INSTRUCTIONS: &str = "instructions";
/// A persona's extras: the agent, its version, and what is kept with the call at Retell.
const EXTRA_AGENT: &str = "agent-id";
const EXTRA_VERSION: &str = "agent-version";
const EXTRA_METADATA: &str = "metadata-";

/// Names and texts.
type Texts<'a> = BTreeMap<&'a str, Cow<'a, str>>;

/// An answer.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    call_inbound: Inbound<'a>,
}

/// What Retell is told of the call.
#[derive(Default, Serialize)]
struct Inbound<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_override: Option<Override<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dynamic_variables: Texts<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_agent_version: Option<Version<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<bool>,
}

/// A number is a version, anything else a tag.
#[derive(Serialize)]
#[serde(untagged)]
enum Version<'a> {
    Number(u64),
    Tag(&'a str),
}

#[derive(Serialize)]
struct Override<'a> {
    agent: Agent<'a>,
}

/// What Retell documents as settings of a voice agent for one call, as far as a persona has them.
#[derive(Serialize)]
struct Agent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    end_call_after_silence_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_call_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_id: Option<&'a str>,
}

/// What Retell does not do for us, by the action's name.
pub(super) fn impossible(action: &str) -> Option<(Code, &'static str)> {
    match action {
        "transfer" => Some((Code::CannotRender, "Retell's answer to a call that rings sends it nowhere; give the agent a transfer tool")),
        "enqueue" => Some((Code::CannotRender, "Retell has no queues, and its answer to a call that rings sends it nowhere")),
        _ => voice_ai::impossible(action),
    }
}

/// The answer, and what of the draft it does in a lesser way.
pub(super) fn answer<'a>(
    draft: &'a Draft,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
) -> Result<(Answer<'a>, Vec<String>), Inability> {
    let mut told = told(draft)?;
    let mut inbound = match told.last {
        Some(Action::HangUp(_) | Action::Reject(_)) => {
            refusal(&mut told);
            let inbound = Inbound { reject: Some(true), ..Inbound::default() };
            return Ok((Answer { call_inbound: inbound }, told.notes.into_sentences()));
        }
        Some(Action::Keep) => Inbound::default(),
        Some(Action::Converse(converse)) => conversation(converse, &mut told, connection, scene)?,
        Some(other) => {
            let (code, why) = impossible(other.name()).unwrap_or((Code::CannotRender, "Retell has no answer that does it"));
            return Err(Inability { code, ..cannot(other.name(), why) });
        }
        None => bound_agent(&mut told, connection),
    };
    inbound.metadata = metadata(told.last, scene);
    Ok((Answer { call_inbound: inbound }, told.notes.into_sentences()))
}

fn refusal(told: &mut Told<'_>) {
    told.notes.add_if(!told.said.is_empty(), "say", "Retell refuses the call before it is answered, so the words are left out");
    let reasoned = matches!(told.last, Some(Action::Reject(reason)) if reason != "rejected");
    told.notes.add_if(reasoned, "reject", "Retell refuses calls without a reason");
}

/// Nothing follows what was said and set: the agent of the connection goes on, or the one that is bound to the number.
fn bound_agent<'a>(told: &mut Told<'a>, connection: &'a Connection) -> Inbound<'a> {
    let mut variables = attributes(told);
    greet(told.words(), &mut variables, &mut told.notes);
    Inbound { override_agent_id: connection.option(AGENT_ID), dynamic_variables: variables, ..Inbound::default() }
}

fn conversation<'a>(
    converse: &'a Converse,
    told: &mut Told<'a>,
    connection: &'a Connection,
    scene: Option<&Scene<'_>>,
) -> Result<Inbound<'a>, Inability> {
    if scene.is_none() {
        return Err(cannot("converse", "no contact exists here to which its outcome could come back"));
    }
    let persona = &converse.persona;
    note_persona(persona, &mut told.notes);
    let own = !persona.tools.is_empty() || persona.model.is_some() || persona.temperature.is_some() || persona.max_tokens.is_some();
    told.notes.add_if(own, "converse", "tools, model, temperature and length of responses are the agent's own at Retell");
    told.notes.add_if(!converse.on_failure.is_empty(), "converse", "Retell does not ask what to do where its agent breaks");
    let mut variables = attributes(told);
    if !persona.instructions.is_empty() {
        variables.insert(INSTRUCTIONS, Cow::Borrowed(&persona.instructions));
        told.notes.add("converse", "the instructions become the variable instructions; the agent follows them where its prompt says so");
    }
    let first: Vec<&str> = told.said.iter().copied().chain(persona.greeting.as_deref()).filter(|words| !words.is_empty()).collect();
    greet(joined(&first), &mut variables, &mut told.notes);
    let version = |version: &'a str| version.parse().map_or(Version::Tag(version), Version::Number);
    Ok(Inbound {
        override_agent_id: extra(persona, EXTRA_AGENT).or_else(|| connection.option(AGENT_ID)),
        override_agent_version: extra(persona, EXTRA_VERSION).map(version),
        dynamic_variables: variables,
        agent_override: agent_settings(persona, &mut told.notes).map(|agent| Override { agent }),
        ..Inbound::default()
    })
}

/// Variables are texts, whatever an attribute means.
fn attributes<'a>(told: &Told<'a>) -> Texts<'a> {
    told.attributes.iter().map(|(name, value)| (*name, Cow::Borrowed(*value))).collect()
}

fn greet<'a>(words: Cow<'a, str>, variables: &mut Texts<'a>, notes: &mut Notes) {
    if !words.is_empty() {
        variables.insert(GREETING, words);
        notes.add("say", "the words become the variable greeting; the agent says them where its prompt says so");
    }
}

/// None where the persona has no such setting.
fn agent_settings<'a>(persona: &'a Persona, notes: &mut Notes) -> Option<Agent<'a>> {
    let mut bounded = |ms: u64, (least, most): (u64, u64), sentence: &str| {
        let kept = ms.clamp(least, most);
        notes.add_if(kept != ms, "converse", sentence);
        kept
    };
    let longest = persona.max_duration_ms.map(|ms| bounded(ms, DURATION_MS, "a call lasts one minute to two hours at Retell"));
    let silence = persona.silence_timeout_ms.map(|ms| bounded(ms, SILENCE_MS, "silence lasts ten seconds or longer at Retell"));
    let agent = Agent { end_call_after_silence_ms: silence, max_call_duration_ms: longest, voice_id: persona.voice.as_deref() };
    let is_set = agent.voice_id.is_some() || longest.is_some() || silence.is_some();
    is_set.then_some(agent)
}

fn extra<'a>(persona: &'a Persona, name: &str) -> Option<&'a str> {
    persona.extras.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Retell keeps it with the call and gives it back with every later webhook. Ours is put last, so that nothing can stand in its place.
fn metadata<'a>(last: Option<&'a Action>, scene: Option<&'a Scene<'a>>) -> Texts<'a> {
    let mut metadata = Texts::new();
    let Some(scene) = scene.filter(|scene| !scene.alone) else { return metadata };
    if let Some(Action::Converse(converse)) = last {
        let named = converse.persona.extras.iter().filter_map(|(name, value)| Some((name.strip_prefix(EXTRA_METADATA)?, value)));
        metadata.extend(named.filter(|(name, _)| !name.is_empty()).map(|(name, value)| (name, Cow::Borrowed(value.as_str()))));
    }
    let step = Step { contact: scene.contact, turn: scene.turn, place: Place::Main };
    metadata.insert(STEP, Cow::Owned(step.to_string()));
    if let Some(call) = scene.asked.strip_prefix(INBOUND).and_then(|rest| rest.strip_prefix(':')) {
        metadata.insert(CALL, Cow::Borrowed(call));
    }
    metadata
}
