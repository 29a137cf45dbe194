//! Renders a persona as an assistant that Vapi makes for one call and forgets.
//!
//! The renderer calls it for `converse`. The persona is the whole of it: nothing that is saved at Vapi shines through, and an answer
//! never names credentials, servers or anything else that a plugin could use to reach further than its persona says.

use std::borrow::Cow;

use jackfield_domain::contact::decision::Converse;
use jackfield_domain::contact::persona::{BargeIn, Persona, Tool};
use jackfield_domain::fallback::Inability;
use serde::Serialize;

use crate::json::Json;
use crate::voice_ai::{Notes, cannot, note_persona};

/// Whose model or voice it is where a persona's name does not say.
const DEFAULT_PROVIDER: &str = "openai";
/// What thinks where a persona names no model.
const DEFAULT_MODEL: &str = "gpt-4o";
/// Hears most languages; Vapi's own choice hears English.
const TRANSCRIBER: (&str, &str) = ("deepgram", "nova-2");
/// Vapi's bounds, in seconds: how long a call may last, and how long a customer may be silent.
const DURATION_S: (u64, u64) = (10, 43_200);
const SILENCE_S: (u64, u64) = (10, 3_600);
/// The schema of a tool that takes nothing.
const NO_PARAMETERS: &str = r#"{"properties":{},"type":"object"}"#;
/// Vapi's bounds of one response.
const TOKENS: (u64, u64) = (50, 10_000);

/// What Vapi makes an assistant of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assistant<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_message_interruptions_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_message_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duration_seconds: Option<u64>,
    model: Model<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence_timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcriber: Option<Transcriber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<Voice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    messages: [Instructions<'a>; 1],
    model: &'a str,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
}

#[derive(Serialize)]
struct Instructions<'a> {
    content: &'a str,
    role: &'static str,
}

/// A tool without a server of its own: Vapi asks the one that it asked for the assistant, and that is us.
#[derive(Serialize)]
struct Function<'a> {
    function: Signature<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Signature<'a> {
    description: &'a str,
    name: &'a str,
    parameters: Json<'a>,
}

#[derive(Serialize)]
struct Transcriber {
    language: String,
    model: &'static str,
    provider: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Voice<'a> {
    provider: &'a str,
    voice_id: &'a str,
}

/// The assistant. `said` goes before the greeting; `alone` where nobody is there to answer its tools.
pub(super) fn assistant<'a>(
    converse: &'a Converse,
    said: Cow<'a, str>,
    alone: bool,
    notes: &mut Notes,
) -> Result<Assistant<'a>, Inability> {
    let persona = &converse.persona;
    note_persona(persona, notes);
    notes.add_if(!converse.on_failure.is_empty(), "converse", "Vapi ends the call where its assistant breaks, and does not ask what then");
    let greeting = persona.greeting.as_deref().unwrap_or_default();
    let first = match (said.is_empty(), greeting.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Cow::Borrowed(greeting)),
        (false, true) => Some(said),
        (false, false) => Some(Cow::Owned(format!("{said} {greeting}"))),
    };
    let is_interruptible = matches!(persona.interruptible, BargeIn::Speech | BargeIn::Any);
    let mut seconds = |ms: u64, bounds, sentence| within(ms.div_ceil(1_000), bounds, sentence, notes);
    Ok(Assistant {
        max_duration_seconds: persona.max_duration_ms.map(|ms| seconds(ms, DURATION_S, "a call lasts 10 s to 12 h at Vapi")),
        silence_timeout_seconds: persona.silence_timeout_ms.map(|ms| seconds(ms, SILENCE_S, "silence lasts 10 s to an hour at Vapi")),
        first_message_mode: first.is_none().then_some("assistant-waits-for-user"),
        first_message: first,
        first_message_interruptions_enabled: is_interruptible.then_some(true),
        model: model(persona, alone, notes)?,
        voice: persona.voice.as_deref().map(split).map(|(provider, voice_id)| Voice { provider, voice_id }),
        transcriber: transcriber(&persona.language),
    })
}

fn model<'a>(persona: &'a Persona, alone: bool, notes: &mut Notes) -> Result<Model<'a>, Inability> {
    let (provider, model) = persona.model.as_deref().map_or((DEFAULT_PROVIDER, DEFAULT_MODEL), split);
    notes.add_if(alone && !persona.tools.is_empty(), "converse", "its tools are left out: nobody is there to answer them");
    let tools = if alone { &[][..] } else { &persona.tools };
    let tokens = |tokens| within(u64::from(tokens), TOKENS, "a response has 50 to 10,000 tokens at Vapi", notes);
    Ok(Model {
        max_tokens: persona.max_tokens.map(tokens),
        messages: [Instructions { content: &persona.instructions, role: "system" }],
        model,
        provider,
        temperature: persona.temperature,
        tools: tools.iter().map(function).collect::<Result<_, _>>()?,
    })
}

fn function(tool: &Tool) -> Result<Function<'_>, Inability> {
    let parameters = if tool.parameters.trim().is_empty() { NO_PARAMETERS } else { &tool.parameters };
    let parameters = serde_json::from_str(parameters).ok().filter(Json::is_object);
    let parameters =
        parameters.ok_or_else(|| cannot("converse", format!("the parameters of the tool {:?} are not a JSON object", tool.name)))?;
    let signature = Signature { description: &tool.description, name: &tool.name, parameters };
    Ok(Function { function: signature, kind: "function" })
}

/// "openai/gpt-4o" is OpenAI's; a bare name is the default provider's.
fn split(name: &str) -> (&str, &str) {
    name.split_once('/').filter(|(provider, name)| !provider.is_empty() && !name.is_empty()).unwrap_or((DEFAULT_PROVIDER, name))
}

/// None for English, which Vapi hears by itself. Regions are left out: the transcriber knows few of them and refuses the others.
fn transcriber(language: &str) -> Option<Transcriber> {
    let primary = language.split('-').next().unwrap_or(language);
    let (provider, model) = TRANSCRIBER;
    let is_other = !primary.is_empty() && !primary.eq_ignore_ascii_case("en");
    is_other.then(|| Transcriber { language: primary.to_ascii_lowercase(), model, provider })
}

fn within(value: u64, (least, most): (u64, u64), sentence: &str, notes: &mut Notes) -> u64 {
    let kept = value.clamp(least, most);
    notes.add_if(kept != value, "converse", sentence);
    kept
}
