//! Renders a draft as what Retell does with a call that rings: which agent takes it with which variables, or that it is refused.
//!
//! The provider renders decisions through [`inbound`], vetting tries drafts with the same function. A persona's prompt cannot replace an
//! agent's: what Retell documents to be overridden for one call are settings of voice and time. Instructions and greeting therefore
//! become variables, which an agent's prompt can be made of (`{{instructions}}`, `{{greeting}}`).

use jackfield_domain::contact::decision::{Action, Converse, Draft};
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;
use serde_json::{Map, Value, json};

use super::AGENT_ID;
use super::parse::{CALL, INBOUND, STEP};
use crate::provider::{Place, Scene, Step};
use crate::voice_ai::{self, Notes, Told, cannot, note_persona, told};

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

/// What Retell does not do for us, by the action's name.
pub(super) fn impossible(action: &str) -> Option<(Code, &'static str)> {
    match action {
        "transfer" => Some((Code::CannotRender, "Retell's answer to a call that rings sends it nowhere; give the agent a transfer tool")),
        "enqueue" => Some((Code::CannotRender, "Retell has no queues, and its answer to a call that rings sends it nowhere")),
        _ => voice_ai::impossible(action),
    }
}

/// The answer's `call_inbound`, and what of the draft it does in a lesser way.
pub(super) fn inbound(draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<(Value, Vec<String>), Inability> {
    let mut told = told(draft)?;
    let answer = match told.last {
        Some(Action::HangUp(_) | Action::Reject(_)) => {
            refusal(&mut told);
            return Ok((json!({ "reject": true }), told.notes.into_sentences()));
        }
        Some(Action::Keep) => Map::new(),
        Some(Action::Converse(converse)) => conversation(converse, &mut told, connection, scene)?,
        Some(other) => {
            let (code, why) = impossible(other.name()).unwrap_or((Code::CannotRender, "Retell has no answer that does it"));
            return Err(Inability { code, ..cannot(other.name(), why) });
        }
        None => bound_agent(&mut told, connection),
    };
    let answer = with_metadata(answer, told.last, scene);
    Ok((Value::Object(answer), told.notes.into_sentences()))
}

fn refusal(told: &mut Told<'_>) {
    told.notes.add_if(!told.said.is_empty(), "say", "Retell refuses the call before it is answered, so the words are left out");
    let reasoned = matches!(told.last, Some(Action::Reject(reason)) if reason != "rejected");
    told.notes.add_if(reasoned, "reject", "Retell refuses calls without a reason");
}

/// Nothing follows what was said and set: the agent of the connection goes on, or the one that is bound to the number.
fn bound_agent(told: &mut Told<'_>, connection: &Connection) -> Map<String, Value> {
    let mut answer = Map::new();
    if let Some(agent) = connection.option(AGENT_ID) {
        answer.insert("override_agent_id".to_owned(), json!(agent));
    }
    let mut variables = attributes(told);
    greet(&told.words(), &mut variables, &mut told.notes);
    put_variables(&mut answer, variables);
    answer
}

fn conversation(
    converse: &Converse,
    told: &mut Told<'_>,
    connection: &Connection,
    scene: Option<&Scene<'_>>,
) -> Result<Map<String, Value>, Inability> {
    if scene.is_none() {
        return Err(cannot("converse", "no contact exists here to which its outcome could come back"));
    }
    let persona = &converse.persona;
    note_persona(persona, &mut told.notes);
    let own = !persona.tools.is_empty() || persona.model.is_some() || persona.temperature.is_some() || persona.max_tokens.is_some();
    told.notes.add_if(own, "converse", "tools, model, temperature and length of responses are the agent's own at Retell");
    told.notes.add_if(!converse.on_failure.is_empty(), "converse", "Retell does not ask what to do where its agent breaks");
    let mut answer = Map::new();
    if let Some(agent) = extra(persona, EXTRA_AGENT).or_else(|| connection.option(AGENT_ID)) {
        answer.insert("override_agent_id".to_owned(), json!(agent));
    }
    if let Some(version) = extra(persona, EXTRA_VERSION) {
        // A number is a version, anything else a tag.
        let version = version.parse::<u64>().map_or_else(|_| json!(version), |number| json!(number));
        answer.insert("override_agent_version".to_owned(), version);
    }
    let mut variables = attributes(told);
    if !persona.instructions.is_empty() {
        variables.insert(INSTRUCTIONS.to_owned(), json!(persona.instructions));
        told.notes.add("converse", "the instructions become the variable instructions; the agent follows them where its prompt says so");
    }
    let first: Vec<&str> = told.said.iter().copied().chain(persona.greeting.as_deref()).filter(|words| !words.is_empty()).collect();
    greet(&first.join(" "), &mut variables, &mut told.notes);
    put_variables(&mut answer, variables);
    let agent = agent_settings(persona, &mut told.notes);
    if !agent.is_empty() {
        answer.insert("agent_override".to_owned(), json!({ "agent": agent }));
    }
    Ok(answer)
}

/// Variables are texts, whatever an attribute means.
fn attributes(told: &Told<'_>) -> Map<String, Value> {
    told.attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn greet(words: &str, variables: &mut Map<String, Value>, notes: &mut Notes) {
    if !words.is_empty() {
        variables.insert(GREETING.to_owned(), json!(words));
        notes.add("say", "the words become the variable greeting; the agent says them where its prompt says so");
    }
}

fn put_variables(answer: &mut Map<String, Value>, variables: Map<String, Value>) {
    if !variables.is_empty() {
        answer.insert("dynamic_variables".to_owned(), Value::Object(variables));
    }
}

/// What Retell documents as settings of a voice agent for one call, as far as a persona has them.
fn agent_settings(persona: &Persona, notes: &mut Notes) -> Map<String, Value> {
    let mut agent = Map::new();
    if let Some(voice) = &persona.voice {
        agent.insert("voice_id".to_owned(), json!(voice));
    }
    if let Some(ms) = persona.max_duration_ms {
        let kept = ms.clamp(DURATION_MS.0, DURATION_MS.1);
        notes.add_if(kept != ms, "converse", "a call lasts one minute to two hours at Retell");
        agent.insert("max_call_duration_ms".to_owned(), json!(kept));
    }
    if let Some(ms) = persona.silence_timeout_ms {
        let kept = ms.clamp(SILENCE_MS.0, SILENCE_MS.1);
        notes.add_if(kept != ms, "converse", "silence lasts ten seconds or longer at Retell");
        agent.insert("end_call_after_silence_ms".to_owned(), json!(kept));
    }
    agent
}

fn extra<'a>(persona: &'a Persona, name: &str) -> Option<&'a str> {
    persona.extras.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Retell keeps it with the call and gives it back with every later webhook. Ours is put last, so that nothing can stand in its place.
fn with_metadata(mut answer: Map<String, Value>, last: Option<&Action>, scene: Option<&Scene<'_>>) -> Map<String, Value> {
    let Some(scene) = scene.filter(|scene| !scene.alone) else { return answer };
    let mut metadata = Map::new();
    if let Some(Action::Converse(converse)) = last {
        let named = converse.persona.extras.iter().filter_map(|(name, value)| Some((name.strip_prefix(EXTRA_METADATA)?, value)));
        metadata.extend(named.filter(|(name, _)| !name.is_empty()).map(|(name, value)| (name.to_owned(), json!(value))));
    }
    let step = Step { contact: scene.contact, turn: scene.turn, place: Place::Main };
    metadata.insert(STEP.to_owned(), json!(step.to_string()));
    if let Some(call) = scene.asked.strip_prefix(INBOUND).and_then(|rest| rest.strip_prefix(':')) {
        metadata.insert(CALL.to_owned(), json!(call));
    }
    answer.insert("metadata".to_owned(), Value::Object(metadata));
    answer
}
